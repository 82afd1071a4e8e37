/** A container's files as one tar, straight from the program that reads them to where it shall go. */
import { findContainer } from '../../runtime/container-store.ts';
import { startTree, treeArguments } from '../../storage/layers/tree-program.ts';
import type { Engine } from '../engine.ts';
import { recordContainerEvent } from '../events/record.ts';
import { toFileOrOutput } from '../output.ts';
import { sourceDateEpoch, wholeView } from './tree-view.ts';

/**
 * Writes the files of a container, running or not, without what is mounted in it.
 * @param output path of the file, which is there only when it is whole; standard output unless given
 * @throws ScullError NO_SUCH_CONTAINER, NO_SPACE, PERMISSION, NOT_FOUND (the output's folder)
 */
export async function exportContainer(engine: Engine, name: string, output?: string): Promise<void> {
  const record = findContainer(engine.store.layout, name);
  const args = treeArguments('pack', await wholeView(engine, record), { clampTo: sourceDateEpoch() });
  await toFileOrOutput(output, (fd) => startTree(args, { stdout: fd }).ended);
  recordContainerEvent(engine, record, 'export');
}
