/** Secrets: kept for containers, shown to nobody else. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();
const VALUE = 'correct-horse-battery';

async function secret(name: string, value = VALUE): Promise<string> {
  return s.ok(['secret', 'create', name, '-'], { input: value });
}

test('a secret comes from standard input, a file, or a variable, and its id is printed', async () => {
  const id = await secret('from-input');
  expect(id).toMatch(/^[0-9a-f]{25}$/);
  await s.ok(['secret', 'create', 'from-file', s.file('key', 'of a file')]);
  await s.ok(['secret', 'create', '--env', 'from-variable', 'TOKEN'], { env: { TOKEN: 'of a variable' } });
  const shown = (name: string) => s.ok(['secret', 'inspect', '--showsecret', '-f', '{{.SecretData}}', name]);
  expect([await shown(id), await shown('from-file'), await shown('from-variable')]).toEqual([VALUE, 'of a file', 'of a variable']);
});

test('the file that keeps it can be read by its owner alone, and inspect and ls do not show the data', async () => {
  await secret('hidden');
  const file = join(s.storeRoot, 'secrets', 'hidden');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(s.storeRoot, 'secrets')).mode & 0o777).toBe(0o700);
  const said = (await s.ok(['secret', 'inspect', 'hidden'])) + (await s.ok(['secret', 'ls'])) + (await s.ok(['secret', 'ls', '--format', 'json'])) + (await s.ok(['secret', 'inspect', '--pretty', 'hidden']));
  expect(said).toContain('hidden');
  expect(said).not.toContain(VALUE);
  expect(said).not.toContain(Buffer.from(VALUE).toString('base64'));
});

test('a container sees it as a read-only file, with the owner and mode asked for', async () => {
  await secret('mounted');
  const look = 'cat /run/secrets/mounted; stat -c " %u %g %a" /run/secrets/mounted; stat -c "%u %g %a" /etc/other; id -u; cat /etc/other';
  const out = await s.ok(['run', '--rm', '-u', 'app', '--secret', 'mounted', '--secret', 'mounted,target=/etc/other,uid=1500,gid=10,mode=0400', 'busybox', 'sh', '-c', look]);
  expect(out).toBe(`${VALUE} 0 0 444\n1500 10 400\n1500\n${VALUE}`);
  const write = await s.scull(['run', '--rm', '--secret', 'mounted,mode=0666', 'busybox', 'sh', '-c', 'echo x > /run/secrets/mounted']);
  expect(write.stderr).toMatch(/Read-only file system/);
});

test('it can be a variable, for exec too, which inspect does not show', async () => {
  await secret('variable');
  await s.ok(['run', '-d', '--name', 'env', '--secret', 'variable,type=env,target=PASS', 'busybox', 'sleep', '1000']);
  expect(await s.ok(['exec', 'env', 'sh', '-c', 'echo $PASS'])).toBe(VALUE);
  const container = await s.inspect('env');
  expect(JSON.stringify(container)).not.toContain(VALUE);
  expect(container.Config.Secrets).toEqual([{ Name: 'variable', ID: expect.stringMatching(/^[0-9a-f]{25}$/), UID: 0, GID: 0, Mode: 0 }]);
  const record = readFileSync(join(s.storeRoot, 'containers', container.Id, 'container.json'), 'utf8');
  expect(record).not.toContain(VALUE);
  expect(execFileSync('ps', ['-eww', '-o', 'args'], { encoding: 'utf8' })).not.toContain(VALUE);
  await s.ok(['rm', '-f', '-t', '0', 'env']);
});

test('a container keeps what it was made with, through changes, removal and a new start', async () => {
  await secret('rotated', 'old');
  await s.ok(['create', '--name', 'keeps', '--secret', 'rotated', 'busybox', 'cat', '/run/secrets/rotated']);
  await s.fails(['secret', 'create', 'rotated', '-'], 125, /secret "rotated" already exists/, { input: 'new' });
  await s.ok(['secret', 'create', '--replace', 'rotated', '-'], { input: 'new' });
  expect(await s.ok(['run', '--rm', '--secret', 'rotated', 'busybox', 'cat', '/run/secrets/rotated'])).toBe('new');
  await s.ok(['secret', 'rm', 'rotated']);
  expect(await s.ok(['start', '-a', 'keeps'])).toBe('old');
  expect(await s.ok(['start', '-a', 'keeps'])).toBe('old');
  await s.ok(['rm', 'keeps']);
});

test('it works with ids mapped otherwise, where the mode counts for the user kept', async () => {
  await secret('mapped');
  const uid = String(process.getuid?.());
  expect(await s.ok(['run', '--rm', '--userns=keep-id', '--secret', `mapped,uid=${uid},mode=0400`, 'busybox', 'cat', '/run/secrets/mapped'])).toBe(VALUE);
});

test('nothing of it is left in the runtime folder when the container has ended', async () => {
  await secret('gone');
  await s.ok(['run', '--name', 'left', '--secret', 'gone', 'busybox', 'true']);
  const boots = readdirSync(s.runRoot);
  expect(boots.flatMap((boot) => readdirSync(join(s.runRoot, boot, 'c')))).toEqual([]);
  await s.ok(['rm', 'left']);
});

test('exists and rm tell by exit status; names, ids and beginnings of ids are understood', async () => {
  const id = await secret('tell');
  expect((await s.scull(['secret', 'exists', 'tell'])).status).toBe(0);
  expect((await s.scull(['secret', 'exists', 'nothing'])).status).toBe(1);
  expect(await s.ok(['secret', 'rm', id.slice(0, 10)])).toBe(id);
  expect((await s.scull(['secret', 'exists', 'tell'])).status).toBe(1);
  await s.fails(['secret', 'rm', 'tell'], 125, /no secret with name or ID "tell": no such secret/);
  await s.ok(['secret', 'rm', '--ignore', 'tell']);
});

test('mistakes are told before anything is made', async () => {
  await s.fails(['run', '--name', 'never', '--secret', 'missing', 'busybox', 'true'], 125, /no secret with name or ID "missing": no such secret/);
  expect((await s.scull(['container', 'exists', 'never'])).status).toBe(1);
  await s.fails(['secret', 'create', 'a/b', '-'], 125, /not a valid secret name/, { input: 'x' });
  await s.fails(['secret', 'create', 'empty', '-'], 125, /between 1 and 512000 bytes, not 0/, { input: '' });
  await s.fails(['secret', 'create', 'big', s.file('big', new Uint8Array(512_001))], 125, /between 1 and 512000 bytes/);
  await s.fails(['secret', 'create', 'x', s.base + '/nothing'], 125, /cannot read/);
  await s.fails(['secret', 'create', '--driver', 'pass', 'x', '-'], 125, /no secret driver "pass"/, { input: 'x' });
});
