/** Which of the two products the tests of this project start, see vitest.config.ts. */
import { constants, copyFileSync, cpSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export type ProductName = 'executable' | 'node';

export function productName(): ProductName {
  return process.env['SCULL_TEST_PRODUCT'] === 'node' ? 'node' : 'executable';
}

/** The words that start scull: the single-file executable, or the npm package's entry on a Node it supports. */
export function productCommand(): readonly [string, ...string[]] {
  // "--": Node would take --env-file for its own even behind the script's name.
  return productName() === 'node' ? [supportedNode(), '--', join(top, 'bin', 'run.js')] : [join(top, 'dist', 'scull')];
}

/**
 * A copy of the product without the native helpers, as it is built where there is no C compiler.
 * @param into an existing directory
 */
export function productWithoutHelpers(into: string): readonly [string, ...string[]] {
  if (productName() === 'executable') {
    copyFileSync(join(top, 'dist', 'scull'), join(into, 'scull'), constants.COPYFILE_FICLONE);
    return [join(into, 'scull')];
  }
  for (const part of ['bin', join('dist', 'node'), 'package.json', 'oclif.manifest.json']) cpSync(join(top, part), join(into, part), { recursive: true });
  return [supportedNode(), join(into, 'bin', 'run.js')];
}

/** The product with its crash points, src/host/crash-point.ts. */
export function productWithCrashPoints(): readonly [string, ...string[]] {
  return [supportedNode(), join(top, 'dist', 'crash', 'scull.cjs')];
}

/** A Node of at least 22.15: the one running us, else the one that development dependencies bring. */
function supportedNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 15)) return process.execPath;
  const ours = join(top, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (!existsSync(ours)) throw new Error(`Node ${process.versions.node} is too old for scull, and ${ours} is not there: run npm ci`);
  return ours;
}
