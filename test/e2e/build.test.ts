import { execFileSync, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { useScull, type CallOptions } from '../support/scull.ts';

const s = useScull();
let contexts = 0;

/** A context with these files; a Containerfile is given by its lines. */
function context(files: Readonly<Record<string, string | readonly string[]>>): string {
  const directory = s.directory(`context-${++contexts}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), typeof content === 'string' ? content : `${content.join('\n')}\n`);
  }
  return directory;
}

function build(directory: string, args: readonly string[] = [], options: CallOptions = {}): Promise<string> {
  return s.ok(['build', '-q', ...args, directory], options);
}

/** What a command of the image says. */
async function said(image: string, ...command: string[]): Promise<string> {
  return s.ok(['run', '--rm', '--network=none', image, ...command]);
}

test('a program of two stages: files of one, made by the other, in an empty file system', async () => {
  const directory = context({
    Containerfile: ['FROM busybox AS make', 'COPY src /src', 'RUN cat /src/* > /result && cp /bin/busybox /busybox', 'FROM scratch', 'COPY --from=make /result /busybox /', 'ENTRYPOINT ["/busybox", "cat"]', 'CMD ["/result"]'],
    'src/a': 'one\n',
    'src/b': 'two\n',
  });
  const id = await build(directory, ['-t', 'stages', '-t', 'stages:other']);
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(await s.ok(['run', '--rm', 'stages'])).toBe('one\ntwo');
  expect(await s.ok(['images', '-q', '--no-trunc', 'stages:other'])).toBe(`sha256:${id}`);
  expect(await build(directory, ['-o', 'type=image,name=stages:output'])).toBe(id);
  expect(await s.ok(['images', '-q', '--no-trunc', 'stages:output'])).toBe(`sha256:${id}`);
  const history = await s.ok(['history', '--format', '{{.CreatedBy}}', '--no-trunc', 'stages']);
  expect(history.split('\n')).toEqual(['CMD ["/result"]', 'ENTRYPOINT ["/busybox" "cat"]', 'COPY --from=make /result /busybox /']);
});

test('a second build executes nothing and makes the same image; a changed file only what comes after it', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN cat /proc/sys/kernel/random/uuid > /before', 'COPY file /', 'RUN cat /proc/sys/kernel/random/uuid > /after', 'LABEL a=b'], file: 'x' });
  const first = await build(directory);
  utimesSync(join(directory, 'file'), new Date(), new Date());
  expect(await build(directory)).toBe(first);
  const [before, after] = [await said(first, 'cat', '/before'), await said(first, 'cat', '/after')];
  writeFileSync(join(directory, 'file'), 'y');
  const second = await build(directory);
  expect(await said(second, 'cat', '/before')).toBe(before);
  expect(await said(second, 'cat', '/after')).not.toBe(after);
  const third = await build(directory, ['--no-cache']);
  expect(await said(third, 'cat', '/before')).not.toBe(before);
});

test('a build of which all is here writes nothing beside the times of what it found', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN echo x > /x', 'WORKDIR /y', 'ENV a=b'] });
  const id = await build(directory, ['-t', 'unchanged']);
  // A directory's time is that of the last file in it that came or went.
  const places = ['staging', 'images', 'images/blobs/sha256', 'layers', 'locks', 'build/cache'].map((name) => join(s.storeRoot, name));
  const times = (): number[] => places.map((path) => statSync(path).mtimeMs);
  const before = times();
  expect(await build(directory, ['-t', 'unchanged'])).toBe(id);
  expect(times()).toEqual(before);
});

test('an argument changes the steps that see it, and no others', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN cat /proc/sys/kernel/random/uuid > /before', 'ARG v=1', 'RUN echo $v $(cat /proc/sys/kernel/random/uuid) > /after'] });
  const first = await build(directory);
  const second = await build(directory, ['--build-arg', 'v=2']);
  expect(await said(second, 'cat', '/before')).toBe(await said(first, 'cat', '/before'));
  expect(await said(second, 'cat', '/after')).toMatch(/^2 /);
});

test('a stage that is built again to the same files does not change what is copied from it', async () => {
  const directory = context({ Containerfile: ['FROM busybox AS a', 'ARG n', 'RUN echo $n > /noise && echo same > /kept', 'FROM busybox', 'COPY --from=a /kept /', 'RUN cat /proc/sys/kernel/random/uuid > /after'] });
  const first = await build(directory, ['--build-arg', 'n=1']);
  expect(await build(directory, ['--build-arg', 'n=2'])).toBe(first);
});

test('stages run at the same time, and not more steps than --jobs allows', async () => {
  const wait = (own: string, other: string): string => `RUN --mount=type=cache,target=/c,id=meet touch /c/${own}; for i in $(seq 300); do test -e /c/${other} && exit 0; sleep 0.1; done; exit 1`;
  const directory = context({ Containerfile: ['FROM busybox AS a', wait('a', 'b'), 'FROM busybox AS b', wait('b', 'a'), 'FROM scratch', 'COPY --from=a /etc/passwd /a', 'COPY --from=b /etc/passwd /b'] });
  await build(directory, ['--jobs', '2']);
});

test('ONBUILD, USER, WORKDIR, SHELL, ENV and here-documents', async () => {
  const parent = context({ Containerfile: ['FROM busybox', 'ONBUILD COPY given /given', 'ONBUILD RUN echo triggered > /trigger'] });
  await build(parent, ['-t', 'parent']);
  const directory = context({
    Containerfile: ['FROM parent', 'ENV A=1 B="2 3"', 'WORKDIR /home/app/work', 'RUN <<EOF', 'set -e', 'echo "$A-$B" > env', 'EOF', 'COPY <<one <<\'two\' /docs/', '$A', 'one', '$A', 'two', 'USER app', 'WORKDIR mine', 'SHELL ["/bin/sh", "-xc"]', 'RUN id -u > who; pwd >> who'],
    given: 'given',
  });
  const image = await build(directory);
  expect(await said(image, 'sh', '-c', 'cat /given /trigger /home/app/work/env /docs/one /docs/two who; stat -c %U .')).toBe('giventriggered\n1-2 3\n1\n$A\n1500\n/home/app/work/mine\napp');
  expect((await s.inspect(image)).Config).toMatchObject({ User: 'app', WorkingDir: '/home/app/work/mine', Shell: ['/bin/sh', '-xc'] });
});

test('COPY and ADD: owners, modes, exclusions, archives, several sources', async () => {
  const directory = context({
    Containerfile: ['FROM busybox', 'COPY --chown=app:daemon --chmod=640 f /owned', 'COPY --chown=7 d /d', 'COPY --exclude=*.log d /e/', 'COPY --parents d/./sub/deep /p/', 'ADD archive.tar.gz /unpacked/', 'COPY archive.tar.gz /as-it-is/', 'COPY --link f d/x /both/', 'COPY *.txt /glob/'],
    f: 'f',
    'd/x': 'x',
    'd/y.log': 'y',
    'd/sub/deep': 'deep',
    'a.txt': 'a',
    '.containerignore': 'ignored.txt\n',
    'ignored.txt': 'no',
  });
  symlinkSync('x', join(directory, 'd/link'));
  execFileSync('tar', ['czf', 'archive.tar.gz', 'd'], { cwd: directory });
  const image = await build(directory);
  expect(await said(image, 'sh', '-c', 'stat -c "%n %U:%G %u %a" /owned /d /d/x /e/x; ls /e /p /p/sub /unpacked/d /as-it-is /both /glob; readlink /d/link')).toBe(
    ['/owned app:daemon 1500 640', '/d UNKNOWN:UNKNOWN 7 755', '/d/x UNKNOWN:UNKNOWN 7 644', '/e/x root:root 0 644', '/as-it-is:', 'archive.tar.gz', '', '/both:', 'f', 'x', '', '/e:', 'link', 'sub', 'x', '', '/glob:', 'a.txt', '', '/p:', 'sub', '', '/p/sub:', 'deep', '', '/unpacked/d:', 'link', 'sub', 'x', 'y.log', 'x'].join('\n'),
  );
});

test('COPY of a large tree, from the context and from a stage: every file, with its owner, mode and time', async () => {
  const directory = context({ Containerfile: ['FROM busybox AS one', 'COPY --chown=7:8 many /many', 'FROM busybox', 'COPY --from=one /many /again', 'RUN mkdir -p /locked/in && chown -R 55:56 /locked && chmod 500 /locked/in /locked', 'COPY many /locked/in/own', 'RUN ln -s /locked/in/own /own'] });
  for (let index = 0; index < 600; index++) {
    const folder = join(directory, 'many', String(index % 3));
    if (index < 3) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, String(index)), `${index}`, { mode: index % 3 === 0 ? 0o700 : 0o644 });
    utimesSync(join(folder, String(index)), 1e9 + index, 1e9 + index);
  }
  const image = await build(directory);
  const count = (where: string, mode: number, ...more: string[]): string => `find ${where} -type f -perm ${mode} ${more.join(' ')} | wc -l`;
  expect(await said(image, 'sh', '-c', [count('/again', 700, '-user 7', '-group 8'), count('/again', 644, '-user 7', '-group 8'), count('/own/', 644, '-user 0'), 'cat /again/1/400 /own/2/401', 'stat -c " %Y" /again/1/400 /own/0/3'].join('; '))).toBe('200\n400\n400\n400401 1000000400\n 1000000003');
});

test('ADD of a URL and of a repository, with their checksums', async () => {
  const server = createServer((_request, response) => response.end('from the web'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  try {
    const repository = context({ 'app/main': 'of the repository' });
    const git = (...args: string[]): string => execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', '-c', 'init.defaultBranch=main', ...args], { cwd: repository, encoding: 'utf8' });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', 'x');
    const bare = `${repository}.git`;
    execFileSync('git', ['clone', '-q', '--bare', repository, bare]);
    const good = spawnSync('sha256sum', { input: 'from the web', encoding: 'utf8' }).stdout.slice(0, 64);
    const directory = context({ Containerfile: ['FROM busybox', `ADD --checksum=sha256:${good} http://127.0.0.1:${port}/page /web/`, `ADD file://${bare}#main:app /git/`] });
    const image = await build(directory);
    expect(await said(image, 'sh', '-c', 'cat /web/page /git/main; stat -c %a /web/page; ls -a /git')).toBe('from the webof the repository600\n.\n..\nmain');
    const wrong = context({ Containerfile: ['FROM busybox', `ADD --checksum=sha256:${'0'.repeat(64)} http://127.0.0.1:${port}/page /web/`] });
    await s.fails(['build', wrong], 125, /Containerfile:2:\d+: .*is not what was expected/);
    expect(await s.ok(['build', '-q', '-f', join(context({ c: ['FROM scratch', 'COPY app /'] }), 'c'), `file://${bare}#main`])).toMatch(/^[0-9a-f]{64}$/);
  } finally {
    server.close();
  }
});

test('a repository by branch, tag and directory, as context and in ADD; also from a server that is a mere directory', async () => {
  const repository = context({ f: 'of main', 'in/f': 'further in', 'in/Containerfile': ['FROM busybox', 'COPY f /f'], Containerfile: ['FROM busybox', 'COPY f /f'] });
  const git = (...args: string[]): string => execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@y', '-c', 'init.defaultBranch=main', ...args], { cwd: repository, encoding: 'utf8' }).trim();
  git('init', '-q');
  git('add', '.');
  git('commit', '-qm', 'x');
  const first = git('rev-parse', 'HEAD');
  git('checkout', '-q', '-b', 'a/main');
  writeFileSync(join(repository, 'f'), 'of the branch');
  git('commit', '-qam', 'y');
  git('tag', '-am', 'x', 'marked');
  const second = git('rev-parse', 'HEAD');
  const bare = `${repository}.git`;
  execFileSync('git', ['clone', '-q', '--bare', '--branch', 'main', repository, bare]);
  execFileSync('git', ['update-server-info'], { cwd: bare });
  const server = createServer((request, response) => {
    const file = join(bare, '..', decodeURIComponent(new URL(request.url ?? '', 'http://x').pathname));
    response.writeHead(existsSync(file) && !statSync(file).isDirectory() ? 200 : 404);
    response.end(response.statusCode === 200 ? readFileSync(file) : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as { port: number };
    for (const url of [`file://${bare}`, `http://127.0.0.1:${port}/${basename(bare)}`]) {
      const file = async (source: string): Promise<string> => said(await s.ok(['build', '-q', source]), 'cat', '/f');
      expect(await file(url)).toBe('of main');
      expect(await file(`${url}#a/main`)).toBe('of the branch');
      expect(await file(`${url}?branch=main&subdir=in&checksum=${first}`)).toBe('further in');
      await s.fails(['build', `${url}?checksum=${second}`], 125, new RegExp(`is at commit ${first}, not ${second}`));
      await s.fails(['build', `${url}?nothing=x`], 125, /there is no "nothing", only ref, branch/);
    }
    const added = context({ Containerfile: ['FROM busybox', `ADD --checksum=${second} --exclude=in file://${bare}?tag=marked /tag/`, `ADD --checksum=${first} file://${bare}#main /main/`, `ADD --keep-git-dir file://${bare}#main:in /in/`] });
    expect(await said(await build(added), 'sh', '-c', 'ls /tag /in; cat /tag/f /main/f')).toBe('/in:\nContainerfile\nf\n\n/tag:\nContainerfile\nf\nof the branchof main');
  } finally {
    server.close();
  }
});

test('RUN --mount: caches last, binds are read-only or thrown away, tmpfs and scripts leave nothing', async () => {
  const directory = context({
    Containerfile: ['FROM busybox AS other', 'RUN mkdir /o && echo other > /o/f', 'FROM busybox', 'ARG n', 'RUN --mount=type=cache,target=/var/cache/x echo $n >> /var/cache/x/log && cp /var/cache/x/log /log', 'RUN --mount=type=bind,source=d,target=/d --mount=type=bind,from=other,source=/o,target=/o,rw --mount=type=tmpfs,target=/t cat /d/f /o/f > /seen; touch /d/no 2>/dev/null && echo written >> /seen; echo changed > /o/f; touch /t/x; true', 'RUN <<X', '#!/bin/sh', 'echo script > /script', 'X'],
    'd/f': 'context\n',
  });
  const first = await build(directory, ['--build-arg', 'n=1']);
  const second = await build(directory, ['--build-arg', 'n=2']);
  expect(await said(first, 'cat', '/log')).toBe('1');
  expect(await said(second, 'sh', '-c', 'cat /log /seen /script; ls /var/cache /d /o /t 2>&1 | grep -c "No such file"')).toBe('1\n2\ncontext\nother\nscript\n4');
  expect(existsSync(join(directory, 'd/no'))).toBe(false);
});

test('secrets: in the step alone, in no layer, history or cache', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN --mount=type=secret,id=token --mount=type=secret,id=other,env=OTHER,mode=0444 test $(wc -c < /run/secrets/token) = 11 && test ${#OTHER} = 10', 'RUN ! test -e /run/secrets/token'], token: 's3cr3t-file' });
  const args = ['--secret', `id=token,src=${join(directory, 'token')}`, '--secret', 'id=other,env=OTHER_VALUE'];
  await build(directory, [...args, '-t', 'secret'], { env: { OTHER_VALUE: 'S3CR3T-ENV' } });
  const archive = s.file('secret.tar', '');
  await s.ok(['save', '-o', archive, 'secret']);
  for (const place of [s.storeRoot, archive]) {
    const found = spawnSync('grep', ['-rlE', 's3cr3t-file|S3CR3T-ENV', place], { encoding: 'utf8' }).stdout;
    expect(found, place).toBe('');
  }
  await s.fails(['build', context({ Containerfile: ['FROM busybox', 'RUN --mount=type=secret,id=none,required true'] })], 125, /Containerfile:2:1: the secret "none" is required/);
  await s.fails(['build', '--secret', 'id=unused,src=/nowhere', directory], 125, /the secret "unused" is to come from "\/nowhere", which does not exist/);
});

test('RUN sees nothing of the caller: environment, descriptors, host network', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN env > /env; ls /proc/self/fd > /fds', 'RUN --network=none ls /sys/class/net > /net'] });
  const image = await build(directory, [], { env: { LEAKED_VARIABLE: 'x' } });
  expect(await said(image, 'cat', '/env')).not.toContain('LEAKED');
  expect(await said(image, 'cat', '/net')).toBe('lo');
  await s.fails(['build', context({ Containerfile: ['FROM busybox', 'RUN --security=insecure true'] })], 125, /security=insecure is not allowed/);
});

test('the same bytes from the same context, whenever and in whatever order: SOURCE_DATE_EPOCH', async () => {
  const files = { Containerfile: ['FROM busybox AS a', 'RUN mkdir /made && echo a > /made/a', 'FROM busybox AS b', 'COPY d /d', 'FROM busybox', 'COPY --from=b /d /d', 'COPY --from=a /made /made', 'WORKDIR /w', 'RUN touch now'], 'd/x': 'x' };
  const first = context(files);
  const second = context(files);
  utimesSync(join(second, 'd/x'), new Date('2001-01-01'), new Date('2001-01-01'));
  const id = await build(first, ['--no-cache', '--jobs', '1'], { env: { SOURCE_DATE_EPOCH: '1700000000' } });
  expect(await build(second, ['--no-cache', '--timestamp', '1700000000'])).toBe(id);
  expect((await s.inspect(id)).Created).toMatch(/^2023-11-14T22:13:20/);
});

test('the same bytes with every storage driver, in any order of steps', async () => {
  const directory = context({
    Containerfile: [
      'FROM scratch AS base', 'COPY bin /bin', 'RUN mkdir -p /etc/kept /old/deep && echo x > /etc/file && echo y > /old/deep/y && echo z > /old/z && chmod 1777 /old',
      'FROM base AS a', 'RUN mkdir -p /made/sub && echo a > /made/a && chmod 700 /made/sub && ln -s a /made/l && rm -rf /old && mkdir /old && touch /old/new && rm /etc/file',
      'FROM base AS b', 'COPY --chown=5:6 d /d', 'RUN rm -rf /d/e && mkdir /d/e && echo again > /d/e/z && chown 7:8 /d/x && touch -d @1600000000 /d/x',
      'FROM base', 'COPY --from=b /d /d', 'COPY --from=a /made /made', 'COPY --link d/x /linked/', 'WORKDIR /w',
      'RUN --mount=type=bind,from=a,source=/made,target=/o,rw echo changed > /o/a && cat /o/a > /seen && ln /seen /seen2 && mkdir /etc/kept/x', 'RUN rm -rf /made /seen2 && mkdir /made && echo x > /made/b && chmod 755 /bin/sh',
    ],
    'd/x': 'x',
    'd/e/y': 'y',
  });
  mkdirSync(join(directory, 'bin'));
  for (const applet of ['sh', 'mkdir', 'chmod', 'ln', 'rm', 'touch', 'chown', 'cat']) cpSync('/bin/busybox', join(directory, 'bin', applet));
  const ids: string[] = [];
  for (const driver of ['overlay', 'fuse-overlayfs', 'vfs']) {
    const store = ['--root', join(s.base, `store-${driver}`), '--runroot', join(s.base, `r-${driver}`), '--storage-driver', driver];
    for (const jobs of ['1', '4']) ids.push(await s.ok([...store, 'build', '-q', '--no-cache', '--network=none', '--jobs', jobs, '--timestamp', '1700000000', directory], { timeout: 100_000 }));
  }
  expect(new Set(ids).size, ids.join('\n')).toBe(1);
}, 300_000);

test('--squash, --squash-all and --layers=false', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN echo 1 > /1 && rm /etc/not-a-program', 'RUN echo 2 > /2 && rm /1'] });
  for (const [flag, layers] of [['--squash', 2], ['--squash-all', 1], ['--layers=false', 2]] as const) {
    const image = await build(directory, [flag]);
    expect((await s.inspect(image)).RootFS.Layers, flag).toHaveLength(layers);
    expect(await said(image, 'sh', '-c', 'ls /1 /2 /etc/not-a-program 2>/dev/null; true'), flag).toBe('/2');
  }
});

test('results elsewhere: a directory, tars, files with the id', async () => {
  const directory = context({ Containerfile: ['FROM scratch', 'COPY f /sub/'], f: 'f' });
  const out = join(directory, 'out');
  await s.ok(['build', '-q', '-o', out, directory]);
  expect(readFileSync(join(out, 'sub/f'), 'utf8')).toBe('f');
  await s.ok(['build', '-q', '-o', `type=tar,dest=${out}.tar`, directory]);
  expect(execFileSync('tar', ['tf', `${out}.tar`], { encoding: 'utf8' })).toContain('sub/f');
  await s.ok(['build', '-q', '-o', `type=oci,dest=${out}.oci`, '-t', 'out', directory]);
  expect(execFileSync('skopeo', ['inspect', '--raw', `oci-archive:${out}.oci`], { encoding: 'utf8' })).toContain('schemaVersion');
  const id = await build(directory, ['--iidfile', `${out}.id`, '--metadata-file', `${out}.json`]);
  expect(readFileSync(`${out}.id`, 'utf8')).toBe(`sha256:${id}`);
  expect(JSON.parse(readFileSync(`${out}.json`, 'utf8'))).toMatchObject({ 'containerimage.config.digest': `sha256:${id}` });
});

test('contexts: a tar or a Containerfile on standard input, -f -, a named directory', async () => {
  const directory = context({ Containerfile: ['FROM scratch', 'COPY f /'], f: 'f' });
  const tar = execFileSync('tar', ['cz', '.'], { cwd: directory });
  const id = await s.ok(['build', '-q', '-'], { input: tar });
  expect(await build(directory)).toBe(id);
  expect(await s.ok(['build', '-q', '-'], { input: 'FROM busybox\nLABEL a=b\n' })).toMatch(/^[0-9a-f]{64}$/);
  expect(await s.ok(['build', '-q', '-f', '-', directory], { input: 'FROM scratch\nCOPY f /\n' })).toBe(id);
  expect((await s.inspect(id)).Config.WorkingDir).toBe('/'); // as BuildKit has it
  const named = context({ Containerfile: ['FROM scratch', 'COPY --from=files f /'] });
  await s.fails(['build', '--build-context', `nobodyasks=${directory}/nothing`, directory], 125, /^Error: the build context "nobodyasks" is .*nothing", which is no directory/);
  expect(await build(named, ['--build-context', `files=${directory}`])).toMatch(/^[0-9a-f]{64}$/);
});

test('FROM a named context: a directory as a file system, an OCI layout, a tar on the web; before stages and images of that name', async () => {
  const directory = context({ Containerfile: ['FROM busybox AS files', 'RUN false', 'FROM files AS made', 'RUN cat /greeting > /out', 'FROM alpine', 'COPY --from=made /out /', 'COPY --from=web sub/f /web'], 'files/greeting': 'hello', 'web/sub/f': 'from the web' });
  mkdirSync(join(directory, 'files/bin'));
  for (const applet of ['sh', 'cat']) cpSync('/bin/busybox', join(directory, 'files/bin', applet));
  await s.ok(['push', '-q', 'busybox', `oci:${directory}/layout:v1`]);
  const tar = execFileSync('tar', ['cz', '-C', join(directory, 'web'), '.']);
  const server = createServer((_request, response) => response.end(tar));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as { port: number };
    const contexts = ['--build-context', `files=${directory}/files`, '--build-context', `alpine=oci-layout://${directory}/layout:v1`, '--build-context', `web=http://127.0.0.1:${port}/web.tar.gz`];
    const image = await build(directory, contexts);
    expect(await said(image, 'cat', '/out', '/web')).toBe('hellofrom the web');
    expect(await build(directory, contexts)).toBe(image);
    await s.fails(['build', '--build-context', `files=${directory}/nothing`, directory], 125, /^Error: the build context "files" is .*nothing", which is no directory/);
  } finally {
    server.close();
  }
});

test('COPY --link: found again whatever is below', async () => {
  const files = { Containerfile: ['FROM busybox AS base', 'ARG n', 'RUN echo $n > /below', 'FROM base', 'COPY --link big /big/', 'COPY --link --from=busybox /bin/busybox /linked/', 'RUN cat /below /big/f > /all'], 'big/f': 'big' };
  const directory = context(files);
  const first = await s.scull(['build', '--progress=plain', '--build-arg', `n=1 ${contexts}`, directory]);
  const second = await s.scull(['build', '--progress=plain', '--build-arg', `n=2 ${contexts}`, directory]);
  expect([first.status, second.status]).toEqual([0, 0]);
  expect(second.stderr.match(/CACHED/g)).toHaveLength(2);
  const [one, two] = await Promise.all([first, second].map(({ stdout }) => s.inspect(stdout.trim())));
  expect(one.RootFS.Layers.slice(2, 4)).toEqual(two.RootFS.Layers.slice(2, 4));
  expect(one.RootFS.Layers[1]).not.toBe(two.RootFS.Layers[1]);
  expect(await said(second.stdout.trim(), 'sh', '-c', 'cat /all; ls /linked')).toBe(`2 ${contexts}\nbigbusybox`);
});

test('the cache in a directory, used by another store', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN cat /proc/sys/kernel/random/uuid > /when', 'ENV a=b'] });
  const cache = `${directory}-cache`;
  const inTheWay = join(directory, 'Containerfile');
  for (const options of [['--cache-to', `type=local,dest=${inTheWay}`], ['-o', inTheWay], ['-o', `type=local,dest=${inTheWay}/x`]]) await s.fails(['build', '-q', ...options, directory], 125, /^Error: cannot make the folder .*Containerfile.*: there is a file in its place$/m);
  const id = await build(directory, ['--cache-to', `type=local,dest=${cache}`]);
  await s.ok(['rmi', '-f', id]);
  await s.ok(['image', 'prune', '-f', '--build-cache']);
  expect(await build(directory, ['--cache-from', `type=local,src=${cache}`])).toBe(id);
  await s.ok(['rmi', '-f', id]);
  await s.ok(['image', 'prune', '-f', '--build-cache']);
  for (const blob of readdirSync(join(cache, 'blobs/sha256'))) writeFileSync(join(cache, 'blobs/sha256', blob), 'poisoned');
  const result = await s.scull(['build', '-q', '--cache-from', cache, directory]);
  expect([result.status, result.stderr]).toEqual([0, expect.stringMatching(/can't be used: .*not what was announced/)]);
  expect(result.stdout.trim()).not.toBe(id);
});

test('the cache in a registry: all results under a tag, or one for each step in a repository', async () => {
  const registry = await startDockerRegistry(s.directory(`registry-${++contexts}`));
  try {
    const directory = context({ Containerfile: ['FROM busybox AS one', 'RUN cat /proc/sys/kernel/random/uuid > /when', 'FROM busybox', 'ENV a=b', 'RUN true', 'COPY f /', 'COPY --from=one /when /'], f: 'f' });
    const forget = async (id: string): Promise<void> => {
      await s.ok(['rmi', '-f', id]);
      await s.ok(['image', 'prune', '-f', '--build-cache']);
    };
    for (const [to, from] of [[`type=registry,ref=${registry.host}/all:tag,mode=max`, `${registry.host}/all:tag`], [`${registry.host}/each`, `${registry.host}/each`]] as const) {
      const id = await build(directory, ['--no-cache', '--cache-to', to]);
      await forget(id);
      expect(await build(directory, ['--cache-from', from]), from).toBe(id);
      await forget(id);
    }
    // What another build brings is added to a repository.
    const changed = context({ Containerfile: ['FROM busybox', 'RUN cat /proc/sys/kernel/random/uuid > /other'] });
    await forget(await build(changed, ['--cache-to', `${registry.host}/each`]));
    const { tags } = (await (await fetch(`http://${registry.host}/v2/each/tags/list`)).json()) as { tags: string[] };
    expect(tags.length).toBeGreaterThan(5);
    // A cache that is not there yet, or is none, or out of reach, keeps nobody from building.
    await s.ok(['push', '-q', 'busybox', `${registry.host}/image:1`]);
    const result = await s.scull(['build', '-q', '--retry', '0', '--cache-from', `${registry.host}/none:1`, '--cache-from', `${registry.host}/image:1`, '--cache-from', '127.0.0.1:1/x:1', directory]);
    expect([result.status, result.stderr]).toEqual([0, expect.stringMatching(/without the cache \S+\/image:1: .* is no cache[\s\S]*without the cache 127.0.0.1:1\/x:1: /)]);
    await s.fails(['build', '-q', '--retry', '0', '--cache-to', '127.0.0.1:1/x:1', directory], 125, /nothing listens/);
    await s.ok(['build', '-q', '--retry', '0', '--cache-to', 'type=registry,ref=127.0.0.1:1/x:1,ignore-error=true', directory]);
  } finally {
    await registry.stop();
  }
}, 60_000);

test('a step that fails: its line, its output, its status, and nothing is left', async () => {
  const directory = context({ Containerfile: ['FROM busybox', '', 'RUN echo said; echo complained >&2; exit 7'] });
  const result = await s.fails(['build', directory], 7, /Containerfile:3:1: the command ended with status 7/);
  expect(result.stderr).toMatch(/^#2 [\d.]+ said$/m);
  expect(result.stderr).toMatch(/^#2 [\d.]+ complained$/m);
  expect(result.stderr).toContain('3 | RUN echo said');
  expect(await s.ok(['ps', '-aq'])).toBe('');
});

test.each([
  ['unknown instruction', ['FROM busybox', 'RNU x'], /Containerfile:2:1: unknown instruction "RNU"[\s\S]*did you mean RUN\?/],
  ['missing file', ['FROM busybox', 'COPY flie /'], /Containerfile:2:6: "flie" is not in the build context[\s\S]*did you mean file\?/],
  ['circle', ['FROM busybox AS a', 'COPY --from=b / /', 'FROM busybox AS b', 'COPY --from=a / /'], /Containerfile:\d:1: the stages need each other in a circle/],
  ['a circle out of variables', ['FROM busybox AS a', 'ARG x=b', 'COPY --from=$x /etc /e', 'FROM busybox AS b', 'COPY --from=a /etc /e'], /circle/],
  ['out of the context', ['FROM busybox', 'COPY link /x'], /Containerfile:2:6: "link" leads out of the build context/],
  ['above the context', ['FROM busybox', 'COPY ../../etc/passwd /x'], /Containerfile:2:6: .*leads out of the build context/],
  ['a bind mount out of the context', ['FROM busybox', 'RUN --mount=type=bind,source=link,target=/x cat /x'], /Containerfile:2:1: .*leads out of the build context/],
  ['ARG after FROM in FROM', ['FROM busybox', 'ARG base=busybox', 'FROM $base'], /Containerfile:3:1: the base name "\$base" comes to ""/],
  ['no stage', ['ARG x'], /the file has no stage/],
  ['unknown mount option', ['FROM busybox', 'RUN --mount=type=cache,target=/x,bind-propagation=shared true'], /a cache mount has no option "bind-propagation"/],
  ['a cache mount at the root', ['FROM busybox', 'RUN --mount=type=cache,target=/../.. true'], /can't cover the root/],
  ['a user who is not there', ['FROM busybox', 'COPY --chown=nosuch file /'], /Containerfile:2:\d+: .*nosuch/],
])('bad input: %s', async (_what, lines, message) => {
  const directory = context({ Containerfile: lines, file: 'x' });
  symlinkSync('/etc/passwd', join(directory, 'link'));
  await s.fails(['build', directory], 125, message);
});

test.each(['SIGINT', 'SIGKILL'] as const)('%s ends all steps of a build at once, and nothing is left', async (signal) => {
  const directory = context({ Containerfile: ['FROM busybox AS a', 'RUN echo begun-a; sleep 300', 'FROM busybox AS b', 'RUN echo begun-b; sleep 300', 'FROM scratch', 'COPY --from=a / /', 'COPY --from=b / /'] });
  const running = s.start(['build', '--jobs', '2', directory]);
  await eventually('both steps run', () => /\d begun-a/.test(running.stderr()) && /\d begun-b/.test(running.stderr()), 20_000);
  running.child.kill(signal);
  const { status } = await running.ended;
  expect(status).toBe(signal === 'SIGINT' ? 130 : 137);
  // Who kills a build calls nothing else afterwards: its keeper does.
  await eventually('no process is left', () => processesOf(s.base).length === 0, 20_000);
  expect(await s.ok(['ps', '-aq'])).toBe('');
  expect(readdirSync(join(s.storeRoot, 'staging')).filter((name) => name !== 'trash')).toEqual([]);
});

test('--ssh with keys: an agent that holds them for the time of the build', async () => {
  const place = s.directory(`keys-${++contexts}`);
  for (const [name, phrase] of [['one', ''], ['two', ''], ['locked', 'phrase']] as const) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', phrase, '-C', `key-${name}`, '-f', join(place, name)]);
  chmodSync(join(place, 'one'), 0o644);
  writeFileSync(join(place, 'none'), 'no key');
  // The client is this machine's, mounted into the steps.
  const folders = ['/usr', '/lib', '/lib64', '/bin'].filter((folder) => existsSync(folder) && realpathSync(folder) === folder);
  const args = (...more: readonly string[]): string[] => [...folders.flatMap((folder) => ['-v', `${folder}:${folder}:ro`]), ...more];
  const directory = context({
    Containerfile: ['FROM busybox', 'RUN --network=none for l in bin lib lib64 sbin; do test -e /$l || ln -s usr/$l /$l; done', 'RUN --mount=type=ssh ssh-add -L > /default; test -n "$SSH_AUTH_SOCK"', 'RUN --mount=type=ssh,id=other,required ssh-add -L > /other; ! ls /run/buildkit/* | grep -q one', 'RUN chmod 777 /tmp', 'USER 7:8', 'RUN --mount=type=ssh,target=/tmp/agent,uid=7,gid=8,mode=0640 ssh-add -L > /tmp/user && stat -c "%u %g %a" /tmp/agent >> /tmp/user'],
  });
  const image = await build(directory, args('--ssh', `default=${join(place, 'one')},${join(place, 'two')}`, '--ssh', `other=${join(place, 'two')}`));
  expect(await said(image, 'sh', '-c', 'cut -d" " -f3 /default; echo; cut -d" " -f3 /other; echo; cut -d" " -f3 /tmp/user')).toBe('key-one\nkey-two\n\nkey-two\n\nkey-one\nkey-two\n640');
  await eventually('the agents are gone', () => processesOf(s.base).length === 0, 20_000);
  const failing = (...more: readonly string[]): string[] => ['build', '--no-cache', ...args(...more), directory];
  await s.fails(failing('--ssh', `default=${join(place, 'locked')}`), 125, /Containerfile:3:1: the key ".*locked" of --ssh default wants a passphrase[\s\S]*ssh-add/);
  await s.fails(failing('--ssh', `default=${join(place, 'none')}`), 125, /Containerfile:3:1: ".*none" of --ssh default is neither a private key nor the socket/);
  await s.fails(failing('--ssh', `default=${join(place, 'nothing')}`), 125, /".*nothing" does not exist/);
  await s.fails(failing('--ssh', `default=${join(place, 'one')}`), 125, /Containerfile:4:1: the ssh agent "other" is required/);
});

test('two builds of the same file at once', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'COPY f /', 'RUN echo x > /x'], f: 'f' });
  const ids = await Promise.all([build(directory, ['--no-cache', '--timestamp', '1']), build(directory, ['--no-cache', '--timestamp', '1']), build(directory, ['--timestamp', '1'])]);
  expect(new Set(ids).size).toBe(1);
});

test('--check, --target, options for image and network, and the words of other tools', async () => {
  const directory = context({ Containerfile: ['FROM busybox AS one', 'LABEL base=1 gone=1', 'ENV OUT=1', 'FROM one', 'CMD run me'] });
  const checked = await s.scull(['build', '--check', directory]);
  expect([checked.status, checked.stdout]).toEqual([1, expect.stringMatching(/WARNING: JSONArgsRecommended - https:\/\/docs.*\nJSON arguments recommended for CMD .*\nContainerfile:5:1\n/)]);
  await s.ok(['buildx', 'build', '--load', '-q', '-t', 'options', '--target', 'one', '--label', 'l=1', '--unsetlabel', 'gone', '--env', 'E=2', '--unsetenv', 'OUT', '--annotation', 'n=3', '--format', 'oci', directory]);
  const { Config } = await s.inspect('options');
  expect(Config.Labels).toEqual({ base: '1', l: '1' });
  expect(Config.Env).toContain('E=2');
  expect(Config.Env).not.toContain('OUT=1');
  const hosts = context({ Containerfile: ['FROM busybox', 'RUN grep -w thehost /etc/hosts > /hosts && cat /proc/self/limits | grep "open files" > /limits'] });
  const image = await build(hosts, ['--add-host', 'thehost:10.1.2.3', '--ulimit', 'nofile=333:333']);
  expect(await said(image, 'cat', '/hosts', '/limits')).toMatch(/10\.1\.2\.3\s+thehost[\s\S]*333/);
  await s.fails(['build', '--target', 'oen', directory], 125, /there is no stage "oen"[\s\S]*did you mean one\?/);
  await s.fails(['build', '--cache-from', 'type=gha', directory], 125, /type "gha" is not supported[\s\S]*type=registry,ref=NAME/);
});

test('options of Podman and Docker that scripts use', async () => {
  const directory = context({ Containerfile: ['FROM busybox AS one', 'LABEL base=1', 'FROM one', 'RUN printf "a\\tb\\n"; ls /etc/hosts /etc/hostname > /there 2>/dev/null; true'] });
  const file = (name: string): string => readFileSync(join(directory, name), 'utf8');
  const image = await build(directory, ['--no-hosts', '--no-hostname', '--no-cache', '--inherit-labels=false', '--omit-history', '--iidfile-raw', join(directory, 'id')]);
  expect([await said(image, 'cat', '/there'), file('id')]).toEqual(['', image]);
  expect((await s.inspect(image)).Config.Labels ?? {}).toEqual({});
  expect(await s.ok(['history', '--format', '{{.CreatedBy}}', image])).not.toContain('RUN');
  expect(await build(directory, ['--no-cache', '--no-hosts'])).not.toBe(image);
  // Progress and id, instead of on standard error and output; a tab is no character that steers a terminal.
  const logged = await s.scull(['build', '--no-cache', '--logfile', join(directory, 'log'), directory]);
  expect([logged.status, logged.stdout, logged.stderr]).toEqual([0, '', '']);
  expect(file('log')).toMatch(/^#2 [\d.]+ a\tb\n[\s\S]*^[0-9a-f]{64}$/m);
  const { os, architecture } = { os: 'linux', architecture: (await s.inspect('busybox')).Architecture };
  await build(directory, ['--os', os, '--arch', architecture]);
  // A step that nobody has made before, or nobody asks a cache elsewhere.
  writeFileSync(join(directory, 'fresh'), `FROM busybox\nRUN true ${Math.random()}\n`);
  const lost = await s.scull(['build', '-q', '--cache-from', 'type=local,src=/nowhere', '-f', join(directory, 'fresh'), directory]);
  expect([lost.status, lost.stderr.trim()]).toEqual([0, 'WARNING: the build goes on without the cache /nowhere: there is no such directory']);
  const checked = await s.scull(['buildx', 'build', '--call=check,format=json', directory]);
  expect([checked.status, JSON.parse(checked.stdout)]).toMatchObject([0, { warnings: [], sources: [{ filename: 'Containerfile' }] }]);
  writeFileSync(join(directory, 'bad'), 'FROM busybox\n\nMAINTAINER me\n');
  const bad = await s.scull(['build', '--check', '--call=check,format=json', '-f', join(directory, 'bad'), directory]);
  expect([bad.status, JSON.parse(bad.stdout)]).toMatchObject([1, { warnings: [{ ruleName: 'MaintainerDeprecated', url: expect.stringContaining('maintainer-deprecated'), location: { ranges: [{ start: { line: 3 } }] } }] }]);
  for (const [words, message] of [
    [['-q', '--progress=nonsense'], /invalid --progress "nonsense"/],
    [['--call=outline'], /--call "outline" is not supported/],
    [['--arch', 'arm64', '--platform', 'linux/arm64'], /--arch and --platform cannot be used together/],
    [['--variant', 'v8'], /--variant needs --arch/],
    [['--all-platforms'], /--all-platforms is not supported/],
    [['--mount', 'type=tmpfs'], /--mount is not supported[\s\S]*RUN --mount/],
    [['--push'], /without a name cannot be pushed/],
    [['-o', 'type=tar,push=true'], /only type=image and type=registry are pushed/],
    [['-o', 'type=local,dest=-'], /a directory can't be written to standard output[\s\S]*type=tar/],
    [['--ssh', 'id=/nowhere'], /--ssh id: "\/nowhere" does not exist/],
    [['--target', 'two', '-f', join(directory, 'bad')], /there is no stage "two"[\s\S]*its only stage is 0/],
    [['-o', 'type=s3'], /type "s3" is not supported[\s\S]*registry/],
  ] as const) {
    await s.fails(['build', ...words, directory], 125, message);
  }
});

test('a build that pushes what it has made', async () => {
  const registry = await startDockerRegistry(s.directory(`registry-${++contexts}`));
  try {
    const directory = context({ Containerfile: ['FROM busybox', 'COPY f /'], f: 'f' });
    const pushed = async (name: string): Promise<string> => s.ok(['inspect', '--format', '{{.Id}}', await s.ok(['pull', '-q', `${registry.host}/${name}`])]);
    for (const [words, names] of [[['--push', '-t', `${registry.host}/a:1`, '-t', `${registry.host}/b`], ['a:1', 'b:latest']], [['-o', `type=registry,name=${registry.host}/c`], ['c:latest']], [['-o', `type=image,push=true,name=${registry.host}/d:2`], ['d:2']]] as const) {
      const id = await build(directory, words);
      await s.ok(['rmi', '-f', id]);
      for (const name of names) expect(await pushed(name), name).toContain(id);
    }
  } finally {
    await registry.stop();
  }
}, 60_000);

test('what decides which steps are executed: --no-cache-filter, --cache-ttl; and where files, values and images come from', async () => {
  const uuid = 'cat /proc/sys/kernel/random/uuid';
  const directory = context({
    Containerfile: ['FROM nobody.example/none AS one', 'ARG V', `RUN ${uuid} > /one; echo $V > /v; cat /etc/resolv.conf > /resolv; df /dev/shm | tail -1 | awk '{print $2}' > /shm`, 'FROM one AS two', 'COPY . /ctx/', `RUN ${uuid} > /two`],
    values: '# a comment\nV=from a file\n',
    rules: 'skip*\n',
    skipped: '',
    kept: '',
  });
  const args = (...more: string[]): string[] => ['--from', 'busybox', '--build-arg-file', join(directory, 'values'), '--ignorefile', join(directory, 'rules'), '--dns', '192.0.2.53', '--shm-size', '3m', '--pull=never', '--rm', '--force-rm', ...more];
  const both = async (...more: string[]): Promise<string[]> => (await said(await build(directory, args(...more)), 'cat', '/one', '/two')).split('\n');
  const image = await build(directory, args());
  expect(await said(image, 'sh', '-c', 'cat /v /resolv /shm; ls /ctx')).toBe('from a file\nnameserver 192.0.2.53\n3072\nContainerfile\nkept\nrules\nvalues');
  const [one, two] = await both();
  const [again, other] = await both('--no-cache-filter', 'two');
  expect([again, other]).toEqual([one, expect.not.stringMatching(two as string)]);
  expect(await both('--cache-ttl', '24h')).toEqual([one, other]);
  expect(await both('--cache-ttl', '0s')).not.toContain(one);
  await s.fails(['build', '--cache-ttl', 'soon', directory], 125, /--cache-ttl/);
  await s.fails(['build', '--from', 'busybox', context({ Containerfile: ['FROM x', 'RUN --device=vendor.example/gpu=all true'] })], 125, /Containerfile:2:5: RUN --device is not supported[\s\S]*--device NAME/);
});

test('several platforms: a list under the names, each image with its own files; --manifest adds to one', async () => {
  const [own, other] = process.arch === 'arm64' ? ['arm64', 'amd64'] : ['amd64', 'arm64'];
  const directory = context({
    Containerfile: ['FROM scratch AS files', 'ARG TARGETARCH', 'COPY $TARGETARCH /arch', 'FROM --platform=$BUILDPLATFORM busybox AS tool', 'ARG TARGETPLATFORM', 'RUN echo made for $TARGETPLATFORM > /out', 'FROM scratch', 'COPY --from=files /arch /', 'COPY --from=tool /out /'],
    amd64: 'amd64',
    arm64: 'arm64',
  });
  const platforms = `linux/${own},linux/${other}`;
  const metadata = join(directory, 'metadata.json');
  const id = await build(directory, ['--platform', platforms, '-t', 'several', '-t', 'several:2', '--metadata-file', metadata]);
  expect(await s.ok(['images', '-q', '--no-trunc', 'several:2'])).toBe(`sha256:${id}`);
  expect(await build(directory, ['--platform', platforms, '-t', 'several'])).toBe(id);
  const list = JSON.parse(await s.ok(['manifest', 'inspect', 'several'])) as { manifests: { digest: string; platform: { architecture: string } }[] };
  expect(list.manifests.map(({ platform }) => platform.architecture)).toEqual([own, other]);
  expect(JSON.parse(readFileSync(metadata, 'utf8'))).toMatchObject({ 'containerimage.descriptor': { mediaType: 'application/vnd.oci.image.index.v1+json' }, 'image.name': 'localhost/several:latest,localhost/several:2' });
  const archives = await Promise.all([own, other].map(async (architecture) => {
    const out = join(s.directory(`platforms-${contexts}`), `${architecture}.tar`);
    await s.ok(['create', '--replace', '--name', `of-${architecture}`, '--platform', `linux/${architecture}`, 'several', 'none']);
    await s.ok(['export', '-o', out, `of-${architecture}`]);
    await s.ok(['rm', `of-${architecture}`]);
    return execFileSync('tar', ['xOf', out, 'arch', 'out'], { encoding: 'utf8' });
  }));
  expect(archives).toEqual([`${own}made for linux/${own}\n`, `${other}made for linux/${other}\n`]);

  const outputs = s.directory(`outputs-${++contexts}`);
  await build(directory, ['--platform', `linux/${own}`, '--platform', `linux/${other}`, '-o', outputs]);
  expect(readFileSync(join(outputs, `linux_${other}/out`), 'utf8')).toBe(`made for linux/${other}\n`);
  expect((await build(directory, ['--platform', platforms])).split('\n')).toHaveLength(2);

  for (const architecture of [own, other, other]) await build(directory, ['--platform', `linux/${architecture}`, '--manifest', 'added']);
  const added = JSON.parse(await s.ok(['manifest', 'inspect', 'added'])) as typeof list;
  expect(added.manifests).toEqual(list.manifests);
  await s.fails(['build', '--platform', platforms, '-o', 'type=tar,dest=x.tar', directory], 125, /an archive is written of one platform only/);
  await build(directory, ['-t', 'single']);
  await s.fails(['build', '--manifest', 'single', directory], 125, /"localhost\/single:latest" is not a list of images but a single one/);
});

test('RUN for a platform that nothing here can execute says so', async () => {
  const machine = process.arch === 'arm64' ? 0x3e : 0xb7;
  const program = Buffer.alloc(4096);
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0, 1]);
  const directory = context({ Containerfile: ['FROM scratch', 'COPY --chmod=755 sh /bin/sh', 'RUN true'] });
  writeFileSync(join(directory, 'sh'), program);
  const result = await s.scull(['build', '--platform', process.arch === 'arm64' ? 'linux/amd64' : 'linux/arm64', directory]);
  // Where emulation is set up it is the emulator that says that this is no program.
  if (/no emulation/.test(result.stderr)) expect([result.status, result.stderr]).toEqual([125, expect.stringMatching(/Containerfile:3:1: programs for linux\/\w+ can't be executed here[\s\S]*BUILDPLATFORM/)]);
  else expect(readdirSync('/proc/sys/fs/binfmt_misc')).toContainEqual(expect.stringMatching(/qemu/));
});

test('images are what other tools expect: skopeo reads them, docker format too', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'RUN echo x > /x', 'EXPOSE 80', 'VOLUME /v', 'HEALTHCHECK --interval=5s CMD true', 'STOPSIGNAL SIGINT'] });
  for (const format of ['oci', 'docker']) {
    await build(directory, ['--format', format, '-t', `format:${format}`]);
    const archive = join(directory, `${format}.tar`);
    await s.ok(['save', '--format', `${format}-archive`, '-o', archive, `format:${format}`]);
    const config = JSON.parse(execFileSync('skopeo', ['inspect', '--config', `${format}-archive:${archive}`], { encoding: 'utf8' }));
    expect(config.config).toMatchObject({ ExposedPorts: { '80/tcp': {} }, Volumes: { '/v': {} }, StopSignal: 'SIGINT' });
    expect(config.history).toHaveLength(6);
  }
});

test('what files may be called, and modes that keep us out', async () => {
  const directory = context({ Containerfile: ['FROM busybox', 'COPY . /x/', 'RUN mkdir -m 700 /home/app/private && chown app /home/app/private && su app -s /bin/sh -c "echo own > /home/app/private/f"', 'FROM busybox', 'COPY --from=0 /home/app /app', 'COPY --from=0 /x /x'], 'with space/ü ñ': 'u', '-dash': 'd', 'new\nline': 'n' });
  chmodSync(join(directory, '-dash'), 0o4755);
  cpSync(join(directory, '-dash'), join(directory, '$dollar'));
  const image = await build(directory);
  expect(await said(image, 'sh', '-c', 'cat "/x/with space/ü ñ" /x/-dash "/x/$(printf "new\\nline")" /app/private/f; stat -c "%a %U" /x/-dash /app/private /app/private/f')).toBe('udnown\n4755 root\n700 app\n644 app');
});
