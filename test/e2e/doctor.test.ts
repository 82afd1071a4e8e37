import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

interface Finding {
  readonly [key: string]: unknown;
}

function findings(json: string): Finding[] {
  const report = JSON.parse(json);
  return Array.isArray(report) ? report : (report.checks ?? report.findings ?? report.capabilities);
}

test('doctor tries each capability and says what is well', async () => {
  const result = await s.scull(['doctor']);
  for (const topic of [/user namespace/i, /subordinate|map/i, /overlay/i, /fuse/i, /cgroup/i, /pasta/i, /crun/i, /conmon/i]) expect(result.stdout).toMatch(topic);
});

test('doctor --json is for programs', async () => {
  const result = await s.scull(['doctor', '--json']);
  const list = findings(result.stdout);
  expect(list.length).toBeGreaterThan(6);
});

test('a missing tool is found, with what will not work and what to do', async () => {
  // A PATH in which everything is but pasta and crun.
  const bin = join(s.base, 'bin');
  mkdirSync(bin);
  for (const folder of ['/usr/sbin', '/usr/bin', '/sbin', '/bin']) {
    for (const name of readdirSync(folder)) {
      if (name.startsWith('pasta') || name.startsWith('passt') || name === 'crun') continue;
      try {
        symlinkSync(join(folder, name), join(bin, name));
      } catch {
        // two folders have it
      }
    }
  }
  const report = await s.scull(['doctor'], { env: { PATH: bin } });
  expect(report.stdout).toMatch(/crun/);
});

test('where no-new-privileges keeps subordinate ids away, doctor does not tell to add some', () => {
  const { stdout } = spawnSync('setpriv', ['--no-new-privs', ...s.command, 'doctor'], { env: { ...s.env }, encoding: 'utf8' });
  expect(stdout).toMatch(/subordinate ids +no-new-privileges is set[\s\S]*fix: start it where no-new-privileges is not set/);
  expect(stdout).not.toContain('--add-subuids');
});

test('doctor leaves nothing behind', async () => {
  await s.scull(['doctor']);
  expect(readdirSync(join(s.storeRoot, 'staging')).filter((name) => name !== 'trash')).toEqual([]);
});
