/**
 * Opening whatever holds images: an archive (compressed or not, a file or a stream) or a folder, in one of the formats
 * docker-archive, OCI layout and `dir:` (skopeo's, a manifest with its blobs beside it).
 */
import { closeSync, createReadStream, openSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, withPath, writeAllSync } from '../../host/files.ts';
import { decodeManifestOrIndex, isManifestType, MAX_DOCUMENT } from '../../oci/decode.ts';
import type { Descriptor } from '../../oci/descriptor.ts';
import { digestHex } from '../../oci/digest.ts';
import { formatPlatform, hostPlatform } from '../../oci/platform.ts';
import { BLOCK } from '../layers/tar/header.ts';
import { LOOK_AFTER, requireRoom } from '../space.ts';
import type { Staging } from '../staging.ts';
import { chooseInstance } from '../images.ts';
import type { ArchivedImage, Wanted } from './archived-image.ts';
import { directoryFiles, readSmall, type FileSet } from './file-set.ts';
import { compressionAt } from '../layers/decompress.ts';
import { inflate } from './inflate.ts';
import { readDockerArchive } from './read-docker-archive.ts';
import { instanceName } from './names.ts';
import { isOciLayout, readOciLayout } from './read-oci-layout.ts';
import { checkBeginning, tarFiles } from './tar-files.ts';

/** Standard input as a path: an archive that is redirected to it needs no copy, unlike one that comes through a pipe. */
const STANDARD_INPUT = '/proc/self/fd/0';

/**
 * The images in `input`, the path of a file or folder, or a stream; of lists the ones wanted, for this machine unless given. A compressed archive or a stream is first written to
 * `staging`, since images are read from it piece by piece.
 * @throws ScullError NOT_FOUND, INVALID when it holds no images, NO_SPACE, MISSING_TOOL
 */
export async function openImages(input: string | Readable, staging: Staging, wanted: Wanted = hostPlatform()): Promise<readonly ArchivedImage[]> {
  const files = typeof input === 'string' ? await filesAt(input, staging) : await spool(input, staging, 'the archive on standard input');
  if (isOciLayout(files)) return readOciLayout(files, wanted);
  if (files.size('manifest.json') === undefined) {
    throw new ScullError('INVALID', `${files.label} is not an image archive: there is neither manifest.json nor index.json in it`, {
      hint: 'a plain root file system is imported with `scull import`',
    });
  }
  const list = await readJsonFile(files, 'manifest.json');
  return Array.isArray(list) ? readDockerArchive(files, list) : readFolder(files, wanted);
}

async function filesAt(path: string, staging: Staging): Promise<FileSet> {
  let stat;
  try {
    stat = statSync(path);
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') throw new ScullError('NOT_FOUND', `no such file or folder: ${JSON.stringify(path)}`, { cause });
    throw new ScullError('PERMISSION', `cannot read ${JSON.stringify(path)}: ${(cause as Error).message}`, { cause });
  }
  if (stat.isDirectory()) return directoryFiles(path);
  const label = path === STANDARD_INPUT ? 'the archive on standard input' : JSON.stringify(path);
  return stat.isFile() && isPlain(path) ? tarFiles(path, label) : spool(openFile(path), staging, label);
}

function isPlain(path: string): boolean {
  const fd = openForReading(path);
  try {
    return compressionAt(fd, path) === 'none';
  } finally {
    closeSync(fd);
  }
}

function openFile(path: string): Readable {
  const stream = createReadStream(path, { fd: openForReading(path), highWaterMark: 1 << 20 });
  // What fails later is told with the file's name too.
  return stream.on('error', (error) => void withPath(error, path));
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new ScullError('PERMISSION', `cannot read ${JSON.stringify(path)}: ${(cause as Error).message}`, { cause });
  }
}

/** Writes the inflated archive where its pieces can be read in any order. */
async function spool(input: Readable, staging: Staging, label: string): Promise<FileSet> {
  const path = staging.path('archive.tar');
  const fd = openSync(path, 'wx', 0o600);
  try {
    let untilCheck = 0;
    let start: Buffer | undefined = Buffer.alloc(0);
    for await (const chunk of (await inflate(input, label)) as AsyncIterable<Buffer>) {
      if (untilCheck <= 0) {
        // A small compressed file may unfold into anything: stop before the disk is full.
        requireRoom(staging.directory, 0, `unfolding ${label}`);
        untilCheck = LOOK_AFTER;
      }
      if (start !== undefined) {
        start = Buffer.concat([start, chunk.subarray(0, BLOCK)]);
        if (start.length >= BLOCK) {
          checkBeginning(start, label); // before gigabytes of something else are written
          start = undefined;
        }
      }
      try {
        writeAllSync(fd, chunk);
      } catch (error) {
        throw explainWriteFailure(error, path);
      }
      untilCheck -= chunk.length;
    }
  } finally {
    closeSync(fd);
  }
  return tarFiles(path, label);
}

async function readJsonFile(files: FileSet, name: string): Promise<unknown> {
  const bytes = await readSmall(files, name, MAX_DOCUMENT);
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch (cause) {
    if (isScullError(cause)) throw cause;
    throw new ScullError('INVALID', `${name} in ${files.label} is not JSON`, { cause });
  }
}

/** containers-transports(5), `dir:`. Nothing in it has a name. @throws ScullError INVALID */
async function readFolder(files: FileSet, wanted: Wanted): Promise<readonly ArchivedImage[]> {
  const document = decodeManifestOrIndex(await readSmall(files, 'manifest.json', MAX_DOCUMENT));
  if (document.kind === 'manifest') return [folderImage(files)];
  const here = document.index.manifests.filter((entry) => isManifestType(entry.mediaType) && files.size(instanceName(entry.digest)) !== undefined);
  // Each once, however often it is listed.
  if (wanted === 'every') return [...new Map(here.map((entry) => [entry.digest, entry])).values()].map((entry) => folderImage(files, entry));
  const chosen = chooseInstance({ ...document.index, manifests: here }, wanted);
  if (chosen !== undefined) return [folderImage(files, chosen)];
  throw new ScullError('INVALID', `${files.label} has no image for ${formatPlatform(wanted)}`);
}

/** @param listed by the list in manifest.json, where that is one */
function folderImage(files: FileSet, listed?: Descriptor): ArchivedImage {
  const manifest = async (): Promise<Uint8Array> => readSmall(files, listed === undefined ? 'manifest.json' : instanceName(listed.digest), MAX_DOCUMENT);
  return {
    names: [],
    shortNames: 'localhost',
    madeUpManifest: false,
    source: {
      resumable: false,
      manifest: async () => ({ bytes: await manifest(), mediaType: listed?.mediaType ?? 'application/json', ...(listed === undefined ? {} : { digest: listed.digest }) }),
      blob: async (descriptor) => files.pieces(digestHex(descriptor.digest)),
    },
    ...(listed === undefined ? {} : { listed }),
  };
}
