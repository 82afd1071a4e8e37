/** `pull`: from a registry into the store. */
import { isScullError, ScullError } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { hostPlatform, platformMatches, type Platform } from '../../oci/platform.ts';
import { digestReference, formatReference, hasFileTransport, isShortName, parseSource, type Reference } from '../../oci/reference.ts';
import type { RegistryOptions, RegistrySession } from '../../registry/session.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import type { Engine } from '../engine.ts';
import { warnOfPlatform } from './platform-warning.ts';

/** What can be said about the registry that an image comes from. */
export interface RegistryChoices extends Pick<RegistryOptions, 'tlsVerify' | 'credentials' | 'certificateDirectory' | 'retries' | 'retryDelay'> {}

export interface PullOptions extends RegistryChoices {
  /** This machine's unless given. */
  readonly platform?: Platform | undefined;
}

/**
 * Fetches the image that `name` stands for now, also where the name is known already, and gives it that name. Nothing is
 * fetched that is already there. A name with a digest gives no name, the image is then known by `repository@digest`.
 * @throws ScullError INVALID for a malformed name; NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK; NO_SPACE; UNSUPPORTED
 */
export async function pullImage(engine: Engine, name: string, options: PullOptions = {}): Promise<ImageRecord> {
  const reference = resolveName(engine, name);
  const { openRegistry } = await import('../../registry/session.ts');
  const session = openRegistry(reference.registry, { ...options, progress: engine.progress });
  try {
    return await pullWith(engine, session, reference, options.platform);
  } finally {
    session.close();
  }
}

/**
 * Fetches every tag of a repository, one after the other. Tags that are no images (signatures and the like) are passed
 * over with a warning. @throws ScullError as pullImage; INVALID when `name` has a tag or digest
 */
export async function pullAllTags(engine: Engine, name: string, options: PullOptions = {}): Promise<readonly ImageRecord[]> {
  if (/:[^/]*$|@/.test(name.replace(/^docker:\/\//, ''))) throw new ScullError('USAGE', `${JSON.stringify(name)} names one image; with --all-tags give the repository alone`);
  const reference = resolveName(engine, name);
  const { openRegistry } = await import('../../registry/session.ts');
  const { listTags } = await import('../../registry/tags.ts');
  const session = openRegistry(reference.registry, { ...options, progress: engine.progress });
  try {
    const images: ImageRecord[] = [];
    for (const tag of await listTags(session, reference)) {
      const tagged: Reference = { registry: reference.registry, repository: reference.repository, tag };
      try {
        images.push(await pullWith(engine, session, tagged, options.platform));
      } catch (error) {
        if (!isScullError(error, 'UNSUPPORTED')) throw error;
        engine.progress({ kind: 'message', level: 'warning', text: `${formatReference(tagged)} is passed over: ${error.message}` });
      }
    }
    return images;
  } finally {
    session.close();
  }
}

/** The reference meant by what was typed; says so where that is not obvious. */
function resolveName(engine: Engine, name: string): Reference {
  if (hasFileTransport(name)) {
    throw new ScullError('UNSUPPORTED', `${JSON.stringify(name)} is not in a registry, so it can't be pulled`, { hint: 'take archives and image folders in with `scull load -i PATH`' });
  }
  const source = parseSource(name);
  if (source.transport !== 'docker') throw new ScullError('UNSUPPORTED', `${JSON.stringify(name)} is not in a registry`);
  if (isShortName(name)) engine.progress({ kind: 'resolved', name, reference: formatReference(source.reference) });
  return source.reference;
}

async function pullWith(engine: Engine, session: RegistrySession, reference: Reference, platform: Platform | undefined): Promise<ImageRecord> {
  const wanted = platform ?? hostPlatform();
  const present = await presentImage(engine, session, reference, wanted);
  if (present !== undefined) return present;
  const [{ registrySource }, { admitImage }] = await Promise.all([import('../../registry/source.ts'), import('../../storage/admit.ts')]);
  const source = registrySource(reference, { session, platform: wanted });
  const digests = await source.digests();
  const image = await admitImage(engine.store, source, {
    names: reference.digest === undefined ? [formatReference(reference)] : [],
    repoDigests: digests.map((digest) => digestReference(reference, digest)),
    progress: engine.progress,
  });
  warnOfPlatform(engine, image, wanted);
  return image;
}

/**
 * The image here, if it is what the registry has under that name. Asking by HEAD costs one round trip, and at Docker Hub
 * nothing of the rate limit.
 */
async function presentImage(engine: Engine, session: RegistrySession, reference: Reference, wanted: Platform): Promise<ImageRecord | undefined> {
  const local = await findPresent(engine, reference);
  if (local === undefined || !platformMatches(local.config, wanted)) return undefined;
  const { headManifest } = await import('../../registry/manifests.ts');
  const digest = await headManifest(session, reference);
  if (digest === undefined || !knownAs(local, reference, digest)) return undefined;
  if (!(await isWhole(engine, local))) return undefined;
  for (const layer of local.layers) engine.progress({ kind: 'done', id: layer.descriptor.digest, result: 'exists' });
  return local;
}

/** Also unpacks layers that are only packed here. False where something was deleted: then it is fetched anew. */
async function isWhole(engine: Engine, image: ImageRecord): Promise<boolean> {
  const { ensureLayers } = await import('../../storage/admit.ts');
  try {
    await ensureLayers(engine.store, image, engine.progress);
    return true;
  } catch (error) {
    if (isScullError(error, 'CORRUPT')) return false;
    throw error;
  }
}

async function findPresent(engine: Engine, reference: Reference): Promise<ImageRecord | undefined> {
  const { lookUpImage } = await import('../../storage/image-lookup.ts');
  try {
    return lookUpImage(engine.store, formatReference(reference)).image;
  } catch (error) {
    // A damaged image is fetched anew.
    if (isScullError(error, 'NO_SUCH_IMAGE', 'CORRUPT')) return undefined;
    throw error;
  }
}

function knownAs(image: ImageRecord, reference: Reference, digest: Digest): boolean {
  return image.repoDigests.includes(digestReference(reference, digest));
}
