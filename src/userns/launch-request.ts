/** What is asked of a launch: the namespaces, what happens inside them, and the program that they are for. */
import type { IdMaps } from './id-maps.ts';

/** What is done inside the new mount namespace before PROGRAM, in order. */
export type LaunchStep =
  /** Native overlay; lower directories in `options` are relative to `directory`. */
  | { readonly kind: 'overlay'; readonly directory: string; readonly options: string; readonly target: string }
  /** fuse-overlayfs, which the kernel ends together with PROGRAM. */
  | { readonly kind: 'fuse'; readonly program: string; readonly options: string; readonly target: string }
  | { readonly kind: 'bind'; readonly source: string; readonly target: string }
  /** Binds `path`, opened beneath `base`, on `target`, which is made. */
  | { readonly kind: 'beneath'; readonly base: string; readonly path: string; readonly target: string }
  /** Copy `path` of the mounted root into an empty volume. */
  | { readonly kind: 'fill'; readonly root: string; readonly path: string; readonly volume: string }
  /** Adds lines to the end of a file of the mounted root, which is made if its folder is there. */
  | { readonly kind: 'append'; readonly root: string; readonly path: string; readonly text: string }
  /** chown -R, ids as inside. */
  | { readonly kind: 'chown'; readonly owner: string; readonly path: string }
  /** Makes a program read-only where it is, in our mount namespace. Only the native helper does. */
  | { readonly kind: 'protect'; readonly program: string }
  | { readonly kind: 'cgroup2' };

/** A process that is in it, or the path of a namespace that belongs to it; that only the native helper finds. */
export type UserNamespaceOf = number | string;

export interface LaunchRequest {
  readonly maps?: IdMaps;
  /** Join a user namespace instead of making one. */
  readonly joinUser?: UserNamespaceOf;
  /** Make the user namespace in that of this process, which has the ids of `maps` as they are outside (nursery.ts). Only the native helper does. */
  readonly within?: number;
  /** A network namespace too. */
  readonly network?: boolean;
  /** A cgroup namespace too. */
  readonly cgroup?: boolean;
  /** A cgroup that is divided meanwhile, by its path: what is in it goes into a child, so that it can have others. Only the native helper does. */
  readonly divide?: string;
  /** Keep the caller's supplementary groups. */
  readonly keepGroups?: boolean;
  /** Be nobody else in the new user namespace, for maps without a root. Only the native helper does. */
  readonly keepIds?: boolean;
  readonly steps?: readonly LaunchStep[];
  /** When given, everything else is mounted read-only. */
  readonly writable?: readonly string[];
  /**
   * Directories of one's own; what is made in them goes to another place on the disk, where the file system can do that (ext4: chattr(1),
   * T). It looks for inodes beside those of the directory above, and passes by each that was removed in the last minutes: where a
   * layer was removed before, that is most of the time that making the files of the next one takes.
   */
  readonly apart?: readonly string[];
  /** Descriptor on which one byte says that the namespaces stand. */
  readonly readyFd?: number;
  /** Descriptors PROGRAM may have besides 0, 1 and 2. */
  readonly keepFds?: readonly number[];
  /** Given later, with restOfLaunch of launch.ts on this descriptor. */
  readonly restFrom?: number;
  readonly program: readonly string[];
}
