/**
 * fuse-overlayfs(1): overlay served by a process, for kernels without overlay in user namespaces, and for containers
 * whose ids are mapped in another way than the store's. It reads the same layers as native overlay. Slow: unpacking an
 * archive takes some 20 times as long, reading 3 times.
 */
import { ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { findTool, requireTool } from '../../host/tools.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import { layerPaths } from '../layers/store.ts';
import type { StorageDriver } from './driver.ts';
import { dotMarksOf, isIdentity, type MountRequest, type NestedMaps } from './driver.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { Store } from '../store.ts';

export const fuseOverlayfs: StorageDriver = {
  name: 'fuse-overlayfs',
  whyNot: async (store) => {
    const tool = findTool('fuse-overlayfs');
    if (tool === undefined) return 'fuse-overlayfs is not installed';
    const { tryMount } = await import('./try-mount.ts');
    return tryMount(store, (place) => {
      const options = `lowerdir=${place}/upper-layer:${place}/lower-layer,upperdir=${place}/changes,workdir=${place}/work`;
      return [{ kind: 'fuse', program: tool.path, options: escapeOutside(options, place), target: `${place}/root` }];
    });
  },
  mountSteps: async (store, request) => {
    const step = fuseStep(store, request);
    if (request.upper !== undefined && request.readOnlyUpper !== true) ensurePrivateDirectory(dotMarksOf(request.upper));
    return [step];
  },
};

/** @throws ScullError MISSING_TOOL, UNSUPPORTED */
export function fuseStep(store: Store, request: MountRequest): LaunchStep {
  const identity = isIdentity(request.nested);
  const program = requireTool('fuse-overlayfs', identity ? 'the storage driver fuse-overlayfs' : 'showing files with other owners (--userns, --uidmap)').path;
  if (request.lowers.length === 0) throw new ScullError('INVALID', 'an image without layers has no file system to mount');
  const lowers = request.lowers.map((layer) => fusePath(layerPaths(store, layer).diff)).reverse();
  const shown = request.upper !== undefined && request.readOnlyUpper === true ? [fusePath(request.upper)] : [];
  const options = [`lowerdir=${[...shown, ...lowers].join(':')}`];
  if (request.upper !== undefined && request.readOnlyUpper !== true) options.push(`upperdir=${fusePath(request.upper)}`, `workdir=${fusePath(request.work ?? `${request.upper}.work`)}`);
  if (!identity) options.push(...mappingOptions(request.nested as NestedMaps));
  return { kind: 'fuse', program, options: options.join(','), target: request.target };
}

/**
 * `uidmapping=` and `gidmapping=`: triples disk:shown:length, worked out by trying (the manual page says little). On disk
 * the file of container id N has the id N of our namespace (the default map). It must be shown with the id of our
 * namespace that the nested map calls N. So each line of the nested map is a triple as it stands, and what the container
 * gives to id N is stored as N again: other containers, commit and copy see the same owners.
 */
export function mappingOptions(maps: NestedMaps): string[] {
  return [`uidmapping=${triples(maps.uids)}`, `gidmapping=${triples(maps.gids)}`];
}

function triples(maps: readonly IdMapping[]): string {
  return maps.map((map) => `${map.containerID}:${map.hostID}:${map.size}`).join(':');
}

/** libfuse splits options at commas, fuse-overlayfs lower directories at colons; neither can be escaped for both reliably. */
function fusePath(path: string): string {
  if (!/[,:\\]/.test(path)) return path;
  throw new ScullError('UNSUPPORTED', `fuse-overlayfs cannot work in ${JSON.stringify(path)}: its name holds a comma, colon or backslash`, {
    hint: 'choose another place with --root',
  });
}

function escapeOutside(options: string, place: string): string {
  fusePath(place);
  return options;
}
