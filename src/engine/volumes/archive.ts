/** The content of a volume as a tar, out and in. */
import type { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { HOST, packFiles, unpackFiles, type FileRoot } from '../../storage/copy-program.ts';
import { checkVolumeDevice, volumeSource } from '../../storage/volumes.ts';
import { parseVolumeOptions } from '../../storage/volume-options.ts';
import type { Engine } from '../engine.ts';
import { toFileOrOutput } from '../output.ts';
import { findVolume } from './find.ts';

/**
 * Writes what is in a volume as a tar.
 * @param output path of the file; standard output unless given
 * @throws ScullError NO_SUCH_VOLUME, UNSUPPORTED (a volume in memory), NO_SPACE, PERMISSION
 */
export async function exportVolume(engine: Engine, name: string, output?: string): Promise<void> {
  const root = rootOf(engine, name);
  await toFileOrOutput(output, (fd) => packFiles({ root, path: '/' }, '', fd));
}

/**
 * Unpacks a tar (plain or compressed) into a volume: what is there stays, unless the tar has something of the same name.
 * @param input path of a file, or a stream
 * @throws ScullError NO_SUCH_VOLUME, NOT_FOUND, INVALID for what is no tar, NO_SPACE
 */
export async function importVolume(engine: Engine, name: string, input: string | Readable): Promise<void> {
  const root = rootOf(engine, name);
  const [{ inflate }, { openUserFile }] = await Promise.all([import('../../storage/archives/inflate.ts'), import('../user-files.ts')]);
  const stream = typeof input === 'string' ? openUserFile(input) : input;
  await unpackFiles(await inflate(stream, typeof input === 'string' ? JSON.stringify(input) : 'the archive'), { root, path: '/' }, { overwrite: true });
}

/** Where a volume's files are. @throws ScullError NO_SUCH_VOLUME, UNSUPPORTED */
export function volumeDirectory(engine: Engine, name: string): string {
  const record = findVolume(engine, name);
  if (parseVolumeOptions(record.options).source.kind === 'tmpfs') throw new ScullError('UNSUPPORTED', `volume ${record.name} is in the memory of each container that uses it (type=tmpfs)`);
  checkVolumeDevice(record);
  return volumeSource(engine.store, record);
}

function rootOf(engine: Engine, name: string): FileRoot {
  return { ...HOST, root: volumeDirectory(engine, name) };
}
