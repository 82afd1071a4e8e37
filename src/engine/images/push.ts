/** `push`: from the store to a registry. Blobs go as they are: nothing is compressed again. */
import { ScullError } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { digestReference, formatReference, hasFileTransport, LOCAL_REGISTRY, parseReference, type Reference } from '../../oci/reference.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { registryOptions, type RegistryChoices } from './registry-choices.ts';

export interface PushOptions extends RegistryChoices {
  /** Name to push to; the image's own unless given. May begin with docker://. */
  readonly destination?: string | undefined;
}

export interface Pushed {
  readonly reference: string;
  readonly digest: Digest;
}

/**
 * Sends an image of the store to a registry, and remembers by which digest it is known there.
 * @param nameOrId the image here; a name also says where to, unless `destination` does
 * @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, INVALID; UNAUTHORIZED, REGISTRY, NETWORK; CORRUPT when a blob is gone
 */
export async function pushImage(engine: Engine, nameOrId: string, options: PushOptions = {}): Promise<Pushed> {
  const { lookUpStored } = await import('../../storage/image-lookup.ts');
  const found = lookUpStored(engine.store, nameOrId);
  const { image } = found;
  const { manifest } = image;
  if (manifest === undefined) return (await import('../manifests/push.ts')).pushManifest(engine, nameOrId, options);
  const reference = destinationOf(nameOrId, found.name, options.destination);
  const [{ loadRegistriesConf }, { isBlocked, isInsecure }, { openRegistry }, { pushImageTo }, { openBlob, readDocument }] = await Promise.all([
    import('../../registry/registries-conf.ts'),
    import('../../registry/locations.ts'),
    import('../../registry/session.ts'),
    import('../../registry/push.ts'),
    import('../../storage/blobs.ts'),
  ]);
  const conf = loadRegistriesConf();
  if (isBlocked(conf, reference)) throw new ScullError('REGISTRY', `cannot push ${formatReference(reference)}: registries.conf blocks it`);
  const session = openRegistry(reference.registry, registryOptions(reference, options, isInsecure(conf, reference), engine.progress));
  try {
    const digest = await pushImageTo(
      session,
      reference,
      {
        bytes: readDocument(engine.store, image.manifestDigest),
        mediaType: image.manifestMediaType,
        digest: image.manifestDigest,
        manifest,
        blob: (descriptor, offset) => openBlob(engine.store, descriptor.digest, offset),
      },
      { mountFrom: otherRepositories(image, reference), progress: engine.progress },
    );
    await rememberDigest(engine, image, digestReference(reference, digest));
    recordEvent(engine, { type: 'image', status: 'push', id: image.id, name: formatReference(reference) });
    return { reference: formatReference(reference), digest };
  } finally {
    session.close();
  }
}

/** Where an image or a list is to be pushed. @throws ScullError INVALID, UNSUPPORTED */
export function destinationOf(nameOrId: string, found: string | undefined, destination: string | undefined): Reference {
  const text = destination ?? found;
  if (text === undefined) throw new ScullError('INVALID', `${JSON.stringify(nameOrId)} is an image id, which does not say where to push to`, { hint: 'give a destination: `scull push IMAGE REGISTRY/REPOSITORY:TAG`' });
  if (hasFileTransport(text)) throw new ScullError('UNSUPPORTED', `${JSON.stringify(text)} is not in a registry, so it can't be pushed to`, { hint: 'write archives and image folders with `scull save -o PATH`' });
  const reference = parseReference(text.replace(/^docker:\/\//, ''));
  if (reference.registry === LOCAL_REGISTRY && destination === undefined) {
    throw new ScullError('INVALID', `${formatReference(reference)} was made here, and its name does not say where to push to`, {
      hint: `give a destination: \`scull push ${nameOrId} REGISTRY/REPOSITORY:TAG\`, or a name with \`scull tag\``,
    });
  }
  return reference;
}

/** Repositories of the same registry that hold this very image, as far as is known here. */
function otherRepositories(image: StoredImage, reference: Reference): readonly string[] {
  const known = image.repoDigests.map((text) => parseReference(text)).filter((other) => other.registry === reference.registry && other.repository !== reference.repository);
  return [...new Set(known.map((other) => other.repository))];
}

async function rememberDigest(engine: Engine, image: StoredImage, digested: string): Promise<void> {
  if (image.repoDigests.includes(digested)) return;
  const { changeIndex } = await import('../../storage/index-file.ts');
  await changeIndex(engine.store, (entries) =>
    entries.map((entry) => (entry.descriptor.digest === image.manifestDigest ? { ...entry, repoDigests: [...new Set([...entry.repoDigests, digested])].sort() } : entry)),
  );
}
