/** --output: the files of the last stage, or an archive of the image, written where the user wants them. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { run } from '../../host/process.ts';
import { requireTool } from '../../host/tools.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { ImageRecord } from '../../storage/image-types.ts';
import { resolveDriver } from '../../storage/drivers/resolve.ts';
import { startTree, treeArguments, type TreeView } from '../../storage/layers/tree-program.ts';
import { writeImages } from '../images/save.ts';
import { makeUserFolder, toFileOrOutput } from '../output.ts';
import { layerDirectories } from './layer.ts';
import type { BuildOptions } from './options.ts';
import type { BuildSession } from './session.ts';
import type { StageResult } from './stages.ts';

/** @throws ScullError UNSUPPORTED for what does not go with several platforms */
export function checkOutputs({ outputs, platforms }: BuildOptions): void {
  if (platforms.length < 2) return;
  const single = outputs.find(({ kind }) => kind === 'tar' || kind === 'archive');
  if (single !== undefined) throw new ScullError('UNSUPPORTED', 'an archive is written of one platform only', { hint: 'build for one after the other, or write directories: --output type=local,dest=DIR' });
}

/**
 * @param built one for each platform
 * @param image undefined where the image itself is not wanted by anybody
 * @throws ScullError NO_SPACE, PERMISSION, NOT_FOUND
 */
export async function writeOutputs(session: BuildSession, built: readonly StageResult[], image: ImageRecord | undefined, names: readonly string[]): Promise<void> {
  const [only] = built as readonly [StageResult];
  for (const output of session.options.outputs) {
    switch (output.kind) {
      case 'image':
        break;
      case 'local':
        // As BuildKit has it: of several platforms, each in a directory of its own.
        for (const one of built) await writeDirectory(session, one, built.length === 1 ? output.directory : join(output.directory, formatPlatform(one.platform).replaceAll('/', '_')));
        break;
      case 'tar':
        await toFileOrOutput(output.path === '-' ? undefined : output.path, async (fd) => startTree(await wholeTree(session, only), { stdout: fd }).ended);
        break;
      case 'archive':
        if (image === undefined) throw new Error('an archive of no image');
        await writeImages(session.engine, [{ image, names }], output.format, { output: output.path === '-' ? undefined : output.path });
    }
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
  makeUserFolder(directory);
  const { path } = requireTool('tar', '--output to a directory');
  const archive = session.place('output');
  await toFileOrOutput(archive, async (fd) => startTree(await wholeTree(session, built), { stdout: fd }).ended);
  const result = await run(path, ['--extract', '--no-same-owner', '--preserve-permissions', '--delay-directory-restore', '--file', archive, '--directory', directory]);
  rmSync(archive);
  if (result.status !== 0) throw new ScullError(/No space left/.test(result.stderr) ? 'NO_SPACE' : 'PERMISSION', `cannot write to ${JSON.stringify(directory)}: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
}
