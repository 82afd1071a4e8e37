import { spawnSync } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { busyboxEntries } from '../support/images.ts';
import { productCommand } from '../support/product.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();

/** Capability numbers of capabilities(7). Podman's default set. */
const defaultCapabilities = { CHOWN: 0, DAC_OVERRIDE: 1, FOWNER: 3, FSETID: 4, KILL: 5, SETGID: 6, SETUID: 7, SETPCAP: 8, NET_BIND_SERVICE: 10, SYS_CHROOT: 18, SETFCAP: 31 };

async function status(args: readonly string[], field: string): Promise<string> {
  const text = await s.ok(['run', '--rm', ...args, 'busybox', 'cat', '/proc/self/status']);
  return new RegExp(`^${field}:\\s+(\\S+)`, 'm').exec(text)?.[1] as string;
}

function mask(names: readonly (keyof typeof defaultCapabilities)[]): string {
  return names.reduce((bits, name) => bits | (1n << BigInt(defaultCapabilities[name])), 0n).toString(16).padStart(16, '0');
}

const allDefault = Object.keys(defaultCapabilities) as (keyof typeof defaultCapabilities)[];

describe('capabilities', () => {
  test('root inside has the default set, no more; inheritable and ambient are empty', async () => {
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(await status([], set), set).toBe(mask(allDefault));
    for (const set of ['CapInh', 'CapAmb']) expect(await status([], set), set).toBe('0000000000000000');
  });

  test('another user has none in effect', async () => {
    expect(await status(['-u', 'app'], 'CapEff')).toBe('0000000000000000');
    expect(await status(['-u', 'app'], 'CapBnd')).toBe(mask(allDefault));
  });

  test('--cap-drop and --cap-add, all and one', async () => {
    expect(await status(['--cap-drop', 'all'], 'CapEff')).toBe('0000000000000000');
    expect(await status(['--cap-drop', 'ALL', '--cap-add', 'chown'], 'CapEff')).toBe(mask(['CHOWN']));
    expect(await status(['--cap-drop', 'CAP_KILL,CAP_CHOWN'], 'CapEff')).toBe(mask(allDefault.filter((name) => name !== 'KILL' && name !== 'CHOWN')));
    expect(BigInt(`0x${await status(['--cap-add', 'NET_ADMIN'], 'CapEff')}`) & (1n << 12n)).toBe(1n << 12n);
  });

  test('an unknown capability is refused', async () => {
    await s.fails(['run', '--rm', '--cap-add', 'FLY', 'busybox', 'true'], 125, /FLY/i);
  });

  test('--privileged gives all of them, to the container only', async () => {
    expect(BigInt(`0x${await status(['--privileged'], 'CapEff')}`)).toBeGreaterThan(1n << 37n);
    expect(await s.ok(['run', '--rm', '--privileged', 'busybox', 'cat', '/proc/self/uid_map'])).toMatch(new RegExp(`^\\s+0\\s+${process.getuid?.()}\\s+1`));
  });
});

describe('seccomp', () => {
  test('a filter is in force by default, and in exec', async () => {
    expect(await status([], 'Seccomp')).toBe('2');
    await s.ok(['run', '-d', '--name', 'sec', 'busybox', 'sleep', '1000']);
    expect(await s.ok(['exec', 'sec', 'grep', '^Seccomp:', '/proc/self/status'])).toMatch(/2$/);
  });

  test('seccomp=unconfined takes it away, seccomp=FILE takes that one', async () => {
    expect(await status(['--security-opt', 'seccomp=unconfined'], 'Seccomp')).toBe('0');
    const profile = s.file('seccomp.json', JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }] }));
    const result = await s.scull(['run', '--rm', '--security-opt', `seccomp=${profile}`, 'busybox', 'sh', '-c', 'mkdir /x || echo refused']);
    expect(result).toMatchObject({ stdout: 'refused\n' });
    await s.fails(['run', '--rm', '--security-opt', 'seccomp=/no/such/file', 'busybox', 'true'], 125, /\/no\/such\/file/);
    await s.fails(['run', '--rm', '--security-opt', `seccomp=${s.file('bad.json', '{')}`, 'busybox', 'true'], 125, /bad\.json|seccomp/);
  });

  test('--seccomp-policy=image takes the profile that the image brings', async () => {
    const profile = JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }] });
    await s.load({ tags: ['brings-profile:latest'], layers: [busyboxEntries()], settings: { Labels: { 'io.containers.seccomp.profile': profile } } });
    const tries = (...args: string[]) => s.ok(['run', '--rm', ...args, 'brings-profile', 'sh', '-c', 'mkdir /x 2>/dev/null && echo made || echo refused']);
    expect(await tries('--seccomp-policy=image')).toBe('refused');
    expect(await tries('--seccomp-policy=default')).toBe('made');
    expect(await tries('--seccomp-policy=image', '--security-opt', 'seccomp=unconfined')).toBe('made');
    await s.fails(['run', '--rm', '--seccomp-policy=image', 'busybox', 'true'], 125, /the image has no label io\.containers\.seccomp\.profile/);
    await s.fails(['run', '--rm', '--seccomp-policy=other', 'busybox', 'true'], 125, /default, image/);
  });
});

describe('the kernel’s files', () => {
  test('/proc has its secrets masked and its switches read-only', async () => {
    const script = 'for f in /proc/kcore /proc/keys /proc/timer_list; do test -e $f && wc -c < $f; done; ls /proc/acpi /sys/firmware 2>/dev/null; for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/irq/default_smp_affinity; do (echo 1 > $f) 2>/dev/null && echo wrote $f; done; true';
    const output = await s.ok(['run', '--rm', 'busybox', 'sh', '-c', script]);
    expect(output.split('\n').filter((line) => line !== '' && line !== '0' && !line.endsWith(':'))).toEqual([]);
    const mounts = await s.ok(['run', '--rm', 'busybox', 'cat', '/proc/self/mountinfo']);
    for (const path of ['/proc/sys', '/proc/bus', '/proc/irq', '/proc/fs', '/proc/sysrq-trigger', '/sys'].filter((one) => existsSync(one))) {
      expect(mounts).toMatch(new RegExp(` ${path} ro[, ]`));
    }
  });

  test('unmask=ALL and mask=PATH do what they say', async () => {
    const masked = await s.ok(['run', '--rm', '--security-opt', 'mask=/etc/data', 'busybox', 'ls', '/etc/data']);
    expect(masked).toBe('');
    expect(await s.ok(['run', '--rm', '--security-opt', 'unmask=ALL', 'busybox', 'cat', '/proc/self/mountinfo'])).not.toMatch(/ \/proc\/kcore /);
  });

  test('/dev is fresh and holds the usual nodes only', async () => {
    const nodes = (await s.ok(['run', '--rm', 'busybox', 'ls', '/dev'])).split('\n');
    for (const node of nodes) expect(['console', 'core', 'fd', 'full', 'mqueue', 'null', 'ptmx', 'pts', 'random', 'shm', 'stderr', 'stdin', 'stdout', 'tty', 'urandom', 'zero']).toContain(node);
    expect(nodes).toContain('null');
  });

  test('the cgroup tree is read-only and shows nothing of the host', async () => {
    expect(await s.ok(['run', '--rm', 'busybox', 'sh', '-c', 'cat /proc/self/cgroup | grep -v ":/$" | grep -vc "/\\.\\./" ; mkdir /sys/fs/cgroup/mine 2>/dev/null && echo made; true'])).not.toMatch(/made/);
  });
});

describe('what does not come along', () => {
  test('no file descriptor of the caller reaches the container', async () => {
    const secret = s.file('secret', 'secret');
    const [file, ...words] = productCommand();
    const fd = openSync(secret, 'r');
    const result = spawnSync(file, [...words, 'run', '--rm', 'busybox', 'sh', '-c', 'ls /proc/self/fd'], { env: s.env, cwd: s.base, stdio: ['ignore', 'pipe', 'pipe', fd, fd, fd], encoding: 'utf8' });
    // 3 is the directory that ls reads.
    expect(result).toMatchObject({ status: 0, stdout: '0\n1\n2\n3\n' });
  });

  test('no file descriptor reaches exec, nor does the log or the monitor’s socket', async () => {
    await s.ok(['run', '-d', '--name', 'fds', 'busybox', 'sleep', '1000']);
    const [file, ...words] = productCommand();
    const fd = openSync(s.file('secret2', ''), 'r');
    const result = spawnSync(file, [...words, 'exec', 'fds', 'sh', '-c', 'ls /proc/self/fd'], { env: s.env, cwd: s.base, stdio: ['ignore', 'pipe', 'pipe', fd, fd], encoding: 'utf8' });
    expect(result.stdout.trim().split(/\s+/).map(Number).every((number) => number <= 3)).toBe(true);
  });

  test('variables that the image’s Env names without a value take nothing from the caller', async () => {
    await s.load({ tags: ['greedy:1'], layers: [busyboxEntries()], settings: { Env: ['PATH=/bin', 'SECRET_OF_CALLER', '*'] } });
    const output = await s.ok(['run', '--rm', 'greedy:1', 'env'], { env: { SECRET_OF_CALLER: 'leaked' } });
    expect(output).not.toContain('leaked');
  });

  test('no-new-privileges is off by default and on when asked for', async () => {
    expect(await status([], 'NoNewPrivs')).toBe('0');
    expect(await status(['--security-opt', 'no-new-privileges'], 'NoNewPrivs')).toBe('1');
  });

  test('labels and annotations of the image do not steer the runtime', async () => {
    await s.load({ tags: ['steer:1'], layers: [busyboxEntries()], settings: { Labels: { 'run.oci.hooks': '1', 'io.podman.annotations.privileged': 'TRUE' } } });
    expect(await s.ok(['run', '--rm', 'steer:1', 'sh', '-c', 'grep ^CapEff /proc/self/status'])).toMatch(mask(allDefault));
  });

  test.each(['/proc/self/fd/5', '/proc/self/fd/7/../../..'])('the working directory %s does not lead out', async (directory) => {
    const result = await s.scull(['run', '--rm', '-w', directory, 'busybox', 'sh', '-c', 'ls -a; ls ../../../../..']);
    expect(result.status).not.toBe(0);
    expect(result.stdout).not.toMatch(/lost\+found|boot/);
  });

  test('the store and the runtime directory belong to the user alone', async () => {
    const { statSync } = await import('node:fs');
    for (const directory of [s.storeRoot, s.runRoot]) expect(statSync(directory).mode & 0o077, directory).toBe(0);
  });
});

test('apparmor and label options are accepted where there is neither', async () => {
  await s.ok(['run', '--rm', '--security-opt', 'apparmor=unconfined', '--security-opt', 'label=disable', 'busybox', 'true']);
  await s.fails(['run', '--rm', '--security-opt', 'nonsense=1', 'busybox', 'true'], 125, /nonsense/);
});
