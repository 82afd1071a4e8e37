/** Making an image of one layer from the tar of a root file system. */
import { closeSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { isScullError, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import type { Progress } from '../../host/progress.ts';
import { MEDIA_TYPES, type ImageConfig } from '../../oci/image.ts';
import { hostPlatform, normalizePlatform } from '../../oci/platform.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import { admitImage } from '../../storage/admit.ts';
import { adoptBlob, digestOf } from '../../storage/blobs.ts';
import { discardLeftovers } from '../../storage/garbage.ts';
import type { ImageRecord, ImageSource } from '../../storage/image-types.ts';
import type { StagedBlob } from '../../storage/import-layer.ts';
import { importPlainLayer } from '../../storage/import-plain.ts';
import { prepareUnpacking } from '../../storage/layers/unpack-process.ts';
import { createStaging, sweepStaging, type Staging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { openUserDescriptor, openUserFile } from '../user-files.ts';
import { recordEvent } from '../events/record.ts';
import { applyChanges } from './changes.ts';

export interface ImportOptions {
  /** Name for the image; a short one becomes `localhost/…`. */
  readonly name?: string | undefined;
  /** Containerfile instructions, see changes.ts. */
  readonly changes?: readonly string[];
  /** For the image's history. */
  readonly message?: string | undefined;
  readonly os?: string | undefined;
  readonly architecture?: string | undefined;
  readonly variant?: string | undefined;
  /** When the image was made; now unless given. */
  readonly created?: Date;
}

/**
 * Imports a tar (plain, gzip, zstd, xz, bzip2) of a root file system.
 * @param input path of a file, http(s) URL, or a stream
 * @throws ScullError INVALID for what is not such a tar, a bad name or change; NOT_FOUND; NETWORK
 */
export async function importImage(engine: Engine, input: string | Readable, options: ImportOptions = {}): Promise<ImageRecord> {
  const names = options.name === undefined ? [] : [formatReference(localReference(options.name))];
  const runtime = applyChanges({}, options.changes ?? []);
  ensurePrivateDirectory(engine.store.layout.root);
  await sweepStaging(engine.store);
  const staging = createStaging(engine.store);
  const dismiss = prepareUnpacking(engine.store);
  try {
    const label = typeof input === 'string' ? input : '-';
    const layer = await importLayer(engine, staging, input);
    const created = (options.created ?? new Date()).toISOString();
    const config: ImageConfig = {
      created,
      ...normalizePlatform({
        os: options.os ?? 'linux',
        architecture: options.architecture ?? hostPlatform().architecture,
        ...(options.variant === undefined ? {} : { variant: options.variant }),
      }),
      config: runtime,
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, created_by: '/bin/sh -c #(nop) ADD file in /', comment: options.message ?? `Imported from ${label}` }],
    };
    const image = await admitImage(engine.store, await sourceOf(config, layer), { names, progress: withoutLayer(engine.progress, layer) });
    recordEvent(engine, { type: 'image', status: 'import', id: image.id, name: names[0] ?? '' });
    return image;
  } catch (error) {
    await staging.remove();
    await discardLeftovers(engine.store);
    // Which layer that is nobody has asked.
    if (isScullError(error, 'INVALID') && /^layer \S+: /.test(error.message)) {
      throw new ScullError('INVALID', `cannot import ${typeof input === 'string' ? JSON.stringify(input) : 'the input'}: ${error.message.replace(/^layer \S+: /, '')}`, { hint: error.hint, detail: error.detail, cause: error });
    }
    throw error;
  } finally {
    await dismiss();
    await staging.remove();
  }
}

/** Where it is a plain tar in a file, it is unpacked in the same pass. */
async function importLayer(engine: Engine, staging: Staging, input: string | Readable): Promise<StagedBlob> {
  const file = typeof input === 'string' && !isUrl(input) && isRegularFile(input) ? input : undefined;
  const plain = file === undefined ? undefined : await importPlain(engine, staging, file);
  if (plain !== undefined) return plain;
  const { stageImportedLayer } = await import('../../storage/import-layer.ts');
  const layer = await stageImportedLayer(staging, await openInput(input), typeof input === 'string' ? JSON.stringify(input) : 'the input', file);
  if (layer.staged) adoptBlob(engine.store, staging, layer.file, layer.descriptor.digest);
  return layer;
}

/** That a layer is here, of which was told already that it came, is no news. */
function withoutLayer(progress: Progress, { descriptor, admitted }: StagedBlob): Progress {
  return (event) => {
    if (!admitted || event.kind !== 'done' || event.id !== descriptor.digest) progress(event);
  };
}

async function sourceOf(config: ImageConfig, layer: StagedBlob): Promise<ImageSource> {
  const configBytes = Buffer.from(JSON.stringify(config));
  const descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: descriptor, layers: [layer.descriptor] };
  return {
    resumable: false,
    manifest: async () => ({ bytes: Buffer.from(JSON.stringify(manifest)), mediaType: MEDIA_TYPES.ociManifest }),
    blob: async (wanted) => (wanted.digest === descriptor.digest ? onePiece(configBytes) : (await import('../../storage/import-layer.ts')).openStaged(layer)),
  };
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function openInput(input: string | Readable): Promise<Readable> {
  if (typeof input !== 'string') return input;
  if (isUrl(input)) return (await (await import('../../registry/download.ts')).download(input, 'import')).content;
  return openUserFile(input);
}

async function importPlain(engine: Engine, staging: Staging, file: string): Promise<StagedBlob | undefined> {
  const fd = openUserDescriptor(file);
  try {
    return await importPlainLayer(engine.store, staging, { fd, path: file }, engine.progress);
  } finally {
    closeSync(fd);
  }
}

function isUrl(input: string): boolean {
  return /^https?:\/\//.test(input);
}

function isRegularFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // opening it tells why
  }
}
