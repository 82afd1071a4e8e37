/**
 * The process that connects our standard streams with a container's where there is no native helper: `scull __worker attach
 * JOB`, started by portable-attach.ts. Speaks conmon's protocol: packets of one byte (2 stdout, 3 stderr) and up to 8192 of
 * output come in; what goes out is input, and a packet of no bytes is its end.
 */
import { closeSync, constants, openSync, read, write, writeSync } from 'node:fs';
import { errnoOf } from '../host/errors.ts';
import { writeAllSync } from '../host/files.ts';
import { LOST_OUTPUT, SOCKET_FD, type AttachJob } from './portable-attach.ts';
import { endNow } from './portable-end.ts';
import { stty, windowSize } from './portable-terminal.ts';

/** Exit statuses, as those of the native helper. */
const OUTPUT_CLOSED = 117;
const DETACHED = 118;

const PACKET = 8192;

/** Ends the process itself: a read that waits in another thread must not keep it. */
export async function main(args: string[]): Promise<number> {
  const job = JSON.parse(args[0] ?? '') as AttachJob;
  if (process.ppid !== job.parent) endNow(143);
  const terminal = job.control === undefined ? undefined : await takeTerminal(job, job.control);
  if (terminal === undefined) {
    // ctrl-C is scull's to forward, and must not cut the output short.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP'] as const) process.on(signal, () => undefined);
  }
  const status = await Promise.race([showOutput(job), ...(job.stdin ? [passInput(job)] : [])]);
  await terminal?.restore();
  endNow(status);
}

async function showOutput(job: AttachJob): Promise<number> {
  const packet = Buffer.alloc(PACKET + 1);
  let lost = 0;
  for (;;) {
    const length = await readSome(SOCKET_FD, packet);
    if (length <= 0) return lost;
    const stream = packet[0] === 3 ? 2 : 1;
    if (!(stream === 1 ? job.stdout : job.stderr)) continue;
    try {
      writeAllSync(stream, packet.subarray(1, length));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EPIPE') return OUTPUT_CLOSED;
      // No reason to stop the container, but told in the end, as by the native helper.
      lost ||= Number(Object.keys(LOST_OUTPUT).find((number) => LOST_OUTPUT[Number(number)] === errno) ?? 0);
    }
  }
}

/** Settles only when the user detaches: the end of the input is not the end of the container. */
async function passInput(job: AttachJob): Promise<number> {
  const buffer = Buffer.alloc(PACKET);
  const filter = new DetachFilter(job.detachKeys);
  for (;;) {
    const length = await readSome(0, buffer);
    if (length <= 0) break;
    const { pass, detached } = filter.take(buffer.subarray(0, length));
    for (let at = 0; at < pass.length; at += PACKET) if (!(await sendPacket(pass.subarray(at, at + PACKET)))) return never();
    if (detached) return DETACHED;
  }
  if (job.control === undefined) await sendPacket(Buffer.alloc(0));
  else await typeEnd();
  return never();
}

/** A terminal knows no end of input but a key, which a program that changes the terminal's mode just then loses. */
async function typeEnd(): Promise<void> {
  for (let delay = 100; delay <= 3200 && (await sendPacket(Buffer.from([CTRL_D]))); delay *= 2) await pause(delay);
}

const CTRL_D = 4;

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** One read(2) in another thread: a packet, or what there is of a stream. @returns 0 at the end, -1 when it can't be read */
function readSome(fd: number, buffer: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const attempt = (): void =>
      read(fd, buffer, 0, buffer.length, null, (error, length) => {
        if (error === null) resolve(length);
        // A terminal or pipe that somebody else has made non-blocking.
        else if (errnoOf(error) === 'EAGAIN') setTimeout(attempt, 5);
        else if (errnoOf(error) === 'EINTR') attempt();
        else resolve(-1);
      });
    attempt();
  });
}

/** In another thread, since conmon takes no input while the container does not, and output must go on. */
function sendPacket(bytes: Buffer): Promise<boolean> {
  return new Promise((resolve) => write(SOCKET_FD, bytes, 0, bytes.length, null, (error) => resolve(error === null)));
}

/** Looks for the detach keys, also across reads. Bytes of a sequence that did not complete are passed on. */
export class DetachFilter {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** What of `input` is for the container; when `detached`, that came before the keys. */
  take(input: Uint8Array): { pass: Buffer; detached: boolean } {
    const keys = this.#keys;
    if (keys.length === 0) return { pass: Buffer.from(input), detached: false };
    const pass: number[] = [];
    for (const byte of input) {
      if (byte !== keys[this.#matched]) {
        pass.push(...keys.slice(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === keys[this.#matched]) this.#matched += 1;
      else pass.push(byte);
      if (this.#matched === keys.length) {
        this.#matched = 0;
        return { pass: Buffer.from(pass), detached: true };
      }
    }
    return { pass: Buffer.from(pass), detached: false };
  }
}

interface TakenTerminal {
  restore(): Promise<void>;
}

/** Keeps the container's window as large as ours, and with input makes our terminal raw. */
async function takeTerminal(job: AttachJob, control: string): Promise<TakenTerminal | undefined> {
  const { isatty } = await import('node:tty');
  const sendSize = async (): Promise<void> => {
    // Of several sizes that conmon (2.1) reads at once it takes the first: the last one is told again when it is alone.
    for (const delay of [0, 30, 120, 480]) await pause(delay).then(() => sendWindowSize(control));
  };
  process.on('SIGWINCH', () => void sendSize());
  void sendSize();
  if (!job.stdin || !isatty(0)) return undefined;
  // Not setRawMode(), which leaves output processing on: full-screen programs expect it off.
  const saved = (await stty('-g')).trim();
  const restore = async (): Promise<void> => void (await stty(saved));
  for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGQUIT', 3], ['SIGTERM', 15]] as const) {
    process.on(signal, () => void restore().finally(() => endNow(128 + number)));
  }
  await stty('raw', '-echo');
  return { restore };
}

/** conmon's control FIFO: "1 ROWS COLUMNS\n" sets the window size. */
async function sendWindowSize(control: string): Promise<void> {
  const size = await windowSize();
  if (size === undefined) return;
  try {
    const fifo = openSync(control, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fifo, `1 ${size.rows} ${size.columns}\n`);
    } finally {
      closeSync(fifo);
    }
  } catch (error) {
    if (errnoOf(error) === undefined) throw error; // else: the monitor has ended
  }
}
