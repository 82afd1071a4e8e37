/** Which images containers were made from: the little of their records that the image store needs. */
import { readdirSync } from 'node:fs';
import { errnoOf, isScullError } from '../host/errors.ts';
import { readJson } from '../host/files.ts';
import type { Store } from './store.ts';

export interface ContainerImage {
  readonly containerId: string;
  readonly containerName: string;
  /** Undefined for a container of a plain root file system. */
  readonly imageId?: string;
  /** Hex chain ids of the layers it stands on. */
  readonly layers: readonly string[];
}

/** `unreadable` are ids of containers whose record is damaged: nobody knows what they stand on. */
export function readContainerImages(store: Store): { readonly containers: readonly ContainerImage[]; readonly unreadable: readonly string[] } {
  const containers: ContainerImage[] = [];
  const unreadable: string[] = [];
  for (const id of containerIds(store)) {
    try {
      const record = readJson(store.layout.container(id).record);
      // No record: it was removed since the directory was read.
      if (record !== undefined) containers.push(readContainerImage(id, record as PartialRecord));
    } catch (error) {
      if (!isScullError(error) && !(error instanceof TypeError)) throw error;
      unreadable.push(id);
    }
  }
  return { containers, unreadable };
}

interface PartialRecord {
  readonly name: string;
  readonly image?: { readonly id: string; readonly layers: readonly string[] };
}

function readContainerImage(containerId: string, record: PartialRecord): ContainerImage {
  const base = { containerId, containerName: String(record.name) };
  if (record.image === undefined) return { ...base, layers: [] };
  return { ...base, imageId: String(record.image.id), layers: record.image.layers.map(String) };
}

function containerIds(store: Store): readonly string[] {
  try {
    return readdirSync(store.layout.containers).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
