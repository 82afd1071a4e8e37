/**
 * `push`: from the store to a registry, or to a file. Blobs go as they are, unless another form is asked for; what is not
 * compressed in the store (it came from an archive of Docker) is compressed on the way.
 */
import { ScullError } from '../../host/errors.ts';
import { digestReference, formatReference, hasFileTransport, parseReference, repositoryName } from '../../oci/reference.ts';
import { wantsForm, type ConvertedImage, type PushForm } from '../../storage/convert-image.ts';
import type { ImageRecord, StoredImage } from '../../storage/image-types.ts';
import { createStaging, type Staging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { byAlias } from './by-alias.ts';
import { destinationOf, type Pushed } from './push-destination.ts';
import type { RegistryChoices } from './registry-choices.ts';

export interface PushOptions extends RegistryChoices, PushForm {
  /** Name to push to; the image's own unless given. May begin with a transport. */
  readonly destination?: string | undefined;
  /** To a `dir:`: compress layers that are not. */
  readonly compress?: boolean | undefined;
}

/**
 * Sends an image of the store to a registry, and remembers by which digest it is known there.
 * @param typed the image here, by name or id; a name also says where to, unless `destination` does
 * @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID; UNAUTHORIZED, REGISTRY, NETWORK; CORRUPT when a blob is gone
 */
export async function pushImage(engine: Engine, typed: string, options: PushOptions = {}): Promise<Pushed> {
  const { lookUpStored } = await import('../../storage/image-lookup.ts');
  // The search alone: what a registry does not know is no reason to push something else.
  const { nameOrId, found } = await byAlias(typed, (name) => ({ nameOrId: name, found: lookUpStored(engine.store, name) }));
  const { image } = found;
  const { destination = '' } = options;
  if (destination.startsWith('docker-archive:')) return (await import('./push-file.ts')).pushDockerArchive(engine, nameOrId, destination, options);
  if (image.manifest === undefined) return (await import('../manifests/push.ts')).pushManifest(engine, nameOrId, options);
  if (hasFileTransport(destination)) return (await import('./push-file.ts')).pushFile(engine, image, destination, options);
  const reference = destinationOf(nameOrId, found.name, options.destination);
  const [{ connectToRegistry }, { pushImageTo }, { knownOrigins }] = await Promise.all([import('./registry-connection.ts'), import('../../registry/push.ts'), import('../../storage/blob-origins.ts')]);
  const session = connectToRegistry(reference, { to: `push ${formatReference(reference)}`, choices: options, progress: engine.progress });
  const origins = knownOrigins(engine.store, reference.registry, image.manifestDigest);
  const staging = createStaging(engine.store);
  try {
    const digest = await pushImageTo(session, reference, await pushedForm(engine, staging, image, options), { mountFrom: (blob) => origins.get(blob) ?? [], progress: engine.progress });
    await rememberDigest(engine, image, digestReference(reference, digest));
    recordEvent(engine, { type: 'image', status: 'push', id: image.id, name: formatReference(reference) });
    return { reference: formatReference(reference), digest };
  } finally {
    session.close();
    await staging.remove();
  }
}

/**
 * Sends every image that has a name in a repository, in the order of the tags.
 * @param name the repository, without tag
 * @throws ScullError USAGE when `name` has a tag or digest; NO_SUCH_IMAGE when none has a name there; as {@link pushImage}
 */
export async function pushAllTags(engine: Engine, name: string, options: Omit<PushOptions, 'destination'>, done: (pushed: Pushed) => void): Promise<void> {
  if (/:[^/]*$|@/.test(name)) throw new ScullError('USAGE', `${JSON.stringify(name)} names one image; with --all-tags give the repository alone`);
  const repository = repositoryName(parseReference(name));
  const { readImages } = await import('../../storage/images.ts');
  const names = readImages(engine.store).images.flatMap((image) => image.names).filter((each) => each.startsWith(`${repository}:`)).sort();
  if (names.length === 0) throw new ScullError('NO_SUCH_IMAGE', `no image here has a name in ${repository}`, { hint: 'see what there is with `scull images`' });
  for (const each of names) done(await pushImage(engine, each, options));
}

/** @throws ScullError USAGE, CORRUPT, NO_SPACE; UNSUPPORTED for artifacts, of which nobody knows what their files are */
export async function pushedForm(engine: Engine, staging: Staging, image: StoredImage, form: PushForm): Promise<ConvertedImage> {
  const { convertImage, unconverted } = await import('../../storage/convert-image.ts');
  if (image.kind === 'image') return convertImage(engine.store, staging, image as ImageRecord, form, engine.progress);
  if (wantsForm(form)) throw new ScullError('UNSUPPORTED', 'an artifact is pushed as it is: format and compression are for images');
  return unconverted(engine.store, image);
}

async function rememberDigest(engine: Engine, image: StoredImage, digested: string): Promise<void> {
  if (image.repoDigests.includes(digested)) return;
  const { changeIndex } = await import('../../storage/index-file.ts');
  await changeIndex(engine.store, (entries) =>
    entries.map((entry) => (entry.descriptor.digest === image.manifestDigest ? { ...entry, repoDigests: [...new Set([...entry.repoDigests, digested])].sort() } : entry)),
  );
}
