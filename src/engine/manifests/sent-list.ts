/** A list as it is to be sent: its document, and the images in it with what they consist of, wherever that is. */
import { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { decodeManifest } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES, type ImageIndex } from '../../oci/image.ts';
import { encodeIndex, isInstance } from '../../oci/index-edit.ts';
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts';
import { openBlob as openRemoteBlob } from '../../registry/blobs.ts';
import type { PushedDocument, PushedImage } from '../../registry/push.ts';
import type { RegistrySession } from '../../registry/session.ts';
import { blobFile, digestOf, hasBlob, readDocument } from '../../storage/blobs.ts';
import { convertImage, inWords, wantsForm, type PushForm } from '../../storage/convert-image.ts';
import type { ImageList } from '../../storage/image-lists.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { readStored } from '../../storage/images.ts';
import { createStaging, type Staging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { connectToRegistry } from '../images/registry-connection.ts';

export interface SentListOptions extends RegistryChoices, PushForm {
  /** False sends the list alone: the images in it must be there. */
  readonly all?: boolean | undefined;
}

export interface SentList {
  readonly document: PushedDocument;
  /** None where the list is sent alone. */
  readonly images: readonly SentInstance[];
}

export interface SentInstance {
  readonly image: PushedImage;
  /** Where it was added from, if that was a registry. */
  readonly origin?: Reference;
}

/** Getting at the content of a list. */
interface Access {
  readonly engine: Engine;
  readonly list: ImageList;
  readonly choices: RegistryChoices;
  /** Sessions by registry. */
  readonly sessions: Map<string, RegistrySession>;
}

/**
 * Does `work` with a list as it is to be sent; what it consists of can be read until that is done.
 * @param sessions those that are open already, by registry; all are closed in the end
 * @throws ScullError USAGE, UNSUPPORTED for a form that can't hold it; CORRUPT when something is missing
 */
export async function withSentList<T>(engine: Engine, list: ImageList, options: SentListOptions, sessions: Map<string, RegistrySession>, work: (sent: SentList) => Promise<T>): Promise<T> {
  const staging = createStaging(engine.store);
  const access: Access = { engine, list, choices: options, sessions };
  try {
    const changed = await changedInstances(access, staging, options);
    const document = await documentFor(engine, list, changed, options.format);
    const images = options.all === false ? [] : list.index.manifests.map((entry) => instanceOf(access, entry, changed));
    return await work({ document, images });
  } finally {
    for (const session of sessions.values()) session.close();
    await staging.remove();
  }
}

/** Images that are sent in another form than they have here, by their digests here. */
type Changed = ReadonlyMap<Digest, PushedImage>;

/** @throws ScullError USAGE; UNSUPPORTED for images whose layers are not here */
async function changedInstances(access: Access, staging: Staging, options: SentListOptions): Promise<Changed> {
  const { format, compression, compressionLevel, forceCompression } = options;
  const changed = new Map<Digest, PushedImage>();
  const form: PushForm = { format, compression, compressionLevel, forceCompression };
  const compressed = compression !== undefined || compressionLevel !== undefined || forceCompression !== undefined;
  if (!wantsForm(form)) return changed;
  if (compressed && options.all === false) throw new ScullError('USAGE', 'without its images a list has no layers to compress');
  for (const descriptor of access.list.index.manifests) {
    const stored = readStored(access.engine.store, [], { descriptor, repoDigests: [] });
    if (stored.kind !== 'image') continue; // nobody knows what the files of an artifact are
    const image = stored as ImageRecord;
    const sent = compressed || (format === 'v2s2' && isHere(access, image)) ? await convert(access, staging, image, form) : await inWords(format, instanceOf(access, descriptor, changed).image);
    if (sent.digest !== descriptor.digest) changed.set(descriptor.digest, sent);
  }
  return changed;
}

function isHere({ engine }: Access, image: ImageRecord): boolean {
  return image.layers.every((layer) => hasBlob(engine.store, layer.descriptor));
}

async function convert(access: Access, staging: Staging, image: ImageRecord, form: PushForm): Promise<PushedImage> {
  if (isHere(access, image)) return convertImage(access.engine.store, staging, image, form, access.engine.progress);
  throw new ScullError('UNSUPPORTED', `layers of ${image.manifestDigest} are in a registry only, so they can't be compressed anew`, { hint: 'pull that image first, or push the list as it is' });
}

async function documentFor(engine: Engine, list: ImageList, changed: Changed, format: SentListOptions['format']): Promise<PushedDocument> {
  const { digest, mediaType } = list.entry.descriptor;
  const docker = mediaType === MEDIA_TYPES.dockerManifestList;
  if (changed.size === 0 && (format === undefined || docker === (format === 'v2s2'))) return { bytes: readDocument(engine.store, digest), digest, mediaType };
  const index = withChanged(list.index, changed);
  const bytes = format === 'v2s2' || (docker && format === undefined) ? encodeIndex(format === 'v2s2' ? withoutNotes(index) : index, 'docker') : undefined;
  if (bytes !== undefined) return { bytes, digest: digestOf(bytes), mediaType: MEDIA_TYPES.dockerManifestList };
  if (format === 'v2s2') throw new ScullError('UNSUPPORTED', 'a manifest list of the format v2s2 holds nothing but images, each for a platform', { hint: 'push it as it is: leave --format out' });
  const ours = encodeIndex(index) as Uint8Array;
  return { bytes: ours, digest: digestOf(ours), mediaType: MEDIA_TYPES.ociIndex };
}

/** Docker's lists know no annotations. */
function withoutNotes({ schemaVersion, manifests }: ImageIndex): ImageIndex {
  return { schemaVersion, manifests: manifests.map(({ annotations: _notes, ...entry }) => entry) };
}

function withChanged(index: ImageIndex, changed: Changed): ImageIndex {
  const manifests = index.manifests.map((entry) => {
    const { mediaType, digest, bytes } = changed.get(entry.digest) ?? { ...entry, bytes: undefined };
    return bytes === undefined ? entry : { ...entry, mediaType, digest, size: bytes.length };
  });
  return { ...index, manifests };
}

/** @throws ScullError UNSUPPORTED for what is no image; CORRUPT where its manifest is missing */
function instanceOf(access: Access, entry: Descriptor, changed: Changed): SentInstance {
  if (!isInstance(entry)) throw new ScullError('UNSUPPORTED', `${entry.digest} in the list is not an image but of type ${JSON.stringify(entry.mediaType)}`);
  const { store } = access.engine;
  const from = access.list.entry.origins?.find((known) => known.endsWith(`@${entry.digest}`));
  const origin = from === undefined ? undefined : parseReference(from);
  const sent = changed.get(entry.digest);
  if (sent !== undefined) return { image: sent, ...(origin === undefined ? {} : { origin }) };
  const bytes = readDocument(store, entry.digest);
  const { manifest, mediaType } = decodeManifest(bytes, entry.mediaType);
  const blob: PushedImage['blob'] = (descriptor) => {
    if (origin === undefined || hasBlob(store, descriptor)) return blobFile(store, descriptor);
    return (offset) => Readable.from(fromOrigin(access, origin, descriptor, offset), { objectMode: false });
  };
  return { image: { bytes, mediaType, digest: entry.digest, manifest, blob }, ...(origin === undefined ? {} : { origin }) };
}

/** A layer that is not here, from the registry that the image was added from. */
async function* fromOrigin({ engine, choices, sessions }: Access, origin: Reference, descriptor: Descriptor, offset: number): AsyncGenerator<Uint8Array> {
  let session = sessions.get(origin.registry);
  if (session === undefined) {
    // A login given for this command is one for where it pushes to.
    session = connectToRegistry(origin, { to: `read layers of ${formatReference(origin)}`, choices: { ...choices, credentials: undefined }, progress: engine.progress });
    sessions.set(origin.registry, session);
  }
  yield* (await openRemoteBlob(session, origin, descriptor, offset)) as AsyncIterable<Uint8Array>;
}
