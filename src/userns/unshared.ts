/** Inside `scull unshare` (or Podman's): root of a user namespace that has the ids of containers already. */
import { environmentVariable } from '../host/environment.ts';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';

/** What `unshare` tells its programs, by the name that other engines' scripts look for. */
export const UNSHARED_SIGN = '_CONTAINERS_USERNS_CONFIGURED';

let unshared: boolean | undefined;

/** Whether this process is in there; root of the machine is not, whatever its environment says (user_namespaces(7), "uid_map"). */
export function isUnshared(): boolean {
  unshared ??= process.getuid?.() === 0 && environmentVariable(UNSHARED_SIGN) !== undefined && !/^\s*0\s+0\s/.test(readTextIfPresent('/proc/self/uid_map') ?? '0 0 ');
  return unshared;
}

/** A container's processes have a namespace beside this one, which nobody in here may enter. @throws ScullError UNSUPPORTED */
export function refuseUnshared(): void {
  if (!isUnshared()) return;
  throw new ScullError('UNSUPPORTED', 'inside `scull unshare` containers can be neither started nor entered', { hint: 'give this command outside of it: leave it with `exit`' });
}
