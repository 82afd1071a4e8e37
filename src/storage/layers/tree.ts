/**
 * What a layer has made so far, kept in memory while it is unpacked. The directory starts empty and nobody else writes
 * to it, so this tree, not the file system, says what a path is: no symbolic link of the archive is ever followed,
 * there is no gap between check and use, and names are compared byte for byte (no cache that Unicode forms or letter
 * case could fool).
 */
import type { Timestamp } from './tar/entry.ts';

/** Names are byte strings (latin1), as in tar/entry.ts. */
export interface DirectoryNode {
  readonly kind: 'directory';
  /** From the root of the layer with a slash at the end, '' for the root itself. */
  readonly path: string;
  readonly children: Map<string, TreeNode>;
  /** What the archive says about it; undefined where only files below it were mentioned. */
  attributes: Attributes | undefined;
  /** Hides what lower layers have in it. */
  opaque: boolean;
  /** Names of lower layers that are gone. */
  whiteouts: Set<string> | undefined;
}

export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Timestamp;
}

/** Made at the end, because JavaScript cannot. */
export interface FifoNode {
  readonly kind: 'fifo';
  readonly attributes: Attributes;
}

/** One shared value per kind: layers have many files. */
export type LeafNode = { readonly kind: 'file' | 'symlink' } | { readonly kind: 'skipped' };

export type TreeNode = DirectoryNode | FifoNode | LeafNode;

export const FILE: LeafNode = { kind: 'file' };
export const SYMLINK: LeafNode = { kind: 'symlink' };
/** A device: in the archive, not on disk. */
export const SKIPPED: LeafNode = { kind: 'skipped' };

export function directoryNode(path: string): DirectoryNode {
  return { kind: 'directory', path, children: new Map(), attributes: undefined, opaque: false, whiteouts: undefined };
}

/** All directories, each before what is in it. */
export function* directories(root: DirectoryNode): Generator<DirectoryNode> {
  const waiting: DirectoryNode[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    yield node;
    for (const child of node.children.values()) if (child.kind === 'directory') waiting.push(child);
  }
}
