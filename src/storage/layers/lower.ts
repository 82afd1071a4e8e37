/** The layers below the one being unpacked, as the kernel would merge them: only to look at, never to change. */
import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../host/errors.ts';
import { readLayerRecord } from './record.ts';
import type { Attributes } from './tree.ts';

/** A directory that nobody describes. Not "now": the same layer shall always unpack to the same. */
export const UNDESCRIBED: Attributes = { mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } };

export class LowerLayers {
  /** Highest first. */
  readonly #diffs: readonly string[];
  readonly #opaque = new Map<string, ReadonlySet<string>>();

  /** @param diffs `diff` directories, lowest first */
  constructor(diffs: readonly string[]) {
    this.#diffs = [...diffs].reverse();
  }

  /** Attributes of a directory by its path from the root, as a byte string ending in '/'; '' is the root. */
  attributes(path: string): Attributes {
    const found = this.#find(path);
    return found?.isDirectory() === true ? attributesOf(found) : UNDESCRIBED;
  }

  /** True when lower layers show anything at this path. */
  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** Names that show in the merged root directory. */
  rootNames(): Set<string> {
    const shown = new Set<string>();
    const hidden = new Set<string>();
    for (const diff of this.#diffs) {
      for (const bytes of readdirSync(diff, { encoding: 'buffer' })) {
        const name = bytes.toString('latin1');
        if (hidden.has(name) || shown.has(name)) continue;
        if (isWhiteout(lstatSync(fsPath(diff, [name])))) hidden.add(name);
        else shown.add(name);
      }
    }
    return shown;
  }

  #find(path: string): Stats | undefined {
    const parts = path.split('/').filter((part) => part !== '');
    for (const diff of this.#diffs) {
      const found = this.#lookUp(diff, parts);
      if (found === 'hidden') return undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What one layer has there; 'hidden' when it hides the path for all below; undefined to look further down. */
  #lookUp(diff: string, parts: readonly string[]): Stats | 'hidden' | undefined {
    let stat = lstatSync(diff);
    for (let depth = 1; depth <= parts.length; depth++) {
      // Step by step, so that no link is followed: a link in the middle means that the path does not exist.
      const next = lstatIfPresent(fsPath(diff, parts.slice(0, depth)));
      if (next === undefined) return this.#isOpaque(diff, parts.slice(0, depth - 1)) ? 'hidden' : undefined;
      if (isWhiteout(next) || (depth < parts.length && !next.isDirectory())) return 'hidden';
      stat = next;
    }
    return stat;
  }

  /** True when the directory, or one above it, hides what is in lower layers. */
  #isOpaque(diff: string, parts: readonly string[]): boolean {
    let opaque = this.#opaque.get(diff);
    if (opaque === undefined) {
      opaque = new Set(readLayerRecord(join(dirname(diff), 'layer.json'))?.opaque ?? []);
      this.#opaque.set(diff, opaque);
    }
    if (opaque.size === 0) return false;
    return parts.some((_, index) => (opaque as ReadonlySet<string>).has(parts.slice(0, index + 1).join('/')));
  }
}

export function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

function attributesOf(stat: Stats): Attributes {
  return { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, mtime: { seconds: Math.floor(stat.mtimeMs / 1000), nanoseconds: 0 } };
}

function fsPath(base: string, parts: readonly string[]): Buffer {
  return Buffer.concat([Buffer.from(`${base}/`), Buffer.from(parts.join('/'), 'latin1')]);
}

function lstatIfPresent(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    throw error;
  }
}
