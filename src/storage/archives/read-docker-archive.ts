/**
 * Images of `docker save` (moby's image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset Format"): manifest.json
 * lists for each image the file of its configuration, its names and the files of its layers. It has no manifest of the
 * image, so one is made up, over the layers as they are in the archive: the same archive gives the same digest everywhere.
 */
import { ScullError } from '../../host/errors.ts';
import { createHash } from '../../host/hash.ts';
import { decodeImageConfig, MAX_DOCUMENT, MAX_LAYERS } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import { readArray, readObject, readString, readStrings, within, type Place } from '../../oci/json-shape.ts';
import { digestOf } from '../blobs.ts';
import type { ImageSource } from '../image-types.ts';
import type { ArchivedImage } from './archived-image.ts';
import { compressionOf, missingFile, readSmall, type FileSet } from './file-set.ts';

const MAX_IMAGES = 1000;

interface Listed {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

/** @param list the content of manifest.json, parsed @throws ScullError INVALID */
export function readDockerArchive(files: FileSet, list: unknown): readonly ArchivedImage[] {
  const place: Place = { document: `manifest.json of ${files.label}` };
  const listed = readArray(list, place, readListed, MAX_IMAGES);
  if (listed.length === 0) throw new ScullError('INVALID', `${files.label} has no image`);
  return listed.map((image) => ({ source: archiveSource(files, image), names: image.names, shortNames: 'docker.io', madeUpManifest: true }));
}

function readListed(value: unknown, place: Place): Listed {
  const source = readObject(value, place);
  return {
    config: readString(source['Config'], within(place, 'Config')),
    names: readStrings(source['RepoTags'] ?? [], within(place, 'RepoTags')),
    layers: readArray(source['Layers'] ?? [], within(place, 'Layers'), readString, MAX_LAYERS),
  };
}

function archiveSource(files: FileSet, image: Listed): ImageSource {
  /** Digest → file in the archive. */
  const places = new Map<Digest, string>();
  return {
    resumable: false,
    async manifest() {
      const configBytes = await readSmall(files, image.config, MAX_DOCUMENT);
      const diffIds = decodeImageConfig(configBytes).rootfs.diff_ids;
      if (diffIds.length !== image.layers.length) {
        throw new ScullError('INVALID', `${files.label} is inconsistent: it lists ${image.layers.length} layers, the configuration ${diffIds.length}`);
      }
      const config: Descriptor = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
      places.set(config.digest, image.config);
      const layers: Descriptor[] = [];
      for (const [index, name] of image.layers.entries()) {
        const layer = await describeLayer(files, name, diffIds[index] as Digest);
        places.set(layer.digest, name);
        layers.push(layer);
      }
      const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers };
      return { bytes: Buffer.from(JSON.stringify(manifest)), mediaType: MEDIA_TYPES.ociManifest };
    },
    async blob(descriptor) {
      const name = places.get(descriptor.digest);
      if (name === undefined) throw new ScullError('INVALID', `${files.label} has no blob ${descriptor.digest}`);
      return files.pieces(name);
    },
  };
}

/** Layers are plain tars, whose digest is the diff id; some tools compress them all the same, and then it must be computed. */
async function describeLayer(files: FileSet, name: string, diffId: Digest): Promise<Descriptor> {
  const size = files.size(name);
  if (size === undefined) throw missingFile(files, name);
  const compression = await compressionOf(files, name);
  if (compression === 'none') return { mediaType: MEDIA_TYPES.ociLayer, digest: diffId, size };
  if (compression !== 'gzip' && compression !== 'zstd') throw new ScullError('UNSUPPORTED', `a layer in ${files.label} is compressed with ${compression}`);
  const hash = createHash('sha256');
  for await (const chunk of files.pieces(name)) hash.update(chunk);
  const mediaType = compression === 'gzip' ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayerZstd;
  return { mediaType, digest: `sha256:${hash.digest('hex')}` as Digest, size };
}
