/**
 * The one error type of scull. Libraries throw facts (a code, what was tried, on what, why); wording of hints and
 * colour are the command line's. Anything thrown that is not a ScullError is a bug of ours.
 */

/** What went wrong, as a program sees it. Every code has its exit status in {@link exitStatusOf}. */
export type ErrorCode =
  | 'USAGE' //              the command line makes no sense
  | 'INVALID' //            a value from outside is malformed (reference, port, volume, JSON, archive …)
  | 'NO_SUCH_CONTAINER'
  | 'NO_SUCH_IMAGE'
  | 'NO_SUCH_VOLUME'
  | 'NO_SUCH_NETWORK'
  | 'NO_SUCH_SECRET'
  | 'NO_SUCH_POD'
  | 'AMBIGUOUS' //          a short id or name fits more than one object
  | 'NAME_TAKEN'
  | 'IN_USE' //             an object can't be removed while another needs it
  | 'WRONG_STATE' //        e.g. exec into a container that is not running
  | 'COMMAND_NOT_EXECUTABLE' // exit 126
  | 'COMMAND_NOT_FOUND' //  exit 127
  | 'MISSING_TOOL' //       an outside program is not installed
  | 'TOOL_FAILED' //        an outside program failed
  | 'UNSUPPORTED' //        this host, or this version of scull, can't
  | 'PERMISSION'
  | 'NOT_FOUND' //          a file or path the user named
  | 'NO_SPACE'
  | 'CORRUPT' //            a record or blob of the store is damaged; `detail` names the file
  | 'REGISTRY' //           a registry refused, failed or lied
  | 'UNAUTHORIZED'
  | 'NETWORK' //            unreachable, timed out
  | 'TIMEOUT'
  | 'INTERRUPTED';

export interface ScullErrorOptions {
  /** One command or sentence that helps, e.g. "run `sudo apt-get install uidmap`". */
  readonly hint?: string;
  /** More lines for who wants to know: a tool's stderr, a path, a uid. */
  readonly detail?: string;
  readonly cause?: unknown;
}

export class ScullError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly detail: string | undefined;

  /** @param message lower case, no trailing dot, values quoted: what was tried, on what, why it failed. */
  constructor(code: ErrorCode, message: string, options: ScullErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ScullError';
    this.code = code;
    this.hint = options.hint;
    this.detail = options.detail;
  }
}

/** The reader of our standard output has gone (`scull ps | head -1`): the command ends quietly. */
export class ClosedOutputError extends Error {
  readonly status: 0 | 141;

  /** @param status 141, as of a program that SIGPIPE ends, where a part is worth nothing: an archive. A list was read as far as it was wanted. */
  constructor(status: 0 | 141 = 0) {
    super('standard output was closed');
    this.status = status;
    this.name = 'ClosedOutputError';
  }
}

/** True when `error` is a ScullError with one of the given codes (any code if none is given). */
export function isScullError(error: unknown, ...codes: readonly ErrorCode[]): error is ScullError {
  return error instanceof ScullError && (codes.length === 0 || codes.includes(error.code));
}

/** The errno name (`ENOENT` …) of a Node system error, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** True where a system call found nothing at its path, and not when it could not look. */
export function isMissing(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}

/** Exit status of a failed command, after docker-run(1): 125 scull's own failure, 126 not executable, 127 not found. */
export function exitStatusOf(code: ErrorCode): number {
  switch (code) {
    case 'COMMAND_NOT_EXECUTABLE':
      return 126;
    case 'COMMAND_NOT_FOUND':
      return 127;
    case 'INTERRUPTED':
      return 130;
    default:
      return 125;
  }
}
