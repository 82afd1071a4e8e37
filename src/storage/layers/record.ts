/** layer.json: what is known about an unpacked layer. */
import { readJson } from '../../host/files.ts';
import { ScullError } from '../../host/errors.ts';
import { isDigest, type Digest } from '../../oci/digest.ts';

export const LAYER_FORMAT = 1;

export interface LayerRecord {
  readonly format: typeof LAYER_FORMAT;
  readonly chainId: Digest;
  readonly diffId: Digest;
  /** Chain id of the layer below; null for the lowest. */
  readonly parent: Digest | null;
  /** Name under layers/l. */
  readonly link: string;
  /** Of the blob it came from. */
  readonly compressedSize: number;
  /** Bytes of the uncompressed archive. */
  readonly archiveSize: number;
  /** Sum of file lengths. */
  readonly size: number;
  readonly entries: number;
  readonly files: number;
  readonly directories: number;
  /** Directories that hide what is below them, as byte strings (latin1) from the root of the layer. */
  readonly opaque: readonly string[];
  readonly whiteouts: number;
  /** Devices in the archive, which no user namespace can make; at most a hundred. */
  readonly skippedDevices: readonly string[];
  /** `PATH: NAME: ERROR`, for attributes that the file system did not take; at most a hundred. */
  readonly lostXattrs: readonly string[];
  /** True where only one id was mapped and all files became the caller's. */
  readonly ownersSquashed: boolean;
  /** Digest of the file `contents` beside; undefined for layers made by an earlier version, which can't be checked file by file. */
  readonly contents?: Digest;
  /** RFC 3339. */
  readonly unpacked: string;
}

/**
 * @returns undefined where there is no such file
 * @throws ScullError CORRUPT naming the file
 */
export function readLayerRecord(path: string): LayerRecord | undefined {
  const value = readJson(path) as Partial<LayerRecord> | undefined;
  if (value === undefined) return undefined;
  const sound =
    typeof value === 'object' &&
    value !== null &&
    isText(value.chainId) &&
    isDigest(value.chainId) &&
    isText(value.diffId) &&
    isDigest(value.diffId) &&
    isText(value.link) &&
    Number.isSafeInteger(value.size) &&
    Array.isArray(value.opaque) &&
    value.opaque.every(isText) &&
    (value.contents === undefined || (isText(value.contents) && isDigest(value.contents)));
  if (!sound) throw new ScullError('CORRUPT', `the record ${path} is damaged: it is not what a layer's record must be`);
  if (value.format !== LAYER_FORMAT) throw new ScullError('UNSUPPORTED', `${path} was written by a newer scull (format ${String(value.format)})`);
  return value as LayerRecord;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
