/** A Quadlet file among the others it may refer to, and the names that follow from it. */
import { basename, dirname, isAbsolute, join } from 'node:path';
import { lastOf, sectionOf, type UnitFile, type UnitSection } from '../unit-file.ts';
import { KINDS, kindOf, type Kind } from './keys.ts';

export interface Source {
  readonly file: UnitFile;
  /** `web.container` */
  readonly name: string;
  readonly kind: Kind;
  /** The section that makes it a Quadlet file. */
  readonly section: UnitSection;
  /** Without `.service`; a template's ends in @. */
  readonly service: string;
  /** The container, volume, network, pod or image it makes; may hold specifiers of systemd. */
  readonly resource: string;
}

/** @returns undefined where the name is none of Quadlet's */
export function quadletSource(file: UnitFile): Source | undefined {
  const name = basename(file.path);
  const kind = kindOf(name);
  if (kind === undefined) return undefined;
  const { section: sectionName, suffix } = KINDS[kind];
  const section = sectionOf(file, sectionName);
  const stem = name.slice(0, name.lastIndexOf('.'));
  const given = lastOf(section, 'ServiceName')?.value;
  const service = given ?? (stem.endsWith('@') ? `${stem.slice(0, -1)}${suffix}@` : stem + suffix);
  return { file, name, kind, section, service, resource: resourceOf(kind, section, stem) };
}

const nameKeys: Partial<Record<Kind, string>> = { container: 'ContainerName', volume: 'VolumeName', network: 'NetworkName', pod: 'PodName' };

function resourceOf(kind: Kind, section: UnitSection, stem: string): string {
  if (kind === 'image') return lastOf(section, 'ImageTag')?.value ?? lastOf(section, 'Image')?.value ?? '';
  if (kind === 'build') return section.entries.find((entry) => entry.key === 'ImageTag' && entry.value !== '')?.value ?? '';
  const given = lastOf(section, nameKeys[kind] ?? '')?.value;
  if (given !== undefined) return given;
  if (kind === 'container') return stem.includes('@') ? 'systemd-%p_%i' : 'systemd-%N';
  return stem.endsWith('@') ? `systemd-${stem.slice(0, -1)}-%i` : `systemd-${stem}`;
}

/** The name of the container as it will be, for those who join it; undefined where only systemd knows it. */
export function containerNameFor(source: Source): string | undefined {
  const name = source.resource.replaceAll('%N', source.service);
  return name.includes('%') ? undefined : name;
}

/** A path in a Quadlet file is relative to that file; one that begins with a specifier is systemd's to resolve. */
export function pathFrom(source: Source, path: string): string {
  if (isAbsolute(path) || /^%[^%]/.test(path)) return path;
  return join(dirname(source.file.path), path);
}
