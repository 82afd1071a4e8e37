/**
 * The process that stands between an exec's process and our streams where there is no native helper: `scull __worker exec JOB`.
 * No descriptor of the caller's enters the container: the process gets pipes, or a terminal that crun makes.
 */
import type { ChildProcess } from 'node:child_process';
import { read } from 'node:fs';
import { errnoOf } from '../host/errors.ts';
import { readTextIfPresent, writeAllSync } from '../host/files.ts';
import { exitStatus, minimalEnvironment, run, start } from '../host/process.ts';
import type { ExecJob } from './portable-exec.ts';
import { windowSize } from './portable-terminal.ts';

/** @returns never: it ends the process itself, since a read that waits in another thread must not keep it */
export async function main(args: string[]): Promise<number> {
  const job = JSON.parse(args[0] ?? '') as ExecJob;
  const preserved = Array.from({ length: job.preserveFds }, (_, index) => index + 3);
  const { file, words, env, made } = await program(job);
  // script(1) types an end of input of its own where that ends.
  const input = made ? 'pipe' : job.stdin ? (job.terminal ? 'inherit' : 'pipe') : 'ignore';
  const child = start(file, words, { stdio: [input, job.terminal ? 'inherit' : 'pipe', 'pipe', ...preserved], env });
  forwardSignals(child, job);
  const errors = new HeldErrors(job);
  child.stdout?.on('data', (chunk: Buffer) => show(1, chunk));
  child.stderr?.on('data', (chunk: Buffer) => errors.take(chunk));
  if (job.stdin && input === 'pipe') void (made ? terminalReady(job, child).then(() => passInput(child, CTRL_D)) : passInput(child));
  const status = await endOf(child);
  errors.end(status);
  process.exit(status);
}

/** crun copies its terminal to one that its own standard input must be: where ours is none, script(1) makes one in between. */
async function program(job: ExecJob): Promise<{ file: string; words: readonly string[]; env: Record<string, string>; made: boolean }> {
  const [file, ...words] = job.command as [string, ...string[]];
  const env = minimalEnvironment();
  if (!job.terminal) return { file, words, env, made: false };
  const { isatty } = await import('node:tty');
  if (job.stdin && isatty(0)) return { file, words, env, made: false };
  // script takes a shell's line: only names of variables are spelled in it.
  for (const [index, word] of job.command.entries()) env[`SCULL_WORD_${index}`] = word;
  const line = `exec ${job.command.map((_word, index) => `"$SCULL_WORD_${index}"`).join(' ')}`;
  return { file: 'script', words: ['--quiet', '--return', '--echo', 'never', '--command', line, '/dev/null'], env: { ...env, SHELL: '/bin/sh' }, made: true };
}

/** What reaches us is for the process; crun passes it on. A terminal's keys travel as bytes, its size does not. */
function forwardSignals(child: ChildProcess, job: ExecJob): void {
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const) process.on(signal, () => void child.kill(signal));
  if (job.terminal) process.on('SIGWINCH', () => void passWindowSize(job.pidFile));
}

/**
 * Gives the process's terminal the size of ours. It belongs to the container's user, so it is opened by root of its user
 * namespace.
 */
async function passWindowSize(pidFile: string): Promise<void> {
  const pid = readTextIfPresent(pidFile)?.trim() ?? '';
  const size = await windowSize();
  if (!/^\d+$/.test(pid) || size === undefined) return;
  const set = 'exec stty rows "$2" cols "$3" <"/proc/$1/fd/0"';
  // Fails only when the process has ended or left its terminal: nothing to tell then.
  await run('nsenter', ['--target', pid, '--user', '--preserve-credentials', 'sh', '-c', set, 'resize', pid, String(size.rows), String(size.columns)]);
}

/** What a terminal takes for the end of input. */
const CTRL_D = '\x04';

/** What is typed before crun has made its terminal raw would not be passed on as it is. */
async function terminalReady(job: ExecJob, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null && (readTextIfPresent(job.pidFile) ?? '') === '') await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** @param last typed at the end of our input, instead of closing the child's */
function passInput(child: ChildProcess, last?: string): void {
  const { stdin } = child;
  if (stdin === null) return;
  stdin.on('error', () => undefined); // EPIPE: the process reads no more
  const buffer = Buffer.alloc(65536);
  const next = (): void =>
    read(0, buffer, 0, buffer.length, null, (error, length) => {
      if (error !== null && errnoOf(error) === 'EAGAIN') setTimeout(next, 5);
      else if (error !== null && errnoOf(error) === 'EINTR') next();
      else if (error !== null || length === 0) void (last === undefined ? stdin.end() : stdin.write(last));
      else stdin.write(Buffer.from(buffer.subarray(0, length)), next);
    });
  next();
}

/** Its exit status, when its output has ended too; a child that the command left behind may hold that open. */
function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(CANNOT_START));
    child.once('close', (code, signal) => resolve(exitStatus(code, signal)));
    child.once('exit', (code, signal) => {
      const quiet = setTimeout(() => resolve(exitStatus(code, signal)), QUIET);
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', () => quiet.refresh());
    });
  });
}

const CANNOT_START = 125;
/** Milliseconds without output after the command's end. */
const QUIET = 100;

/** Tells crun's own words from the command's on the same stderr: until the command is executed they are held back. */
class HeldErrors {
  readonly #job: ExecJob;
  #held: Buffer[] | undefined = [];

  constructor(job: ExecJob) {
    this.#job = job;
  }

  take(chunk: Buffer): void {
    if (this.#held === undefined) {
      show(2, chunk);
      return;
    }
    this.#held.push(chunk);
    if (!this.#job.terminal && this.#isExecuted() && !this.#runtimeComplained()) this.#release();
  }

  /** crun has written its reason to the log too, and scull tells it from there. */
  end(status: number): void {
    if (status === 0 || !this.#runtimeComplained()) this.#release();
  }

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const chunk of held) show(2, chunk);
  }

  #runtimeComplained(): boolean {
    return (readTextIfPresent(this.#job.log) ?? '') !== '';
  }

  /** crun writes the pid file when all but the execve has worked; until then the process is still crun by its command line. */
  #isExecuted(): boolean {
    const pid = readTextIfPresent(this.#job.pidFile)?.trim() ?? '';
    if (!/^\d+$/.test(pid)) return false;
    let words: string | undefined;
    try {
      words = readTextIfPresent(`/proc/${pid}/cmdline`);
    } catch {
      return true; // it ended between open and read
    }
    const own = `${this.#job.command.join('\0')}\0`;
    return words === undefined || words === '' || !own.startsWith(words.slice(0, 4096));
  }
}

function show(fd: 1 | 2, chunk: Buffer): void {
  try {
    writeAllSync(fd, chunk);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    // Nobody reads any more: as a shell's pipe would end it.
    if (errnoOf(error) === 'EPIPE') process.exit(128 + 13);
  }
}
