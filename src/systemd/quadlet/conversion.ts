/** What the converters of all kinds share: the command line being made, the unit being made, and what is wrong. */
import { sectionOf, lastOf, parseBoolean, valuesOf, type Problem, type UnitEntry } from '../unit-file.ts';
import { joinWords, quoteWord, splitWords } from '../words.ts';
import { KINDS, type Kind } from './keys.ts';
import { containerNameFor, pathFrom, type Source } from './source.ts';

export interface Addition {
  readonly section: 'Unit' | 'Service';
  readonly key: string;
  readonly value: string;
}

export class Conversion {
  /** Settings of the service that come from the Quadlet file. */
  readonly additions: Addition[] = [];
  readonly problems: Problem[] = [];

  readonly source: Source;
  private readonly all: ReadonlyMap<string, Source>;
  private readonly scull: readonly string[];

  /** @param all files that may be referred to, by name; scull: the words that start it */
  constructor(source: Source, all: ReadonlyMap<string, Source>, scull: readonly string[]) {
    this.source = source;
    this.all = all;
    this.scull = scull;
  }

  wrong(message: string, entry?: UnitEntry): void {
    this.problem('error', message, entry);
  }

  warn(message: string, entry?: UnitEntry): void {
    this.problem('warning', message, entry);
  }

  private problem(severity: Problem['severity'], message: string, entry: UnitEntry | undefined): void {
    this.problems.push({ path: entry?.path ?? this.source.file.path, ...(entry === undefined || entry.line === 0 ? {} : { line: entry.line }), message, severity });
  }

  last(key: string): UnitEntry | undefined {
    return lastOf(this.source.section, key);
  }

  values(key: string): UnitEntry[] {
    return valuesOf(this.source.section, key);
  }

  words(key: string): string[] {
    return this.values(key).flatMap((entry) => this.split(entry));
  }

  split(entry: UnitEntry): string[] {
    try {
      return splitWords(entry.value);
    } catch (error) {
      this.wrong(`${entry.key}=: ${(error as Error).message}`, entry);
      return [];
    }
  }

  boolean(key: string): boolean | undefined {
    const entry = this.last(key);
    if (entry === undefined) return undefined;
    const value = parseBoolean(entry.value);
    if (value === undefined) this.wrong(`${key}=${entry.value} is neither yes nor no`, entry);
    return value;
  }

  /** What the author's own [Service] or [Unit] section says. */
  own(section: 'Unit' | 'Service', key: string): UnitEntry | undefined {
    return lastOf(sectionOf(this.source.file, section), key);
  }

  add(section: Addition['section'], key: string, value: string): void {
    this.additions.push({ section, key, value });
  }

  /** Where the author did not set it. */
  addDefault(section: Addition['section'], key: string, value: string): void {
    if (this.own(section, key) === undefined) this.add(section, key, value);
  }

  /** @param prefix systemd's, `-`: a failure does not count */
  command(key: string, words: readonly string[], prefix = ''): void {
    this.add('Service', key, prefix + joinWords([...this.scull, ...this.words('GlobalArgs'), ...words]));
  }

  mountsFor(path: string): void {
    this.add('Unit', 'RequiresMountsFor', quoteWord(path));
  }

  /** The unit is started after that of another file, and needs it. @returns the other's source, or undefined where there is none */
  needs(name: string, entry: UnitEntry): Source | undefined {
    const other = this.lookUp(name, entry);
    if (other === undefined) return undefined;
    this.add('Unit', 'Requires', `${other.service}.service`);
    this.add('Unit', 'After', `${other.service}.service`);
    return other;
  }

  /** Another file; that there is none is noted. */
  lookUp(name: string, entry: UnitEntry): Source | undefined {
    const other = this.all.get(name);
    if (other === undefined) this.wrong(`${entry.key}=${entry.value}: there is no ${name} beside this file`, entry);
    return other;
  }

  /** The rows of the kind's table that need no more than a row. */
  flags(kind: Kind = this.source.kind): string[] {
    const result: string[] = [];
    for (const [key, how, flag = ''] of KINDS[kind].keys) {
      switch (how) {
        case 'last':
          for (const entry of this.values(key).slice(-1)) result.push(flag, entry.value);
          break;
        case 'equals': {
          const entry = this.source.section.entries.filter((candidate) => candidate.key === key).at(-1);
          if (entry !== undefined) result.push(`${flag}=${entry.value}`);
          break;
        }
        case 'each':
          for (const entry of this.values(key)) result.push(flag, entry.value);
          break;
        case 'words':
          for (const word of this.words(key)) result.push(flag, word);
          break;
        case 'pairs':
          for (const pair of lastOfEach(this.words(key))) result.push(flag, pair);
          break;
        case 'boolean': {
          const value = this.boolean(key);
          if (value !== undefined) result.push(value ? flag : `${flag}=false`);
          break;
        }
        case 'option':
          for (const word of ['Mask', 'Unmask'].includes(key) ? this.words(key) : this.values(key).slice(-1).map((entry) => entry.value)) result.push('--security-opt', flag + word);
          break;
        default:
      }
    }
    return result;
  }

  /** Network= of containers, pods and builds: names, or files that make a network or have one. */
  networks(): string[] {
    return this.values('Network').flatMap((entry) => {
      const colon = entry.value.indexOf(':');
      const name = colon < 0 ? entry.value : entry.value.slice(0, colon);
      const options = colon < 0 ? '' : entry.value.slice(colon);
      if (!/\.(network|container)$/.test(name)) return ['--network', entry.value];
      const other = this.needs(name, entry);
      if (other === undefined) return [];
      if (other.kind === 'network') return ['--network', other.resource + options];
      const joined = containerNameFor(other);
      if (joined === undefined || options !== '') this.wrong(`${name} can't be joined ${options === '' ? 'as only systemd knows its name' : 'with options'}`, entry);
      return ['--network', `container:${joined}`];
    });
  }

  /** Volume= */
  volumes(): string[] {
    return this.values('Volume').flatMap((entry) => {
      const colon = entry.value.indexOf(':');
      if (colon < 0) return ['-v', entry.value];
      return ['-v', this.storage(entry.value.slice(0, colon), entry) + entry.value.slice(colon)];
    });
  }

  /** What a mount takes its files from: a path, a name, or a file that makes a volume or brings an image. */
  storage(source: string, entry: UnitEntry): string {
    const path = source.startsWith('.') ? pathFrom(this.source, source) : source;
    if (path.startsWith('/')) this.mountsFor(path);
    return /\.(volume|image|build)$/.test(path) && !path.includes('/') ? (this.needs(path, entry)?.resource ?? path) : path;
  }

  /** Image=: a name, or a file that brings or builds one. */
  image(entry: UnitEntry): string {
    return /\.(image|build)$/.test(entry.value) ? (this.needs(entry.value, entry)?.resource ?? '') : entry.value;
  }

  /** The keys that RemapUsers= once was for. */
  remapped(): string[] {
    const [how, size] = [this.last('RemapUsers'), this.last('RemapUidSize')];
    const [uids, gids] = [this.words('RemapUid'), this.words('RemapGid')];
    if (how === undefined) {
      const stray = this.last('RemapUid') ?? this.last('RemapGid') ?? size;
      if (stray !== undefined) this.wrong(`${stray.key}= means nothing without RemapUsers=`, stray);
      return [];
    }
    this.warn('RemapUsers= is deprecated, UserNS=, UIDMap= and GIDMap= say the same', how);
    switch (how.value) {
      case 'manual':
        return [...uids.flatMap((map) => ['--uidmap', map]), ...gids.flatMap((map) => ['--gidmap', map])];
      case 'auto':
        return ['--userns', ['auto', [...uids.map((map) => `uidmapping=${map}`), ...gids.map((map) => `gidmapping=${map}`), ...(size === undefined ? [] : [`size=${size.value}`])].join(',')].filter((part) => part !== '').join(':')];
      case 'keep-id':
        if (uids.length > 1 || gids.length > 1) this.wrong('RemapUsers=keep-id takes one RemapUid= and one RemapGid=', how);
        return ['--userns', ['keep-id', [...uids.map((id) => `uid=${id}`), ...gids.map((id) => `gid=${id}`)].join(',')].filter((part) => part !== '').join(':')];
      default:
        this.wrong(`RemapUsers=${how.value} is none of manual, auto and keep-id`, how);
        return [];
    }
  }

  podmanArgs(): string[] {
    return this.words('PodmanArgs');
  }

  /** A service that does one thing and is then there. */
  oneShot(remains: boolean): void {
    this.addDefault('Service', 'SyslogIdentifier', '%N');
    this.addDefault('Service', 'Type', 'oneshot');
    if (remains) this.addDefault('Service', 'RemainAfterExit', 'yes');
  }
}

function lastOfEach(pairs: readonly string[]): string[] {
  const byKey = new Map<string, string>();
  for (const pair of pairs) byKey.set(pair.split('=', 1)[0] as string, pair);
  return [...byKey.values()];
}
