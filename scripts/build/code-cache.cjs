// Compiles the bundle, runs a few commands so that V8 compiles what a start needs, and writes V8's code cache beside
// it. Runs on the Node that the cache is for: V8 refuses a cache of another version.
//
//     node code-cache.cjs BUNDLE CACHE
const { readFileSync, writeFileSync, writeSync } = require('node:fs');
const { compileBundle } = require('../../bin/load.cjs');

const [bundle, cache] = process.argv.slice(2);
const { script, exports: scull } = compileBundle(bundle, readFileSync(bundle, 'utf8'));

(async () => {
  const written = require('node:fs').writeSync;
  // What the commands print is of no interest here.
  require('node:fs').writeSync = (fd, data, ...rest) => (fd === 1 || fd === 2 ? data.length : written(fd, data, ...rest));
  for (const words of [['--version'], ['ps'], ['images'], ['run'], ['create'], ['exec'], ['start'], ['stop'], ['rm'], ['inspect', 'none']]) await scull.main(words);
  require('node:fs').writeSync = written;
  writeFileSync(cache, script.createCachedData());
  writeSync(1, `code cache for Node ${process.version}\n`);
  process.exit(0);
})();
