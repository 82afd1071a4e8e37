/**
 * Finding the image a person means. Names come before ids, as with Podman: the name as it would be normalised (made here,
 * then Docker Hub), then an image id or the beginning of one, and last a repository of any registry that ends in what was
 * typed.
 */
import { isScullError, ScullError } from '../host/errors.ts';
import { isDigest } from '../oci/digest.ts';
import type { Platform } from '../oci/platform.ts';
import { candidateReferences, formatReference, isShortName, repositoryName, type Reference } from '../oci/reference.ts';
import { imageKey } from './image-names.ts';
import type { ImageRecord, StoredImage } from './image-types.ts';
import { readImage, readStored, withImageIds } from './images.ts';
import { readIndex, type IndexEntry } from './index-file.ts';
import type { Store } from './store.ts';

export interface FoundEntry {
  readonly entry: IndexEntry;
  /** The full name that was meant, where it was found by one: with tag or digest. */
  readonly name?: string;
}

export interface FoundImage {
  readonly image: ImageRecord;
  readonly name?: string;
  /** For an image of a list, which may not be here whole: `repository@digest` by which it can be fetched. */
  readonly origin?: string;
}

/**
 * The image meant by `text`: a name, `name@digest`, or an id or its beginning. Of a list the image for `platform` is meant,
 * this machine's unless given.
 * @throws ScullError NO_SUCH_IMAGE; AMBIGUOUS listing what it could be; INVALID for what is neither name nor id; CORRUPT;
 * UNSUPPORTED for an artifact, or a list without a fitting image
 */
export function lookUpImage(store: Store, text: string, platform?: Platform): FoundImage {
  return findImage(store, text)(platform);
}

/**
 * {@link lookUpImage} in two steps, for who has something to begin between them: what it gives reads the image that the index has.
 * @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID; what it gives, CORRUPT and UNSUPPORTED
 */
export function findImage(store: Store, text: string): (platform?: Platform) => FoundImage {
  const { entries, entry, name } = lookUp(store, text);
  return (platform) => {
    const image = readImage(store, entries, entry, platform);
    const origin = entry.origins?.find((known) => known.endsWith(`@${image.manifestDigest}`));
    return { image, ...(name === undefined ? {} : { name }), ...(origin === undefined ? {} : { origin }) };
  };
}

/** Like {@link lookUpImage}, for whatever has that name: an image, a list as such, an artifact. */
export function lookUpStored(store: Store, text: string): { readonly image: StoredImage; readonly name?: string } {
  const { entries, entry, name } = lookUp(store, text);
  const image = readStored(store, withImageIds(store, entries), entry);
  return name === undefined ? { image } : { image, name };
}

function lookUp(store: Store, text: string): FoundEntry & { readonly entries: readonly IndexEntry[] } {
  const entries = readIndex(store);
  const found = findEntry(store, entries, text);
  if (found === undefined) throw noSuchImage(text);
  return { ...found, entries };
}

export function noSuchImage(text: string): ScullError {
  return new ScullError('NO_SUCH_IMAGE', `no such image: ${JSON.stringify(text.slice(0, 300))}`, { hint: 'see what there is with `scull images`' });
}

/** Like {@link lookUpImage} on the index alone, so that also a damaged image can be found (to be removed). */
export function findEntry(store: Store, entries: readonly IndexEntry[], text: string): FoundEntry | undefined {
  const prefix = idPrefix(text);
  if (prefix?.length === 64) return findById(withImageIds(store, entries), prefix, text);
  const references = readReferences(text);
  for (const reference of references.candidates) {
    const found = findByReference(store, entries, reference);
    if (found !== undefined) return found;
  }
  const byId = prefix === undefined ? undefined : findById(withImageIds(store, entries), prefix, text);
  if (byId !== undefined) return byId;
  if (references.error !== undefined) throw references.error;
  return isShortName(text) ? findBySuffix(entries, references.candidates[0], text) : undefined;
}

function readReferences(text: string): { readonly candidates: readonly Reference[]; readonly error?: ScullError } {
  try {
    return { candidates: candidateReferences(text) };
  } catch (error) {
    // `sha256:12ab` is not a name, but may be the beginning of an id.
    if (isScullError(error)) return { candidates: [], error };
    throw error;
  }
}

function idPrefix(text: string): string | undefined {
  return /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
}

function findByReference(store: Store, entries: readonly IndexEntry[], reference: Reference): FoundEntry | undefined {
  if (reference.digest === undefined) {
    const name = formatReference(reference);
    const entry = entries.find((candidate) => candidate.name === name);
    return entry === undefined ? undefined : { entry, name };
  }
  // A digest decides alone which image is meant; the repository must be one under which the image is known.
  const repository = repositoryName(reference);
  const digested = `${repository}@${reference.digest}`;
  const { digest } = reference;
  const named = (entry: IndexEntry): boolean => entry.name !== undefined && entry.name.slice(0, entry.name.lastIndexOf(':')) === repository;
  const entry =
    entries.find((candidate) => candidate.repoDigests.includes(digested)) ??
    withImageIds(store, entries).find((candidate) => named(candidate) && (candidate.descriptor.digest === digest || candidate.imageId === digest));
  return entry === undefined ? undefined : { entry, name: digested };
}

/** By the beginning of the image id; a whole manifest digest does as well. */
function findById(entries: readonly IndexEntry[], prefix: string, text: string): FoundEntry | undefined {
  const hits = entries.filter((entry) => entry.imageId?.startsWith(`sha256:${prefix}`) === true);
  refuseAmbiguity(text, hits);
  const whole = `sha256:${prefix}`;
  const entry = hits[0] ?? (isDigest(whole) ? entries.find((candidate) => candidate.descriptor.digest === whole) : undefined);
  return entry === undefined ? undefined : { entry };
}

function findBySuffix(entries: readonly IndexEntry[], reference: Reference | undefined, text: string): FoundEntry | undefined {
  if (reference === undefined) return undefined;
  const ending = `/${reference.repository}:${reference.tag ?? ''}`;
  const digested = `/${reference.repository}@${reference.digest ?? ''}`;
  const hits = entries.filter((entry) =>
    reference.digest === undefined ? entry.name?.endsWith(ending) === true : entry.repoDigests.some((known) => known.endsWith(digested)),
  );
  refuseAmbiguity(text, hits);
  const entry = hits[0];
  if (entry === undefined) return undefined;
  const name = reference.digest === undefined ? entry.name : entry.repoDigests.find((known) => known.endsWith(digested));
  return name === undefined ? { entry } : { entry, name };
}

function refuseAmbiguity(text: string, hits: readonly IndexEntry[]): void {
  if (new Set(hits.map(imageKey)).size <= 1) return;
  const candidates = hits.slice(0, 20).map((entry) => `${entry.name ?? '<none>'} (${entry.imageId?.slice(7, 19) ?? entry.descriptor.digest})`);
  throw new ScullError('AMBIGUOUS', `${JSON.stringify(text)} fits more than one image: ${candidates.join(', ')}`, { hint: 'give a longer id or the whole name' });
}
