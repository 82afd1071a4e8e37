/** What was there when a command looked, and was taken away by another before it was through with it. */
import { existsSync } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';

/** A container's lasting directory, or its bundle: see layout.ts. */
const OF_CONTAINER = /^(.*\/(?:containers|c)\/([0-9a-f]{64}))\//;

/**
 * Commands take no lock to read: a file that is missing because its container has ended or is gone is no bug.
 * @returns undefined for every other error
 */
export function explainVanished(error: unknown): ScullError | undefined {
  const path: unknown = (error as { readonly path?: unknown } | null | undefined)?.path;
  if (errnoOf(error) !== 'ENOENT' || typeof path !== 'string') return undefined;
  const [, directory, id] = OF_CONTAINER.exec(path) ?? [];
  if (directory === undefined || id === undefined || existsSync(directory)) return undefined;
  return new ScullError('WRONG_STATE', `another command ended or removed container ${id.slice(0, 12)} meanwhile`, { cause: error });
}
