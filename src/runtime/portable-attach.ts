/**
 * `scull-helper attach` without the native helper. No JavaScript runtime can connect to conmon's SOCK_SEQPACKET socket, but
 * socat can, and with `nofork` it becomes the program it would else relay for, with the connected socket as a descriptor:
 *
 *     scull ── spawn ──> socat: connects ── exec ──> sh: one byte says so ── exec ──> scull __worker attach
 *
 * One process from first to last, whose read(2) gets one packet at a time, so that stdout and stderr can be told apart.
 */
import { basename, dirname } from 'node:path';
import { minimalEnvironment } from '../host/process.ts';
import { selfCommand } from '../host/self.ts';
import { requireTool } from '../host/tools.ts';
import type { AttachRequest } from './attach-request.ts';

/**
 * Statuses of whoever connects our streams with a container's when it has ended but its output could not all be written: the
 * errno of that, from <asm-generic/errno.h>.
 */
export const LOST_OUTPUT: Readonly<Record<number, string>> = { 27: 'EFBIG', 28: 'ENOSPC', 122: 'EDQUOT' };

/** conmon's socket in the worker; a POSIX shell knows descriptors of one digit. */
export const SOCKET_FD = 5;

/** What the worker is told. */
export interface AttachJob {
  /** Whoever started it; it ends with that. */
  readonly parent: number;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Bytes that detach, empty for none. */
  readonly detachKeys: readonly number[];
  /** The container has a terminal, and this is conmon's FIFO for its window size. */
  readonly control?: string;
}

export interface AttachCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** In a session of its own. */
  readonly detached?: boolean;
}

/**
 * Writes one byte to descriptor 3 when connected; exit statuses as the native helper's.
 * @throws ScullError MISSING_TOOL
 */
export function portableAttachCommand(request: AttachRequest): AttachCommand {
  const { paths } = request;
  const job: AttachJob = {
    parent: process.pid,
    stdin: request.stdin,
    stdout: request.stdout,
    stderr: request.stderr,
    detachKeys: request.terminal ? request.detachKeys : [],
    ...(request.terminal ? { control: paths.controlFifo } : {}),
  };
  const self = selfCommand('__worker', 'attach', JSON.stringify(job));
  const words = [self.file, ...self.args];
  const env: Record<string, string> = minimalEnvironment();
  // socat's address syntax has quotes and separators of its own: only names of variables are spelled in it.
  for (const [index, word] of words.entries()) env[`SCULL_WORD_${index}`] = word;
  env['SCULL_ATTACH'] = `printf a >&3; exec 3>&-; exec setpriv --pdeathsig TERM ${words.map((_word, index) => `"$SCULL_WORD_${index}"`).join(' ')}`;
  const retry = request.patience === undefined ? '' : `,retry=${Math.ceil(request.patience / RETRY_MILLISECONDS)},interval=${RETRY_MILLISECONDS / 1000}`;
  return {
    file: requireTool('socat', 'attaching without the native helper').path,
    // Relative to its directory: a socket's path is limited to 107 bytes. What fails is told by the exit status.
    args: ['-lf', '/dev/null', `UNIX-CONNECT:${basename(paths.attachSocket)},type=5${retry}`, `EXEC:"sh -fc 'eval $SCULL_ATTACH'",nofork,fdin=${SOCKET_FD},fdout=${SOCKET_FD}`],
    env,
    cwd: dirname(paths.attachSocket),
    // What reaches our whole process group scull passes on, or not; it is not for the worker to end then. A new size of the
    // terminal reaches only the session that has it.
    detached: !request.terminal,
  };
}

/** How often a monitor that is being started is looked for. */
const RETRY_MILLISECONDS = 5;
