/**
 * A generator of systemd's, systemd.generator(7): at every start of a user's manager, and at every daemon-reload, it makes units
 * from the Quadlet files in the places where Podman's looks for them. For machines where an administrator installs it.
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configDirectory } from '../../host/directories.ts';
import { environmentVariable } from '../../host/environment.ts';
import { errnoOf } from '../../host/errors.ts';
import { writeFileAtomic } from '../../host/files.ts';
import { WAIT_FOR_NETWORK } from '../../systemd/quadlet/convert.ts';
import { parseUnitFile, sectionOf, type Problem } from '../../systemd/unit-file.ts';
import { waitForNetworkUnit } from '../../systemd/wait-for-network.ts';
import { quadletsIn, readUnits, type ReadUnit } from './read.ts';

/** podman-systemd.unit(5), "Podman rootless unit search path". */
function searchPath(): string[] {
  const given = environmentVariable('QUADLET_UNIT_DIRS');
  if (given !== undefined) return given.split(':').filter((folder) => folder.startsWith('/'));
  const uid = String(process.getuid?.() ?? 0);
  return [join(configDirectory(), 'containers', 'systemd'), `/etc/containers/systemd/users/${uid}`, '/etc/containers/systemd/users'];
}

/** @param target folder for units, made if missing @returns what is wrong with the files; their units are left out, the others made */
export function generateUnits(target: string): Problem[] {
  const found = searchPath().filter((folder) => quadletsIn(folder).length > 0);
  const units = new Map<string, ReadUnit>();
  for (const unit of found.flatMap((folder) => readUnits([folder]).asked)) if (!units.has(unit.unitName)) units.set(unit.unitName, unit);
  mkdirSync(target, { recursive: true });
  for (const unit of units.values()) if (!hasErrors(unit)) writeUnit(target, unit);
  if ([...units.values()].some((unit) => unit.text.includes(WAIT_FOR_NETWORK))) writeFileAtomic(join(target, WAIT_FOR_NETWORK), waitForNetworkUnit(), { mode: 0o644, durable: false });
  return [...units.values()].flatMap((unit) => unit.problems);
}

function hasErrors(unit: ReadUnit): boolean {
  return unit.problems.some((problem) => problem.severity === 'error');
}

/** Generated units can't be enabled: the links that enabling would make are made here. */
function writeUnit(target: string, unit: ReadUnit): void {
  writeFileAtomic(join(target, unit.unitName), unit.text, { mode: 0o644, durable: false });
  const install = sectionOf(parseUnitFile(unit.unitName, unit.text).file, 'Install');
  const names = (key: string): string[] => install.entries.filter((entry) => entry.key === key).flatMap((entry) => entry.value.split(/\s+/)).filter((name) => /^[\w@.:-]+$/.test(name));
  if (unit.unitName.includes('@.')) return; // instances are started by their names
  for (const alias of names('Alias')) link(join(target, alias), unit.unitName);
  for (const [key, folder] of [['WantedBy', 'wants'], ['RequiredBy', 'requires'], ['UpheldBy', 'upholds']] as const) {
    for (const name of names(key)) link(join(target, `${name}.${folder}`, unit.unitName), `../${unit.unitName}`);
  }
}

function link(path: string, to: string): void {
  mkdirSync(dirname(path), { recursive: true });
  try {
    symlinkSync(to, path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}
