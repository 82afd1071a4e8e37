/**
 * Native overlay, mounted inside the user namespace with `userxattr`: Linux 5.11 and later,
 * Documentation/filesystems/overlayfs.rst. The mount lives and dies with the container's mount namespace.
 */
import { relative } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import { linkOf } from '../layers/links.ts';
import type { Store } from '../store.ts';
import type { MountRequest, StorageDriver } from './driver.ts';

/** mount(2) copies one page of options, terminator included. */
const OPTIONS_MAX = 4095;
/** OVL_MAX_STACK */
const LAYERS_MAX = 500;

export const overlay: StorageDriver = {
  name: 'overlay',
  whyNot: async (store) => {
    const { tryMount } = await import('./try-mount.ts');
    return tryMount(store, (place) => {
      const options = `lowerdir=upper-layer:lower-layer,upperdir=changes,workdir=work,userxattr`;
      return [{ kind: 'overlay', directory: place, options, target: `${place}/root` }];
    });
  },
  mountSteps: async (store, request) => [overlayStep(store, request)],
};

/**
 * Every path is relative to layers/l, where layers have short names: the options stay short, and a home whose name holds
 * a comma or a colon does no harm.
 * @throws ScullError UNSUPPORTED for more layers than the kernel takes
 */
export function overlayStep(store: Store, request: MountRequest): LaunchStep {
  const directory = store.layout.layerLinks;
  const lowers = request.lowers.map((layer) => linkOf(store, layer)).reverse();
  if (request.upper !== undefined && request.readOnlyUpper === true) lowers.unshift(escape(relative(directory, request.upper)));
  if (lowers.length === 0) throw new ScullError('INVALID', 'an image without layers has no file system to mount');
  let options: string;
  if (request.upper === undefined || request.readOnlyUpper === true) {
    // Overlay wants two directories where nothing can be written, and not the same: the empty one it is mounted on is another.
    options = `lowerdir=${lowers.length === 1 ? `${lowers[0]}:${escape(request.target)}` : lowers.join(':')},userxattr`;
  } else {
    const upper = relative(directory, request.upper);
    const work = relative(directory, request.work ?? `${request.upper}.work`);
    options = `lowerdir=${lowers.join(':')},upperdir=${escape(upper)},workdir=${escape(work)},userxattr${request.flushesItself === true ? ',volatile' : ''}`;
  }
  if (lowers.length > LAYERS_MAX || Buffer.byteLength(options) > OPTIONS_MAX) {
    throw new ScullError('UNSUPPORTED', `the image has ${lowers.length} layers, more than the kernel can mount at once`, {
      hint: 'squash the image, or use `--storage-driver fuse-overlayfs`',
    });
  }
  return { kind: 'overlay', directory, options, target: request.target };
}

function escape(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}
