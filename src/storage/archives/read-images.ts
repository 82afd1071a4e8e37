/**
 * Opening whatever holds images: an archive (compressed or not, a file or a stream) or a folder, in one of the formats
 * docker-archive, OCI layout and `dir:` (skopeo's, a manifest with its blobs beside it).
 */
import { closeSync, createReadStream, openSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, writeAllSync } from '../../host/files.ts';
import { MAX_DOCUMENT } from '../../oci/decode.ts';
import { digestHex } from '../../oci/digest.ts';
import type { Platform } from '../../oci/platform.ts';
import { LOOK_AFTER, requireRoom } from '../space.ts';
import type { Staging } from '../staging.ts';
import type { ArchivedImage } from './archived-image.ts';
import { directoryFiles, readSmall, type FileSet } from './file-set.ts';
import { inflate, recognise } from './inflate.ts';
import { readDockerArchive } from './read-docker-archive.ts';
import { isOciLayout, readOciLayout } from './read-oci-layout.ts';
import { tarFiles } from './tar-files.ts';

/** Standard input as a path: an archive that is redirected to it needs no copy, unlike one that comes through a pipe. */
const STANDARD_INPUT = '/proc/self/fd/0';

/**
 * The images in `input`, the path of a file or folder, or a stream. A compressed archive or a stream is first written to
 * `staging`, since images are read from it piece by piece.
 * @throws ScullError NOT_FOUND, INVALID when it holds no images, NO_SPACE, MISSING_TOOL
 */
export async function openImages(input: string | Readable, staging: Staging, platform?: Platform): Promise<readonly ArchivedImage[]> {
  const files = typeof input === 'string' ? await filesAt(input, staging) : await spool(input, staging, 'the archive on standard input');
  if (isOciLayout(files)) return readOciLayout(files, platform);
  if (files.size('manifest.json') === undefined) {
    throw new ScullError('INVALID', `${files.label} is not an image archive: there is neither manifest.json nor index.json in it`, {
      hint: 'a plain root file system is imported with `scull import`',
    });
  }
  const list = await readJsonFile(files, 'manifest.json');
  return Array.isArray(list) ? readDockerArchive(files, list) : [folderImage(files)];
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
  const { compression, stream } = await recognise(openFile(path));
  if (!stat.isFile() || compression !== 'none') return spool(stream, staging, label);
  stream.destroy();
  return tarFiles(path, label);
}

function openFile(path: string): Readable {
  try {
    return createReadStream(path, { fd: openSync(path, 'r'), highWaterMark: 1 << 20 });
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
    for await (const chunk of (await inflate(input, label)) as AsyncIterable<Buffer>) {
      if (untilCheck <= 0) {
        // A small compressed file may unfold into anything: stop before the disk is full.
        requireRoom(staging.directory, 0, `unfolding ${label}`);
        untilCheck = LOOK_AFTER;
      }
      writeAllSync(fd, chunk);
      untilCheck -= chunk.length;
    }
  } catch (error) {
    throw explainWriteFailure(error, path);
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

/** containers-transports(5), `dir:`. It carries no name. */
function folderImage(files: FileSet): ArchivedImage {
  return {
    names: [],
    shortNames: 'localhost',
    madeUpManifest: false,
    source: {
      resumable: false,
      manifest: async () => ({ bytes: await readSmall(files, 'manifest.json', MAX_DOCUMENT), mediaType: 'application/json' }),
      blob: async (descriptor) => files.open(digestHex(descriptor.digest)),
    },
  };
}
