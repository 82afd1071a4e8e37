/** The one question a launcher asks: how does this container's root get mounted? */
import { existsSync } from 'node:fs';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { Store } from '../store.ts';
import { isIdentity, mayHaveDotMarks, type MountRequest } from './driver.ts';
import { resolveDriver, storageDriver } from './resolve.ts';

/**
 * Steps for the launcher, to be executed inside the container's own user + mount namespace, in which the default map
 * holds. Other maps always take fuse-overlayfs, which alone can show files with other owners without copying them; and what it
 * has written it alone reads as it is meant.
 * @throws ScullError UNSUPPORTED, MISSING_TOOL, CORRUPT (a layer is not in the store)
 */
export async function mountPlan(store: Store, request: MountRequest): Promise<readonly LaunchStep[]> {
  // What is a whole copy already is used as one, whatever the driver is now: overlay would show deleted files again.
  const copied = request.upper !== undefined && existsSync(`${request.upper}.copied`);
  const fuse = !isIdentity(request.nested) || (request.upper !== undefined && !copied && mayHaveDotMarks(request.upper));
  const name = fuse ? 'fuse-overlayfs' : copied ? 'vfs' : await resolveDriver(store);
  return (await storageDriver(name)).mountSteps(store, request);
}
