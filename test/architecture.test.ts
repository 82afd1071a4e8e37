/** The plan of the house (docs/architecture.md), held against the sources. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { top } from './support/product.ts';

/** Lowest first. A folder imports from itself and from lower rows; members of one row do not import each other. */
const layers: readonly (readonly string[])[] = [
  ['host'],
  ['oci'],
  ['spec'],
  ['userns'],
  ['storage', 'registry', 'network'],
  ['runtime'],
  ['build', 'kube', 'systemd'],
  ['engine'],
  ['cli'],
  ['commands'],
];

interface SourceFile {
  /** Relative to the checkout. */
  readonly path: string;
  readonly text: string;
  /** Without comments and the contents of no string removed. */
  readonly code: string;
}

const sources = filesBelow('src').filter((path) => path.endsWith('.ts')).map((path): SourceFile => {
  const text = readFileSync(join(top, path), 'utf8');
  return { path, text, code: withoutComments(text) };
});

test('imports only go down', () => {
  const graph = new Map(sources.map((file) => [file.path, importsOf(file)]));
  const wrong = sources.flatMap((file) =>
    (graph.get(file.path) as string[]).filter((target) => !mayImport(file.path, target)).map((target) => chainTo(graph, file.path, target)),
  );
  expect(wrong).toEqual([]);
});

test('no file imports itself over others', () => {
  const graph = new Map(sources.map((file) => [file.path, importsOf(file, { typesToo: false, lazyToo: false })]));
  expect(cyclesOf(graph)).toEqual([]);
});

test('every import names a file that is there', () => {
  const known = new Set(sources.map((file) => file.path));
  expect(sources.flatMap((file) => importsOf(file).filter((target) => !known.has(target) && !existsSync(join(top, target))).map((target) => `${file.path} → ${target}`))).toEqual([]);
});

test('only src/host starts programs', () => {
  expect(offenders(/from 'node:child_process'|import\('node:child_process'\)|require\('(node:)?child_process'\)|from 'execa'|import\('execa'\)|Bun\.spawn/, (path) => path.startsWith('src/host/'), { valuesOnly: true })).toEqual([]);
});

test('only src/host reads the environment', () => {
  expect(offenders(/(?<!\.\.\.)\bprocess\.env\b/, (path) => path.startsWith('src/host/'))).toEqual([]);
});

test('only cli and commands know oclif', () => {
  expect(offenders(/'@oclif\//, (path) => path.startsWith('src/cli/') || path.startsWith('src/commands/'))).toEqual([]);
});

test('only cli and commands write to the terminal', () => {
  expect(offenders(/\bconsole\.|\bprocess\.std(out|err)\b/, (path) => path.startsWith('src/cli/') || path.startsWith('src/commands/'))).toEqual([]);
});

test('only storage/layout spells paths of the store', () => {
  // A folder of the store as a literal path part, joined to something that is a root.
  const spelled = /join\([^()]*\b(root|runRoot|layout\.root|layout\.runRoot)\b[^()]*'(images|layers|containers|volumes|networks|partial|staging|names|locks|trash|blobs|crun|c)'/;
  expect(offenders(spelled, (path) => path === 'src/storage/layout.ts')).toEqual([]);
});

test('names say what a thing is: no utils, helpers, common, misc, no barrels', () => {
  const vague = /^(utils?|helpers?|common|misc|lib|shared|stuff|index)$/i;
  const offending = sources.flatMap((file) => file.path.split('/').slice(1).map((part) => part.replace(/\.ts$/, '')).filter((part) => vague.test(part)).map(() => file.path));
  expect(offending).toEqual([]);
  const barrels = sources.filter((file) => /\S/.test(file.code) && file.code.replace(/export (type )?(\*|\{[^}]*\})( as \w+)? from '[^']+';?/g, '').trim() === '');
  expect(barrels.map((file) => file.path)).toEqual([]);
});

test('imports spell the extension, and sources use erasable syntax only', () => {
  expect(sources.flatMap((file) => [...file.code.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)].filter((match) => !(match[1] as string).endsWith('.ts') && !(match[1] as string).endsWith('.json')).map((match) => `${file.path}: ${match[1]}`))).toEqual([]);
  expect(offenders(/^\s*(export )?(const )?enum \w|^\s*(export )?namespace \w|constructor\((.*, )?(private|public|protected|readonly) \w/, () => false)).toEqual([]);
});

test('what other folders may call is described, itself or by the first words of its file', () => {
  const undescribed = sources.flatMap((file) => {
    if (file.path.startsWith('src/commands/') || file.text.startsWith('/**')) return []; // a command's summary is its help
    const lines = file.text.split('\n');
    return lines.flatMap((line, index) => {
      if (!/^export (async )?function\*? \w|^export (abstract )?class \w/.test(line)) return [];
      return lines[index - 1]?.trimEnd().endsWith('*/') ? [] : [`${file.path}:${index + 1} ${line.slice(0, 80)}`];
    });
  });
  expect(undescribed).toEqual([]);
});

test('every source has its tests beside it in test/unit, or is tried as a whole in test/e2e', () => {
  const folders = new Set(sources.map((file) => file.path.split('/')[1]));
  for (const folder of folders) {
    if (folder === 'commands') continue; // tried in test/e2e, command by command
    const tests = existsSync(join(top, 'test/unit', folder as string)) ? filesBelow(`test/unit/${folder}`) : [];
    expect(tests.length, `test/unit/${folder}`).toBeGreaterThan(0);
  }
});

test('nothing of one machine is written down', () => {
  const allowed = new Set(['test/architecture.test.ts', 'package-lock.json']);
  const patterns: readonly [RegExp, string][] = [
    [literally(top), 'the path of a checkout'],
    ...(homedir().startsWith('/home/') ? [[literally(homedir()), 'somebody’s home'] as [RegExp, string]] : []),
    [/\b(?:10|192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2,3}:\d{4,5}\b/, 'a private address with a port'],
    [/deb\.debian\.org|snapshot\.debian\.org|archive\.ubuntu\.com|registry\.npmjs\.org|-npm\.pkg\.dev|artifactregistry/, 'the name of a package mirror'],
    [/\bgh[pousr]_\w{30,}|\bnpm_\w{30,}/, 'a credential'],
  ];
  const found = committedFiles().flatMap((path) => {
    if (allowed.has(path) || !isText(path)) return [];
    const text = readFileSync(join(top, path), 'utf8');
    return patterns.flatMap(([pattern, what]) => {
      const match = pattern.exec(text);
      return match === null ? [] : [`${path}: ${what}: ${match[0]}`];
    });
  });
  expect(found).toEqual([]);
});

/** The path as a whole, not the beginning of a longer name. */
function literally(path: string): RegExp {
  return new RegExp(`${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`);
}

function folderOf(path: string): string {
  return path.split('/')[1] as string;
}

/** The dispatch table is the one place where the command line knows its commands; it loads each when it is called. */
const dispatchTable = 'src/cli/command-table.ts';

function mayImport(from: string, to: string): boolean {
  if (from === dispatchTable && folderOf(to) === 'commands') return true;
  return folderOf(from) === folderOf(to) || rankOf(folderOf(to)) < rankOf(folderOf(from));
}

function rankOf(folder: string): number {
  const rank = layers.findIndex((row) => row.includes(folder));
  if (rank === -1) throw new Error(`src/${folder} has no place in the order of imports: give it one in test/architecture.test.ts and docs/architecture.md`);
  return rank;
}

/** Imported files of `src`, relative to the checkout; from `import`, `export … from` and `import()`. */
function importsOf(file: SourceFile, options: { typesToo?: boolean; lazyToo?: boolean } = {}): string[] {
  const { typesToo = true, lazyToo = true } = options;
  const found: string[] = [];
  for (const match of file.code.matchAll(/(import|export)\s+(type\s)?[^;'"]*?from\s*'(\.[^']+)'|import\s*'(\.[^']+)'|import\(\s*'(\.[^']+)'\s*\)/g)) {
    if (!typesToo && match[2] !== undefined) continue;
    if (!lazyToo && match[5] !== undefined) continue;
    found.push(relative(top, join(top, dirname(file.path), (match[3] ?? match[4] ?? match[5]) as string)));
  }
  return found.filter((path) => path.startsWith('src/'));
}

/** The forbidden import, and how the importing file is reached from the top, to see who pulls it in. */
function chainTo(graph: ReadonlyMap<string, readonly string[]>, file: string, target: string): string {
  const chain = [file, target];
  for (;;) {
    const importer = [...graph].find(([path, imports]) => imports.includes(chain[0] as string) && !chain.includes(path))?.[0];
    if (importer === undefined || chain.length > 6) return chain.join(' → ');
    chain.unshift(importer);
  }
}

function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return cycles;
}

/** `file:line text` of every line of code that matches and is not excused. */
function offenders(pattern: RegExp, excused: (path: string) => boolean, options: { valuesOnly?: boolean } = {}): string[] {
  return sources.filter((file) => !excused(file.path)).flatMap((file) =>
    file.code.split('\n').flatMap((line, index) => {
      if (options.valuesOnly && /^\s*import type /.test(line)) return [];
      return pattern.test(line) ? [`${file.path}:${index + 1} ${line.trim()}`] : [];
    }),
  );
}

/** Comments become spaces, so that line numbers stay. Strings that contain comment signs are rare enough here. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' ')).replace(/(^|[\s;{}(),])\/\/[^\n]*/g, '$1');
}

function filesBelow(directory: string): string[] {
  return readdirSync(join(top, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(top, join(entry.parentPath, entry.name)))
    .sort();
}

/** What git knows; where there is no git (a copy of the tree), every file but what .gitignore names. */
function committedFiles(): string[] {
  if (existsSync(join(top, '.git'))) return execFileSync('git', ['ls-files', '--cached'], { cwd: top, encoding: 'utf8' }).trim().split('\n').filter((path) => existsSync(join(top, path)));
  const ignored = new Set(['node_modules', 'dist', '.cache', '.git']);
  return readdirSync(top).filter((name) => !ignored.has(name)).flatMap((name) => (statSync(join(top, name)).isDirectory() ? filesBelow(name) : [name]));
}

function isText(path: string): boolean {
  return !/\.(png|gz|zst|tar|bin|ico|jpg)$/.test(basename(path));
}
