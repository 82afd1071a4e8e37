/**
 * A generator of systemd's, systemd.generator(7): at every start of a user's manager, and at every daemon-reload, it makes units
 * from the Quadlet files in the places where Podman's looks for them. For machines where an administrator installs it.
 */
import { mkdirSync, readdirSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configDirectory, userRuntimeDirectory } from '../../host/directories.ts';
import { environmentVariable } from '../../host/environment.ts';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { writeFileAtomic } from '../../host/files.ts';
import { WAIT_FOR_NETWORK } from '../../systemd/quadlet/convert.ts';
import { parseUnitFile, sectionOf, type Problem } from '../../systemd/unit-file.ts';
import { waitForNetworkUnit } from '../../systemd/wait-for-network.ts';
import { firstOfEachName, quadletsIn, readUnits, type ReadUnit } from './read.ts';

/** podman-systemd.unit(5), "Podman rootless unit search path": folders and those below them, in the order in which a file's name is looked for. */
function searchPath(): string[] {
  const given = environmentVariable('QUADLET_UNIT_DIRS');
  const seen = new Set<string>();
  if (given !== undefined) return given.split(':').filter((folder) => folder.startsWith('/')).flatMap((folder) => withFoldersBelow(folder, seen));
  const runtime = userRuntimeDirectory();
  const own = [...(runtime === undefined ? [] : [runtime]), configDirectory()].map((base) => join(base, 'containers', 'systemd'));
  const uid = String(process.getuid?.() ?? 0);
  // Below `users` those named by a number are of one user each.
  const ofAdministrator = ['/etc', '/usr/share'].map((base) => join(base, 'containers', 'systemd', 'users'));
  return [...own.flatMap((folder) => withFoldersBelow(folder, seen)), ...ofAdministrator.flatMap((users) => [...withFoldersBelow(users, seen, /^\d+$/), ...withFoldersBelow(join(users, uid), seen)])];
}

/** @param seen real paths, so that links lead round in no circle @param except names of folders right below that are left out */
function withFoldersBelow(folder: string, seen: Set<string>, except?: RegExp): string[] {
  let real: string;
  let entries: string[];
  try {
    real = realpathSync(folder);
    if (seen.has(real) || !statSync(real).isDirectory()) return [];
    entries = readdirSync(real).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoOf(error) ?? '')) return [];
    throw new ScullError('PERMISSION', `cannot read ${folder}: ${describeErrno(error)}`, { cause: error });
  }
  seen.add(real);
  return [folder, ...entries.filter((name) => !name.endsWith('.d') && except?.test(name) !== true).flatMap((name) => withFoldersBelow(join(folder, name), seen))];
}

/** @param target folder for units, made if missing @returns what is wrong with the files; their units are left out, the others made */
export function generateUnits(target: string): Problem[] {
  const folders = searchPath();
  const units = new Map<string, ReadUnit>();
  for (const unit of readUnits(firstOfEachName(folders.flatMap(quadletsIn)), folders).asked) if (!units.has(unit.unitName)) units.set(unit.unitName, unit);
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
  for (const alias of names('Alias')) link(join(target, alias), unit.unitName);
  // Other instances are started by their names.
  const instance = names('DefaultInstance').at(-1);
  if (unit.unitName.includes('@.') && instance === undefined) return;
  const enabled = unit.unitName.replace('@.', `@${instance}.`);
  for (const [key, folder] of [['WantedBy', 'wants'], ['RequiredBy', 'requires'], ['UpheldBy', 'upholds']] as const) {
    for (const name of names(key)) link(join(target, `${name}.${folder}`, enabled), `../${unit.unitName}`);
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
