import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, startDockerRegistry, type DockerRegistry } from '../support/docker-registry.ts';
import { useScull } from '../support/scull.ts';
import { writeTar } from '../support/tar-writer.ts';

const s = useScull();
let registry: DockerRegistry;

beforeAll(async () => {
  registry = await startDockerRegistry(s.base);
  await s.ok(['save', '--format', 'docker-archive', '-o', `${s.base}/busybox.tar`, 'busybox']);
  push('one:1');
});
afterAll(() => registry.stop());

function push(name: string, ...options: string[]): void {
  execFileSync('skopeo', ['copy', '--insecure-policy', '-q', '--dest-tls-verify=false', ...options, `docker-archive:${s.base}/busybox.tar`, `docker://${registry.host}/${name}`], { env: { ...s.env }, stdio: ['ignore', 'ignore', 'inherit'] });
}

const pull = (...args: string[]) => s.scull(['pull', '--tls-verify=false', ...args]);

test('pull by tag, then run without asking again', async () => {
  const result = await pull(`${registry.host}/one:1`);
  expect(result.status).toBe(0);
  expect(result.stdout.trim()).toMatch(/^(sha256:)?[0-9a-f]{64}$/);
  expect(await s.ok(['run', '--rm', '--pull', 'never', `${registry.host}/one:1`, 'echo', 'pulled'])).toBe('pulled');
});

test('run pulls what is missing, its progress goes to standard error', async () => {
  push('missing:1');
  const result = await s.scull(['run', '--rm', '--tls-verify=false', `${registry.host}/missing:1`, 'echo', 'only this']);
  expect(result).toMatchObject({ status: 0, stdout: 'only this\n' });
});

test('pull by digest, and a digest that is not there', async () => {
  const digest = JSON.parse(execFileSync('skopeo', ['inspect', '--tls-verify=false', `docker://${registry.host}/one:1`], { encoding: 'utf8', env: { ...s.env } })).Digest as string;
  expect((await pull(`${registry.host}/one@${digest}`)).status).toBe(0);
  expect(await s.ok(['run', '--rm', `${registry.host}/one@${digest}`, 'echo', 'exact'])).toBe('exact');
  const wrong = await pull(`${registry.host}/one@sha256:${'0'.repeat(64)}`);
  expect(wrong).toMatchObject({ status: 125, stderr: expect.stringMatching(/^Error: .*one@sha256:0000/m) });
});

test('what was pulled by a short name of registries.conf is found by that name', async () => {
  push('deep/path/stable:1');
  const env = { CONTAINERS_REGISTRIES_CONF: s.file('aliases.conf', `[aliases]\n"nick" = "${registry.host}/deep/path/stable"\n`) };
  const id = await s.ok(['pull', '-q', '--tls-verify=false', 'nick:1'], { env });
  expect(await s.ok(['inspect', '--format', '{{.Id}}', 'nick:1'], { env })).toBe(`sha256:${id}`);
  for (const args of [['image', 'exists'], ['history'], ['image', 'tree'], ['image', 'diff'], ['save', '-o', `${s.base}/nick.tar`]]) await s.ok([...args, 'nick:1'], { env });
  expect(await s.ok(['push', '-q', '--tls-verify=false', 'nick:1'], { env })).toContain(`${registry.host}/deep/path/stable@sha256:`);
  await s.ok(['images', '-q', '--filter', 'since=nick:1', '--filter', 'before=nick:1'], { env });
  // What a check says of a variable shows that it knows the image.
  mkdirSync(`${s.base}/nickly`, { recursive: true });
  writeFileSync(`${s.base}/nickly/Containerfile`, 'FROM nick:1\nLABEL home=$HOME\n');
  expect((await s.scull(['build', '--check', `${s.base}/nickly`], { env })).stdout).toContain('HOME');
  await s.ok(['tag', 'nick:1', 'localhost/nicked'], { env });
  expect(await s.ok(['run', '--rm', 'localhost/nicked', 'echo', 'the same'])).toBe('the same');
  await s.ok(['untag', 'nick:1', 'localhost/nicked'], { env });
  await s.fails(['inspect', 'nick:1'], 125, /no such/i);
  const shown = ['unshare', 'sh', '-c', `${s.command.join(' ')} image mount nick:1 >/dev/null && ${s.command.join(' ')} image unmount nick:1`];
  expect(await s.ok(shown, { env })).toBe(id);
  await s.ok(['rmi', 'nick:1'], { env });
  await s.fails(['rmi', 'nick:1'], 1, /no such image: "nick:1"/, { env });
});

test('lists and what is put into them go by short names of registries.conf as well, and no registry is asked for what is here', async () => {
  push('deep/list/member:1');
  const aliases = `[aliases]\n"nick" = "${registry.host}/deep/list/member"\n"nicks" = "${registry.host}/deep/list/all"\n`;
  const env = { CONTAINERS_REGISTRIES_CONF: s.file('list.conf', aliases) };
  const offline = { env: { CONTAINERS_REGISTRIES_CONF: s.file('offline.conf', `${aliases}[[registry]]\nlocation = "${registry.host}"\nblocked = true\n`) } };
  await s.ok(['pull', '-q', '--tls-verify=false', 'nick:1'], { env });
  await s.ok(['manifest', 'create', `${registry.host}/deep/list/all:1`]);
  await s.ok(['manifest', 'exists', 'nicks:1'], offline);
  await s.ok(['manifest', 'add', 'nicks:1', 'nick:1'], offline);
  await s.ok(['manifest', 'annotate', '--annotation', 'a=b', 'nicks:1', 'nick:1'], offline);
  expect(JSON.parse(await s.ok(['manifest', 'inspect', 'nicks:1'], offline)).manifests).toMatchObject([{ annotations: { a: 'b' } }]);
  await s.ok(['manifest', 'push', '-q', '--tls-verify=false', 'nicks:1'], { env });
  await s.ok(['manifest', 'remove', 'nicks:1', 'nick:1'], offline);
  await s.ok(['manifest', 'rm', 'nicks:1'], offline);
  await s.ok(['rmi', 'nick:1'], offline);
});

test('what policy.json forbids is fetched by nobody', async () => {
  const env = { XDG_CONFIG_HOME: s.directory('forbidding') };
  mkdirSync(`${env.XDG_CONFIG_HOME}/containers`);
  writeFileSync(`${env.XDG_CONFIG_HOME}/containers/policy.json`, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }], transports: { docker: { [`${registry.host}/one`]: [{ type: 'reject' }] } } }));
  push('forbidden/not:1');
  for (const args of [['pull', `${registry.host}/one:1`], ['run', '--pull=always', '--rm', `${registry.host}/one:1`], ['manifest', 'inspect', `${registry.host}/one:1`]]) await s.fails(args, 125, /policy\.json forbids it/, { env });
  await s.ok(['pull', '-q', `${registry.host}/forbidden/not:1`], { env });
  await s.ok(['rmi', `${registry.host}/forbidden/not:1`]);
});

test('-q prints the id alone, -a every tag', async () => {
  push('many:1');
  push('many:2');
  const quiet = await pull('-q', `${registry.host}/one:1`);
  expect(quiet.stderr).toBe('');
  expect((await pull('-a', `${registry.host}/many`)).status).toBe(0);
  for (const tag of ['1', '2']) expect((await s.scull(['image', 'exists', `${registry.host}/many:${tag}`])).status).toBe(0);
});

test('--progress=json tells programs what happens, an object a line; plain a line per layer', async () => {
  push('progress:1');
  await s.scull(['rmi', `${registry.host}/one:1`]);
  const json = await pull('--progress=json', `${registry.host}/progress:1`);
  const events = json.stderr.trimEnd().split('\n').map((line) => JSON.parse(line));
  expect(events.filter((event) => event.kind === 'done')).toEqual([{ kind: 'done', id: expect.stringMatching(/^sha256:/), result: expect.stringMatching(/^(ok|exists)$/) }]);
  expect(json.stdout).toMatch(/^[0-9a-f]{64}\n$/);
  expect((await pull('--progress=plain', `${registry.host}/progress:1`)).stderr).toMatch(/^layer [0-9a-f]{12} +already here$/m);
  expect((await pull('--progress=none', `${registry.host}/progress:1`)).stderr).toBe('');
  await s.fails(['pull', '--progress=loud', `${registry.host}/progress:1`], 125, /--progress/);
  await s.fails(['pull', '-q', '--progress=json', `${registry.host}/progress:1`], 125, /cannot be used together|quiet/);
});

test('--pull=always asks, --pull=never does not, missing is the default', async () => {
  await s.fails(['run', '--rm', '--pull=never', `${registry.host}/never:1`, 'true'], 125, /never:1/);
  push('policy:1');
  const args = ['run', '--rm', '--tls-verify=false', '--pull=always', `${registry.host}/policy:1`, 'true'];
  await s.ok(args);
  await s.ok(args);
});

test.each([
  ['an unknown repository', () => `${registry.host}/nosuch:1`, /nosuch/],
  ['an unknown tag', () => `${registry.host}/one:nosuch`, /nosuch/],
])('%s is one clear error', async (_name, reference, message) => {
  expect(await pull(reference())).toMatchObject({ status: 125, stderr: expect.stringMatching(message) });
});

test('a registry that is not there is named', async () => {
  const port = await freePort();
  const result = await pull(`127.0.0.1:${port}/x:1`);
  expect(result).toMatchObject({ status: 125, stderr: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port}`)) });
});

test('without --tls-verify=false a registry without TLS is refused or is on the loopback', async () => {
  const result = await s.scull(['pull', `${registry.host}/one:1`]);
  if (result.status !== 0) expect(result.stderr).toMatch(/tls|https|TLS/);
});

test('zstd layers and gzip layers make the same files', async () => {
  try {
    push('zstd:1', '--dest-compress-format', 'zstd');
  } catch {
    push('zstd:1', '--dest-compress', '--dest-compress-format', 'zstd');
  }
  expect((await pull(`${registry.host}/zstd:1`)).status).toBe(0);
  expect(await s.ok(['run', '--rm', `${registry.host}/zstd:1`, 'md5sum', '/bin/busybox'])).toBe(await s.ok(['run', '--rm', 'busybox', 'md5sum', '/bin/busybox']));
});

test('a pull that is killed leaves a store that works, and the next pull completes', async () => {
  push('interrupted:1');
  const running = s.start(['pull', '--tls-verify=false', `${registry.host}/interrupted:1`]);
  setTimeout(() => running.child.kill('SIGKILL'), 30);
  await running.ended;
  expect((await pull(`${registry.host}/interrupted:1`)).status).toBe(0);
  expect(await s.ok(['run', '--rm', `${registry.host}/interrupted:1`, 'echo', 'whole'])).toBe('whole');
  // What the killed one had begun is swept by the next command that begins something.
  await s.ok(['import', '-', 'sweeper:1'], { input: writeTar([{ path: 'x', content: 'x' }]) });
});
