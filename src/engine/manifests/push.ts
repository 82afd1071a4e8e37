/** `manifest push`: a list with the images in it, from the store or from where they were added, to a registry. */
import { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { decodeManifest } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES, type ImageIndex } from '../../oci/image.ts';
import { encodeIndex, isInstance } from '../../oci/index-edit.ts';
import { digestReference, formatReference, parseReference, type Reference } from '../../oci/reference.ts';
import { openBlob as openRemoteBlob } from '../../registry/blobs.ts';
import { pushDocumentTo, pushImageTo } from '../../registry/push.ts';
import { loadRegistriesConf, type RegistriesConf } from '../../registry/registries-conf.ts';
import type { RegistrySession } from '../../registry/session.ts';
import { blobFile, digestOf, hasBlob, readDocument } from '../../storage/blobs.ts';
import { convertImage, wantsForm, type ConvertedImage, type PushForm } from '../../storage/convert-image.ts';
import { imageKey } from '../../storage/image-names.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { readStored } from '../../storage/images.ts';
import { changeIndex } from '../../storage/index-file.ts';
import type { ImageList } from '../../storage/image-lists.ts';
import { createStaging, type Staging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { destinationOf, type Pushed } from '../images/push-destination.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { connectToRegistry } from '../images/registry-connection.ts';
import { findList } from './find-list.ts';

export interface PushManifestOptions extends RegistryChoices, Omit<PushForm, 'format'> {
  /** Name to push to; the list's own unless given. May begin with docker://. */
  readonly destination?: string | undefined;
  /** `v2s2` makes it a manifest list of Docker's; what is in it must be Docker's too. */
  readonly format?: 'oci' | 'v2s2' | undefined;
  /** False sends the list alone: the images in it must be there. */
  readonly all?: boolean | undefined;
}

/** What is sent, where to, and how to get at other registries on the way. */
interface Push {
  readonly engine: Engine;
  readonly list: ImageList;
  readonly reference: Reference;
  readonly session: RegistrySession;
  /** Images that are sent in another form than they have here, by their digests here. */
  readonly converted: ReadonlyMap<Digest, ConvertedImage>;
  readonly conf: RegistriesConf;
  readonly choices: RegistryChoices;
  /** Sessions by registry. */
  readonly sources: Map<string, RegistrySession>;
}

/**
 * Sends a list of the store to a registry: first the images in it, each by its digest, then the list under the tag.
 * @throws ScullError NO_SUCH_IMAGE, INVALID; UNSUPPORTED for a format that can't hold it; UNAUTHORIZED, REGISTRY, NETWORK
 */
export async function pushManifest(engine: Engine, nameOrId: string, options: PushManifestOptions = {}): Promise<Required<Pushed>> {
  const { list } = await findList(engine, nameOrId);
  const reference = destinationOf(nameOrId, list.name, options.destination);
  const conf = loadRegistriesConf();
  const session = connectToRegistry(reference, { to: `push ${formatReference(reference)}`, choices: options, conf, progress: engine.progress });
  const staging = createStaging(engine.store);
  const sources = new Map([[reference.registry, session]]);
  try {
    const converted = await convertInstances(engine, staging, list, options);
    const push: Push = { engine, list, reference, session, converted, conf, choices: options, sources };
    const document = await documentFor(engine, list, converted, options.format);
    if (options.all !== false) for (const entry of list.index.manifests) await pushInstance(push, entry);
    await pushDocumentTo(session, reference, document);
    await rememberDigest(engine, list, digestReference(reference, document.digest));
    return { reference: formatReference(reference), digest: document.digest };
  } finally {
    for (const source of sources.values()) source.close();
    await staging.remove();
  }
}

/** @returns those that another compression is wanted for. @throws ScullError USAGE, UNSUPPORTED for images whose layers are not here */
async function convertInstances(engine: Engine, staging: Staging, list: ImageList, options: PushManifestOptions): Promise<ReadonlyMap<Digest, ConvertedImage>> {
  const { compression, compressionLevel, forceCompression } = options;
  const form: PushForm = { compression, compressionLevel, forceCompression };
  const converted = new Map<Digest, ConvertedImage>();
  if (!wantsForm(form)) return converted;
  if (options.all === false) throw new ScullError('USAGE', 'without its images a list has no layers to compress');
  if (options.format === 'v2s2' && compression === 'zstd') throw new ScullError('USAGE', '--format v2s2 knows no zstd layers');
  for (const descriptor of list.index.manifests) {
    const image = readStored(engine.store, [], { descriptor, repoDigests: [] });
    if (image.kind !== 'image') continue; // nobody knows what the files of an artifact are
    const away = image.layers.find((layer) => !hasBlob(engine.store, layer.descriptor));
    if (away !== undefined) throw new ScullError('UNSUPPORTED', `layers of ${descriptor.digest} are in a registry only, so they can't be compressed anew`, { hint: 'pull that image first, or push the list as it is' });
    const sent = await convertImage(engine.store, staging, image as ImageRecord, form, engine.progress);
    if (sent.digest !== descriptor.digest) converted.set(descriptor.digest, sent);
  }
  return converted;
}

function withConverted(index: ImageIndex, converted: Push['converted']): ImageIndex {
  const manifests = index.manifests.map((entry) => {
    const { mediaType, digest, bytes } = converted.get(entry.digest) ?? { ...entry, bytes: undefined };
    return bytes === undefined ? entry : { ...entry, mediaType, digest, size: bytes.length };
  });
  return { ...index, manifests };
}

async function documentFor(engine: Engine, list: ImageList, converted: Push['converted'], format: PushManifestOptions['format']) {
  const { digest, mediaType } = list.entry.descriptor;
  const docker = mediaType === MEDIA_TYPES.dockerManifestList;
  if (converted.size === 0 && (format !== 'v2s2' || docker)) return { bytes: readDocument(engine.store, digest), digest, mediaType };
  const index = withConverted(list.index, converted);
  const bytes = format === 'v2s2' || (docker && format === undefined) ? encodeIndex(index, 'docker') : undefined;
  if (bytes !== undefined) return { bytes, digest: await digestOf(bytes), mediaType: MEDIA_TYPES.dockerManifestList };
  if (format === 'v2s2') throw new ScullError('UNSUPPORTED', 'a manifest list of the format v2s2 holds nothing but images of that format, and no annotations', { hint: 'push it as it is: leave --format out' });
  const ours = encodeIndex(index) as Uint8Array;
  return { bytes: ours, digest: await digestOf(ours), mediaType: MEDIA_TYPES.ociIndex };
}

async function pushInstance(push: Push, entry: Descriptor): Promise<void> {
  const { engine, list, reference, session } = push;
  if (!isInstance(entry)) throw new ScullError('UNSUPPORTED', `${entry.digest} in the list is not an image but of type ${JSON.stringify(entry.mediaType)}`);
  const converted = push.converted.get(entry.digest);
  if (converted !== undefined) {
    await pushImageTo(session, { registry: reference.registry, repository: reference.repository, digest: converted.digest }, converted, { progress: engine.progress });
    return;
  }
  const bytes = readDocument(engine.store, entry.digest);
  const { manifest, mediaType } = decodeManifest(bytes, entry.mediaType);
  const from = list.entry.origins?.find((known) => known.endsWith(`@${entry.digest}`));
  const origin = from === undefined ? undefined : parseReference(from);
  const blob = (descriptor: Descriptor): string | ((offset: number) => Readable) => {
    if (origin === undefined || hasBlob(engine.store, descriptor)) return blobFile(engine.store, descriptor);
    return (offset) => Readable.from(fromOrigin(push, origin, descriptor, offset), { objectMode: false });
  };
  const mountFrom = origin?.registry === reference.registry ? [origin.repository] : [];
  const target = { registry: reference.registry, repository: reference.repository, digest: entry.digest };
  await pushImageTo(session, target, { bytes, mediaType, digest: entry.digest, manifest, blob }, { mountFrom: () => mountFrom, progress: engine.progress });
}

/** A layer that is not here, from the registry that the image was added from. */
async function* fromOrigin({ engine, conf, choices, sources }: Push, origin: Reference, descriptor: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
  let session = sources.get(origin.registry);
  if (session === undefined) {
    // A login given for this command is one for where it pushes to.
    session = connectToRegistry(origin, { to: `read layers of ${formatReference(origin)}`, choices: { ...choices, credentials: undefined }, conf, progress: engine.progress });
    sources.set(origin.registry, session);
  }
  yield* (await openRemoteBlob(session, origin, descriptor, offset)) as AsyncIterable<Uint8Array>;
}

async function rememberDigest(engine: Engine, list: ImageList, digested: string): Promise<void> {
  const key = imageKey(list.entry);
  await changeIndex(engine.store, (entries) =>
    entries.map((entry) =>
      imageKey(entry) === key && entry.descriptor.digest === list.entry.descriptor.digest ? { ...entry, repoDigests: [...new Set([...entry.repoDigests, digested])].sort() } : entry,
    ),
  );
}
