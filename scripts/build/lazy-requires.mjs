// An esbuild plugin for @oclif/core: what its modules require at the top is required where it is first used, so that
// a command that needs only the base class loads four small files instead of all of oclif (18 ms on Node 24).
//
// It works on what TypeScript's compiler emits, which is regular. Every assumption is checked: where a replacement
// finds nothing, the build fails instead of getting slow (or wrong) silently. oclif is pinned for this reason.
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

const TOP_REQUIRE = /^const (\w+) = (__importDefault|__importStar)?\(?require\("([^"]+)"\)\)?;$/gm;

/** Replacements in single files, [from, to]; each must be found exactly once. */
const EXACT = {
  'command.js': [
    // Making process.stdout costs 11 ms in the executable; scull writes to descriptors and handles EPIPE itself.
    [/^process\.stdout\.on\('error', [\s\S]*?^\}\);$/m, ''],
    [/^const pjson = .*$/m, 'const pjson = { name: "@oclif/core", version: OCLIF_VERSION };'],
    // The debug logger loads `debug` and with it node:tty.
    [/ {8}try \{\s+this\.debug = [\s\S]*?\n {8}\}\n {8}catch \{[\s\S]*?\n {8}\}\n/, '        this.debug = () => {};\n'],
  ],
};

/** @param {string} source one file of @oclif/core/lib. @param {string} name its base name. @param {string} version oclif's */
export function makeLazy(source, name, version) {
  let text = source;
  for (const [from, to] of EXACT[name] ?? []) {
    if ((text.match(new RegExp(from.source, from.flags.includes('g') ? from.flags : `${from.flags}g`)) ?? []).length !== 1) {
      throw new Error(`lazy-requires: ${name} of @oclif/core ${version} is not what this plugin was written for (${from})`);
    }
    text = text.replace(from, to.replace('OCLIF_VERSION', JSON.stringify(version)));
  }
  const lazy = [];
  text = text.replace(TOP_REQUIRE, (whole, variable, interop, module) => {
    if (new RegExp(`(?<![.\\w$])${variable}\\s*=[^=>]`).test(text.replace(whole, ''))) throw new Error(`lazy-requires: ${variable} is assigned again in ${name}`);
    lazy.push(variable);
    const required = interop === undefined ? `require("${module}")` : `${interop}(require("${module}"))`;
    return `let ${variable}$value; function ${variable}$lazy() { return ${variable}$value ??= ${required}; }`;
  });
  for (const variable of lazy) {
    // A use is the bare identifier: no property of something, no key of an object, none of the names made above.
    text = text.replace(new RegExp(`(?<![.\\w$'"])${variable}(?![\\w$'"])`, 'g'), (use, offset) => {
      const isKey = /^\s*:/.test(text.slice(offset + use.length)) && /[{,]\s*$/.test(text.slice(0, offset));
      if (isKey) return use;
      // `new a().B()` would make an a: the call stands in brackets of its own.
      return /\bnew\s+$/.test(text.slice(0, offset)) ? `(${variable}$lazy())` : `${variable}$lazy()`;
    });
  }
  return text;
}

/** @param {{ version: string }} oclif package.json of @oclif/core */
export function lazyRequires(oclif) {
  return {
    name: 'lazy-requires',
    setup(build) {
      build.onLoad({ filter: /@oclif[/\\]core[/\\]lib[/\\].*\.js$/ }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const name = path.endsWith('lib/command.js') ? 'command.js' : basename(path) === 'command.js' ? 'help/command.js' : basename(path);
        return { contents: makeLazy(source, name, oclif.version), loader: 'js' };
      });
    },
  };
}
