/** --output: the files of the last stage, or an archive of the image, written where the user wants them. */
import { mkdirSync, rmSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { run } from '../../host/process.ts';
import { requireTool } from '../../host/tools.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { resolveDriver } from '../../storage/drivers/resolve.ts';
import { startTree, treeArguments, type TreeView } from '../../storage/layers/tree-program.ts';
import { writeImages } from '../images/save.ts';
import { toFileOrOutput } from '../output.ts';
import { layerDirectories } from './layer.ts';
import type { BuildOutput } from './options.ts';
import type { BuildSession } from './session.ts';
import type { StageResult } from './stages.ts';

/** @param image undefined where the image itself is not wanted by anybody @throws ScullError NO_SPACE, PERMISSION, NOT_FOUND */
export async function writeOutput(session: BuildSession, output: BuildOutput, built: StageResult, image: ImageRecord | undefined, names: readonly string[]): Promise<void> {
  switch (output.kind) {
    case 'image':
      return;
    case 'local':
      return writeDirectory(session, built, output.directory);
    case 'tar':
      await toFileOrOutput(output.path === '-' ? undefined : output.path, async (fd) => startTree(await wholeTree(session, built), { stdout: fd }).ended);
      return;
    case 'archive':
      if (image === undefined) throw new Error('an archive of no image');
      return writeImages(session.engine, [{ image, names }], output.format, { output: output.path === '-' ? undefined : output.path });
  }
}

async function wholeTree(session: BuildSession, built: StageResult): Promise<string[]> {
  const empty = session.place('empty');
  if (built.layers.length === 0) mkdirSync(empty, { mode: 0o755 });
  const layers = built.layers.length === 0 ? [empty] : layerDirectories(session, built.layers);
  const view: TreeView = { kind: 'whole', layers, dotMarks: (await resolveDriver(session.engine.store)) === 'fuse-overlayfs' };
  return treeArguments('pack', view, { clampTo: session.options.timestamp });
}

/** By the user's own tar, so that everything is the user's and nothing is written but below the directory. */
async function writeDirectory(session: BuildSession, built: StageResult, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const { path } = requireTool('tar', '--output to a directory');
  const archive = session.place('output');
  await toFileOrOutput(archive, async (fd) => startTree(await wholeTree(session, built), { stdout: fd }).ended);
  const result = await run(path, ['--extract', '--no-same-owner', '--preserve-permissions', '--delay-directory-restore', '--file', archive, '--directory', directory]);
  rmSync(archive);
  if (result.status !== 0) throw new ScullError(/No space left/.test(result.stderr) ? 'NO_SPACE' : 'PERMISSION', `cannot write to ${JSON.stringify(directory)}: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
}
