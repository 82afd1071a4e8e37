/** Finding the images that shall go into a list: here in the store, else in a registry. */
import { isScullError, ScullError } from '../../host/errors.ts';
import { decodeImageConfig, isImageConfigType } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ImageIndex } from '../../oci/image.ts';
import { isInstance } from '../../oci/index-edit.ts';
import { formatPlatform, hostPlatform, type Platform } from '../../oci/platform.ts';
import { digestReference, hasFileTransport, parseSource, type FileLocation, type Reference } from '../../oci/reference.ts';
import type { FetchedManifest } from '../../registry/manifests.ts';
import type { RegistrySession } from '../../registry/session.ts';
import { findEntry } from '../../storage/image-lookup.ts';
import type { NewInstance } from '../../storage/image-lists.ts';
import { chooseInstance, readConfig, readManifestOrIndex } from '../../storage/images.ts';
import { readIndex, type IndexEntry } from '../../storage/index-file.ts';
import type { Engine } from '../engine.ts';
import { aliasFor } from '../images/by-alias.ts';
import { inRegistry } from '../images/pull.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { describe } from './list-entry.ts';

export interface InstanceChoices extends RegistryChoices {
  /** Of a list, everything in it; otherwise the image for {@link platform}. */
  readonly all?: boolean | undefined;
  /** This machine's unless given. */
  readonly platform?: Platform | undefined;
}

/**
 * Gives `work` the images, ready to be put into a list; what is in files can be read only until it is done.
 * @param found those before
 * @throws ScullError as {@link findInstances}; NOT_FOUND, AMBIGUOUS for what is in files; and what `work` throws
 */
export async function withInstances<T>(engine: Engine, images: readonly string[], choices: InstanceChoices, work: (found: readonly NewInstance[]) => Promise<T>, found: readonly NewInstance[] = []): Promise<T> {
  const [image, ...more] = images;
  if (image === undefined) return work(found);
  if (!hasFileTransport(image)) return withInstances(engine, more, choices, work, [...found, ...(await findInstances(engine, image, choices))]);
  const [{ archivedInstances }, { withImages }] = await Promise.all([import('./archived-instances.ts'), import('../images/load.ts')]);
  const location = parseSource(image) as FileLocation;
  return withImages(engine, location.path, choices.all === true ? 'every' : choices.platform, async (archived) => withInstances(engine, more, choices, work, [...found, ...(await archivedInstances(location, archived, choices.all === true))]));
}

/**
 * The image called `name`, or those of a list of this name, ready to be put into another list. Of what is in a registry,
 * manifests and configurations are fetched, no layers.
 * @throws ScullError NO_SUCH_IMAGE, INVALID, UNSUPPORTED; and what registries make one throw
 */
export async function findInstances(engine: Engine, name: string, choices: InstanceChoices): Promise<readonly NewInstance[]> {
  if (hasFileTransport(name)) throw new ScullError('UNSUPPORTED', `${JSON.stringify(name)} is neither in this store nor in a registry`, { hint: 'take it in with `scull load -i PATH` first' });
  const plain = name.replace(/^(?:containers-storage:|docker:\/\/)/, '');
  const local = name.startsWith('docker://') ? undefined : await localEntry(engine, plain);
  if (local !== undefined) return localInstances(engine, name, local, choices);
  if (name.startsWith('containers-storage:')) throw new ScullError('NO_SUCH_IMAGE', `no such image: ${JSON.stringify(plain)}`, { hint: 'see what there is with `scull images`' });
  return inRegistry(engine, plain, choices, (session, reference, there) => remoteInstances(session, reference, there, choices));
}

/** What is here under a name, or under the one that registries.conf gives to a short one. @throws ScullError INVALID, AMBIGUOUS */
async function localEntry({ store }: Engine, name: string): Promise<IndexEntry | undefined> {
  const entries = readIndex(store);
  const found = findEntry(store, entries, name);
  if (found !== undefined) return found.entry;
  const meant = await aliasFor(name);
  return meant === undefined ? undefined : findEntry(store, entries, meant)?.entry;
}

function localInstances(engine: Engine, name: string, entry: IndexEntry, choices: InstanceChoices): readonly NewInstance[] {
  const { store } = engine;
  const document = readManifestOrIndex(store, entry.descriptor);
  if (document.kind === 'index') {
    return chosenOf(document.index, name, choices).map((descriptor) => {
      const origin = entry.origins?.find((known) => known.endsWith(`@${descriptor.digest}`));
      return { descriptor, documents: [], ...(origin === undefined ? {} : { origin }) };
    });
  }
  const { manifest, mediaType } = document;
  const config = isImageConfigType(manifest.config.mediaType) ? readConfig(store, manifest.config) : undefined;
  const { digest, size } = entry.descriptor;
  return [{ descriptor: describe({ mediaType, digest, size }, manifest, config), documents: [] }];
}

async function remoteInstances(session: RegistrySession, reference: Reference, there: Reference, choices: InstanceChoices): Promise<readonly NewInstance[]> {
  const { fetchManifest } = await import('../../registry/manifests.ts');
  const top = await fetchManifest(session, there);
  if (top.kind === 'manifest') return [await remoteInstance(session, reference, there, top)];
  const found: NewInstance[] = [];
  for (const entry of chosenOf(top.index, `${reference.registry}/${reference.repository}`, choices)) {
    const fetched = await fetchManifest(session, { registry: there.registry, repository: there.repository, digest: entry.digest });
    const instance = await remoteInstance(session, reference, there, fetched);
    // The list knows what the configuration may not: variants, versions of the system.
    found.push({ ...instance, descriptor: { ...instance.descriptor, ...entry, mediaType: instance.descriptor.mediaType, size: instance.descriptor.size } });
  }
  return found;
}

async function remoteInstance(session: RegistrySession, reference: Reference, there: Reference, fetched: FetchedManifest): Promise<NewInstance> {
  if (fetched.kind === 'index') throw new ScullError('UNSUPPORTED', `${digestReference(reference, fetched.digest)} is a list within a list`);
  const { manifest, bytes, digest, mediaType } = fetched;
  const config = await readRemoteConfig(session, there, manifest.config);
  const platform = isImageConfigType(manifest.config.mediaType) ? decodeImageConfig(config) : undefined;
  return {
    descriptor: describe({ mediaType, digest, size: bytes.length }, manifest, platform),
    documents: [{ digest, bytes }, { digest: manifest.config.digest, bytes: config }],
    origin: digestReference(reference, digest),
  };
}

async function readRemoteConfig(session: RegistrySession, there: Reference, descriptor: Descriptor): Promise<Uint8Array> {
  const [{ openBlob }, { readChecked }] = await Promise.all([import('../../registry/blobs.ts'), import('../../storage/blobs.ts')]);
  return readChecked(await openBlob(session, there, descriptor), descriptor);
}

function chosenOf(index: ImageIndex, name: string, { all, platform = hostPlatform() }: InstanceChoices): readonly Descriptor[] {
  const images = index.manifests.filter(isInstance);
  if (all === true) return images;
  const chosen = chooseInstance({ ...index, manifests: images }, platform);
  if (chosen !== undefined) return [chosen];
  throw new ScullError('NO_SUCH_IMAGE', `${name} has no image for ${formatPlatform(platform)}`, { hint: 'take all that are in it with --all, or choose one with --os, --arch and --variant' });
}

/**
 * What finds the digest meant by `text` in a list: itself, or that of an image here of which the list has the manifest.
 * @returns a function that throws NO_SUCH_IMAGE
 */
export async function findsInstance(engine: Engine, text: string): Promise<(index: ImageIndex) => Digest> {
  const here = await localDigest(engine, text);
  return (index) => {
    const found = [text, here].flatMap((wanted) => index.manifests.find((entry) => entry.digest === wanted)?.digest ?? [])[0];
    if (found !== undefined) return found;
    throw new ScullError('NO_SUCH_IMAGE', `the list has no image ${JSON.stringify(text.slice(0, 200))}`, { hint: 'see what is in it with `scull manifest inspect`' });
  };
}

async function localDigest(engine: Engine, text: string): Promise<Digest | undefined> {
  try {
    return (await localEntry(engine, text.replace(/^containers-storage:/, '')))?.descriptor.digest;
  } catch (error) {
    if (isScullError(error, 'INVALID', 'AMBIGUOUS')) return undefined;
    throw error;
  }
}
