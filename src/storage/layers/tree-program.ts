/**
 * native/scull-tree, run as root of a user namespace in which nothing can be written: which trees it is to look at, and
 * what its failures mean.
 */
import type { ChildProcess } from 'node:child_process';
import { nativeProgram } from '../../host/product.ts';
import { exitStatus, explainSpawnFailure } from '../../host/process.ts';
import { ClosedOutputError, ScullError } from '../../host/errors.ts';
import { launchFailure, startInUserNamespace } from '../../userns/launch.ts';

/** Ended by SIGPIPE. */
const BROKEN_PIPE = 141;

/** What is looked at. All are directories on disk, highest first. */
export type TreeView =
  /** One overlay upper directory: what is in it are the changes to the layers below. */
  | { readonly kind: 'upper'; readonly upper: string; readonly below: readonly string[]; readonly dotMarks?: boolean }
  /** Whatever is different in `layers` from `below`, found by comparing: for vfs, and for two images. */
  | {
      readonly kind: 'compare';
      readonly layers: readonly string[];
      readonly below: readonly string[];
      readonly dotMarks?: boolean;
      /** What was made when `layers` was a whole copy of `below`: what has not been touched since need not be read. */
      readonly copied?: string;
    }
  /** All that is seen. */
  | { readonly kind: 'whole'; readonly layers: readonly string[]; readonly dotMarks?: boolean };

export interface TreeOptions {
  /** Paths without leading slash that were made for mounts: left out where they are empty. */
  readonly leaveOut?: readonly string[];
  /** Seconds since 1970: no time later than this (SOURCE_DATE_EPOCH). */
  readonly clampTo?: number | undefined;
}

/** Its argument list. Pure. */
export function treeArguments(verb: 'pack' | 'diff', view: TreeView, options: TreeOptions = {}): string[] {
  const upper = view.kind === 'upper' ? [view.upper] : view.layers;
  const below = view.kind === 'whole' ? [] : view.below;
  return [
    verb,
    ...(view.kind === 'whole' ? [] : [`--${view.kind}`]),
    ...(view.dotMarks === true ? ['--dot-marks'] : []),
    ...(view.kind === 'compare' && view.copied !== undefined ? ['--copied', view.copied] : []),
    ...upper.flatMap((directory) => ['--new', directory]),
    ...below.flatMap((directory) => ['--old', directory]),
    ...(options.leaveOut ?? []).flatMap((path) => ['--skip', path]),
    ...(options.clampTo === undefined ? [] : ['--clamp', String(options.clampTo)]),
  ];
}

export interface RunningTree {
  readonly child: ChildProcess;
  /** Its warnings, once it ended well. @throws (rejects) ScullError when it did not, ClosedOutputError when nobody reads the descriptor any more */
  readonly ended: Promise<readonly string[]>;
}

/**
 * Starts it; its standard output is for the caller to read.
 * @param stdout 'pipe', or a descriptor
 * @param report also a pipe on descriptor 3
 * @param contents a descriptor that the list of contents is written to (contents.ts), of an upper directory; with `report` only
 * @throws ScullError UNSUPPORTED where it was not compiled
 */
export function startTree(args: readonly string[], options: { readonly stdout?: 'pipe' | number; readonly report?: boolean; readonly contents?: number } = {}): RunningTree {
  const program = nativeProgram('scull-tree');
  if (program === undefined) {
    throw new ScullError('UNSUPPORTED', 'this needs scull-tree, one of the native programs, which were not compiled here', {
      hint: 'install a C compiler (apt-get install gcc libc6-dev) and build or install scull again',
    });
  }
  const { report = false, contents } = options;
  const words = [...args, ...(report ? ['--report', '3'] : []), ...(contents === undefined ? [] : ['--contents', '4'])];
  const child = startInUserNamespace(program, words, {
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe', ...(report ? (['pipe'] as const) : []), ...(contents === undefined ? [] : [contents])],
    readOnlyExcept: [],
    ...(report ? { keepFds: contents === undefined ? [3] : [3, 4] } : {}),
  });
  // Without a listener Node throws away what is unread when the process ends, which may be before the caller begins to read.
  for (const stream of [child.stdout, child.stdio[3]]) stream?.on('readable', () => undefined);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-16_000)));
  const ended = new Promise<readonly string[]>((resolve, reject) => {
    child.once('error', (error) => reject(explainSpawnFailure(program, error)));
    child.once('close', (code, signal) => {
      const status = exitStatus(code, signal);
      if (status === 0) resolve(stderr.split('\n').flatMap((line) => /^warning: (.*)$/.exec(line)?.[1] ?? []));
      else if (status === BROKEN_PIPE && typeof options.stdout === 'number') reject(new ClosedOutputError(BROKEN_PIPE));
      else reject(launchFailure(status, stderr) ?? treeFailure(status, stderr, args));
    });
  });
  ended.catch(() => undefined); // told where it is awaited
  return { child, ended };
}

/** It knows paths from the root of what it looks at, and not whose that is. */
function treeFailure(status: number, stderr: string, args: readonly string[]): ScullError {
  const top = args[args.indexOf('--new') + 1] ?? '';
  const reason = /^scull-tree: (.*)$/m.exec(stderr)?.[1] ?? `it ended with status ${status}`;
  return new ScullError(status === 28 ? 'NO_SPACE' : status === 2 ? 'UNSUPPORTED' : 'TOOL_FAILED', `reading the files of ${top} failed: ${reason}`, { detail: stderr.trim() });
}
