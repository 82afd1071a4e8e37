/**
 * The same Containerfiles built by scull and by buildah: same files with types, modes, owners, contents and times of what is copied, same configuration.
 * Where Docker and buildah differ, scull follows Docker; such cases are not in this table.
 */
import { execFileSync } from 'node:child_process';
import { lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { archive, directory as tarDirectory, file as tarFile, pax } from '../support/raw-tar.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const BASE = 'localhost/base:latest';
const recipe = { tags: [BASE], layers: [busyboxEntries()], settings: { Cmd: ['sh'], Labels: { base: '1' } } };

function buildah(...args: string[]): string {
  // It keeps its cache mounts there, under a name that all users share.
  const temporary = s.directory('buildah-tmp');
  const folders = ['--root', join(s.base, 'buildah'), '--runroot', join(s.base, 'buildah-run'), '--storage-driver', 'vfs'];
  return execFileSync('buildah', [...folders, ...args], { encoding: 'utf8', env: { ...s.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: temporary }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
}

let directory: string;
/** Of no build: what options name. */
let other: string;

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
  // What is copied keeps its time; of what a build makes itself only that it is new is known.
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) lutimesSync(join(directory, name), OLD, OLD);
  other = s.directory('other');
  writeFileSync(join(other, 'o'), 'o\n');
  writeFileSync(join(other, 'ignore'), 'd/*.log\n!f\n');
  lutimesSync(join(other, 'o'), OLD, OLD);
});

const OLD = 1_000_000_000;

const LIST = 'find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf \\) -prune -o -type f -exec stat -c "%n %F %a %u %g %Y" {} + -exec md5sum {} + -o -exec stat -c "%n %F %a %u %g %N" {} + | sort';

/** What, the lines after FROM, options, and another FROM. */
type Case = readonly [string, readonly string[], (() => readonly string[])?, string?];

/** buildah keeps these in Docker's format alone. */
const DOCKER = (): readonly string[] => ['--format', 'docker'];

const CASES: readonly Case[] = [
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
  ['COPY of a link, and of a directory with one', ['COPY d/link /linked', 'COPY d /links']],
  ['ADD --chown and --chmod', ['ADD --chown=app f /owned', 'ADD --chmod=0751 f /modes']],
  ['HEALTHCHECK', ['HEALTHCHECK --interval=7s --timeout=3s --start-period=2s --retries=4 CMD ["true"]'], DOCKER],
  ['HEALTHCHECK NONE', ['HEALTHCHECK CMD true', 'HEALTHCHECK NONE'], DOCKER],
  ['SHELL', ['SHELL ["/bin/sh", "-e", "-c"]', 'RUN echo "$0 $-" > /shell'], DOCKER],
  ['ONBUILD', ['ONBUILD RUN echo later', 'ONBUILD COPY . /'], DOCKER],
  ['MAINTAINER', ['MAINTAINER somebody']],
  ['VOLUME, and what is written there after it', ['RUN mkdir /vol && echo before > /vol/a', 'VOLUME ["/vol", "/vol two"]', 'RUN echo after > /vol/b']],
  ['USER by number, with a group', ['USER 7:8', 'RUN id > /tmp/id', 'WORKDIR /made/by']],
  ['ENV with modifiers', ['ENV A=a', 'ENV B=${A:-x} C=${D:-x} E=${A:+y} F=${D:+y} G=\\$A', 'RUN echo "$B $C $E $F $G" > /env']],
  ['ARG with a value of another, and ENV over it', ['ARG A=1', 'ARG B=$A-2', 'ENV A=3', 'RUN echo "$A $B" > /arg', 'COPY f /$B']],
  ['continued lines, comments, an escape character', ['RUN echo a \\', '# in between', '  && echo b > /lines']],
  ['RUN --mount=type=bind', ['RUN --mount=type=bind,target=/in,source=d cp /in/x /out && ! touch /in/new 2>/dev/null']],
  ['RUN --mount=type=tmpfs', ['RUN --mount=type=tmpfs,target=/scratchpad touch /scratchpad/x /kept']],
  ['RUN --mount=type=cache', ['RUN --mount=type=cache,target=/cached touch /cached/x /kept']],
  ['--build-arg and --build-arg of what nobody asks for', ['ARG A=1', 'ARG B', 'RUN echo "$A-$B" > /arg'], () => ['--build-arg', 'A=2', '--build-arg', 'B=3']],
  ['--label, --env and --unsetenv', ['ENV GONE=1 KEPT=2'], () => ['--label', 'given=1', '--env', 'GIVEN=1', '--unsetenv', 'GONE']],
  ['--from', ['RUN echo a > /a'], () => ['--from', BASE], 'FROM localhost/none AS one'],
  ['--target', ['RUN echo a > /a', `FROM ${BASE} AS later`, 'RUN false'], () => ['--target', 'one'], `FROM ${BASE} AS one`],
  ['--build-context', ['COPY --from=more o /o'], () => ['--build-context', `more=${other}`]],
  ['--ignorefile', ['COPY . /all/'], () => ['--ignorefile', join(other, 'ignore')]],
  ['--secret', ['RUN --mount=type=secret,id=s,mode=0444,uid=7 cat /run/secrets/s > /told; stat -c "%a %u" /run/secrets/s > /how'], () => ['--secret', `id=s,src=${join(other, 'o')}`]],
  ['--volume', ['RUN cp /etc/data/o /o'], () => ['--volume', `${other}:/etc/data:ro`]],
  ['--add-host', ['RUN grep -w thehost /etc/hosts | tr "\\t" " " > /h'], () => ['--add-host', 'thehost:10.1.2.3']],
  ['--squash', ['RUN echo a > /a', 'RUN rm /a && echo b > /b'], () => ['--squash']],
  ['--timestamp', ['COPY f /f', 'RUN echo a > /a'], () => ['--timestamp', String(OLD + 7)]],
  ['FROM with an ARG before it, and scratch', ['FROM scratch', 'COPY --from=one / /'], () => ['--build-arg', 'TAG=latest'], `ARG TAG=none\nFROM ${BASE.replace('latest', '$TAG')} AS one`],
];

test.each(CASES.map(([what, lines, options, from = `FROM ${BASE}`]) => ({ what, lines, options, from })))('$what', async ({ lines, options, from }) => {
  const file = join(directory, '..', 'compared');
  writeFileSync(file, `${from}\n${lines.join('\n')}\n`);
  await compare(file, options?.());
});

test('stages and COPY --from', async () => {
  const file = join(directory, '..', 'compared');
  writeFileSync(file, `FROM ${BASE} AS a\nRUN mkdir /o && echo o > /o/f && chown -R app:app /o\nFROM ${BASE}\nRUN mkdir /o\nCOPY --from=a /o /o\nCOPY --from=0 /o/f /one\n`);
  await compare(file);
});

const ROOT = { uid: 0, gid: 0 };

test('extended attributes of what comes out of archives and stages, also where a step moves it', async () => {
  writeFileSync(join(directory, 'attributes.tar'), archive(pax({ 'SCHILY.xattr.user.kept': '1' }), tarFile('kept', 'k\n', ROOT), pax({ 'SCHILY.xattr.user.of.dir': 'two' }), tarDirectory('dir/', ROOT)));
  const file = join(directory, '..', 'compared');
  writeFileSync(file, `FROM ${BASE} AS one\nADD attributes.tar /x/\nFROM ${BASE}\nCOPY --from=one /x /y\nRUN mv /y/kept /y/moved\n`);
  await compare(file);
  const [ours, theirs] = await Promise.all(['scull', 'buildah'].map(attributesOf));
  expect(ours).toEqual(['y/dir/', 'x: 3 user.of.dir', 'y/moved', 'x: 1 user.kept']);
  expect(theirs).toEqual(ours);
});

test('extended attributes of what is in the context, capabilities too', async () => {
  const kept = [pax({ 'SCHILY.xattr.user.kept': '1' }), tarFile('kept', 'k\n', ROOT), pax({ 'SCHILY.xattr.user.of.dir': 'two' }), tarDirectory('dir/', ROOT), tarFile('able', 'a\n', ROOT)];
  const own = join(directory, 'attributed');
  mkdirSync(own);
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-x', '-C', own], { input: archive(...kept) });
  // cap_net_bind_service=ep, as setcap(8) writes it; by whom nobody is root but himself, so the kernel notes whose root it is.
  const capable = archive(pax({ 'SCHILY.xattr.security.capability': Buffer.from('0100000200040000000000000000000000000000', 'hex') }), tarFile('able', 'a\n', ROOT));
  execFileSync('unshare', ['-Ur', 'tar', '--xattrs', '--xattrs-include=*', '-x', '-C', own], { input: capable });
  const file = join(directory, '..', 'compared');
  writeFileSync(file, `FROM ${BASE}\nCOPY attributed /y\n`);
  await compare(file);
  const [ours, theirs] = await Promise.all(['scull', 'buildah'].map(attributesOf));
  expect(ours).toEqual(['y/able', 'x: 20 security.capability', 'y/dir/', 'x: 3 user.of.dir', 'y/kept', 'x: 1 user.kept']);
  expect(theirs).toEqual(ours);
  const id = await s.ok(['build', '-q', '-f', file, directory]);
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-x', '-C', own], { input: archive(pax({ 'SCHILY.xattr.user.kept': '2' }), tarFile('kept', 'k\n', ROOT)) });
  expect(await s.ok(['build', '-q', '-f', file, directory])).not.toBe(id);
});

/** What has attributes in /y, each followed by them, with their lengths. */
async function attributesOf(by: string): Promise<string[]> {
  const container = await s.ok(['create', `compared:${by}`, 'true']);
  const tar = join(s.base, `${by}.tar`);
  await s.ok(['export', '-o', tar, container]);
  await s.ok(['rm', container]);
  const lines = execFileSync('tar', ['--xattrs', '--xattrs-include=*', '-tvvf', tar], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => /^\S+\*.* (y\/\S+)$/.exec(line)?.[1] ?? /^ +(x: \d+ (?:user|security)\.\S+)$/.exec(line)?.[1] ?? []);
}

async function compare(file: string, options: readonly string[] = []): Promise<void> {
  await s.ok(['build', '-q', ...options, '-f', file, '-t', 'compared:scull', directory]);
  const packed = join(s.base, 'compared.tar');
  execFileSync('rm', ['-f', packed]);
  buildah('build', '-q', '--layers=false', ...options, '-f', file, '-t', 'localhost/compared:buildah', directory);
  buildah('push', '-q', 'localhost/compared:buildah', `docker-archive:${packed}:localhost/compared:buildah`);
  await s.ok(['load', '-q', '-i', packed]);
  const [ours, theirs] = await Promise.all(['scull', 'buildah'].map(async (by) => ({ files: await filesOf(by), config: await configOf(by) })));
  expect(ours).toEqual(theirs);
}

/** When what is not old was made says nothing. */
async function filesOf(by: string): Promise<string[]> {
  const lines = (await s.ok(['run', '--rm', '--network=none', '--user', '0', '--entrypoint', '', `compared:${by}`, '/bin/sh', '-c', LIST])).split('\n');
  return lines.map((line) => line.replace(/^(\/.*) (\d+)$/, (whole, rest: string, time: string) => (line.includes(' regular ') ? `${rest} ${Number(time) < OLD + 1000 ? time : 'new'}` : whole)));
}

/**
 * Without what each tool says of itself, and what is empty one way or the other. Versions of buildah differ in the order of variables, and
 * in whether they write down the root as the working directory, which it is anyway.
 */
async function configOf(by: string): Promise<object> {
  const { Config } = await s.inspect(`compared:${by}`);
  const { 'io.buildah.version': _version, ...labels } = Config.Labels ?? {};
  const alike = { ...Config, Labels: labels, Env: [...(Config.Env ?? [])].sort(), WorkingDir: Config.WorkingDir || '/' };
  return Object.fromEntries(Object.entries(alike).filter(([, value]) => value !== '' && value !== null && JSON.stringify(value) !== '[]' && JSON.stringify(value) !== '{}'));
}
