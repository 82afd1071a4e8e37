/** Where scull itself is installed: the folder of the executable, which also holds the native helper. */
import { accessSync, constants, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

let directory: string | undefined;

/** Folder of the single-file executable, or dist/ of the npm package. */
function productDirectory(): string {
  directory ??= findProductDirectory();
  return directory;
}

/** Path of one of the programs that are compiled from native/, or undefined where there was no C compiler. */
export function nativeProgram(name: 'scull-bridge' | 'scull-copy' | 'scull-helper' | 'scull-layer' | 'scull-net' | 'scull-port' | 'scull-remove' | 'scull-tree'): string | undefined {
  const path = join(productDirectory(), name);
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

function findProductDirectory(): string {
  if (isCompiled()) return dirname(realpathSync(executableFile(process.execPath)));
  // bin/run.js, or a bundle in dist/…: the package is the folder above the first of these names.
  const script = process.argv[1];
  let folder = script === undefined ? process.cwd() : dirname(realpathOr(script));
  for (let levels = 0; levels < 4; levels++) {
    const name = folder.slice(folder.lastIndexOf('/') + 1);
    if (name === 'bin' || name === 'dist') return join(dirname(folder), 'dist');
    folder = dirname(folder);
  }
  return join(process.cwd(), 'dist');
}

/** @param path the kernel's name for what runs; what an upgrade has put in its place meanwhile has the same without the addition */
export function executableFile(path: string): string {
  return path.replace(/ \(deleted\)$/, '');
}

/** True in the executable made by Bun's compiler, whose script lives in a virtual file system. */
export function isCompiled(): boolean {
  return process.versions['bun'] !== undefined && (process.argv[1] ?? '').startsWith('/$bunfs/');
}

function realpathOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
