/**
 * What is left of files whose writer was killed before he could rename them: `<file>.<owner>.tmp` (host/files.ts). They are
 * beside the files that are replaced in the store: in the root, the image layout, and in each container and volume.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../host/errors.ts';
import { besideOwner, removeFile } from '../host/files.ts';
import { ownerMayLive } from './hosts.ts';
import type { Store } from './store.ts';

/** Those beside files that every store has, of which there are few. */
export function sweepTornFiles(store: Store): void {
  for (const path of tornFilesIn(store, [store.layout.root, store.layout.images, store.layout.hosts])) removeFile(path);
}

/** Those in all containers and volumes: as many looks as there are. */
export function sweepAllTornFiles(store: Store): void {
  for (const path of tornFiles(store)) removeFile(path);
}

/** Paths of all of them. */
function tornFiles(store: Store): string[] {
  const { layout } = store;
  const folders = [layout.containers, layout.volumes].flatMap((folder) => namesIn(folder).map((name) => join(folder, name)));
  return tornFilesIn(store, [layout.root, layout.images, layout.hosts, ...folders]);
}

function tornFilesIn(store: Store, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    namesIn(folder).flatMap((name) => {
      const owner = besideOwner(name);
      return owner === undefined || ownerMayLive(store.layout, owner) ? [] : [join(folder, name)];
    }),
  );
}

/** A stray file where a folder was expected has no names in it. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
