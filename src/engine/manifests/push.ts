/** `manifest push`: a list with the images in it, from the store or from where they were added, to a registry or a file. */
import { digestReference, formatReference, hasFileTransport, type Reference } from '../../oci/reference.ts';
import { pushDocumentTo, pushImageTo } from '../../registry/push.ts';
import type { RegistrySession } from '../../registry/session.ts';
import { imageKey } from '../../storage/image-names.ts';
import { changeIndex } from '../../storage/index-file.ts';
import type { ImageList } from '../../storage/image-lists.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { destinationOf, type Pushed } from '../images/push-destination.ts';
import { connectToRegistry } from '../images/registry-connection.ts';
import { findList } from './find-list.ts';
import { withSentList, type SentInstance, type SentListOptions } from './sent-list.ts';

export interface PushManifestOptions extends SentListOptions {
  /** Name to push to; the list's own unless given. May begin with a transport. */
  readonly destination?: string | undefined;
}

/**
 * Sends a list of the store to a registry (first the images in it, each by its digest, then the list under the tag), or writes it with
 * them to an OCI layout or a `dir:`.
 * @throws ScullError NO_SUCH_IMAGE, INVALID; UNSUPPORTED for a format that can't hold it; UNAUTHORIZED, REGISTRY, NETWORK; as files make one throw
 */
export async function pushManifest(engine: Engine, nameOrId: string, options: PushManifestOptions = {}): Promise<Pushed> {
  const { list } = await findList(engine, nameOrId);
  if (options.destination !== undefined && hasFileTransport(options.destination)) return pushToFile(engine, list, options.destination, options);
  const reference = destinationOf(nameOrId, list.name, options.destination);
  const session = connectToRegistry(reference, { to: `push ${formatReference(reference)}`, choices: options, progress: engine.progress });
  return withSentList(engine, list, options, new Map([[reference.registry, session]]), async ({ document, images }) => {
    for (const instance of images) await pushInstance(engine, session, reference, instance);
    await pushDocumentTo(session, reference, document);
    await rememberDigest(engine, list, digestReference(reference, document.digest));
    return { reference: formatReference(reference), digest: document.digest };
  });
}

async function pushInstance(engine: Engine, session: RegistrySession, { registry, repository }: Reference, { image, origin }: SentInstance): Promise<void> {
  const mountFrom = origin?.registry === registry ? [origin.repository] : [];
  await pushImageTo(session, { registry, repository, digest: image.digest }, image, { mountFrom: () => mountFrom, progress: engine.progress });
}

async function pushToFile(engine: Engine, list: ImageList, destination: string, options: PushManifestOptions): Promise<Pushed> {
  const { contentLocation, writeContent } = await import('../images/push-file.ts');
  const location = contentLocation(destination, options);
  return withSentList(engine, list, location.transport === 'dir' ? options : { ...options, format: 'oci' }, new Map(), async ({ document, images }) => {
    await writeContent(location, document, images.map(({ image }) => image));
    recordEvent(engine, { type: 'image', status: 'push', id: imageKey(list.entry), name: destination });
    return { digest: document.digest };
  });
}

async function rememberDigest(engine: Engine, list: ImageList, digested: string): Promise<void> {
  const key = imageKey(list.entry);
  await changeIndex(engine.store, (entries) =>
    entries.map((entry) =>
      imageKey(entry) === key && entry.descriptor.digest === list.entry.descriptor.digest ? { ...entry, repoDigests: [...new Set([...entry.repoDigests, digested])].sort() } : entry,
    ),
  );
}
