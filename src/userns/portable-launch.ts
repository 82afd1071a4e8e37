/** Where no native helper was built (no C compiler at build time): the same with util-linux's unshare and nsenter. */
import { ScullError } from '../host/errors.ts';
import type { LaunchRequest } from './launch.ts';

/** @throws ScullError UNSUPPORTED for what only the helper can do. */
export function portableLaunchCommand(_request: LaunchRequest): { file: string; args: string[] } {
  throw new ScullError('MISSING_TOOL', 'scull was built without its native helper', {
    hint: 'install a C compiler (`sudo apt-get install gcc libc6-dev`) and run `npm run build` again',
  });
}
