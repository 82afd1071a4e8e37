/**
 * Removing the directories of layers: mostly waiting for the file system, so native/scull-remove does several directories at a
 * time, in a user namespace, since files belong to subordinate ids. Small ones are gone before a process is started.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isScullError } from '../../host/errors.ts';
import { nativeProgram } from '../../host/product.ts';

/** Bytes of `contents`, a line for each file: of some hundred files. */
const SMALL = 16 * 1024;
/** Directories in one command line. */
const AT_A_TIME = 1000;

/**
 * Removes those of the places (layers that were renamed out of sight) where that is worth a process. What stays, for whatever
 * reason, is for the caller to remove as anything else.
 */
export async function removeLargeTrees(places: readonly string[]): Promise<void> {
  const program = nativeProgram('scull-remove');
  const large = places.filter(isLarge);
  if (program === undefined || large.length === 0) return;
  const { runInUserNamespace } = await import('../../userns/launch.ts');
  try {
    for (let at = 0; at < large.length; at += AT_A_TIME) await runInUserNamespace(program, large.slice(at, at + AT_A_TIME));
  } catch (error) {
    if (!isScullError(error)) throw error; // no namespace to be had
  }
}

function isLarge(place: string): boolean {
  return (statSync(join(place, 'contents'), { throwIfNoEntry: false })?.size ?? Infinity) > SMALL;
}
