/** Runs archives through the layer extractor, without the worker and its namespaces. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { DEFAULT_LIMITS, LayerExtractor, type UnpackLimits } from '../../src/storage/layers/extract.ts';
import { LowerLayers } from '../../src/storage/layers/lower.ts';
import type { MappedIds } from '../../src/storage/layers/owners.ts';
import { TarReader } from '../../src/storage/layers/tar/reader.ts';

export const ALL_IDS: MappedIds = { uids: [{ first: 0, size: 0xffffffff }], gids: [{ first: 0, size: 0xffffffff }], single: false };

export interface ExtractOptions {
  readonly ids?: MappedIds;
  readonly limits?: Partial<UnpackLimits>;
  /** Bytes fed at a time. */
  readonly chunk?: number;
  /** `diff` directories, lowest first. */
  readonly lower?: readonly string[];
  /** Where to make the directories; the caller removes it then. */
  readonly around?: string;
}

export interface Extracted {
  /** The directory around the layer's own: what appears in it besides `diff` has escaped. */
  readonly around: string;
  readonly directory: string;
  readonly layer: LayerExtractor;
}

/** A directory that goes when the test is over. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'scull-layer-'));
  onTestFinished(() => removeAll(directory));
  return directory;
}

/** Also directories that forbid their owner to look into them. */
export function removeAll(directory: string): void {
  execFileSync('chmod', ['-R', 'u+rwx', directory]);
  rmSync(directory, { recursive: true, force: true });
}

/** Extracts; directories are finished. @throws what the extractor throws */
export function extract(bytes: Buffer, options: ExtractOptions = {}): Extracted {
  const target = prepareTarget(options);
  feed(target.layer, bytes, options.chunk);
  finish(target.layer, new LowerLayers(options.lower ?? []));
  return target;
}

/** As the worker does it, where root of the namespace is the caller: outside of it, owner 0 is not ours to give. */
export function finish(layer: LayerExtractor, lower: LowerLayers): void {
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  layer.finishDirectories((path) => {
    const attributes = lower.attributes(path);
    return { ...attributes, uid: attributes.uid === 0 ? own.uid : attributes.uid, gid: attributes.gid === 0 ? own.gid : attributes.gid };
  });
}

/** A directory to extract into, for tests that want it also when extracting fails. */
export function prepareTarget(options: ExtractOptions = {}): Extracted {
  process.umask(0);
  const around = options.around ?? scratchDirectory();
  const directory = join(around, 'diff');
  mkdirSync(directory, { mode: 0o700 });
  return { around, directory, layer: new LayerExtractor(directory, options.ids ?? ALL_IDS, { ...DEFAULT_LIMITS, freeSpace: 0, ...options.limits }) };
}

export function feed(layer: LayerExtractor, bytes: Buffer, chunk = bytes.length): void {
  const reader = new TarReader(layer);
  try {
    for (let at = 0; at < bytes.length; at += chunk) reader.feed(bytes.subarray(at, Math.min(at + chunk, bytes.length)));
    reader.finish();
  } finally {
    layer.abort();
  }
}
