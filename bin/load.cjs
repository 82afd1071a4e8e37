'use strict';
// Loads the bundle with V8's code cache, which saves 10 to 15 ms. The build makes one for the Node that it ran on; for
// any other, the first start leaves one in the user's cache directory.
const { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeSync } = require('node:fs');
const { basename, dirname, join } = require('node:path');
const { Script } = require('node:vm');

const dist = join(__dirname, '..', 'dist', 'node');
const runtime = `${process.version}-${process.arch}`;

/** @returns the bundle's exports, or undefined where there is no build. */
exports.loadBundle = () => {
  const path = join(dist, 'scull.cjs');
  // The build writes ASCII only, which is read faster this way, and kept in one byte a character.
  const source = readIfPresent(path, 'latin1');
  if (source === undefined) return undefined;
  const shipped = readIfPresent(join(dist, `scull.${runtime}.cache`));
  if (shipped !== undefined) return compileBundle(path, source, shipped).exports;
  const own = ownCache(path);
  const cached = own === undefined ? undefined : readIfPresent(own);
  const { script, exports: bundle } = compileBundle(path, source, cached);
  if (own !== undefined && (cached === undefined || script.cachedDataRejected === true)) process.once('exit', () => writeCache(own, script));
  return bundle;
};

/** @returns {{ script: Script, exports: object }} */
function compileBundle(path, source, cachedData) {
  const script = new Script(source, { filename: path, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require('node:module').createRequire(path), module, path, dirname(path));
  return { script, exports: module.exports };
}
exports.compileBundle = compileBundle;

/** V8 itself checks little of a cache's source, so the name tells which bundle it is for. */
function ownCache(bundle) {
  const home = process.env.HOME;
  const base = process.env.XDG_CACHE_HOME?.startsWith('/') ? process.env.XDG_CACHE_HOME : home?.startsWith('/') ? join(home, '.cache') : undefined;
  if (base === undefined) return undefined;
  const { mtimeMs, size, ino } = statSync(bundle);
  return join(base, 'scull', `code-${runtime}-${size}-${ino}-${Math.trunc(mtimeMs)}.cache`);
}

/** Beside, then renamed: another start reads the old one or all of the new one. */
function writeCache(path, script) {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const beside = `${path}.${process.pid}`;
    const fd = openSync(beside, 'wx', 0o600);
    writeSync(fd, script.createCachedData());
    closeSync(fd);
    renameSync(beside, path);
    // Those of bundles that were here before.
    for (const name of readdirSync(dirname(path))) {
      if (name.startsWith(`code-${runtime}-`) && name !== basename(path)) rmSync(join(dirname(path), name), { force: true });
    }
  } catch {
    // A full disk, a read-only home: only the next start is slower for it.
  }
}

function readIfPresent(path, encoding) {
  try {
    return readFileSync(path, encoding);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EACCES') return undefined;
    throw error;
  }
}
