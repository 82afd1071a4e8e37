/**
 * The process that stands between an exec's process and our streams where there is no native helper: `scull __worker exec JOB`.
 * No descriptor of the caller's enters the container: the process gets pipes, or a terminal that crun makes.
 */
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, read } from 'node:fs';
import { isatty } from 'node:tty';
import { describeErrno } from '../host/errno.ts';
import { errnoOf } from '../host/errors.ts';
import { readTextIfPresent, writeAllSync } from '../host/files.ts';
import { exitStatus, minimalEnvironment, run, start } from '../host/process.ts';
import { MAKE_PIPE } from '../userns/portable-scripts.ts';
import type { ExecJob } from './portable-exec.ts';
import { endNow } from './portable-end.ts';
import { stty, windowSize } from './portable-terminal.ts';

/** @returns never: it ends the process itself, since a read that waits in another thread must not keep it */
export async function main(args: string[]): Promise<number> {
  const job = JSON.parse(args[0] ?? '') as ExecJob;
  const { file, words, env, kind } = await program(job);
  // script(1) types an end of input of its own where that ends.
  const input = kind === 'made terminal' ? 'pipe' : job.stdin ? (job.terminal ? 'inherit' : 'pipe') : 'ignore';
  const preserved = Array.from({ length: job.preserveFds }, (_, index) => index + 3);
  const saved = kind === 'our terminal' ? (await stty('-g')).trim() : '';
  const restore = async (): Promise<void> => void (saved === '' ? undefined : await stty(saved));
  const child = start(file, words, { stdio: [input, kind === 'our terminal' ? 'inherit' : 'pipe', 'pipe', ...preserved], env });
  if (job.terminal) endWithUs(child, job, restore);
  else for (const signal of FORWARDED) process.on(signal, () => void signalProcess(child, job, signal));
  const errors = new HeldErrors(job);
  child.stdout?.on('data', (chunk: Buffer) => show(1, chunk));
  child.stderr?.on('data', (chunk: Buffer) => errors.take(chunk));
  if (job.stdin && input === 'pipe') void (job.terminal ? terminalReady(job, child).then(() => passInput(child, CTRL_D)) : passInput(child));
  const status = await endOf(child);
  errors.end(status);
  if (lost !== undefined) appendFileSync(job.log, `scull-helper: cannot write the command's output: ${describeErrno(lost)}\n`);
  await restore();
  endNow(status);
}

interface Program {
  readonly file: string;
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly kind: 'streams' | 'our terminal' | 'made terminal';
}

/** crun copies its terminal to one that its own standard input must be: where ours is none, script(1) makes one in between. */
async function program(job: ExecJob): Promise<Program> {
  const [file, ...words] = job.command as [string, ...string[]];
  const env = minimalEnvironment();
  if (!job.terminal) {
    if (job.preserveFds > PIPED_FDS) return { file, words, env, kind: 'streams' };
    return { file: 'sh', words: ['-c', PIPES_SCRIPT, 'scull-exec', ...job.command], env, kind: 'streams' };
  }
  if (job.stdin && isatty(0)) return { file, words, env, kind: 'our terminal' };
  // script takes a shell's line: only names of variables are spelled in it. What crun says of itself is in its log.
  for (const [index, word] of job.command.entries()) env[`SCULL_WORD_${index}`] = word;
  const line = `exec ${job.command.map((_word, index) => `"$SCULL_WORD_${index}"`).join(' ')} 2>/dev/null`;
  return { file: 'script', words: ['--quiet', '--return', '--echo', 'never', '--command', line, '/dev/null'], env: { ...env, SHELL: '/bin/sh' }, kind: 'made terminal' };
}

/** How many descriptors from 3 on the script leaves alone. */
const PIPED_FDS = 4;

/**
 * What JavaScript calls pipes are sockets, and no program can open one by a name like /dev/stdout. So the process gets pipes, as
 * empty here-documents are, and cat(1) copies.
 */
const PIPES_SCRIPT = `${MAKE_PIPE}
die() {
	printf '%s\\n' "$1" >&2
	exit 125
}
exec 7<&0
make_pipe
cat <&7 >&9 2>/dev/null 7<&- 8<&- 9>&- &
exec 0<&8 7<&- 8<&- 9>&-
make_pipe
cat <&8 8<&- 9>&- &
exec 7>&9 8<&- 9>&-
make_pipe
cat <&8 >&2 7>&- 8<&- 9>&- &
"$@" >&7 2>&9 7>&- 9>&-
`;

const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

/** A signal for the process itself: crun does not pass all on. */
async function signalProcess(child: ChildProcess, job: ExecJob, signal: NodeJS.Signals): Promise<void> {
  const pid = processOf(job);
  if (pid === undefined) child.kill(signal);
  else await asRootInside(pid, 'kill -s "$2" "$1"', signal.slice(3));
}

/** Undefined until it is there. */
function processOf(job: ExecJob): string | undefined {
  const pid = readTextIfPresent(job.pidFile)?.trim() ?? '';
  return /^\d+$/.test(pid) ? pid : undefined;
}

/** Runs a line of shell in the process's user namespace; "$1" is the pid. Fails only when the process has ended: nothing to tell. */
async function asRootInside(pid: string, line: string, ...words: string[]): Promise<void> {
  const enter = (...options: string[]) => run('nsenter', ['--target', pid, '--user', ...options, 'sh', '-c', line, 'inside', pid, ...words]);
  // With a single id nobody may change groups there, and nobody needs to.
  if ((await enter()).status !== 0) await enter('--preserve-credentials');
}

/** With a terminal the keys travel as bytes: a signal is for us, and hangs up inside, as the end of any terminal does. */
function endWithUs(child: ChildProcess, job: ExecJob, restore: () => Promise<void>): void {
  for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGQUIT', 3], ['SIGTERM', 15]] as const) {
    process.on(signal, () => {
      child.kill('SIGKILL');
      void restore().finally(() => endNow(128 + number));
    });
  }
  process.on('SIGWINCH', () => void passWindowSize(job));
}

/** Gives the process's terminal, which belongs to the container's user, the size of ours. */
async function passWindowSize(job: ExecJob): Promise<void> {
  const pid = processOf(job);
  const size = await windowSize();
  if (pid !== undefined && size !== undefined) await asRootInside(pid, 'stty rows "$2" cols "$3" <"/proc/$1/fd/0"', String(size.rows), String(size.columns));
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

/** Why output was lost. No reason to stop the command, but told in the end, as by the native helper. */
let lost: unknown;

function show(fd: 1 | 2, chunk: Buffer): void {
  try {
    writeAllSync(fd, chunk);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    // Nobody reads any more: as a shell's pipe would end it.
    if (errno === 'EPIPE') endNow(128 + 13);
    if (errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG') lost ??= error;
  }
}
