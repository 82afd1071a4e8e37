/** Saving images to archives and folders that other engines read. */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory } from '../../host/files.ts';
import { formatPlatform } from '../../oci/platform.ts';
import { formatReference, localReference } from '../../oci/reference.ts';
import { folderSink, tarSink, type FileSink } from '../../storage/archives/file-sink.ts';
import { writeDockerArchive, writeDockerFolder, writeOciLayout, writePlainDockerArchive, type SavedImage } from '../../storage/archives/write-images.ts';
import { lookUpImage, lookUpStored } from '../../storage/image-lookup.ts';
import type { StoredImage } from '../../storage/image-types.ts';
import { createStaging } from '../../storage/staging.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';
import { byAlias } from './by-alias.ts';
import { explainMissingFolder, toFileOrOutput } from '../output.ts';

const SAVE_FORMATS = ['docker-archive', 'oci-archive', 'oci-dir', 'docker-dir'] as const;
export type SaveFormat = (typeof SAVE_FORMATS)[number];

export interface SaveOptions {
  /** docker-archive unless given. */
  readonly format?: SaveFormat;
  /** Path of the file or folder; standard output unless given. */
  readonly output?: string | undefined;
  /** Every name is an image; otherwise those after the first are only more names for it in the archive. */
  readonly multiple?: boolean;
  /** docker-dir: compress layers that are not. */
  readonly compress?: boolean;
  /** docker-archive: layers are plain, in the form of Docker before 25. The other formats keep layers as they are. */
  readonly uncompressed?: boolean;
}

/**
 * Saves images. The same images give the same bytes.
 * @throws ScullError NO_SUCH_IMAGE; USAGE for a terminal as output, or options that do not go together; CORRUPT; NO_SPACE
 */
export async function saveImages(engine: Engine, names: readonly string[], options: SaveOptions = {}): Promise<void> {
  const format = options.format ?? 'docker-archive';
  if (!SAVE_FORMATS.includes(format)) throw new ScullError('USAGE', `unknown format ${JSON.stringify(format)}`, { hint: `use one of ${SAVE_FORMATS.join(', ')}` });
  if (options.compress === true && format !== 'docker-dir') throw new ScullError('USAGE', '--compress goes only with --format docker-dir');
  await writeImages(engine, await (options.multiple === true ? imagesOf(engine, names) : oneImage(engine, names)), format, options);
}

/** Writes images under the names given with each. @throws ScullError as {@link saveImages} */
export async function writeImages(engine: Engine, images: readonly SavedImage[], format: SaveFormat, options: Omit<SaveOptions, 'format' | 'multiple'>): Promise<void> {
  const [first] = images;
  if (first === undefined) throw new ScullError('USAGE', 'which image shall be saved?');
  if (format === 'docker-dir' && images.length > 1) throw new ScullError('USAGE', 'a folder of the format docker-dir holds one image only');
  const folder = format === 'oci-dir' || format === 'docker-dir';
  ensurePrivateDirectory(engine.store.layout.root);
  const staging = createStaging(engine.store);
  try {
    await withOutput(options.output, folder, async (sink) => {
      const writer = { store: engine.store, staging, sink };
      if (format === 'docker-archive') await (options.uncompressed === true ? writePlainDockerArchive : writeDockerArchive)(writer, images);
      else if (format === 'docker-dir') await writeDockerFolder(writer, first.image, options.compress === true);
      else await writeOciLayout(writer, images);
    });
    for (const { image, names: saved } of images) recordEvent(engine, { type: 'image', status: 'save', id: image.id, name: saved[0] ?? '' });
  } finally {
    await staging.remove();
  }
}

async function oneImage(engine: Engine, names: readonly string[]): Promise<readonly SavedImage[]> {
  const [name, ...more] = names;
  if (name === undefined) return [];
  const { image, name: found } = await byAlias(name, (meant) => savedImage(engine, meant));
  return [{ image, names: taggedNames([found, ...more.map((tag) => formatReference(localReference(tag)))]) }];
}

/** Of a list, the image for this machine, as with Podman; that it is not all is said. */
export function savedImage(engine: Engine, name: string): { readonly image: StoredImage; readonly name?: string } {
  const stored = lookUpStored(engine.store, name);
  if (stored.image.kind !== 'list') return stored;
  const chosen = lookUpImage(engine.store, name);
  engine.progress({ kind: 'message', level: 'warning', text: `${JSON.stringify(name)} is a list of images: only the one for ${formatPlatform(chosen.image.config)} is written; \`scull manifest push\` sends all of them` });
  return chosen;
}

/** Names that lead to the same image become one entry with all of them. */
async function imagesOf(engine: Engine, names: readonly string[]): Promise<readonly SavedImage[]> {
  const images = new Map<string, SavedImage>();
  for (const name of names) {
    const { image, name: found } = await byAlias(name, (meant) => savedImage(engine, meant));
    const before = images.get(image.manifestDigest)?.names ?? [];
    images.set(image.manifestDigest, { image, names: taggedNames([...before, found]) });
  }
  return [...images.values()];
}

/** An image asked for by its id or digest is saved without a name. */
function taggedNames(names: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(names.filter((name) => name !== undefined && !name.includes('@')))] as readonly string[];
}

/** A file, a folder (made if need be, else empty) or standard output. @throws ScullError USAGE, INVALID, NOT_FOUND, NO_SPACE */
export async function withOutput(output: string | undefined, folder: boolean, write: (sink: FileSink) => Promise<void>): Promise<void> {
  if (folder) return toFolder(output, write);
  await toFileOrOutput(output, (fd) => write(tarSink(fd, output ?? 'standard output')));
}

async function toFolder(output: string | undefined, write: (sink: FileSink) => Promise<void>): Promise<void> {
  if (output === undefined) throw new ScullError('USAGE', 'a folder must be named with -o for this format');
  const existed = prepareFolder(output);
  try {
    await write(folderSink(output));
  } catch (error) {
    if (!existed) rmSync(output, { recursive: true, force: true });
    throw error;
  }
}

/** @returns whether it was there, and empty */
function prepareFolder(path: string): boolean {
  try {
    mkdirSync(path);
    return false;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw explainMissingFolder(error, path);
  }
  if (!statSync(path).isDirectory() || readdirSync(path).length > 0) throw new ScullError('INVALID', `${JSON.stringify(path)} exists and is not an empty folder`, { hint: 'remove it first, or name another; `scull push IMAGE oci:PATH` adds to an OCI layout' });
  return true;
}
