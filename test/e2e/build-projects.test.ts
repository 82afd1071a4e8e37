/** Projects as people have them: built, run, and asked. */
import { existsSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  await s.ok(['run', '-d', '--name', 'service', '-p', '127.0.0.1::8000', 'service']);
  const address = await s.ok(['port', 'service', '8000']);
  let answer = '';
  await eventually('an answer', async () => {
    answer = await fetch(`http://${address}/`).then((response) => response.text(), () => '');
    return answer !== '';
  }, 15_000);
  expect(answer).toBe('a b 1');
  await s.ok(['rm', '-f', '-t', '0', 'service']);
});
