/** Looking at lists of images. */
import { isScullError } from '../../host/errors.ts';
import { readDocument } from '../../storage/blobs.ts';
import type { Engine } from '../engine.ts';
import { inRegistry } from '../images/pull.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { findList } from './find-list.ts';

/**
 * The document of a list: of one in this store, or, where there is none of that name, of what a registry has under it.
 * @throws ScullError AMBIGUOUS, CORRUPT; and what registries make one throw
 */
export async function inspectManifest(engine: Engine, name: string, choices: RegistryChoices = {}): Promise<object> {
  const local = name.startsWith('docker://') ? undefined : await localDocument(engine, name);
  return JSON.parse(Buffer.from(local ?? (await remoteDocument(engine, name, choices))).toString()) as object;
}

async function localDocument(engine: Engine, name: string): Promise<Uint8Array | undefined> {
  try {
    return readDocument(engine.store, (await findList(engine, name)).list.entry.descriptor.digest);
  } catch (error) {
    // Not here, or no list: then, as with Podman, the registry is asked.
    if (isScullError(error, 'NO_SUCH_IMAGE', 'INVALID')) return undefined;
    throw error;
  }
}

async function remoteDocument(engine: Engine, name: string, choices: RegistryChoices): Promise<Uint8Array> {
  return inRegistry(engine, name, choices, async (session, _reference, there) => {
    const { fetchManifest } = await import('../../registry/manifests.ts');
    const { bytes, kind } = await fetchManifest(session, there);
    if (kind === 'manifest') engine.progress({ kind: 'message', level: 'warning', text: `${name} is not a list but a single image` });
    return bytes;
  });
}

/** @throws ScullError for anything but a list that is not there */
export async function manifestExists(engine: Engine, name: string): Promise<boolean> {
  try {
    await findList(engine, name);
    return true;
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE', 'INVALID')) return false;
    throw error;
  }
}
