import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identityOf, isAlive } from '../../../src/host/identity.ts';
import { portableKeepCommand, type KeepRequest } from '../../../src/userns/portable-keep.ts';
import { eventually, sleep } from '../../support/eventually.ts';

let directory: string;
let children: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-keep-'));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

function sleeper(): number {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  return child.pid as number;
}

/** A shell that leaves a sleeping process behind, as a program does that daemonises. */
function daemon(pidFile: string): KeepRequest['daemon'] {
  return { command: ['sh', '-c', 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >"$1"', 'daemon', pidFile], pidFile };
}

function keep(request: KeepRequest) {
  const { file, args } = portableKeepCommand(request);
  return spawnSync(file, args, { encoding: 'utf8', timeout: 10_000 });
}

test('a daemon is ended with the process it is for', async () => {
  const watch = sleeper();
  const pidFile = join(directory, 'a pid');
  expect(keep({ watch, daemon: daemon(pidFile) as NonNullable<KeepRequest['daemon']> })).toMatchObject({ status: 0, stdout: '', stderr: '' });
  const started = identityOf(Number(readFileSync(pidFile, 'utf8')));
  expect(started !== undefined && isAlive(started)).toBe(true);
  process.kill(watch, 'SIGKILL');
  await eventually('the daemon has ended', () => started !== undefined && !isAlive(started));
});

test('a daemon that does not start tells its status and its words', () => {
  const result = keep({ watch: sleeper(), daemon: { command: ['sh', '-c', 'echo "no $1"; exit 3', 'sh', 'spaces  $HOME'], pidFile: join(directory, 'pid') } });
  expect(result).toMatchObject({ status: 3, stderr: 'no spaces  $HOME\n' });
});

test('what comes at the end runs once the process has ended, with its words as they are', async () => {
  const watch = sleeper();
  const mark = join(directory, 'a "mark"');
  keep({ watch, then: { command: ['touch', '--', mark, join(directory, '$(b)')], ifExists: directory } });
  expect(existsSync(mark)).toBe(false);
  process.kill(watch, 'SIGKILL');
  await eventually('the mark', () => existsSync(mark) && existsSync(join(directory, '$(b)')));
});

test('what comes at the end is left out where its subject is gone', async () => {
  const watch = sleeper();
  const [mark, subject, after] = ['mark', 'subject', 'after'].map((name) => join(directory, name)) as [string, string, string];
  writeFileSync(subject, '');
  keep({ watch, then: { command: ['touch', mark], ifExists: subject } });
  keep({ watch, then: { command: ['touch', after], ifExists: directory } });
  rmSync(subject);
  process.kill(watch, 'SIGKILL');
  await eventually('the other one', () => existsSync(after));
  expect(existsSync(mark)).toBe(false);
});

test('what comes at the end waits for who would do it', async () => {
  const watch = sleeper();
  const doer = sleeper();
  const mark = join(directory, 'mark');
  keep({ watch, then: { command: ['touch', mark], ifExists: directory, unlessAlive: doer } });
  process.kill(watch, 'SIGKILL');
  await sleep(1500);
  expect(existsSync(mark)).toBe(false);
  process.kill(doer, 'SIGKILL');
  await eventually('the mark', () => existsSync(mark));
});

test('a process that has ended already is not waited for', async () => {
  const ended = spawnSync('true').pid;
  const mark = join(directory, 'mark');
  keep({ watch: ended, then: { command: ['touch', mark], ifExists: directory } });
  await eventually('the mark', () => existsSync(mark));
});

test('a check runs when its time has come, with its words as they are, as often as it asks for, and not after the end', async () => {
  const watch = sleeper();
  const log = join(directory, "it's a log");
  writeFileSync(log, '');
  const script = 'echo "$2" >>"$1"; [ "$(wc -l <"$1")" -ge 3 ] || echo 20';
  keep({ watch, check: { after: 10, command: ['sh', '-c', script, 'check', log, '$HOME "x"'] }, then: { command: ['touch', join(directory, 'end')], ifExists: directory } });
  await eventually('three checks', () => readFileSync(log, 'utf8') === '$HOME "x"\n'.repeat(3));
  process.kill(watch, 'SIGKILL');
  await eventually('the end', () => existsSync(join(directory, 'end')));
  expect(readFileSync(log, 'utf8').split('\n').length).toBe(4);
});

test('what waits for the time of a check ends with the process', async () => {
  const watch = sleeper();
  keep({ watch, check: { after: 987_654_321, command: ['touch', join(directory, 'never')] }, then: { command: ['touch', join(directory, 'end')], ifExists: directory } });
  const nap = (): string => spawnSync('pgrep', ['-f', '^sleep 987654[.]321$'], { encoding: 'utf8' }).stdout.trim();
  await eventually('the nap', () => nap() !== '');
  process.kill(watch, 'SIGKILL');
  await eventually('the end', () => existsSync(join(directory, 'end')) && nap() === '');
  expect(existsSync(join(directory, 'never'))).toBe(false);
});
