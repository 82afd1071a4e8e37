// An esbuild plugin that keeps each of our modules a function of its own, which runs when the module is first required.
//
// Left to itself esbuild lays all modules into one scope. That is small, and fast once it stands; but every start pays for all of it,
// 5 ms: for making the scope's thousands of functions, and the names that an `import()` may ask for. A command uses a tenth of them.
//
// It works on what esbuild makes of a module for CommonJS, which is regular; where that is not what is expected, the build fails. No
// modules of ours import each other in circles (test/architecture.test.ts), so a module's exports are complete when anybody sees them.
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { transform } from 'esbuild';

/** Helpers, then the module's exports, each with an arrow function that gives its value. */
const PRELUDE = /^([\s\S]*?)var stdin_exports = \{\};\n(?:__export\(stdin_exports, \{\n([\s\S]*?)\n\}\);\n)?module\.exports = __toCommonJS\(stdin_exports\);\n/;
/** For Node's loader, which never sees this. */
const ANNOTATION = /\/\/ Annotate the CommonJS export names for ESM import in node:\n0 && \(module\.exports = \{[\s\S]*?\}\);\n$/;
/** What is taken as it is: our own modules, Node's (which nobody asks for a default), and oclif's, which are CommonJS compiled from ESM. */
const TAKEN_AS_IT_IS = /__toESM\((require\("(?:\.[^"]*\.ts|node:[^"]*|@oclif\/core\/[^"]*)"\))\)/g;

/**
 * @param {string} source a module in TypeScript
 * @param {string} name for errors
 * @param {Record<string, string>} define esbuild's
 * @returns {Promise<string>} the same for CommonJS
 */
export async function commonJsModule(source, name, define) {
  const { code } = await transform(source, { loader: 'ts', format: 'cjs', target: 'node22.15', platform: 'node', supported: { 'dynamic-import': false }, define });
  const [prelude = '', helpers = '', exported = ''] = PRELUDE.exec(code) ?? [];
  const body = code.slice(prelude.length).replace(ANNOTATION, '').replace(TAKEN_AS_IT_IS, '$1');
  if (prelude === '' || body.includes('stdin_exports') || /^export (?:let|var) /m.test(source)) throw new Error(`lazy-modules: ${name} is not what this plugin was written for`);
  return `${body.includes('__toESM(') ? helpers : ''}${body}module.exports = {${exported.replaceAll(': () => ', ': ')}};\n`;
}

/** @param {Record<string, string>} define esbuild's */
export function lazyModules(define) {
  return {
    name: 'lazy-modules',
    setup(build) {
      // A namespace of its own: as a file it would be an ES module, since package.json says so.
      build.onResolve({ filter: /^\..*\.ts$/ }, ({ kind, path, resolveDir }) => (kind === 'entry-point' ? undefined : { path: resolve(resolveDir, path), namespace: 'lazy' }));
      build.onLoad({ filter: /./, namespace: 'lazy' }, async ({ path }) => ({
        contents: await commonJsModule(await readFile(path, 'utf8'), basename(path), define),
        resolveDir: dirname(path),
        loader: 'js',
      }));
    },
  };
}
