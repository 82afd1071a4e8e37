/**
 * registries.conf (containers-registries.conf(5), version 2): which registries short names are looked for in, and where a
 * name is really fetched from: other locations, mirrors, blocked and insecure registries.
 *
 * The user's own file replaces the system's, with its folder registries.conf.d (as Podman has it); files in these folders add, a
 * later file's `[[registry]]` replacing an earlier one's of the same prefix. Without any of them, names mean what they mean to Docker.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { containersConfig, type ContainersConfig } from '../host/containers-config.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { isTomlTable, parseToml, type TomlTable, type TomlValue } from '../host/toml.ts';

export interface RegistriesConf {
  /** Registries for short names, in order; undefined where no file says any. */
  readonly searchRegistries?: readonly string[];
  /** Short name (without tag) → full name. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly registries: readonly RegistryEntry[];
}

/** One `[[registry]]`. */
export interface RegistryEntry {
  /** Beginning of the full names it is about: `host[:port][/path…]`, or `*.domain`. */
  readonly prefix: string;
  /** What stands in for the prefix; empty leaves the name as it is. */
  readonly location: string;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrors: readonly MirrorEntry[];
  /** For errors. */
  readonly file: string;
}

export interface MirrorEntry {
  readonly location: string;
  readonly insecure: boolean;
  readonly use: 'all' | 'digest-only' | 'tag-only';
}

export interface LoadOptions {
  /** False for who has a full name, for which aliases do not count: files of nothing else are not parsed. */
  readonly aliases?: boolean;
  /** For tests. */
  readonly config?: ContainersConfig;
}

/** Reads what applies to this user. @throws ScullError INVALID naming file and line or key; PERMISSION */
export function loadRegistriesConf({ aliases = true, config = containersConfig() }: LoadOptions = {}): RegistriesConf {
  let merged: RegistriesConf = { aliases: new Map(), registries: [] };
  for (const { file, text } of configurationFiles(config)) {
    if (aliases || !holdsOnlyAliases(text)) merged = merge(merged, readRegistriesConf(text, file));
  }
  return merged;
}

/** Distributions have a file of some hundred aliases, which costs a pull more than all its other files. */
function holdsOnlyAliases(text: string): boolean {
  const start = /^(?:\s|#[^\n]*\n)*\[aliases\]/.exec(text)?.[0];
  return start !== undefined && !text.includes('[', start.length);
}

interface ConfigurationFile {
  readonly file: string;
  readonly text: string;
}

function configurationFiles(config: ContainersConfig): readonly ConfigurationFile[] {
  const read = (file: string): readonly ConfigurationFile[] => {
    const text = readConfiguration(file);
    return text === undefined ? [] : [{ file, text }];
  };
  if (config.registriesConf !== undefined) return read(config.registriesConf);
  const name = 'registries.conf';
  const addedIn = (...folders: readonly string[]): readonly ConfigurationFile[] => folders.flatMap((folder) => confFilesIn(join(folder, `${name}.d`))).flatMap(read);
  const own = read(join(config.userFolder, name));
  if (own.length > 0) return [...own, ...addedIn(config.userFolder)];
  const main: ConfigurationFile[] = [];
  for (const folder of [config.systemFolder, '/usr/share/containers']) if (main.length === 0) main.push(...read(join(folder, name)));
  return [...main, ...addedIn('/usr/share/containers', config.systemFolder, config.userFolder)];
}

function readConfiguration(file: string): string | undefined {
  try {
    return readTextIfPresent(file);
  } catch (cause) {
    throw new ScullError('PERMISSION', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function confFilesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.conf')).sort().map((name) => join(folder, name));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return [];
    throw new ScullError('PERMISSION', `cannot read ${folder}: ${(cause as Error).message}`, { cause });
  }
}

function merge(base: RegistriesConf, over: RegistriesConf): RegistriesConf {
  const registries = new Map(base.registries.map((entry) => [entry.prefix, entry]));
  for (const entry of over.registries) registries.set(entry.prefix, entry);
  const searchRegistries = over.searchRegistries ?? base.searchRegistries;
  return {
    // An empty alias takes an earlier one back.
    aliases: new Map([...new Map([...base.aliases, ...over.aliases])].filter(([, name]) => name !== '')),
    registries: [...registries.values()],
    ...(searchRegistries === undefined ? {} : { searchRegistries }),
  };
}

/** One file. Keys we do not know are other programs' business. @throws ScullError INVALID */
export function readRegistriesConf(text: string, file: string): RegistriesConf {
  const document = parseToml(text, file);
  if (document['registries'] !== undefined) {
    throw new ScullError('INVALID', `${file} is in version 1 of its format, which is no longer read`, { hint: 'see containers-registries.conf(5) for version 2' });
  }
  const search = document['unqualified-search-registries'];
  const aliases = document['aliases'];
  return {
    ...(search === undefined ? {} : { searchRegistries: strings(search, 'unqualified-search-registries', file) }),
    aliases: new Map(aliases === undefined ? [] : Object.entries(table(aliases, 'aliases', file)).map(([name, target]) => [name, string(target, `aliases.${name}`, file)])),
    registries: tables(document['registry'], 'registry', file).map((entry) => readEntry(entry, file)),
  };
}

function readEntry(entry: TomlTable, file: string): RegistryEntry {
  const location = locationOf(entry, 'registry.location', file);
  const prefix = entry['prefix'] === undefined || entry['prefix'] === '' ? location : string(entry['prefix'], 'registry.prefix', file).replace(/\/+$/, '');
  if (prefix === '' || (location === '' && !prefix.startsWith('*.'))) throw bad(file, 'a [[registry]] needs a location');
  if (prefix.startsWith('*.') && /[/:@]/.test(prefix)) throw bad(file, `the prefix ${JSON.stringify(prefix)} may only be *. and a domain`);
  const digestOnly = boolean(entry['mirror-by-digest-only'], 'mirror-by-digest-only', file);
  return {
    prefix,
    location,
    insecure: boolean(entry['insecure'], 'insecure', file),
    blocked: boolean(entry['blocked'], 'blocked', file),
    mirrors: tables(entry['mirror'], 'registry.mirror', file).map((mirror) => readMirror(mirror, digestOnly, file)),
    file,
  };
}

function readMirror(mirror: TomlTable, digestOnly: boolean, file: string): MirrorEntry {
  const location = locationOf(mirror, 'registry.mirror.location', file);
  if (location === '') throw bad(file, 'a [[registry.mirror]] needs a location');
  const use = mirror['pull-from-mirror'] ?? 'all';
  if (use !== 'all' && use !== 'digest-only' && use !== 'tag-only') throw bad(file, 'pull-from-mirror is "all", "digest-only" or "tag-only"');
  return { location, insecure: boolean(mirror['insecure'], 'insecure', file), use: digestOnly ? 'digest-only' : use };
}

function locationOf(entry: TomlTable, key: string, file: string): string {
  const location = entry['location'] === undefined ? '' : string(entry['location'], key, file).replace(/\/+$/, '');
  if (/^https?:\/\//.test(location)) throw bad(file, `the location ${JSON.stringify(location)} is written without http:// or https://`);
  return location;
}

function tables(value: TomlValue | undefined, key: string, file: string): readonly TomlTable[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw bad(file, `${key} is written as [[${key}]]`);
  return (value as readonly TomlValue[]).map((entry) => table(entry, key, file));
}

function table(value: TomlValue, key: string, file: string): TomlTable {
  if (isTomlTable(value)) return value;
  throw bad(file, `${key} is not a table`);
}

function strings(value: TomlValue, key: string, file: string): readonly string[] {
  if (Array.isArray(value)) return (value as readonly TomlValue[]).map((entry) => string(entry, key, file));
  throw bad(file, `${key} is not a list of strings`);
}

function string(value: TomlValue, key: string, file: string): string {
  if (typeof value === 'string') return value;
  throw bad(file, `${key} is not a string`);
}

function boolean(value: TomlValue | undefined, key: string, file: string): boolean {
  if (value === undefined) return false;
  if (typeof value === 'boolean') return value;
  throw bad(file, `${key} is not true or false`);
}

function bad(file: string, why: string): ScullError {
  return new ScullError('INVALID', `${file}: ${why}`, { hint: 'see containers-registries.conf(5)' });
}
