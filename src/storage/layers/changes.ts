/** Lists of changes: what `diff` shows. */
import { startTree, treeArguments, type TreeOptions, type TreeView } from './tree-program.ts';

export interface Change {
  readonly kind: 'added' | 'changed' | 'deleted';
  /** Absolute; bytes that are no UTF-8 are replaced. */
  readonly path: string;
}

const KINDS: Readonly<Record<string, Change['kind']>> = { A: 'added', C: 'changed', D: 'deleted' };

/**
 * The changes of a tree, each folder before what is in it, as they are found.
 * @throws ScullError UNSUPPORTED without the native programs, TOOL_FAILED
 */
export async function* treeChanges(view: TreeView, options: TreeOptions = {}): AsyncGenerator<Change[]> {
  const tree = startTree(treeArguments('diff', view, options));
  let rest = '';
  try {
    for await (const chunk of (tree.child.stdout as NodeJS.ReadableStream).setEncoding('utf8')) {
      const records = (rest + String(chunk)).split('\0');
      rest = records.pop() ?? '';
      yield records.map((record) => ({ kind: KINDS[record[0] ?? ''] ?? 'changed', path: record.slice(2) }));
    }
    await tree.ended;
  } finally {
    tree.child.kill('SIGKILL'); // where the reader has left early
  }
}
