/** Which images containers were made from: the little of their records that the image store needs. */
import { isScullError } from '../host/errors.ts';
import { namesIn, readJson } from '../host/files.ts';
import type { Store } from './store.ts';

export interface ContainerImage {
  readonly containerId: string;
  readonly containerName: string;
  /** Undefined for a container of a plain root file system. */
  readonly imageId?: string;
  /** Hex chain ids of the layers it stands on, and of images that are mounted into it. */
  readonly layers: readonly string[];
  /** Contents of artifacts that are mounted into it. */
  readonly blobs: readonly string[];
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
  readonly config?: { readonly mounts?: readonly { readonly type?: string; readonly source?: string; readonly blob?: string }[] };
}

function readContainerImage(containerId: string, record: PartialRecord): ContainerImage {
  const mounts = record.config?.mounts ?? [];
  const mounted = mounts.flatMap(({ type, source }) => (type === 'image' && source !== undefined && source !== '' ? source.split(',') : []));
  const layers = [...(record.image?.layers ?? []).map(String), ...mounted.map((chainId) => chainId.slice(chainId.indexOf(':') + 1))];
  const blobs = mounts.flatMap(({ blob }) => (blob === undefined ? [] : [String(blob)]));
  return { containerId, containerName: String(record.name), layers, blobs, ...(record.image === undefined ? {} : { imageId: String(record.image.id) }) };
}

function containerIds(store: Store): readonly string[] {
  return namesIn(store.layout.containers).filter((name) => /^[0-9a-f]{64}$/.test(name));
}
