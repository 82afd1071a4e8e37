/** What a storage driver is: a way to show layers, lowest to highest, and a writable directory on top as one tree. */
import { existsSync } from 'node:fs';
import type { Digest } from '../../oci/digest.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { DriverName, Store } from '../store.ts';

export interface MountRequest {
  /** Chain ids of the layers, lowest first. */
  readonly lowers: readonly Digest[];
  /** Where changes go; without it the tree is read-only. On the file system of the store. */
  readonly upper?: string;
  /** Only show what is in `upper`: somebody else has it mounted. */
  readonly readOnlyUpper?: boolean;
  /** Scratch directory of the driver, on the same file system as `upper`. */
  readonly work?: string;
  /** Who mounts it flushes what was written himself: that need not happen once more when it is unmounted. */
  readonly flushesItself?: boolean;
  /** Where the tree shall be seen: an existing directory. */
  readonly target: string;
  /**
   * Maps of a user namespace that the container gets *inside* ours (keep-id, --uidmap): container ids → ids of our
   * namespace. Files are stored in the default map all the same, so they must be shown with other owners.
   */
  readonly nested?: NestedMaps;
}

export interface NestedMaps {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

export interface StorageDriver {
  readonly name: DriverName;
  /** Tries to work on this store. @returns why it can't, or undefined when it can */
  whyNot(store: Store): Promise<string | undefined>;
  /** What the launcher does inside the container's own user + mount namespace. May first have to copy (vfs). */
  mountSteps(store: Store, request: MountRequest): Promise<readonly LaunchStep[]>;
}

/** True when every container id is the same id of our namespace: nothing has to be shown differently. */
export function isIdentity(maps: NestedMaps | undefined): boolean {
  if (maps === undefined) return true;
  return [...maps.uids, ...maps.gids].every((map) => map.containerID === map.hostID);
}

/**
 * Where it is noted, beside an upper directory, that fuse-overlayfs has written into that: it leaves marks named `.wh.…`, which
 * native overlay would show as files, and show again what they hide.
 */
export function dotMarksOf(upper: string): string {
  return `${upper}.dotted`;
}

export function mayHaveDotMarks(upper: string): boolean {
  return existsSync(dotMarksOf(upper));
}
