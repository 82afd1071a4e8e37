/** Projects as people have them: built, run, and asked. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, dirname, join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { debianRoot } from '../support/debian.ts';
import { eventually } from '../support/eventually.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

beforeAll(async () => {
  await s.ok(['import', '-q', debianRoot().archive, 'localhost/debian'], { timeout: 120_000 });
}, 240_000);

function project(name: string, files: Readonly<Record<string, readonly string[]>>): string {
  const directory = s.directory(name);
  for (const [path, lines] of Object.entries(files)) writeFileSync(join(directory, path), `${lines.join('\n')}\n`);
  return directory;
}

test('a C program: compiled in a stage that has the compiler of this machine, alone in the image', async () => {
  // The compiler is not in the image but mounted into its steps: --volume.
  const folders = ['/usr', '/lib', '/lib64', '/bin', '/etc/alternatives'].filter((folder) => existsSync(folder) && realpathSync(folder) === folder);
  const directory = project('c', {
    Containerfile: ['FROM busybox AS build', 'RUN --network=none for l in bin lib lib64 sbin; do test -e /$l || ln -s usr/$l /$l; done', 'WORKDIR /src', 'COPY main.c .', 'ARG GREETING=hello', 'RUN gcc -static -O2 -DGREETING="\\"$GREETING\\"" -o /program main.c', 'FROM scratch', 'COPY --from=build --chmod=555 /program /program', 'USER 65532', 'ENTRYPOINT ["/program"]'],
    'main.c': ['#include <stdio.h>', '#include <unistd.h>', 'int main(int argc, char **argv) { printf("%s %s %d\\n", GREETING, argc > 1 ? argv[1] : "nobody", (int)getuid()); return 0; }'],
  });
  const volumes = folders.flatMap((folder) => ['-v', `${folder}:${folder}:ro`]);
  await s.ok(['build', '-q', '-t', 'greeter', '--build-arg', 'GREETING=ahoy', ...volumes, directory], { timeout: 120_000 });
  expect(await s.ok(['run', '--rm', '--network=none', 'greeter', 'you'])).toBe('ahoy you 65532');
  expect((await s.inspect('greeter')).RootFS.Layers).toHaveLength(1);
});

/** A registry with one package, `words`. @returns its address, and how often its tarball was fetched */
async function serveWords(): Promise<{ address: string; fetched: () => number; close: () => void }> {
  const place = s.directory('words');
  mkdirSync(join(place, 'package'), { recursive: true });
  writeFileSync(join(place, 'package/package.json'), JSON.stringify({ name: 'words', version: '1.2.3', main: 'index.js' }));
  writeFileSync(join(place, 'package/index.js'), "module.exports = (name) => `words for ${name}`;\n");
  const tarball = execFileSync('tar', ['cz', '-C', place, 'package']);
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  let fetched = 0;
  let address = '';
  const server = createServer((request, response) => {
    if (request.url === '/words') response.end(JSON.stringify({ name: 'words', 'dist-tags': { latest: '1.2.3' }, versions: { '1.2.3': { name: 'words', version: '1.2.3', dist: { tarball: `${address}/words.tgz`, integrity } } } }));
    else if (request.url === '/words.tgz') {
      fetched++;
      response.end(tarball);
    } else {
      response.statusCode = 404;
      response.end('{}');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  return { address, fetched: () => fetched, close: () => server.close() };
}

test('a Node service on Debian: npm install with its cache in a mount, the package fetched once, answering on a port', async () => {
  const words = await serveWords();
  try {
    const npm = dirname(dirname(realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())));
    // Debian's npm has its modules beside itself.
    const [modules, target] = basename(dirname(npm)) === 'nodejs' ? [dirname(npm), '/opt/modules'] : [npm, '/opt/modules/npm'];
    const files = {
      Containerfile: [
        'FROM localhost/debian AS base',
        'COPY --from=node node /usr/local/bin/',
        'FROM base AS dependencies',
        'WORKDIR /app',
        'COPY package.json .',
        'ARG REGISTRY',
        `RUN --mount=type=cache,target=/root/.npm --mount=type=bind,from=npm,target=${target} NODE_PATH=/opt/modules node /opt/modules/npm/bin/npm-cli.js install --registry=$REGISTRY --prefer-offline --no-audit --no-fund --no-update-notifier`,
        'FROM base',
        'WORKDIR /app',
        'COPY --from=dependencies /app/node_modules ./node_modules',
        'COPY server.js .',
        'USER 1000:1000',
        'EXPOSE 8000',
        'CMD ["node", "server.js"]',
      ],
      'package.json': ['{"name": "service", "version": "1.0.0", "dependencies": {"words": "^1.0.0"}}'],
      'server.js': ["require('http').createServer((request, response) => response.end(require('words')(request.url) + ' from ' + process.getuid())).listen(8000);"],
    };
    const directory = project('node', files);
    const args = ['--network', 'host', '--build-arg', `REGISTRY=${words.address}`, '--build-context', `node=${dirname(process.execPath)}`, '--build-context', `npm=${modules}`, directory];
    await s.ok(['build', '-q', '-t', 'node-service', ...args], { timeout: 120_000 });
    expect(words.fetched()).toBe(1);
    // Another dependency list, and so another step, but the package is in the cache.
    writeFileSync(join(directory, 'package.json'), '{"name": "service", "version": "1.0.1", "dependencies": {"words": "1.2.3"}}');
    await s.ok(['build', '-q', '-t', 'node-service', ...args], { timeout: 120_000 });
    expect(words.fetched()).toBe(1);
  } finally {
    words.close();
  }
  await s.ok(['run', '-d', '--replace', '--name', 'node-service', '-p', '127.0.0.1::8000', 'node-service']);
  const address = await s.ok(['port', 'node-service', '8000']);
  let answer = '';
  await eventually('an answer', async () => {
    answer = await fetch(`http://${address}/me`).then((response) => response.text(), () => '');
    return answer !== '';
  }, 30_000);
  expect(answer).toBe('words for /me from 1000');
  await s.ok(['rm', '-f', '-t', '0', 'node-service']);
}, 240_000);

test('a Python service on Debian: compiled into a cache, a user of its own, answering on a port', async () => {
  const directory = project('python', {
    Containerfile: [
      'FROM localhost/debian',
      'RUN useradd --system --no-create-home service',
      'ENV PYTHONDONTWRITEBYTECODE=1',
      'WORKDIR /app',
      'COPY --chown=service:service server.py names.txt ./',
      'RUN --mount=type=cache,target=/cache <<EOF',
      'set -e',
      'python3 -c "import py_compile; py_compile.compile(\'server.py\', cfile=\'/cache/server.pyc\', doraise=True)"',
      'cp /cache/server.pyc .',
      'EOF',
      'USER service',
      'EXPOSE 8000',
      'CMD ["python3", "server.pyc"]',
    ],
    'names.txt': ['a', 'b'],
    'server.py': [
      'import os, socket',
      'server = socket.create_server(("", 8000))',
      'while True:',
      '    connection, _ = server.accept()',
      '    connection.recv(4096)',
      '    body = "%s %d" % (" ".join(open("/app/names.txt").read().split()), os.getuid() > 0)',
      '    connection.sendall(("HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body)).encode())',
      '    connection.close()',
    ],
  });
  await s.ok(['build', '-q', '-t', 'service', directory], { timeout: 120_000 });
  await s.ok(['run', '-d', '--replace', '--name', 'service', '-p', '127.0.0.1::8000', 'service']);
  const address = await s.ok(['port', 'service', '8000']);
  let answer = '';
  await eventually('an answer', async () => {
    answer = await fetch(`http://${address}/`).then((response) => response.text(), () => '');
    return answer !== '';
  }, 30_000);
  expect(answer).toBe('a b 1');
  await s.ok(['rm', '-f', '-t', '0', 'service']);
});
