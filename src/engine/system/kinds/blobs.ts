/** Checking blobs: those that images need, and that each is what its name says. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { describeErrno } from '../../../host/errno.ts';
import { errnoOf, isScullError, ScullError } from '../../../host/errors.ts';
import { forEachLimited } from '../../../host/for-each-limited.ts';
import { decodeManifestOrIndex } from '../../../oci/decode.ts';
import type { Descriptor } from '../../../oci/descriptor.ts';
import { digestAlgorithm, digestHex, type Digest } from '../../../oci/digest.ts';
import { hostPlatform, type Platform } from '../../../oci/platform.ts';
import { readDocument } from '../../../storage/blobs.ts';
import { imageKey } from '../../../storage/image-names.ts';
import { readImage, withImageIds } from '../../../storage/images.ts';
import { indexFile, readIndex, type IndexEntry } from '../../../storage/index-file.ts';
import { moveToQuarantine } from '../../../storage/quarantine.ts';
import { listBlobs } from '../../../storage/reach.ts';
import { removeOwnedTree } from '../../../storage/staging.ts';
import type { Store } from '../../../storage/store.ts';
import type { Engine } from '../../engine.ts';
import type { CheckRun, Problem } from '../store-kind.ts';

interface NeededBlob {
  readonly descriptor: Descriptor;
  readonly entries: IndexEntry[];
}

/** Files hashed at a time. */
const PARALLEL = 2;

/** Every blob against its digest (quick: its size), and every image against what it needs. */
export async function checkBlobs(run: CheckRun): Promise<void> {
  const { store } = run.engine;
  let entries: readonly IndexEntry[];
  try {
    entries = withImageIds(store, readIndex(store));
  } catch (error) {
    if (!isScullError(error, 'CORRUPT')) throw error;
    run.found({ object: 'every image', file: indexFile(store), what: error.message, repair: () => rebuildIndex(run.engine) });
    return;
  }
  run.looked('image', new Set(entries.map(imageKey)).size);
  const needed = new Map<Digest, NeededBlob>();
  for (const entry of entries) needs(store, entry, entry.descriptor, needed, 0);
  const refetch = refetching(run.engine, needed);
  const present = new Set(listBlobs(store));
  let bytes = 0;
  await forEachLimited([...new Set([...needed.keys(), ...present])], PARALLEL, async (digest) => {
    const blob = needed.get(digest);
    const path = store.layout.blob(digest);
    const look = (): Promise<Look> => lookAtBlob(path, digest, blob?.descriptor.size, run.quick);
    const result: Look = present.has(digest) ? await look() : { damage: 'it is missing', bytes: 0 };
    bytes += result.bytes;
    if (result.damage === undefined || (blob !== undefined && !(await isSoStill(store, blob, look)))) return;
    run.found(problemOf(run.engine, digest, path, result.damage, blob, refetch));
  });
  run.looked('blob', present.size, bytes);
}

function problemOf(engine: Engine, digest: Digest, file: string, what: string, blob: NeededBlob | undefined, refetch: Refetch): Problem {
  if (blob === undefined) return { object: 'no image', file, what, repair: () => remove(file) };
  const object = `image ${[...new Set(blob.entries.map((entry) => entry.name ?? entry.imageId ?? entry.descriptor.digest))].join(', ')}`;
  return { object, file, what, repair: () => refetch(digest, existsSync(engine.store.layout.blob(digest))) };
}

async function remove(file: string): Promise<string> {
  await removeOwnedTree(file);
  return 'removed it, as nothing needs it';
}

/** What an entry needs in the store; what others put there as an index of several platforms may be there in part. */
function needs(store: Store, entry: IndexEntry, descriptor: Descriptor, needed: Map<Digest, NeededBlob>, depth: number): void {
  need(needed, descriptor, entry);
  let decoded: ReturnType<typeof decodeManifestOrIndex>;
  try {
    decoded = decodeManifestOrIndex(readDocument(store, descriptor.digest), descriptor.mediaType);
  } catch (error) {
    if (isScullError(error)) return; // told of by the look at the blob itself
    throw error;
  }
  if (decoded.kind === 'manifest') {
    for (const blob of [decoded.manifest.config, ...decoded.manifest.layers]) need(needed, blob, entry);
    return;
  }
  if (depth > 3) return;
  for (const child of decoded.index.manifests) if (existsSync(store.layout.blob(child.digest))) needs(store, entry, child, needed, depth + 1);
}

function need(needed: Map<Digest, NeededBlob>, descriptor: Descriptor, entry: IndexEntry): void {
  const known = needed.get(descriptor.digest);
  if (known === undefined) needed.set(descriptor.digest, { descriptor, entries: [entry] });
  else if (!known.entries.includes(entry)) known.entries.push(entry);
}

interface Look {
  readonly damage: string | undefined;
  readonly bytes: number;
}

/** Once more, while an image that needs it is there before and after: it may have been removed, and come again, while we looked. */
async function isSoStill(store: Store, { entries }: NeededBlob, look: () => Promise<Look>): Promise<boolean> {
  const isListed = (): boolean => {
    const now = readIndex(store);
    return entries.some(({ name, descriptor }) => now.some((entry) => entry.name === name && entry.descriptor.digest === descriptor.digest));
  };
  return isListed() && (await look()).damage !== undefined && isListed();
}

async function lookAtBlob(path: string, digest: Digest, size: number | undefined, quick: boolean): Promise<Look> {
  try {
    const actual = statSync(path).size;
    if (size !== undefined && actual !== size) return { damage: `it has ${actual} bytes instead of ${size}`, bytes: 0 };
    if (quick) return { damage: undefined, bytes: 0 };
    const hash = createHash(digestAlgorithm(digest));
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    return { damage: hash.digest('hex') === digestHex(digest) ? undefined : 'its content has another digest', bytes: actual };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    if (errnoOf(error) === 'ENOENT') return { damage: size === undefined ? undefined : 'it is missing', bytes: 0 }; // removed since
    return { damage: `it can't be read: ${describeErrno(error)}`, bytes: 0 };
  }
}

type Refetch = (digest: Digest, damaged: boolean) => Promise<string>;

/** Fetches an image once, however much of it is damaged; what is damaged goes out of the way before. */
function refetching(engine: Engine, needed: ReadonlyMap<Digest, NeededBlob>): Refetch {
  const attempts = new Map<string, Promise<string>>();
  return async (digest, damaged) => {
    const { store } = engine;
    const aside = damaged ? moveToQuarantine(store, store.layout.blob(digest)) : undefined;
    const failures: string[] = [];
    for (const entry of (needed.get(digest) as NeededBlob).entries) {
      for (const repoDigest of entry.repoDigests) {
        try {
          // Those asked for before this blob was out of the way may have left it as it was: once more then.
          if (!existsSync(store.layout.blob(digest))) attempts.delete(repoDigest);
          let attempt = attempts.get(repoDigest);
          if (attempt === undefined) attempts.set(repoDigest, (attempt = fetchOnce(engine, entry, repoDigest)));
          const done = await attempt;
          if (!existsSync(store.layout.blob(digest))) throw new ScullError('NOT_FOUND', `${repoDigest} has nothing of it`);
          if (aside !== undefined) await removeOwnedTree(aside);
          return done;
        } catch (error) {
          if (!isScullError(error)) throw error;
          failures.push(error.message);
        }
      }
    }
    const why = failures.length === 0 ? 'it came from no registry' : failures.join('; ');
    if (aside === undefined) throw new ScullError('CORRUPT', `it can't be fetched again: ${why}`, { hint: 'load or build the image again, or remove it with `scull rmi`' });
    return `put it into quarantine as ${aside}, as it can't be fetched again: ${why}; load or build the image again, or remove it with \`scull rmi\``;
  };
}

async function fetchOnce(engine: Engine, entry: IndexEntry, repoDigest: string): Promise<string> {
  const { fetchAgain } = await import('../../images/pull.ts');
  await fetchAgain(engine, repoDigest, platformOf(engine.store, entry));
  return `fetched it again from ${repoDigest}`;
}

/** The image's own; this machine's where it does not tell any more. */
function platformOf(store: Store, entry: IndexEntry): Platform {
  try {
    const { os, architecture, variant } = readImage(store, [entry], entry).config;
    return { os, architecture, ...(variant === undefined ? {} : { variant }) };
  } catch (error) {
    if (isScullError(error)) return hostPlatform();
    throw error;
  }
}

/** The names are lost with the index; which images there are is known from their blobs. */
async function rebuildIndex(engine: Engine): Promise<string> {
  const { store } = engine;
  const { replaceIndex } = await import('../../../storage/index-file.ts');
  const { decodeManifest, isImageConfigType } = await import('../../../oci/decode.ts');
  const entries: IndexEntry[] = [];
  for (const digest of listBlobs(store)) {
    try {
      const { mediaType, manifest } = decodeManifest(readDocument(store, digest), undefined);
      const { damage, bytes } = await lookAtBlob(store.layout.blob(digest), digest, undefined, false);
      if (damage !== undefined || !isImageConfigType(manifest.config.mediaType)) continue;
      entries.push({ descriptor: { mediaType, digest, size: bytes }, imageId: manifest.config.digest, repoDigests: [] });
    } catch (error) {
      if (!isScullError(error)) throw error; // most blobs are no manifests
    }
  }
  const aside = existsSync(indexFile(store)) ? moveToQuarantine(store, indexFile(store)) : undefined;
  await replaceIndex(store, entries);
  return `made it anew from the manifests in the store: ${entries.length} images, whose names are lost${aside === undefined ? '' : ` (the old one is ${aside})`}; give them back with \`scull tag\`, or by pulling them`;
}
