/** The one question a launcher asks: how does this container's root get mounted? */
import type { LaunchStep } from '../../userns/launch.ts';
import type { Store } from '../store.ts';
import { isIdentity, type MountRequest } from './driver.ts';
import { resolveDriver, storageDriver } from './resolve.ts';

/**
 * Steps for the launcher, to be executed inside the container's own user + mount namespace, in which the default map
 * holds. Other maps always take fuse-overlayfs, which alone can show files with other owners without copying them.
 * @throws ScullError UNSUPPORTED, MISSING_TOOL, CORRUPT (a layer is not in the store)
 */
export async function mountPlan(store: Store, request: MountRequest): Promise<readonly LaunchStep[]> {
  const name = isIdentity(request.nested) ? await resolveDriver(store) : 'fuse-overlayfs';
  return (await storageDriver(name)).mountSteps(store, request);
}
