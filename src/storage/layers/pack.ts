/**
 * Layers are made here: the twin of unpack.ts. A directory with changes becomes a tar with whiteouts (OCI image-spec
 * layer.md), written by native/scull-tree in a user namespace, where owners are seen as containers see them; this side
 * hashes, compresses and writes while it streams by. Nothing is kept in memory but what is under way.
 */
import { closeSync, openSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { explainWriteFailure } from '../../host/files.ts';
import { randomHex } from '../../host/identity.ts';
import type { Progress } from '../../host/progress.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import type { Digest } from '../../oci/digest.ts';
import { MEDIA_TYPES } from '../../oci/image.ts';
import type { Staging } from '../staging.ts';
import { compress, type LayerCompression } from './compress.ts';
import { startTree, treeArguments, type RunningTree, type TreeOptions, type TreeView } from './tree-program.ts';

export interface PackRequest extends TreeOptions {
  readonly view: TreeView;
  readonly compression: LayerCompression;
  /** The view is an upper directory that is to become the unpacked layer: what is in it is taken down in the same pass. */
  readonly takeDown?: boolean;
  readonly progress: Progress;
}

export interface PackedLayer {
  readonly descriptor: Descriptor;
  /** Digest of the tar. */
  readonly diffId: Digest;
  /** Bytes of the tar. */
  readonly archiveSize: number;
  /** The blob, in the staging directory; flushed by who gives it its name (adoptBlob). */
  readonly file: string;
  readonly contents: PackedContents;
  /** The list of what is in the directory (contents.ts), in the staging directory, where that was to be taken down. */
  readonly listing?: string;
}

export interface PackedContents {
  readonly entries: number;
  readonly files: number;
  readonly directories: number;
  /** Sum of file lengths. */
  readonly bytes: number;
  readonly whiteouts: number;
  /** Directories that hide what is below them, as byte strings (latin1) from the root of the layer. */
  readonly opaque: readonly string[];
}

const MEDIA_TYPE: Readonly<Record<LayerCompression, string>> = { none: MEDIA_TYPES.ociLayer, gzip: MEDIA_TYPES.ociLayerGzip, zstd: MEDIA_TYPES.ociLayerZstd };

/**
 * Packs a layer into a file of the staging directory. Equal trees give equal bytes.
 * @throws ScullError NO_SPACE, UNSUPPORTED (what has no place in a layer; no native programs)
 */
export async function packLayer(staging: Staging, request: PackRequest): Promise<PackedLayer> {
  const { createHash } = await import('node:crypto');
  const name = `packed-${randomHex(8)}`;
  const file = staging.path(name);
  const listing = request.takeDown === true ? staging.path(`${name}.contents`) : undefined;
  const tree = startPacking(request, listing);
  const report = collect(tree.child.stdio[3] as Readable);
  const tar = createHash('sha256');
  const blob = request.compression === 'none' ? undefined : createHash('sha256');
  let archiveSize = 0;
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of tree.child.stdout as AsyncIterable<Buffer>) {
      tar.update(chunk);
      archiveSize += chunk.length;
      yield chunk;
    }
    await tree.ended; // an archive that ends early must not look whole
  }
  let size: number;
  try {
    size = await writeAll(file, compress(hashed(), request.compression), (chunk) => blob?.update(chunk));
  } catch (error) {
    tree.child.kill('SIGKILL');
    tree.child.stdout?.destroy(); // nobody reads the rest, and without that its end would not be told
    await tree.ended; // its own reason, where it has one, says more
    throw error;
  }
  for (const text of await tree.ended) request.progress({ kind: 'message', level: 'warning', text });
  const diffId = `sha256:${tar.digest('hex')}` as Digest;
  const digest = blob === undefined ? diffId : (`sha256:${blob.digest('hex')}` as Digest);
  return { descriptor: { mediaType: MEDIA_TYPE[request.compression], digest, size }, diffId, archiveSize, file, contents: parseReport(await report), ...(listing === undefined ? {} : { listing }) };
}

function startPacking(request: PackRequest, listing: string | undefined): RunningTree {
  const args = treeArguments('pack', request.view, request);
  if (listing === undefined) return startTree(args, { report: true });
  let fd: number;
  try {
    fd = openSync(listing, 'wx', 0o600);
  } catch (error) {
    throw explainWriteFailure(error, listing);
  }
  try {
    return startTree(args, { report: true, contents: fd });
  } finally {
    closeSync(fd);
  }
}

/** Bytes gathered before they are written. */
const WRITE = 1024 * 1024;

/** One write is under way while the next bytes are made. @returns how many bytes there were */
async function writeAll(path: string, source: AsyncIterable<Buffer>, seen: (chunk: Buffer) => void): Promise<number> {
  const handle = await open(path, 'wx', 0o600);
  let size = 0;
  let gathered: Buffer[] = [];
  let gatheredSize = 0;
  let underWay: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const buffers = gathered;
    gathered = [];
    gatheredSize = 0;
    await underWay;
    underWay = writeBuffers(handle, buffers);
    underWay.catch(() => undefined); // thrown where it is awaited
  };
  try {
    for await (const chunk of source) {
      seen(chunk);
      gathered.push(chunk);
      gatheredSize += chunk.length;
      size += chunk.length;
      if (gatheredSize >= WRITE) await write();
    }
    await write();
    await underWay;
  } catch (error) {
    throw explainWriteFailure(error, path);
  } finally {
    await handle.close();
  }
  return size;
}

async function writeBuffers(handle: FileHandle, buffers: readonly Buffer[]): Promise<void> {
  const whole = Buffer.concat(buffers);
  for (let at = 0; at < whole.length; ) at += (await handle.write(whole, at, whole.length - at)).bytesWritten;
}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

/** `opaque PATH\0…counts ENTRIES FILES DIRECTORIES BYTES WHITEOUTS\0` */
function parseReport(text: string): PackedContents {
  const words = text.split('\0');
  const opaque = words.flatMap((word) => (word.startsWith('opaque ') ? [word.slice('opaque '.length)] : []));
  const counts = words.find((word) => word.startsWith('counts '))?.split(' ').slice(1).map(Number) ?? [];
  const [entries, files, directories, bytes, whiteouts] = counts;
  if (entries === undefined || files === undefined || directories === undefined || bytes === undefined || whiteouts === undefined) {
    throw new ScullError('TOOL_FAILED', 'scull-tree ended without a report');
  }
  return { entries, files, directories, bytes, whiteouts, opaque };
}
