/** `push` and `manifest push` to a file or folder by a name with a transport (containers-transports(5)). */
import { createHash } from 'node:crypto';
import { openSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';
import { formatReference, parseReference, parseSource, type FileLocation } from '../../oci/reference.ts';
import type { PushedDocument, PushedImage } from '../../registry/push.ts';
import { REF_NAME } from '../../storage/index-file.ts';
import { addToLayout, writeFolder, writeLayout, type Content, type ContentBlob } from '../../storage/archives/write-content.ts';
import { inWords, wantsForm, type PushForm } from '../../storage/convert-image.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import { createStaging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import type { Pushed } from './push-destination.ts';
import { pushedForm, type PushOptions } from './push.ts';
import { savedImage, withOutput, writeImages } from './save.ts';

/** Where content goes by its digests. */
export type ContentLocation = Exclude<FileLocation, { readonly transport: 'docker-archive' }>;

/**
 * Writes an image to `oci:PATH[:NAME]` (a layout that is there keeps its other images), `oci-archive:PATH[:NAME]` or `dir:PATH`, as it is
 * unless another form is asked for; layouts hold manifests of the OCI's.
 * @throws ScullError INVALID where it can't be added to what is there; USAGE, UNSUPPORTED for a form; NOT_FOUND, NO_SPACE, PERMISSION, CORRUPT
 */
export async function pushFile(engine: Engine, image: StoredImage, destination: string, options: PushOptions): Promise<Pushed> {
  const location = contentLocation(destination, options);
  const staging = createStaging(engine.store);
  try {
    const form = formFor(location, options);
    const made = await pushedForm(engine, staging, image, form);
    // An artifact is what its types say.
    const sent = location.transport === 'dir' || image.kind === 'artifact' ? made : await inWords('oci', made);
    await writeContent(location, sent, [sent]);
    recordEvent(engine, { type: 'image', status: 'push', id: image.id, name: destination });
    return { digest: sent.digest };
  } finally {
    await staging.remove();
  }
}

/** @throws ScullError USAGE where the format is not one of that place; UNSUPPORTED for what is no place for it */
export function contentLocation(destination: string, { format }: PushForm): ContentLocation {
  const location = parseSource(destination);
  if (location.transport === 'docker' || location.transport === 'docker-archive') throw new ScullError('UNSUPPORTED', `${JSON.stringify(destination)} can't hold a list of images`, { hint: 'push it to oci:PATH, oci-archive:PATH, dir:PATH or a registry' });
  if (format === 'v2s2' && location.transport !== 'dir') throw new ScullError('USAGE', `--format v2s2 does not go with ${location.transport}:, where manifests are the OCI's`);
  return location;
}

/** What is not compressed stays so in a file, unless it is wanted otherwise. */
function formFor({ transport }: ContentLocation, { format, compression, compressionLevel, forceCompression, compress }: PushOptions): PushForm {
  if (compression !== undefined || compressionLevel !== undefined) return { format: transport === 'dir' ? format : 'oci', compression, compressionLevel, forceCompression };
  if (transport === 'dir' && compress === true) return { format, compression: 'gzip', forceCompression: false };
  return {};
}

/**
 * Writes a manifest, or an index with the images in it.
 * @throws ScullError INVALID where it can't be added to what is there, or content is not what it must be; NOT_FOUND, NO_SPACE, PERMISSION, CORRUPT
 */
export async function writeContent(location: ContentLocation, top: PushedDocument, images: readonly PushedImage[]): Promise<void> {
  const content = contentOf(top, images);
  const entry: Descriptor = { mediaType: top.mediaType, digest: top.digest, size: top.bytes.length };
  switch (location.transport) {
    case 'oci':
      return addToLayout(location.path, entry, location.name, content);
    case 'oci-archive':
      refuseToReplace(location);
      return withOutput(location.path, false, (sink) => writeLayout(sink, [location.name === undefined ? entry : { ...entry, annotations: { [REF_NAME]: location.name } }], content));
    case 'dir':
      return withOutput(location.path, true, (sink) => writeFolder(sink, top.digest, content));
  }
}

function contentOf(top: PushedDocument, images: readonly PushedImage[]): Content {
  const documents = new Map<Digest, Uint8Array>([top, ...images].map(({ digest, bytes }) => [digest, bytes]));
  const blobs = new Map<Digest, ContentBlob>();
  for (const image of images) {
    for (const descriptor of [image.manifest.config, ...image.manifest.layers]) blobs.set(descriptor.digest, { size: descriptor.size, open: () => opened(image, descriptor) });
  }
  return { documents, blobs };
}

function opened(image: PushedImage, descriptor: Descriptor): number | Readable {
  const from = image.blob(descriptor);
  return typeof from === 'string' ? openSync(from, 'r') : Readable.from(checked(from(0), descriptor), { objectMode: false });
}

/** What comes from a registry only now was compared with nothing yet. */
async function* checked(stream: Readable, { digest }: Descriptor): AsyncGenerator<Uint8Array> {
  const hash = createHash(digestAlgorithm(digest));
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    yield chunk;
  }
  const found = hash.digest('hex');
  if (found !== digestHex(digest)) throw new ScullError('INVALID', `the content of blob ${digest} is not what was announced: its digest is ${found}`);
}

/**
 * Writes an image to `docker-archive:PATH[:NAME]`; of a list the one for this machine.
 * @returns the digest of the image's own manifest
 * @throws ScullError INVALID where there is a file; UNSUPPORTED for artifacts, and where a form is asked for
 */
export async function pushDockerArchive(engine: Engine, nameOrId: string, destination: string, form: PushForm): Promise<Pushed> {
  if (wantsForm(form)) throw new ScullError('UNSUPPORTED', 'format and compression can not be chosen for an archive of Docker', { hint: 'leave these flags out, or push to oci-archive:PATH' });
  const location = parseSource(destination);
  if (location.transport !== 'docker-archive') throw new Error(`no archive of Docker: ${destination}`);
  const { image } = savedImage(engine, nameOrId);
  refuseToReplace(location);
  await writeImages(engine, [{ image, names: location.name === undefined ? [] : [formatReference(parseReference(location.name))] }], 'docker-archive', { output: location.path });
  recordEvent(engine, { type: 'image', status: 'push', id: image.id, name: destination });
  return { digest: image.manifestDigest };
}

/** An archive can't be added to, and must not be lost by a push. */
function refuseToReplace(location: FileLocation): void {
  const stat = statSync(location.path, { throwIfNoEntry: false });
  if (stat === undefined || !stat.isFile() || stat.size === 0) return;
  throw new ScullError('INVALID', `${JSON.stringify(location.path)} is there already, and images can't be added to an archive`, { hint: 'remove it first, or replace it with `scull save -o`' });
}
