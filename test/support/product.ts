/** Which of the two products the tests of this project start, see vitest.config.ts. */
import { existsSync } from 'node:fs';
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
  return productName() === 'node' ? [supportedNode(), join(top, 'bin', 'run.js')] : [join(top, 'dist', 'scull')];
}

/** A Node of at least 22.15: the one running us, else the one that development dependencies bring. */
function supportedNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 15)) return process.execPath;
  const ours = join(top, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (!existsSync(ours)) throw new Error(`Node ${process.versions.node} is too old for scull, and ${ours} is not there: run npm ci`);
  return ours;
}
