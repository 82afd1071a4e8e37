/**
 * What naming, renaming and unnaming images does to the index: pure functions from entries to entries. An image stays in
 * the index as long as nobody removes it: where it loses its last name, it keeps an entry without one (it is dangling).
 */
import type { IndexEntry } from './index-file.ts';

/** What two entries of one image have in common: the image id, or where that is not known, the manifest. */
export function imageKey(entry: IndexEntry): string {
  return entry.imageId ?? entry.descriptor.digest;
}

/** Gives `image` the names, taking them away from whatever had them. Without names it is only listed, dangling. */
export function putNames(entries: readonly IndexEntry[], image: IndexEntry, names: readonly string[]): readonly IndexEntry[] {
  const sameManifest = (entry: IndexEntry): boolean => entry.descriptor.digest === image.descriptor.digest;
  const repoDigests = sortedUnion([image, ...entries.filter(sameManifest)].flatMap((entry) => entry.repoDigests));
  const others = entries.filter((entry) => entry.name === undefined || !names.includes(entry.name));
  const { name: _unnamed, ...unnamed } = image;
  const fresh: IndexEntry = { ...unnamed, repoDigests };
  const merged = [
    ...others.map((entry) => (sameManifest(entry) ? { ...entry, repoDigests } : entry)),
    ...names.map((name) => ({ ...fresh, name })),
    fresh,
  ];
  return sorted(keepEvery(entries, dropNeedlessDangling(merged)));
}

/** Takes names away. Images that lose their last one stay, dangling. */
export function dropNames(entries: readonly IndexEntry[], names: readonly string[]): readonly IndexEntry[] {
  const left = entries.filter((entry) => entry.name === undefined || !names.includes(entry.name));
  return sorted(keepEvery(entries, left));
}

/** Takes an image out of the index, under all its names and manifests. */
export function dropImage(entries: readonly IndexEntry[], key: string): readonly IndexEntry[] {
  return entries.filter((entry) => imageKey(entry) !== key);
}

/** For every image that had an entry before and has none now, one without a name. */
function keepEvery(before: readonly IndexEntry[], after: readonly IndexEntry[]): readonly IndexEntry[] {
  const kept = new Set(after.map(imageKey));
  const result = [...after];
  for (const entry of before) {
    if (kept.has(imageKey(entry))) continue;
    kept.add(imageKey(entry));
    const { name: _lost, ...unnamed } = entry;
    result.push(unnamed);
  }
  return result;
}

/** An entry without name is needed only where the image has no other: of several, the first stays. */
function dropNeedlessDangling(entries: readonly IndexEntry[]): readonly IndexEntry[] {
  const named = new Set(entries.filter((entry) => entry.name !== undefined).map(imageKey));
  const seen = new Set<string>();
  return entries.filter((entry) => {
    if (entry.name !== undefined) return true;
    const key = imageKey(entry);
    if (named.has(key) || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** By name, dangling ones last: the file reads well, and equal content is equal bytes. */
function sorted(entries: readonly IndexEntry[]): readonly IndexEntry[] {
  const keyOf = (entry: IndexEntry): string => (entry.name === undefined ? `~${entry.descriptor.digest}` : entry.name);
  return [...entries].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

function sortedUnion(words: readonly string[]): readonly string[] {
  return [...new Set(words)].sort();
}
