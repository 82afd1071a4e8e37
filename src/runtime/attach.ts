/** Attaching to a container's standard streams through its monitor's socket. */
import { startChild, type Child } from '../host/child.ts';
import { describeErrno } from '../host/errno.ts';
import { ScullError } from '../host/errors.ts';
import { minimalEnvironment } from '../host/process.ts';
import { helperPath } from '../userns/launch.ts';
import type { AttachRequest } from './attach-request.ts';
import { LOST_OUTPUT, portableAttachCommand, type AttachCommand } from './portable-attach.ts';

/** An error: it ended, but not all of its output could be written (a full disk). */
export type AttachEnd = 'ended' | 'detached' | 'output-closed' | ScullError;

export interface Attachment {
  readonly process: Child;
  /** Connected: output from now on is not missed. */
  readonly connected: Promise<void>;
  readonly ended: Promise<AttachEnd>;
}

/** Exit statuses of the helper. */
const LEFT = 118;
const NO_READER = 117;
/** It was ended by its terminal's. */
const HUNG_UP = 129;

/**
 * Our own exit status when nobody reads our output any more, that of a program ended by SIGPIPE. The container goes on, as it
 * does when the client of another engine is ended so; with --rm it is removed at its end.
 */
export const OUTPUT_CLOSED = 141;

/** Connects our own standard streams with the container's. */
export function startAttach(request: AttachRequest): Attachment {
  const { file, args, env, cwd, detached = false } = attachCommand(request);
  const child = startChild(file, args, { stdio: [request.stdin ? 'inherit' : 'ignore', 'inherit', 'inherit', 'pipe'], env, cwd, detached });
  const ended = child.ended.then((status): AttachEnd => {
    if (status === 0) return 'ended';
    if (status === LEFT) return 'detached';
    if (status === NO_READER || status === HUNG_UP) return 'output-closed';
    const lost = LOST_OUTPUT[status];
    if (lost !== undefined) return lostOutput(lost);
    throw new ScullError('TOOL_FAILED', `attaching to the container failed with status ${status}`);
  });
  const connected = new Promise<void>((resolve, reject) => {
    // One byte says that it is connected; its end without one, that it failed.
    child.read(3, () => resolve()).then(() => ended.then(() => resolve(), reject), reject);
  });
  for (const promise of [ended, connected]) promise.catch(() => undefined);
  return { process: child, connected, ended };
}

function lostOutput(errno: string): ScullError {
  return new ScullError(errno === 'ENOSPC' ? 'NO_SPACE' : 'TOOL_FAILED', `cannot write the container's output: ${describeErrno({ code: errno, message: errno })}`);
}

function attachCommand(request: AttachRequest): AttachCommand {
  const program = helperPath();
  if (program === undefined) return portableAttachCommand(request);
  const args = ['attach', '--socket', request.paths.attachSocket, '--ready-fd', '3'];
  if (request.patience !== undefined) args.push('--patience', String(request.patience));
  if (request.untilExitCode !== undefined) args.push('--exit-code', request.untilExitCode.file, '--monitor', String(request.untilExitCode.monitor));
  if (request.stdin) args.push('--stdin');
  if (request.terminal) args.push('--tty', '--control', request.paths.controlFifo);
  if (!request.stdout) args.push('--no-stdout');
  if (!request.stderr) args.push('--no-stderr');
  if (request.stdin && request.terminal && request.detachKeys.length > 0) args.push('--detach-keys', Buffer.from(request.detachKeys).toString('hex'));
  return { file: program, args, env: minimalEnvironment() };
}

/** Docker's default. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/**
 * `ctrl-p,ctrl-q`, `a,b`, `ctrl-@`; '' turns detaching off. As docker-attach(1), "--detach-keys".
 * @throws ScullError INVALID
 */
export function parseDetachKeys(text: string): number[] {
  if (text === '') return [];
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key);
    if (control !== null) return (control[1] as string).toUpperCase().charCodeAt(0) & 0x1f;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    throw new ScullError('INVALID', `invalid detach keys ${JSON.stringify(text)}: ${JSON.stringify(key)} is neither a single character nor ctrl-<letter, @, [, \\, ], ^ or _>`);
  });
}
