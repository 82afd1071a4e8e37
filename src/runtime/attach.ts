/** Attaching to a container's standard streams through its monitor's socket. */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ScullError } from '../host/errors.ts';
import { exitStatus, explainSpawnFailure, minimalEnvironment, start } from '../host/process.ts';
import type { ContainerPaths } from '../storage/layout.ts';
import { helperPath } from '../userns/launch.ts';

export interface AttachRequest {
  readonly paths: ContainerPaths;
  /** The container has a terminal. */
  readonly terminal: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Bytes that detach, empty for none; see {@link parseDetachKeys}. */
  readonly detachKeys: readonly number[];
  /** Milliseconds to wait for a monitor that is being started. */
  readonly patience?: number;
}

export type AttachEnd = 'ended' | 'detached' | 'output-closed';

export interface Attachment {
  readonly process: ChildProcess;
  /** Connected: output from now on is not missed. */
  readonly connected: Promise<void>;
  readonly ended: Promise<AttachEnd>;
}

const DETACHED = 118;
const OUTPUT_CLOSED = 117;

/** Connects our own standard streams with the container's. */
export function startAttach(request: AttachRequest): Attachment {
  const program = helperPath();
  if (program === undefined) throw new ScullError('MISSING_TOOL', 'attaching needs the native helper, which was not built', { hint: 'install a C compiler and run `npm run build` again' });
  const args = ['attach', '--socket', request.paths.attachSocket, '--ready-fd', '3'];
  if (request.patience !== undefined) args.push('--patience', String(request.patience));
  if (request.stdin) args.push('--stdin');
  if (request.terminal) args.push('--tty', '--control', request.paths.controlFifo);
  if (!request.stdout) args.push('--no-stdout');
  if (!request.stderr) args.push('--no-stderr');
  if (request.stdin && request.terminal && request.detachKeys.length > 0) args.push('--detach-keys', Buffer.from(request.detachKeys).toString('hex'));
  const child = start(program, args, { stdio: [request.stdin ? 'inherit' : 'ignore', 'inherit', 'inherit', 'pipe'], env: minimalEnvironment() });
  const ended = new Promise<AttachEnd>((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawnFailure(program, error)));
    child.once('exit', (code, signal) => {
      const status = exitStatus(code, signal);
      if (status === 0) resolve('ended');
      else if (status === DETACHED) resolve('detached');
      else if (status === OUTPUT_CLOSED) resolve('output-closed');
      else reject(new ScullError('TOOL_FAILED', `attaching to the container failed with status ${status}`));
    });
  });
  const connected = new Promise<void>((resolve, reject) => {
    const ready = child.stdio[3] as Readable;
    ready.once('data', () => resolve());
    ready.once('close', () => void ended.then(() => resolve(), reject));
  });
  for (const promise of [ended, connected]) promise.catch(() => undefined);
  return { process: child, connected, ended };
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
