/** `diff`: what changed, as lines while they come, or as JSON in Podman's shape. */
import type { Change } from '../../engine/containers/diff.ts';
import { escapeControl } from '../escape.ts';

const LETTERS: Readonly<Record<Change['kind'], string>> = { added: 'A', changed: 'C', deleted: 'D' };

export async function presentChanges(changes: AsyncIterable<readonly Change[]>, format: 'json' | undefined, print: (text: string) => void): Promise<void> {
  if (format === undefined) {
    for await (const some of changes) if (some.length > 0) print(some.map(({ kind, path }) => `${LETTERS[kind]} ${escapeControl(path)}\n`).join(''));
    return;
  }
  const lists: Partial<Record<Change['kind'], string[]>> = {};
  for await (const some of changes) for (const { kind, path } of some) (lists[kind] ??= []).push(path);
  print(`${JSON.stringify({ changed: lists.changed, added: lists.added, deleted: lists.deleted }, null, 5)}\n`);
}
