import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { doctor } from '../../../../src/engine/system/doctor.ts';
import { parseOsRelease, systemInfo } from '../../../../src/engine/system/info.ts';
import { versionInfo } from '../../../../src/engine/system/version.ts';
import { VERSION } from '../../../../src/host/version.ts';

let directory: string;
let engine: Engine;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-test-'));
  engine = openEngine({ root: join(directory, 'root'), runRoot: join(directory, 'run') });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('info', () => {
  it('counts an untouched store as empty and makes nothing in it', async () => {
    const info = await systemInfo(engine);
    expect(info.store).toMatchObject({ containerStore: { number: 0, running: 0 }, imageStore: { number: 0 }, graphDriverName: 'auto', graphRoot: join(directory, 'root') });
    expect(info.host).toMatchObject({ os: 'linux', cpus: expect.any(Number), kernel: expect.stringMatching(/^\d+\./) });
    expect(info.host.memTotal).toBeGreaterThan(0);
    expect(existsSync(join(directory, 'root'))).toBe(false);
  });
  it('reads os-release with and without quotes', () => {
    expect(parseOsRelease('ID=debian\nVERSION_ID="12"\nNAME=\'x y\'\n# no\nbroken')).toEqual({ ID: 'debian', VERSION_ID: '12', NAME: 'x y' });
  });
});

it('version tells what this is without starting anything', () => {
  expect(versionInfo().Client).toMatchObject({ Version: VERSION, Os: 'linux' });
});

describe('doctor', () => {
  it('says for every check what was found, and for every trouble what is lost', async () => {
    const report = await doctor(engine);
    expect(report.checks.length).toBeGreaterThan(12);
    for (const check of report.checks) {
      expect(check.found, check.name).not.toBe('');
      expect(check.found, check.name).not.toContain('could not be tried');
      if (check.status !== 'ok') expect(check.consequence, check.name).toBeTruthy();
    }
    expect(report.healthy).toBe(report.checks.every((check) => check.status !== 'missing'));
  });
  it.skipIf(process.getuid?.() === 0)('says that a store on a place that can not be written is of no use', async () => {
    mkdirSync(join(directory, 'closed'), { mode: 0o500 });
    const closed = openEngine({ root: join(directory, 'closed/root'), runRoot: join(directory, 'run') });
    const store = (await doctor(closed)).checks.find((check) => check.name === 'store');
    expect(store).toMatchObject({ status: 'missing', fix: expect.stringContaining('--root') });
  });
});
