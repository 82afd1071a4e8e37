/** scripts/setup-host.sh on machines that are not here: shell functions stand in for the programs it asks. */
import { execFile } from 'node:child_process';
import { expect, test } from 'vitest';

/** How a machine differs from one where everything is there and allowed. */
interface Machine {
  /** Function bodies by name of the program. */
  readonly programs?: Readonly<Record<string, string>>;
  /** What `cat` finds in a setting of the kernel, by the end of its path. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly forTests?: boolean;
}

const USUAL: Readonly<Record<string, string>> = {
  id: 'case $1 in -u) echo 1000 ;; *) echo ann ;; esac',
  sudo: 'return 1',
  'dpkg-query': 'echo installed',
  grep: 'return 0',
  test: 'return 0',
  unshare: 'return 0',
};

function setUp(machine: Machine): Promise<{ status: number; stdout: string; stderr: string }> {
  const settings = Object.entries(machine.settings ?? {}).map(([path, value]) => `*/${path}) echo ${value} ;;`);
  const programs = { ...USUAL, cat: `case $1 in ${settings.join(' ')} *) return 1 ;; esac`, ...machine.programs };
  const functions = Object.entries(programs).map(([name, body]) => `function ${name} { ${body}; }; export -f ${name}\n`);
  const script = `${functions.join('')} exec bash scripts/setup-host.sh ${machine.forTests === true ? '--for-tests' : ''}`;
  return new Promise((resolve) => {
    execFile('bash', ['-c', script], { env: { PATH: process.env['PATH'], HOME: '/home/ann', LC_ALL: 'C' } }, (error, stdout, stderr) => resolve({ status: Number(error?.code ?? 0), stdout, stderr }));
  });
}

const REFUSING = { unshare: 'return 1' };
const RESTRICTED = { apparmor_restrict_unprivileged_userns: '1' };

test('a machine that has everything is asked for nothing', async () => {
  expect(await setUp({})).toEqual({ status: 0, stdout: 'user ann\n', stderr: '' });
});

test('who may not install packages is told which to ask for', async () => {
  const { status, stderr } = await setUp({ programs: { 'dpkg-query': 'case "$*" in *crun | *passt) return 1 ;; *) echo installed ;; esac' } });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Error: some packages are missing and you can't install them\n {2}Ask your administrator for: {2}apt-get install --no-install-recommends crun passt\n/);
});

test('where AppArmor restricts user namespaces, a profile for the installed helper is shown, and the switch for all', async () => {
  const { status, stderr } = await setUp({ programs: REFUSING, settings: RESTRICTED });
  expect(status).toBe(1);
  expect(stderr.split('\n')).toEqual([
    'Error: this system does not let ann create user namespaces, which rootless containers are made of',
    "  echo 'abi <abi/4.0>, profile scull-helper /home/ann/.local/lib/scull/scull-helper flags=(unconfined) { userns, }' | sudo tee /etc/apparmor.d/scull-helper && sudo apparmor_parser -r /etc/apparmor.d/scull-helper",
    '  or, for every program and not scull alone:',
    '  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    '',
  ]);
});

test('the tests, which start helpers in many places, need the switch', async () => {
  const { status, stderr } = await setUp({ programs: REFUSING, settings: RESTRICTED, forTests: true });
  expect(status).toBe(1);
  expect(stderr).not.toContain('profile');
  expect(stderr).toContain('sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0');
});

test.each([
  ['unprivileged_userns_clone', '0', 'sudo sysctl -w kernel.unprivileged_userns_clone=1'],
  ['max_user_namespaces', '0', 'sudo sysctl -w user.max_user_namespaces=15000'],
])('another switch that forbids them is named: %s', async (setting, value, remedy) => {
  const { status, stderr } = await setUp({ programs: REFUSING, settings: { [setting]: value } });
  expect(status).toBe(1);
  expect(stderr).toContain(`  ${remedy}\n`);
});
