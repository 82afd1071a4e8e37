/**
 * Quadlet files → units of systemd, text in and text out. Files of Podman are read unchanged; where it would call podman, the units
 * call scull. What a unit had in sections of its own ([Unit], [Service], [Install]) it keeps.
 */
import { parseBoolean, formatUnitFile, lastOf, sectionOf, valuesOf, type Problem, type UnitEntry, type UnitFile, type UnitSection } from '../unit-file.ts';
import { convertContainer } from './container.ts';
import { Conversion, type Addition } from './conversion.ts';
import { KINDS, kindOf, type Kind } from './keys.ts';
import { convertKube } from './kube.ts';
import { convertPod } from './pod.ts';
import { convertBuild, convertImage, convertNetwork, convertVolume } from './resources.ts';
import { quadletSource, type Source } from './source.ts';

export interface Converted {
  readonly source: Source;
  /** `web.service` */
  readonly unitName: string;
  readonly text: string;
  readonly problems: readonly Problem[];
  /** Names of the Quadlet files it refers to. */
  readonly refersTo: readonly string[];
}

/**
 * @param files all that may refer to each other, with their drop-ins
 * @param scull the words that start scull, the first one absolute
 */
export function convertQuadlets(files: readonly UnitFile[], scull: readonly string[]): Converted[] {
  const sources = files.map(quadletSource).filter((source) => source !== undefined);
  const all = new Map(sources.map((source) => [source.name, source]));
  return sources.map((source) => convertOne(source, all, scull));
}

function convertOne(source: Source, all: ReadonlyMap<string, Source>, scull: readonly string[]): Converted {
  const unit = new Conversion(source, all, scull);
  checkKeys(unit);
  convertKind(unit, all);
  const unitSection = dependencies(unit, all);
  if (needsNetwork(unit)) for (const key of ['Wants', 'After']) unit.add('Unit', key, WAIT_FOR_NETWORK);
  unit.add('Unit', 'SourcePath', source.file.path);
  const text = formatUnitFile(serviceSections(source, unitSection, unit.additions));
  const refersTo = [...new Set(source.file.sections.flatMap((section) => section.entries.flatMap((entry) => referencesIn(entry, all))))];
  return { source, unitName: `${source.service}.service`, text, problems: unit.problems, refersTo };
}

function convertKind(unit: Conversion, all: ReadonlyMap<string, Source>): void {
  switch (unit.source.kind) {
    case 'container':
      return convertContainer(unit);
    case 'volume':
      return convertVolume(unit);
    case 'network':
      return convertNetwork(unit);
    case 'pod':
      return convertPod(unit, membersOf(unit.source, all));
    case 'image':
      return convertImage(unit);
    case 'build':
      return convertBuild(unit);
    case 'kube':
      return convertKube(unit);
  }
}

/** Containers that start with their pod; those of templates have no name to start them by. */
function membersOf(pod: Source, all: ReadonlyMap<string, Source>): string[] {
  return [...all.values()]
    .filter((other) => other.kind === 'container' && !other.service.endsWith('@') && lastOf(other.section, 'Pod')?.value === pod.name)
    .filter((other) => parseBoolean(lastOf(other.section, 'StartWithPod')?.value ?? 'yes') !== false)
    .map((other) => `${other.service}.service`);
}

/** Unknown keys are errors: a typo in a unit must not pass for a setting. */
function checkKeys(unit: Conversion): void {
  const { source } = unit;
  const { section, keys } = KINDS[source.kind];
  if (!source.file.sections.some(({ name }) => name === section)) unit.wrong(`there is no [${section}] section`);
  const rows = new Map(keys.map((row) => [row[0], row]));
  for (const entry of source.section.entries) {
    const row = rows.get(entry.key);
    if (row === undefined) unit.wrong(`unknown key ${entry.key}= in [${section}]${similar(entry.key, rows.keys())}`, entry);
    else if (row[1] === 'refused') unit.wrong(`${entry.key}=: ${row[2]}`, entry);
  }
  for (const entry of sectionOf(source.file, 'Quadlet').entries) if (entry.key !== 'DefaultDependencies') unit.wrong(`unknown key ${entry.key}= in [Quadlet]`, entry);
  for (const key of ['User', 'Group', 'DynamicUser']) {
    const entry = unit.own('Service', key);
    if (entry !== undefined) unit.warn(`${key}= in [Service] changes who runs scull, not who runs in the container: that is User= in [${section}]`, entry);
  }
}

function similar(key: string, known: Iterable<string>): string {
  for (const candidate of known) if (candidate.toLowerCase() === key.toLowerCase()) return `: it is spelled ${candidate}=`;
  return '';
}

const DEPENDENCIES = ['After', 'Before', 'BindsTo', 'Conflicts', 'OnFailure', 'OnSuccess', 'PartOf', 'PropagatesReloadTo', 'PropagatesStopTo', 'ReloadPropagatedFrom', 'Requires', 'Requisite', 'StopPropagatedFrom', 'Upholds', 'Wants'];

/** Dependencies in [Unit] may name Quadlet files: they become the services made from them. */
function dependencies(unit: Conversion, all: ReadonlyMap<string, Source>): UnitEntry[] {
  return sectionOf(unit.source.file, 'Unit').entries.map((entry) => {
    if (!DEPENDENCIES.includes(entry.key)) return entry;
    const value = entry.value
      .split(/\s+/)
      .map((word) => {
        const other = all.get(word);
        if (other === undefined && kindOf(word) !== undefined) unit.wrong(`${entry.key}=${word}: there is no ${word} beside this file`, entry);
        return other === undefined ? word : `${other.service}.service`;
      })
      .join(' ');
    return { ...entry, value };
  });
}

/** A unit of our own which waits, once after a boot, until the host has a way out; see systemd/wait-for-network.ts. */
export const WAIT_FOR_NETWORK = 'scull-wait-for-network.service';

function needsNetwork(unit: Conversion): boolean {
  const wanted = lastOf(sectionOf(unit.source.file, 'Quadlet'), 'DefaultDependencies')?.value;
  if (wanted !== undefined && parseBoolean(wanted) === false) return false;
  const kinds: readonly Kind[] = ['container', 'pod', 'image', 'build', 'kube'];
  return kinds.includes(unit.source.kind) && !valuesOf(unit.source.section, 'Network').some((entry) => ['none', 'host'].includes(entry.value));
}

/** The file's own sections, the Quadlet ones out of systemd's way behind X-. */
function serviceSections(source: Source, unitEntries: readonly UnitEntry[], additions: readonly Addition[]): UnitSection[] {
  const added = (name: string): UnitEntry[] => additions.filter((addition) => addition.section === name).map(({ key, value }) => ({ key, value, line: 0 }));
  const quadletSections = [KINDS[source.kind].section, 'Quadlet'];
  const own = source.file.sections.filter((section) => !['Unit', 'Service', 'Install', ...quadletSections].includes(section.name));
  return [
    { name: 'Unit', entries: unique([...unitEntries, ...added('Unit')]) },
    { name: 'Service', entries: [...sectionOf(source.file, 'Service').entries, ...added('Service')] },
    sectionOf(source.file, 'Install'),
    ...own,
    ...quadletSections.map((name) => ({ name: `X-${name}`, entries: sectionOf(source.file, name).entries })),
  ];
}

function unique(entries: readonly UnitEntry[]): UnitEntry[] {
  const seen = new Set<string>();
  return entries.filter(({ key, value }) => seen.size < seen.add(`${key}=${value}`).size);
}

function referencesIn(entry: UnitEntry, all: ReadonlyMap<string, Source>): string[] {
  return entry.value.split(/[\s,:=]+/).filter((word) => all.has(word));
}
