/** Checking layers: each against what was unpacked. They take part in the images' usage. */
import { availableParallelism } from 'node:os';
import { renameSync } from 'node:fs';
import { errnoOf, isScullError, ScullError } from '../../../host/errors.ts';
import { ensurePrivateDirectory } from '../../../host/files.ts';
import { digestHex, type Digest } from '../../../oci/digest.ts';
import { readContainerImages } from '../../../storage/container-images.ts';
import type { ImageRecord } from '../../../storage/image-types.ts';
import { readImage, withImageIds } from '../../../storage/images.ts';
import { readIndex } from '../../../storage/index-file.ts';
import { checkLayerRecord, startLayerChecker, type LayerDamage } from '../../../storage/layers/check.ts';
import { layerPaths, listLayers } from '../../../storage/layers/store.ts';
import { moveToQuarantine } from '../../../storage/quarantine.ts';
import { createStaging } from '../../../storage/staging.ts';
import type { Store } from '../../../storage/store.ts';
import type { Engine } from '../../engine.ts';
import type { CheckRun, StoreKind } from '../store-kind.ts';

export const layerKind: StoreKind = { label: 'Layers', check: checkLayers };

async function checkLayers(run: CheckRun): Promise<void> {
  const { store } = run.engine;
  const sound: Digest[] = [];
  const all = listLayers(store);
  for (const chainId of all) {
    const damage = checkLayerRecord(store, chainId);
    if (damage === undefined) sound.push(chainId);
    else report(run, chainId, [damage], 1);
  }
  if (run.quick) return run.looked('layer', all.length);
  const total = await checkFiles(run, sound);
  run.looked('layer', all.length);
  run.looked('unpacked file', total.files, total.bytes);
}

/** One process for each core, each taking the next layer when it is done with one. */
async function checkFiles(run: CheckRun, layers: readonly Digest[]): Promise<{ readonly files: number; readonly bytes: number }> {
  const total = { files: 0, bytes: 0 };
  const queue = layers.values();
  const lane = async (): Promise<void> => {
    const checker = startLayerChecker(run.engine.store);
    try {
      for (const chainId of queue) {
        const result = await checkOne(run, chainId, checker.check);
        total.files += result?.files ?? 0;
        total.bytes += result?.bytes ?? 0;
      }
    } finally {
      await checker.close();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), layers.length) }, lane));
  return total;
}

async function checkOne(run: CheckRun, chainId: Digest, check: ReturnType<typeof startLayerChecker>['check']) {
  try {
    const result = await check(chainId);
    if (result !== undefined && result.count > 0) report(run, chainId, result.damage, result.count);
    return result;
  } catch (error) {
    // Removed by another command while we looked is no damage.
    if (isScullError(error, 'CORRUPT') && !listLayers(run.engine.store).includes(chainId)) return undefined;
    throw error;
  }
}

function report(run: CheckRun, chainId: Digest, damage: readonly LayerDamage[], count: number): void {
  const { store } = run.engine;
  if (!listLayers(store).includes(chainId)) return;
  const object = `layer ${digestHex(chainId).slice(0, 12)}${namesOf(run.engine, chainId)}`;
  const rest = count - damage.length;
  damage.forEach(({ file, what }, index) => {
    const more = index === damage.length - 1 && rest > 0 ? ` (and ${rest} more files of this layer)` : '';
    // One repair for all of it.
    run.found({ object, file, what: `${what}${more}`, ...(index === 0 ? { repair: () => unpackAgain(run.engine, chainId) } : {}) });
  });
}

function namesOf(engine: Engine, chainId: Digest): string {
  const names = imagesOn(engine.store, chainId).map((image) => image.names[0] ?? image.id.slice(7, 19));
  return names.length === 0 ? '' : ` of ${names.slice(0, 3).join(', ')}`;
}

/** Images that have the layer; of lists of images, those for this machine. */
function imagesOn(store: Store, chainId: Digest): ImageRecord[] {
  const entries = withImageIds(store, readIndex(store));
  const images = new Map<string, ImageRecord>();
  for (const entry of entries) {
    try {
      const image = readImage(store, entries, entry);
      if (image.layers.some((layer) => layer.chainId === chainId)) images.set(image.id, image);
    } catch (error) {
      if (!isScullError(error)) throw error; // a damaged image is told of by itself, and artifacts have no layers
    }
  }
  return [...images.values()];
}

/** From the blob, which was checked before. What runs on the old one goes on with that. */
async function unpackAgain(engine: Engine, chainId: Digest): Promise<string> {
  const { store } = engine;
  const { directory } = layerPaths(store, chainId);
  const [image] = imagesOn(store, chainId);
  const staging = createStaging(store);
  const aside = staging.path('damaged');
  try {
    ensurePrivateDirectory(store.layout.layers);
    renameSync(directory, aside);
    if (image === undefined) throw new ScullError('CORRUPT', 'no image has it');
    const { ensureLayers } = await import('../../../storage/admit.ts');
    await ensureLayers(store, image, engine.progress);
    return 'unpacked it again from its blob';
  } catch (error) {
    if (!isScullError(error)) throw error;
    const users = readContainerImages(store).containers.filter(({ layers }) => layers.includes(digestHex(chainId)));
    putBack(aside, directory);
    if (users.length > 0) {
      throw new ScullError('CORRUPT', `it can't be unpacked again (${error.message}), and ${users.map((user) => `container ${user.containerName}`).join(', ')} stands on it`, { hint: 'save what is needed of the containers, and remove them' });
    }
    return `put it into quarantine as ${moveToQuarantine(store, directory)}, as it can't be unpacked again: ${error.message}`;
  } finally {
    await staging.remove();
  }
}

function putBack(aside: string, directory: string): void {
  try {
    renameSync(aside, directory);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
