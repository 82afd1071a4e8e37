// What people type most, as far as it goes without a container running: the build runs it for what a start is to find in its place.
const { join } = require('node:path');

/**
 * @param {string} store an empty directory, of which an empty store is made
 * @returns {string[][]} most of them fail, as there is nothing in the store
 */
function usualCommands(store) {
  const create = ['create', '--name', 'x', '--rm', '-it', '-e', 'A=1', '-v', '/tmp:/tmp', '-p', '127.0.0.1:18080:80', '--network', 'none', '--rootfs', store, 'true'];
  const words = [create, ['ps', '-a'], ['inspect', 'x'], ['exec', 'x', 'true'], ['logs', 'x'], ['stop', 'x'], ['rm', 'x'], ['images'], ['run'], ['start', 'x'], ['wait', 'x']];
  return [['--version'], ...words.map((one) => inStore(store, one))];
}

/** @param {string} store @param {string[]} words */
function inStore(store, words) {
  return ['--root', join(store, 'root'), '--runroot', join(store, 'run'), ...words];
}

module.exports = { inStore, usualCommands };
