/** Having the image that a container is to be made of: what `--pull` of run, create and build means (podman-run(1)). */
import { isScullError, ScullError } from '../../host/errors.ts';
import { formatPlatform, hostPlatform, platformMatches, type Platform } from '../../oci/platform.ts';
import { hasFileTransport, isShortName, LOCAL_REGISTRY } from '../../oci/reference.ts';
import type { PullPolicy } from '../../spec/container-spec.ts';
import { lookUpImage, noSuchImage, type FoundImage } from '../../storage/image-lookup.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { layerExists } from '../../storage/layers/store.ts';
import type { Engine } from '../engine.ts';
import { warnOfPlatform } from './platform-warning.ts';
import type { RegistryChoices } from './registry-choices.ts';

export interface EnsureOptions extends RegistryChoices {
  /** This machine's unless given. */
  readonly platform?: Platform | undefined;
  readonly pull: PullPolicy;
}

/**
 * The image that `name` (a name or an id) means under a pull policy:
 *
 * - `missing`: the one here; fetched if there is none, or none for the platform asked for
 * - `always`: fetched, however old the one here is; a failure is an error
 * - `newer`: fetched if the registry's is another; a failure is a warning as long as there is one here
 * - `never`: the one here
 *
 * What a file holds (`oci-archive:PATH` and so on) is taken from there under every policy: nobody asks a registry.
 *
 * An image for another platform than this machine's (or than the one asked for) is handed out with a warning: with
 * emulation it may run.
 * @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID, CORRUPT, and what {@link pullImage} throws
 */
export async function ensureImage(engine: Engine, name: string, options: EnsureOptions): Promise<ImageRecord> {
  if (hasFileTransport(name)) return (await import('./pull.ts')).pullImage(engine, name, options);
  const local = findLocal(engine, name, options) ?? (await findByAlias(engine, name, options));
  const fits = local !== undefined && (options.platform === undefined || platformMatches(local.image.config, options.platform));
  if (local !== undefined && fits && usesLocal(local, options.pull)) return checkPlatform(engine, await unpacked(engine, local, options), options.platform);
  switch (options.pull) {
    case 'never':
      throw notHere(name, local, options.platform);
    case 'newer':
      return pullNewer(engine, name, fits ? local : undefined, options);
    default:
      return pull(engine, name, local, options);
  }
}

/** True when what is here will do without asking a registry. An id says exactly what is meant, a registry can't add to it. */
function usesLocal(local: FoundImage, policy: PullPolicy): boolean {
  if (policy === 'missing' || policy === 'never') return true;
  return policy === 'newer' && (local.name === undefined || isMadeHere(local.name));
}

function findLocal(engine: Engine, name: string, { pull: policy, platform }: EnsureOptions): FoundImage | undefined {
  try {
    return lookUpImage(engine.store, name.replace(/^docker:\/\//, ''), platform);
  } catch (error) {
    if (isScullError(error, 'NO_SUCH_IMAGE')) return undefined;
    // A damaged image is fetched anew where that is allowed.
    if (isScullError(error, 'CORRUPT') && policy !== 'never') {
      engine.progress({ kind: 'message', level: 'warning', text: `${error.message}; pulling it again` });
      return undefined;
    }
    throw error;
  }
}

/** By the name that a short one stands for in registries.conf, under which it was pulled: `podman` for quay.io/podman/stable. */
async function findByAlias(engine: Engine, name: string, options: EnsureOptions): Promise<FoundImage | undefined> {
  if (options.pull === 'always' || !isShortName(name)) return undefined;
  const { aliasFor } = await import('./by-alias.ts');
  const meant = await aliasFor(name);
  return meant === undefined ? undefined : findLocal(engine, meant, options);
}

async function pullNewer(engine: Engine, name: string, local: FoundImage | undefined, options: EnsureOptions): Promise<ImageRecord> {
  try {
    return await pull(engine, name, local, options);
  } catch (error) {
    if (local === undefined || !isScullError(error)) throw error;
    engine.progress({ kind: 'message', level: 'warning', text: `${error.message}; the image that is here is used` });
    return checkPlatform(engine, local.image, options.platform);
  }
}

/** Fetches under the name by which the image is known here, so that `app` means the same image before and after. */
async function pull(engine: Engine, name: string, local: FoundImage | undefined, options: EnsureOptions): Promise<ImageRecord> {
  const { pullImage } = await import('./pull.ts');
  const customPlatform = options.platform !== undefined;
  if (local === undefined && isWholeId(name)) throw noSuchImage(name);
  if (local === undefined || customPlatform) return pullImage(engine, name, options);
  if (local.name === undefined) {
    throw new ScullError('INVALID', `${JSON.stringify(name)} is an image id, and a registry can only be asked for names`, { hint: 'give the name, or leave out --pull=always' });
  }
  if (isMadeHere(local.name)) {
    throw new ScullError('INVALID', `${JSON.stringify(name)} is ${local.name}, which was made here: there is no registry to pull it from`, { hint: 'leave out --pull=always, or give a name with its registry' });
  }
  return pullImage(engine, local.name, options);
}

function isWholeId(name: string): boolean {
  return /^(?:sha256:)?[0-9a-f]{64}$/.test(name);
}

function isMadeHere(name: string): boolean {
  return name.startsWith(`${LOCAL_REGISTRY}/`);
}

function notHere(name: string, local: FoundImage | undefined, platform: Platform | undefined): ScullError {
  if (local === undefined || platform === undefined) {
    const { message } = noSuchImage(name);
    return new ScullError('NO_SUCH_IMAGE', `${message}, and --pull=never forbids to fetch it`, { hint: `fetch it with \`scull pull\`` });
  }
  return new ScullError('NO_SUCH_IMAGE', `${JSON.stringify(name)} is here for ${formatPlatform(local.image.config)} only, not for ${formatPlatform(platform)}`, {
    hint: 'leave out --pull=never to fetch the other one',
  });
}

/**
 * An image that another program put into the store, or whose layers were lost, has nothing but blobs yet; one of a list may
 * not even have these.
 */
async function unpacked(engine: Engine, { image, origin }: FoundImage, options: EnsureOptions): Promise<ImageRecord> {
  if (image.layers.every((layer) => layerExists(engine.store, layer.chainId))) return image;
  const [{ ensureLayers }, { hasBlob }] = await Promise.all([import('../../storage/admit.ts'), import('../../storage/blobs.ts')]);
  if (origin !== undefined && options.pull !== 'never' && !image.layers.every((layer) => hasBlob(engine.store, layer.descriptor))) {
    const { pullImage } = await import('./pull.ts');
    return pullImage(engine, origin, { ...options, platform: image.config });
  }
  await ensureLayers(engine.store, image, engine.progress);
  return image;
}

/** Pulling warns by itself; this is for what was here. */
function checkPlatform(engine: Engine, image: ImageRecord, platform: Platform | undefined): ImageRecord {
  warnOfPlatform(engine, image, platform ?? hostPlatform());
  return image;
}
