/** `pull`: from a registry into the store. */
import { isScullError, ScullError } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { hostPlatform, platformMatches, type Platform } from '../../oci/platform.ts';
import { digestReference, formatReference, hasFileTransport, isShortName, parseReference, parseSource, type Reference } from '../../oci/reference.ts';
import type { PullLocation } from '../../registry/locations.ts';
import type { RegistriesConf } from '../../registry/registries-conf.ts';
import type { RegistrySession } from '../../registry/session.ts';
import type { ImageRecord, StoredImage } from '../../storage/image-types.ts';
import { layerExists } from '../../storage/layers/store.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { warnOfPlatform } from './platform-warning.ts';
import { registryOptions, type RegistryChoices } from './registry-choices.ts';

export interface PullOptions extends RegistryChoices {
  /** This machine's unless given. */
  readonly platform?: Platform | undefined;
}

/**
 * Fetches the image that `name` stands for now, also where the name is known already, and gives it that name. Nothing is
 * fetched that is already there. A name with a digest gives no name, the image is then known by `repository@digest`.
 *
 * registries.conf may give a short name several meanings, and a name several places; they are tried in order. A name
 * with the transport of a file (`oci-archive:` and so on) is taken from there, see {@link pullFile}.
 * @throws ScullError INVALID for a malformed name; NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK; NO_SPACE; UNSUPPORTED
 */
export async function pullImage(engine: Engine, name: string, options: PullOptions = {}): Promise<ImageRecord> {
  if (!hasFileTransport(name)) return inRegistry(engine, name, options, (session, reference, there) => pullWith(engine, session, reference, there, options.platform));
  const { pullFile } = await import('./pull-file.ts');
  const [image] = await pullFile(engine, name, { platform: options.platform, single: true });
  if (image?.kind === 'image') return image as ImageRecord;
  throw new ScullError('UNSUPPORTED', `${JSON.stringify(name)} is not an image but an artifact`);
}

/** Like {@link pullImage}, and takes artifacts too, which are stored as they are; an archive may hold several images, which are all taken. */
export async function pullAny(engine: Engine, name: string, options: PullOptions = {}): Promise<readonly StoredImage[]> {
  if (hasFileTransport(name)) return (await import('./pull-file.ts')).pullFile(engine, name, { platform: options.platform });
  return [await inRegistry(engine, name, options, (session, reference, there) => pullStored(engine, session, reference, there, options.platform, true))];
}

/**
 * Fetches every tag of a repository, one after the other. Tags that are no images (signatures and the like) are passed
 * over with a warning. @throws ScullError as pullImage; USAGE when `name` has a tag or digest
 */
export async function pullAllTags(engine: Engine, name: string, options: PullOptions = {}): Promise<readonly ImageRecord[]> {
  if (hasFileTransport(name)) throw new ScullError('USAGE', `--all-tags is for repositories of a registry, and ${JSON.stringify(name)} is a file`, { hint: 'leave it out: all images of an archive are taken' });
  if (/:[^/]*$|@/.test(withoutTransport(name))) throw new ScullError('USAGE', `${JSON.stringify(name)} names one image; with --all-tags give the repository alone`);
  const conf = await loadConf(name);
  const { listTags } = await import('../../registry/tags.ts');
  return firstSuccess(name, await namesFor(conf, name), (reference) => {
    announce(engine, name, reference);
    return fromLocations(engine, conf, reference, options, async (session, location) => {
      const images: ImageRecord[] = [];
      for (const tag of await listTags(session, location.reference)) {
        const tagged: Reference = { registry: reference.registry, repository: reference.repository, tag };
        try {
          images.push(await pullWith(engine, session, tagged, { ...location.reference, tag }, options.platform));
        } catch (error) {
          if (!isScullError(error, 'UNSUPPORTED')) throw error;
          engine.progress({ kind: 'message', level: 'warning', text: `${formatReference(tagged)} is passed over: ${error.message}` });
        }
      }
      return images;
    });
  });
}

/**
 * Does something with what a name stands for in registries, trying its meanings and places in order.
 * @param work gets an open session, the reference by which the image is known here, and that by which it is asked for there
 * @throws ScullError INVALID for a malformed name; what `work` throws for the last one
 */
export async function inRegistry<T>(engine: Engine, name: string, options: PullOptions, work: (session: RegistrySession, reference: Reference, there: Reference) => Promise<T>): Promise<T> {
  const conf = await loadConf(name);
  return firstSuccess(name, await namesFor(conf, name), (reference) => {
    announce(engine, name, reference);
    return fromLocations(engine, conf, reference, options, (session, location) => work(session, reference, location.reference));
  });
}

/**
 * Fetches what is missing of an image that is here, exactly as it was: by `repository@digest`. Its names stay as they are.
 * @throws ScullError as pullImage
 */
export async function fetchAgain(engine: Engine, repoDigest: string, platform: Platform): Promise<void> {
  const conf = await loadConf(repoDigest);
  const reference = parseReference(repoDigest);
  const [{ registrySource }, { admitImage }] = await Promise.all([import('../../registry/source.ts'), import('../../storage/admit.ts')]);
  await fromLocations(engine, conf, reference, {}, async (session, location) => {
    await admitImage(engine.store, registrySource(location.reference, { session, platform }), { names: [], progress: engine.progress });
  });
}

/** What applies to a name. */
async function loadConf(name: string): Promise<RegistriesConf> {
  const { loadRegistriesConf } = await import('../../registry/registries-conf.ts');
  return loadRegistriesConf({ aliases: isShortName(withoutTransport(name)) });
}

/** The references meant by what was typed. */
async function namesFor(conf: RegistriesConf, name: string): Promise<readonly Reference[]> {
  if (parseSource(name).transport !== 'docker') throw new ScullError('UNSUPPORTED', `${JSON.stringify(name)} is not in a registry`, { hint: 'take it in with `scull pull` or `scull load` first' });
  const { resolveName } = await import('../../registry/locations.ts');
  return resolveName(conf, withoutTransport(name));
}

/** What a short name is taken for, said before it is tried. */
function announce(engine: Engine, name: string, reference: Reference): void {
  const plain = withoutTransport(name);
  if (isShortName(plain)) engine.progress({ kind: 'resolved', name: plain, reference: formatReference(reference) });
}

function withoutTransport(name: string): string {
  return name.replace(/^docker:\/\//, '');
}

/** Failures that another place or meaning may not have; a full disk or an interrupt is none. */
function mayDifferElsewhere(error: unknown): error is ScullError {
  return isScullError(error, 'NETWORK', 'REGISTRY', 'NO_SUCH_IMAGE', 'UNAUTHORIZED', 'INVALID', 'TIMEOUT');
}

async function firstSuccess<C, T>(name: string, candidates: readonly C[], attempt: (candidate: C) => Promise<T>): Promise<T> {
  const failures: ScullError[] = [];
  for (const candidate of candidates) {
    try {
      return await attempt(candidate);
    } catch (error) {
      if (!mayDifferElsewhere(error)) throw error;
      failures.push(error);
    }
  }
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) throw last ?? new Error('there is nothing to try');
  throw new ScullError(last.code, `cannot pull ${JSON.stringify(name)} from any of ${failures.length} places; the last said: ${last.message}`, {
    detail: failures.map((failure) => failure.message).join('\n'),
    cause: last,
    ...(last.hint === undefined ? {} : { hint: last.hint }),
  });
}

async function fromLocations<T>(engine: Engine, conf: RegistriesConf, reference: Reference, options: PullOptions, work: (session: RegistrySession, location: PullLocation) => Promise<T>): Promise<T> {
  const [{ pullLocations }, { requirePermission }, { openRegistry }] = await Promise.all([import('../../registry/locations.ts'), import('../../registry/policy.ts'), import('../../registry/session.ts')]);
  requirePermission(reference);
  const locations = pullLocations(conf, reference);
  return firstSuccess(formatReference(reference), locations, async (location) => {
    if (location.mirror) engine.progress({ kind: 'message', level: 'info', text: `${formatReference(reference)} is fetched from ${formatReference(location.reference)}` });
    const session = openRegistry(location.reference.registry, registryOptions(location.reference, options, location.insecure, engine.progress));
    try {
      return await work(session, location);
    } finally {
      session.close();
    }
  });
}

/** @param name what the image is called here @param there what it is asked for as (another repository, for a mirror) */
async function pullWith(engine: Engine, session: RegistrySession, name: Reference, there: Reference, platform: Platform | undefined): Promise<ImageRecord> {
  return (await pullStored(engine, session, name, there, platform, false)) as ImageRecord;
}

async function pullStored(engine: Engine, session: RegistrySession, name: Reference, there: Reference, platform: Platform | undefined, artifacts: boolean): Promise<StoredImage> {
  const wanted = platform ?? hostPlatform();
  session.begin();
  const image = (await presentImage(engine, session, name, there, wanted)) ?? (await fetchStored(engine, session, name, there, wanted, artifacts));
  recordEvent(engine, { type: 'image', status: 'pull', id: image.id, name: formatReference(name) });
  return image;
}

async function fetchStored(engine: Engine, session: RegistrySession, name: Reference, there: Reference, wanted: Platform, artifacts: boolean): Promise<StoredImage> {
  const [{ registrySource }, { prepareUnpacking }] = await Promise.all([import('../../registry/source.ts'), import('../../storage/layers/unpack-process.ts')]);
  const source = registrySource(there, { session, platform: wanted });
  const asked = source.digests();
  asked.catch(() => undefined); // told below
  const dismiss = prepareUnpacking(engine.store, true);
  let image: StoredImage;
  try {
    // What else it takes is loaded while the registry answers and that process starts.
    await onItsWay();
    const { admitAny, admitImage } = await import('../../storage/admit.ts');
    const digests = await asked;
    image = await (artifacts ? admitAny : admitImage)(engine.store, source, {
      names: name.digest === undefined ? [formatReference(name)] : [],
      repoDigests: digests.map((digest) => digestReference(name, digest)),
      progress: engine.progress,
    });
  } finally {
    await dismiss();
  }
  if (image.kind === 'image') warnOfPlatform(engine, image as ImageRecord, wanted);
  return image;
}

/**
 * The image here, if it is what the registry has under that name. Asking by HEAD costs one round trip, and at Docker Hub
 * nothing of the rate limit.
 */
async function presentImage(engine: Engine, session: RegistrySession, name: Reference, there: Reference, wanted: Platform): Promise<ImageRecord | undefined> {
  const { findImage } = await import('../../storage/image-lookup.ts');
  const found = unlessUnusable(() => findImage(engine.store, formatReference(name)));
  if (found === undefined) return undefined;
  const { headManifest } = await import('../../registry/manifests.ts');
  const asked = headManifest(session, there);
  asked.catch(() => undefined); // told below, unless what is here is of no use anyway
  await onItsWay();
  const local = unlessUnusable(() => found().image);
  if (local === undefined || !platformMatches(local.config, wanted)) return undefined;
  const digest = await asked;
  if (digest === undefined || !knownAs(local, name, digest)) return undefined;
  if (!(await isWhole(engine, local))) return undefined;
  for (const layer of local.layers) engine.progress({ kind: 'done', id: layer.descriptor.digest, result: 'exists' });
  return local;
}

/** Lets a request that was begun come as far as the network before we go on with what keeps the processor. */
function onItsWay(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Also unpacks layers that are only packed here. False where something was deleted: then it is fetched anew. */
async function isWhole(engine: Engine, image: ImageRecord): Promise<boolean> {
  if (image.layers.every((layer) => layerExists(engine.store, layer.chainId))) return true;
  const { ensureLayers } = await import('../../storage/admit.ts');
  try {
    await ensureLayers(engine.store, image, engine.progress);
    return true;
  } catch (error) {
    if (isScullError(error, 'CORRUPT')) return false;
    throw error;
  }
}

function unlessUnusable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    // A damaged image is fetched anew; an artifact, or a list that was made here, is another thing.
    if (isScullError(error, 'NO_SUCH_IMAGE', 'CORRUPT', 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

function knownAs(image: ImageRecord, name: Reference, digest: Digest): boolean {
  return image.repoDigests.includes(digestReference(name, digest));
}
