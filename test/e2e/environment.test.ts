import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { busyboxEntries, dockerArchive } from '../support/images.ts';
import { productCommand, top } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
const scull = productCommand().map((word) => `'${word}'`).join(' ');

describe('without XDG_RUNTIME_DIR', () => {
  const env = { XDG_RUNTIME_DIR: undefined, TMPDIR: undefined };

  test('containers run, detached too, and their state is found again', async () => {
    const result = await s.scull(['run', '--rm', 'busybox', 'echo', 'x'], { env });
    expect(result).toMatchObject({ status: 0, stdout: 'x\n' });
    await s.ok(['run', '-d', '--name', 'nox', 'busybox', 'sleep', '1000'], { env });
    expect(await s.ok(['exec', 'nox', 'echo', 'in'], { env })).toBe('in');
    await s.ok(['rm', '-f', '-t', '0', 'nox'], { env });
  });

  test('a runtime directory of somebody else is not used', async () => {
    expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'x'], { env: { XDG_RUNTIME_DIR: '/run' } })).toBe('x');
    expect(await s.ok(['run', '--rm', 'busybox', 'echo', 'x'], { env: { XDG_RUNTIME_DIR: '/no/such/directory' } })).toBe('x');
  });
});

test('--root and --runroot put everything elsewhere', async () => {
  const flags = ['--root', `${s.base}/other`, '--runroot', `${s.base}/o`];
  const archive = dockerArchive({ tags: ['busybox:latest'], layers: [busyboxEntries()] });
  await s.ok([...flags, 'load', '-q'], { input: archive });
  expect(await s.ok([...flags, 'run', '--name', 'there', 'busybox', 'echo', 'elsewhere'])).toBe('elsewhere');
  expect((await s.scull(['container', 'exists', 'there'])).status).toBe(1);
  expect(readdirSync(`${s.base}/other/containers`).length).toBe(1);
  await s.ok([...flags, 'rm', 'there']);
});

test('XDG_DATA_HOME is honoured', async () => {
  await s.ok(['volume', 'create', 'v'], { env: { XDG_DATA_HOME: `${s.base}/data` } });
  expect(existsSync(`${s.base}/data/scull`)).toBe(true);
});

test('an environment of nothing but HOME is enough', async () => {
  const result = spawnSync('/usr/bin/env', ['-i', `HOME=${s.home}`, '/bin/sh', '-c', `${scull} run --rm busybox echo x`], { encoding: 'utf8', cwd: s.base });
  expect(result).toMatchObject({ status: 0, stdout: 'x\n' });
});

describe('with a single id', () => {
  /**
   * A shell as a user without subordinate ids, made inside a user namespace: number 5 has none anywhere. The product is
   * mounted where that user can reach it: a checkout may be in a home that nobody else may enter.
   */
  function asUserWithoutSubordinateIds(words: (scull: string) => string): { status: number | null; stdout: string; stderr: string } {
    const home = s.directory('single');
    chmodSync(s.base, 0o711);
    const mounts: string[] = [];
    const command = productCommand().map((word) => {
      if (!word.startsWith('/')) return word;
      const source = word.startsWith(`${top}/`) ? top : dirname(word);
      const target = s.directory(`seen-${basename(source)}`);
      mounts.push(`mount --bind '${source}' '${target}'`);
      return `${target}${word.slice(source.length)}`;
    });
    const script = `${mounts.join(' && ')} && { [ $(stat -c %u ${home}) = 5 ] || chown 5:5 ${home}; } && exec setpriv --reuid 5 --regid 5 --clear-groups env -i HOME=${home} PATH="$PATH" sh -c ${JSON.stringify(words(command.join(' ')))}`;
    return spawnSync('unshare', ['--user', '--mount', '--map-auto', '--map-root-user', 'sh', '-c', script], { encoding: 'utf8', cwd: '/', env: s.env, timeout: 60_000 });
  }

  test('containers run as root inside, and what that limits is said', () => {
    const archive = s.file('single.tar', dockerArchive({ tags: ['busybox:latest'], layers: [busyboxEntries()] }));
    chmodSync(archive, 0o644);
    const result = asUserWithoutSubordinateIds((scull) => `${scull} load -q -i ${archive} && ${scull} run --rm --network none busybox sh -c 'id -u; exit 3'`);
    expect(result.stdout).toMatch(/^0$/m);
    expect(result.status).toBe(3);
    expect(result.stderr).toMatch(/subordinate|single id|subuid/i);
  });

  test('another user inside is refused with the reason and the remedy', () => {
    const result = asUserWithoutSubordinateIds((scull) => `${scull} run --rm --network none -u app busybox id -u`);
    expect(result.status).toBe(125);
    expect(result.stderr).toMatch(/subordinate|subuid|usermod/i);
  });
});
