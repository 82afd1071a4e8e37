/**
 * images/index.json: which images there are, and by what names. It makes images/ an OCI image layout (image-layout.md)
 * that skopeo and umoci read as it is: one descriptor per name, with the name in `org.opencontainers.image.ref.name`, and
 * for an image without a name one descriptor without that annotation. Annotations of ours (`io.scull.…`) keep what would
 * otherwise have to be read from the image's documents, or is known to nobody else.
 *
 * Readers take no lock: the file is replaced by a rename. Other programs may add entries, so nothing in it is trusted more
 * than an image from elsewhere, and what we do not know is kept as it is.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, isScullError, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, instead, readTextIfPresent, withPath, writeFileAtomic, writeJsonAtomic } from '../host/files.ts';
import { decodeIndex } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/image.ts';
import { formatReference, localReference, parseReference } from '../oci/reference.ts';
import { checkFormat, ensureFormat } from './format.ts';
import { withLock } from './locks.ts';
import type { Store } from './store.ts';

export const REF_NAME = 'org.opencontainers.image.ref.name';
const IMAGE_ID = 'io.scull.image.id';
const REPO_DIGESTS = 'io.scull.image.repo-digests';
const UNPACKED_SIZE = 'io.scull.image.size';
const CREATED = 'io.scull.list.created';
const ORIGINS = 'io.scull.list.origins';
/** The digest that the other notes are about: a program that changes an image may copy them to what it made. */
const ABOUT = 'io.scull.image.manifest';
const OWN_ANNOTATIONS: readonly string[] = [REF_NAME, ABOUT, IMAGE_ID, REPO_DIGESTS, UNPACKED_SIZE, CREATED, ORIGINS];

/** One line of the index: an image, a list of images or an artifact under one name, or under none. */
export interface IndexEntry {
  /** Of the manifest (of a list: of its index); without the annotations that the other fields hold. */
  readonly descriptor: Descriptor;
  /** Full reference; undefined for a dangling image. */
  readonly name?: string;
  /**
   * Of an image the digest of its configuration, of an artifact that of its manifest, of a list an id that stays when its content
   * changes; undefined where another program made the entry.
   */
  readonly imageId?: Digest;
  /** `repository@digest` */
  readonly repoDigests: readonly string[];
  /** Bytes unpacked. */
  readonly size?: number;
  /** Of a list: when it was made, RFC 3339. */
  readonly created?: string;
  /** Of a list: `repository@digest` of images that are in it, but not (whole) in this store. */
  readonly origins?: readonly string[];
}

/** Gets the entries as they are now and gives the new ones, or undefined to leave the file alone. */
export type IndexChange = (entries: readonly IndexEntry[]) => readonly IndexEntry[] | undefined | Promise<readonly IndexEntry[] | undefined>;

/** Path of the index, for errors that name it. */
export function indexFile(store: Store): string {
  return join(store.layout.images, 'index.json');
}

/**
 * All entries, in the order of the file; none where there is no image store yet.
 * @throws ScullError CORRUPT naming the file when it is missing in a store that had one, or damaged; UNSUPPORTED for a
 * store of a newer format
 */
export function readIndex(store: Store): readonly IndexEntry[] {
  checkFormat(store);
  const path = indexFile(store);
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const what = instead(error);
    if (what !== undefined) throw new ScullError('CORRUPT', `the index of images ${path} is damaged: ${what}`, { cause: error });
    if (errnoOf(error) !== 'ENOENT') throw withPath(error, path);
    // oci-layout is written after the first index: with it there, an index must be there too.
    if (readTextIfPresent(layoutFile(store)) === undefined) return [];
    throw new ScullError('CORRUPT', `the index of images ${path} is missing`, { cause: error });
  }
  try {
    return decodeIndex(bytes, MEDIA_TYPES.ociIndex).index.manifests.map(readEntry);
  } catch (cause) {
    if (!isScullError(cause)) throw cause;
    throw new ScullError('CORRUPT', `the index of images ${path} is damaged: ${cause.message}`, { cause });
  }
}

/**
 * Changes the index under its lock. `change` must be quick, and may throw to change nothing.
 * @throws ScullError TIMEOUT, NO_SPACE, PERMISSION, CORRUPT
 */
export async function changeIndex(store: Store, change: IndexChange): Promise<void> {
  ensureFormat(store);
  await withLock(store, 'images', async () => {
    const changed = await change(readIndex(store));
    if (changed !== undefined) writeIndex(store, changed);
  });
}

/** Writes an index without regard for the one that is there. For a repair. @throws ScullError TIMEOUT, NO_SPACE, PERMISSION */
export async function replaceIndex(store: Store, entries: readonly IndexEntry[]): Promise<void> {
  await withLock(store, 'images', () => writeIndex(store, entries));
}

function writeIndex(store: Store, entries: readonly IndexEntry[]): void {
  ensurePrivateDirectory(join(store.layout.images, 'blobs', 'sha256'));
  writeJsonAtomic(indexFile(store), { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: entries.map(writeEntry) });
  if (readTextIfPresent(layoutFile(store)) === undefined) writeFileAtomic(layoutFile(store), '{"imageLayoutVersion": "1.0.0"}\n');
}

function layoutFile(store: Store): string {
  return join(store.layout.images, 'oci-layout');
}

function readEntry(descriptor: Descriptor): IndexEntry {
  const annotations = ownAnnotations(descriptor);
  const imageId = annotations[IMAGE_ID];
  // Entries with an image id are ours, and so are their names: full. With a thousand images reading them again is felt.
  const name = imageId === undefined ? readName(annotations[REF_NAME]) : annotations[REF_NAME];
  const size = annotations[UNPACKED_SIZE];
  const created = annotations[CREATED];
  const origins = words(annotations[ORIGINS]);
  return {
    descriptor: withAnnotations(descriptor, Object.entries(descriptor.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.includes(key))),
    repoDigests: words(annotations[REPO_DIGESTS]),
    ...(name === undefined ? {} : { name }),
    ...(imageId !== undefined && isDigest(imageId) ? { imageId } : {}),
    ...(size !== undefined && /^[0-9]{1,15}$/.test(size) ? { size: Number(size) } : {}),
    ...(created === undefined ? {} : { created }),
    ...(origins.length === 0 ? {} : { origins }),
  };
}

/** What is noted on an entry; where our notes are about something else, the name alone. */
function ownAnnotations({ annotations = {}, digest }: Descriptor): Readonly<Record<string, string>> {
  if ((annotations[ABOUT] ?? digest) === digest) return annotations;
  const name = annotations[REF_NAME];
  return name === undefined ? {} : { [REF_NAME]: name };
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(' ').filter((word) => word !== '');
}

/** Ours are full references. Other tools write whatever they were told: a short name or a mere tag is one of this machine's. */
function readName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  for (const read of [localReference, parseReference]) {
    try {
      return formatReference(read(text));
    } catch {
      // Not a name we could ever look up: the image is listed without one.
    }
  }
  return undefined;
}

function writeEntry(entry: IndexEntry): Descriptor {
  const annotations: [string, string][] = Object.entries(entry.descriptor.annotations ?? {});
  if (entry.name !== undefined) annotations.push([REF_NAME, entry.name]);
  if (entry.imageId !== undefined) annotations.push([ABOUT, entry.descriptor.digest], [IMAGE_ID, entry.imageId]);
  if (entry.repoDigests.length > 0) annotations.push([REPO_DIGESTS, entry.repoDigests.join(' ')]);
  if (entry.size !== undefined) annotations.push([UNPACKED_SIZE, String(entry.size)]);
  if (entry.created !== undefined) annotations.push([CREATED, entry.created]);
  if (entry.origins !== undefined && entry.origins.length > 0) annotations.push([ORIGINS, entry.origins.join(' ')]);
  return withAnnotations(entry.descriptor, annotations);
}

function withAnnotations(descriptor: Descriptor, annotations: readonly (readonly [string, string])[]): Descriptor {
  const { annotations: _replaced, ...rest } = descriptor;
  return annotations.length === 0 ? rest : { ...rest, annotations: Object.fromEntries(annotations) };
}
