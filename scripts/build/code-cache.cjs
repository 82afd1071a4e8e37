// Compiles the bundle, runs a few commands so that V8 compiles what a start needs, and writes V8's code cache beside
// it. Runs on the Node that the cache is for: V8 refuses a cache of another version.
//
//     node code-cache.cjs BUNDLE CACHE
const fs = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { compileBundle } = require('../../bin/load.cjs');
const { usualCommands } = require('./usual-commands.cjs');

const [bundle, cache] = process.argv.slice(2);

async function main() {
  const { script, exports: scull } = compileBundle(bundle, fs.readFileSync(bundle, 'latin1'));
  const store = fs.mkdtempSync(join(tmpdir(), 'scull-build-'));
  const write = fs.writeSync;
  // What the commands print is of no interest, and most of them fail: there is nothing in the store.
  fs.writeSync = (fd, data, ...rest) => (fd === 1 || fd === 2 ? data.length : write(fd, data, ...rest));
  try {
    for (const words of usualCommands(store)) await scull.main(words);
  } finally {
    fs.writeSync = write;
    fs.rmSync(store, { recursive: true, force: true });
  }
  fs.writeFileSync(cache, script.createCachedData());
  process.exit(0);
}

void main();
