// Compiles the native helpers: each native/NAME.c becomes dist/NAME, and so does each folder native/NAME with all of its *.c; static
// where the C library allows it.
//
// Part of `npm run build`, and what the npm package runs when it is installed: a binary that was made elsewhere may be
// for another processor. Without a C compiler there are none, and scull works without them, only slower.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FLAGS = ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-pthread'];

/** @param {string} top the folder of package.json */
export function compileNative(top) {
  const folder = join(top, 'native');
  const compiler = [process.env.CC, 'cc', 'gcc', 'clang'].find((name) => name !== undefined && name !== '' && spawnSync(name, ['--version']).status === 0);
  mkdirSync(join(top, 'dist'), { recursive: true });
  for (const [name, sources] of programsIn(folder)) {
    const target = join(top, 'dist', name);
    if (compiler === undefined) {
      rmSync(target, { force: true });
      console.log(`dist/${name}: not made, there is no C compiler; scull works without it, only slower`);
      continue;
    }
    // Beside, then renamed: a helper that runs keeps its file.
    const beside = `${target}.${process.pid}`;
    const compile = (link) => spawnSync(compiler, [...FLAGS, ...link, ...sources, '-o', beside], { encoding: 'utf8' });
    let result = compile(['-static', '-s']);
    if (result.status !== 0) result = compile(['-s']);
    if (result.status !== 0) throw new Error(`${compiler} could not compile native/${name}:\n${result.stderr}`);
    if (result.stderr !== '') process.stderr.write(result.stderr);
    chmodSync(beside, 0o755);
    renameSync(beside, target);
    console.log(`dist/${name}: made`);
  }
}

/** Names of programs and the paths of their sources, in an order that is the same everywhere: so is what becomes of them. */
function programsIn(folder) {
  if (!existsSync(folder)) return [];
  const sourcesIn = (place) => readdirSync(place).filter((name) => name.endsWith('.c')).sort().map((name) => join(place, name));
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...sourcesIn(folder).map((path) => [basename(path, '.c'), [path]]), ...folders.map(({ name }) => [name, sourcesIn(join(folder, name))])].sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const top = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  // In a checkout there is nothing to add them to yet: the build makes them.
  if (existsSync(join(top, 'dist', 'node'))) {
    try {
      compileNative(top);
    } catch (error) {
      // An installation must not fail for what is optional.
      console.log(error.message);
    }
  }
}
