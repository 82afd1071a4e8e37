/** From a directory with changes to a layer of the store. */
import { existsSync, lstatSync, readdirSync, rmdirSync, unlinkSync, type Stats } from 'node:fs';
import { errnoOf } from '../../host/errors.ts';
import { trace } from '../../host/trace.ts';
import { adoptBlob, hasBlob } from '../../storage/blobs.ts';
import { resolveDriver } from '../../storage/drivers/resolve.ts';
import { flushBeside } from '../../storage/flush-store.ts';
import type { LayerRef } from '../../storage/image-types.ts';
import { LowerLayers } from '../../storage/layers/lower.ts';
import { layerExists } from '../../storage/layers/store.ts';
import type { TreeView } from '../../storage/layers/tree-program.ts';
import { chainOn, layerDirectories } from './layer.ts';
import type { BuildSession } from './session.ts';

/**
 * A layer of --link, made upon nothing: it goes on any other.
 * @throws ScullError NO_SPACE
 */
export async function graftLayer(session: BuildSession, parents: readonly LayerRef[], layer: LayerRef): Promise<LayerRef> {
  const { store, progress } = session.engine;
  const grafted: LayerRef = { ...layer, chainId: chainOn(parents, layer.diffId) };
  if (grafted.chainId === layer.chainId && layerExists(store, layer.chainId)) return layer;
  session.claim([grafted]);
  await session.finished(layer);
  const { unpackStored } = await import('../../storage/fetch-layers.ts');
  await session.alone(async () => {
    if (!layerExists(store, grafted.chainId)) await unpackStored(store, [...parents, grafted], grafted, progress);
  });
  return grafted;
}

/**
 * Packs what an upper directory holds, and makes it a layer by renaming it.
 * @param leaveOut paths that were made for mounts, without leading slash: left out where they are empty
 * @param madeUpon the layers it was made upon, where these are others than those it goes on: none with --link
 * @returns undefined where nothing was changed
 */
export async function commitLayer(session: BuildSession, parents: readonly LayerRef[], upper: string, leaveOut: readonly string[], madeUpon: readonly LayerRef[] = parents): Promise<LayerRef | undefined> {
  const { engine, staging, options } = session;
  const { store } = engine;
  const copied = existsSync(`${upper}.copied`);
  const driver = await resolveDriver(store);
  const below = layerDirectories(session, madeUpon);
  const view: TreeView = copied ? { kind: 'compare', layers: [upper], below, copied: `${upper}.copied` } : { kind: 'upper', upper, below, dotMarks: driver === 'fuse-overlayfs' };
  const [{ packLayer }, { placeLayer }] = await Promise.all([import('../../storage/layers/pack.ts'), import('../../storage/admit-packed.ts')]);
  const flush = flushBeside(store, LONG);
  const packed = await packLayer(staging, { view, leaveOut, clampTo: options.timestamp, compression: 'gzip', takeDown: driver === 'overlay' && !copied, progress: engine.progress }).finally(flush.stop);
  trace('layer packed');
  if (packed.contents.entries === 0) return undefined;
  const removed = driver === 'overlay' ? removePlaceholders(upper, below, leaveOut, packed.contents.opaque) : [];
  if (options.timestamp !== undefined && driver === 'overlay') await (await import('./file-step.ts')).clampTimes(session, upper, options.timestamp);
  const layer: LayerRef = { descriptor: packed.descriptor, diffId: packed.diffId, chainId: chainOn(parents, packed.diffId) };
  session.claim([layer]);
  await session.alone(async () => {
    // The next step can begin; flushing takes its time beside it.
    if (driver === 'overlay') {
      const finish = placeLayer(store, staging, packed, { path: upper, removed }, layer.chainId, parents.at(-1)?.chainId ?? null);
      return session.finishing(layer, async () => {
        await flush.done();
        await finish();
      });
    }
    await flush.done();
    // A directory that fuse-overlayfs or a copy has made looks different from what native overlay would read.
    if (!hasBlob(store, layer.descriptor)) adoptBlob(store, staging, packed.file, layer.descriptor.digest);
    const { unpackStored } = await import('../../storage/fetch-layers.ts');
    await unpackStored(store, [...parents, layer], layer, engine.progress);
  });
  return layer;
}

/** Milliseconds: what takes longer to pack has much to be flushed. */
const LONG = 50;

/**
 * What the runtime made to mount on is gone from the directory too, with the directories that were copied up for it, so that
 * disk and archive agree.
 * @param opaque directories that hide what is below them: their being there means something
 * @returns what was removed, as byte strings
 */
function removePlaceholders(upper: string, below: readonly string[], paths: readonly string[], opaque: readonly string[]): string[] {
  const removed: string[] = [];
  if (paths.length === 0) return removed;
  const lower = new LowerLayers([...below].reverse());
  for (const path of [...paths].sort((a, b) => b.length - a.length)) {
    const place = `${upper}/${path}`;
    try {
      if (!isBelowDirectories(upper, path)) continue;
      const stat = lstatSync(place);
      if (stat.isDirectory()) {
        if (readdirSync(place).length > 0 || opaque.includes(path)) continue;
        if (lower.has(path) && !sameDirectory(stat, lower.attributes(`${path}/`))) continue;
        rmdirSync(place);
      } else if (stat.isFile() && stat.size === 0 && !lower.has(path)) unlinkSync(place);
      else continue;
      removed.push(Buffer.from(path).toString('latin1'));
    } catch (error) {
      // Not there, or in a directory of another user's: nothing was mounted there by us.
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
  return removed;
}

/** A step may have put a link in the place of a directory above: what that leads to is not ours to remove (CVE-2024-23652). Nothing runs there any more. */
function isBelowDirectories(upper: string, path: string): boolean {
  const parts = path.split('/').slice(0, -1);
  return parts.every((_part, index) => lstatSync(`${upper}/${parts.slice(0, index + 1).join('/')}`).isDirectory());
}

function sameDirectory(stat: Stats, other: { readonly mode: number; readonly uid: number; readonly gid: number }): boolean {
  return (stat.mode & 0o7777) === other.mode && stat.uid === other.uid && stat.gid === other.gid;
}
