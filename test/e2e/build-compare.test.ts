/**
 * The same Containerfiles built by scull and by buildah: same files with types, modes, owners and contents, same configuration.
 * Where Docker and buildah differ, scull follows Docker; such cases are not in this table.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const BASE = 'localhost/base:latest';
const recipe = { tags: [BASE], layers: [busyboxEntries()], settings: { Cmd: ['sh'], Labels: { base: '1' } } };

function buildah(...args: string[]): string {
  const folders = ['--root', join(s.base, 'buildah'), '--runroot', join(s.base, 'buildah-run'), '--storage-driver', 'vfs'];
  return execFileSync('buildah', [...folders, ...args], { encoding: 'utf8', env: { ...s.env, BUILDAH_ISOLATION: 'chroot' }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
}

let directory: string;

beforeAll(async () => {
  const archive = s.file('base.tar', dockerArchive(recipe));
  await s.ok(['load', '-q', '-i', archive]);
  // A policy of our own: the user may have none.
  mkdirSync(join(s.home, '.config/containers'), { recursive: true });
  writeFileSync(join(s.home, '.config/containers/policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
  buildah('pull', '-q', `docker-archive:${archive}`);
  directory = s.directory('context');
  for (const [path, content] of Object.entries({ f: 'f\n', 'd/x': 'x\n', 'd/y.log': 'y\n', 'd/sub/z': 'z\n', 'a b': 'space\n', '.dockerignore': '*.tmp\n', 'i.tmp': 'ignored\n' })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  symlinkSync('x', join(directory, 'd/link'));
  execFileSync('tar', ['cf', 'a.tar', 'd'], { cwd: directory });
});

const LIST = 'find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf \\) -prune -o -type f -exec stat -c "%n %F %a %u %g" {} + -exec md5sum {} + -o -exec stat -c "%n %F %a %u %g %N" {} + | sort';

test.each([
  ['RUN, shell and exec form', ['RUN echo a > /a && mkdir -p /b/c && chmod 700 /b', 'RUN ["touch", "/c"]']],
  ['RUN that removes', ['RUN rm /etc/not-a-program && rm -r /etc/data && mkdir /etc/data && touch /etc/data/new']],
  ['USER and RUN', ['USER app', 'RUN touch /home/app/own']],
  ['WORKDIR', ['WORKDIR /w/x', 'WORKDIR y', 'RUN pwd > where']],
  ['ENV', ['ENV A=1 B="two words" C=$PATH', 'ENV D old form', 'RUN echo "$A $B $D" > /env']],
  ['ARG', ['ARG A=1', 'ARG B', 'RUN echo "$A-$B" > /arg']],
  ['LABEL', ['LABEL a=1 "b c"="d e"']],
  ['CMD and ENTRYPOINT', ['ENTRYPOINT ["/bin/echo"]', 'CMD ["a", "b c"]']],
  ['CMD in shell form', ['CMD echo a']],
  ['EXPOSE, VOLUME, STOPSIGNAL', ['EXPOSE 80 53/udp', 'VOLUME /data', 'STOPSIGNAL SIGINT']],
  ['COPY of a file', ['COPY f /new/name', 'COPY f /etc/', 'COPY f /home/app']],
  ['COPY of a directory', ['COPY d /d', 'COPY d/ /etc/data/']],
  ['COPY of several, with wildcards', ['COPY f d/* /several/', 'COPY ["a b", "/with space/"]']],
  ['COPY of everything, with an ignore file', ['COPY . /all/']],
  ['COPY --chown and --chmod', ['COPY --chown=app:daemon f /owned', 'COPY --chown=7:8 d /sevens', 'COPY --chmod=600 f /secret']],
  ['ADD of an archive', ['ADD a.tar /unpacked/', 'ADD f /added']],
  ['COPY through a link of the image', ['RUN mkdir -p /usr/lib && ln -s usr/lib /lib', 'COPY f /lib/f']],
  ['COPY over a file', ['COPY f /etc/not-a-program']],
])('%s', async (_what, lines) => {
  const file = join(directory, '..', 'compared');
  writeFileSync(file, `FROM ${BASE}\n${lines.join('\n')}\n`);
  await compare(file);
});

test('stages and COPY --from', async () => {
  const file = join(directory, '..', 'compared');
  writeFileSync(file, `FROM ${BASE} AS a\nRUN mkdir /o && echo o > /o/f && chown -R app:app /o\nFROM ${BASE}\nRUN mkdir /o\nCOPY --from=a /o /o\nCOPY --from=0 /o/f /one\n`);
  await compare(file);
});

async function compare(file: string): Promise<void> {
  await s.ok(['build', '-q', '-f', file, '-t', 'compared:scull', directory]);
  const archive = join(s.base, 'compared.tar');
  execFileSync('rm', ['-f', archive]);
  buildah('build', '-q', '--layers=false', '-f', file, '-t', 'localhost/compared:buildah', directory);
  buildah('push', '-q', 'localhost/compared:buildah', `docker-archive:${archive}:localhost/compared:buildah`);
  await s.ok(['load', '-q', '-i', archive]);
  const [ours, theirs] = await Promise.all(['scull', 'buildah'].map(async (by) => ({ files: await filesOf(by), config: await configOf(by) })));
  expect(ours).toEqual(theirs);
}

async function filesOf(by: string): Promise<string[]> {
  return (await s.ok(['run', '--rm', '--network=none', '--user', '0', '--entrypoint', '', `compared:${by}`, '/bin/sh', '-c', LIST])).split('\n');
}

/** Without what each tool says of itself, and what is empty one way or the other. */
async function configOf(by: string): Promise<object> {
  const { Config } = await s.inspect(`compared:${by}`);
  const { 'io.buildah.version': _version, ...labels } = Config.Labels ?? {};
  return Object.fromEntries(Object.entries({ ...Config, Labels: labels }).filter(([, value]) => value !== '' && value !== null && JSON.stringify(value) !== '[]' && JSON.stringify(value) !== '{}'));
}
