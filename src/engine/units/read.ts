/** Quadlet files from disk, with their drop-ins and with the files beside them that they may refer to. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { selfCommand } from '../../host/self.ts';
import { convertQuadlets, type Converted } from '../../systemd/quadlet/convert.ts';
import { INSTEAD_OF_ARTIFACT, isArtifactFile, kindOf } from '../../systemd/quadlet/keys.ts';
import { dropInFolders, parseUnitFile, withDropIns, type Problem, type UnitFile } from '../../systemd/unit-file.ts';

/** A unit is a screen or two; what is larger is no unit. Bytes. */
const LARGEST = 1 << 20;

export interface ReadUnit extends Converted {
  /** Also those of its syntax. */
  readonly problems: readonly Problem[];
}

/**
 * Reads and converts Quadlet files.
 * @param paths files, or folders with such files
 * @param places where drop-ins are looked for, the first one first; beside each file unless given
 * @returns the units of the files named, and of those they refer to, in that order
 * @throws ScullError NOT_FOUND, INVALID for a name that is none of Quadlet's
 */
export function readUnits(paths: readonly string[], places?: readonly string[]): { readonly asked: ReadUnit[]; readonly needed: ReadUnit[] } {
  const wanted = [...new Set(paths.flatMap((path) => quadletsAt(resolve(path))))];
  const { files, problems } = readAll([...wanted, ...neighboursOf(wanted)], places);
  const converted: ReadUnit[] = convertQuadlets(files, scullWords()).map((unit) => ({ ...unit, problems: [...(problems.get(unit.source.file.path) ?? []), ...unit.problems] }));
  const asked = converted.filter((unit) => wanted.includes(unit.source.file.path));
  return { asked, needed: closure(asked, converted).filter((unit) => !asked.includes(unit)) };
}

/** Files beside them; of one name there is one. */
function neighboursOf(files: readonly string[]): string[] {
  return firstOfEachName([...files, ...[...new Set(files.map(dirname))].flatMap(quadletsIn)]).filter((path) => !files.includes(path));
}

export function firstOfEachName(paths: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const path of paths) if (!byName.has(basename(path))) byName.set(basename(path), path);
  return [...byName.values()];
}

function scullWords(): string[] {
  const { file, args } = selfCommand();
  return [file, ...args];
}

/** What the units refer to, and what those refer to. */
function closure(units: readonly ReadUnit[], all: readonly ReadUnit[]): ReadUnit[] {
  const found = new Set(units);
  for (const unit of found) for (const name of unit.refersTo) for (const other of all) if (other.source.name === name) found.add(other);
  return [...found];
}

function quadletsAt(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new ScullError('NOT_FOUND', `${path} does not exist`);
  if (stat.isDirectory()) {
    const found = quadletsIn(path);
    const artifact = readdirSync(path).find(isArtifactFile);
    if (artifact !== undefined) refuseArtifact(join(path, artifact));
    if (found.length === 0) throw new ScullError('NOT_FOUND', `${path} holds no Quadlet files`, { hint: ENDINGS });
    return found;
  }
  if (isArtifactFile(path)) refuseArtifact(path);
  if (kindOf(path.slice(path.lastIndexOf('/') + 1)) === undefined) throw new ScullError('INVALID', `${path} is no Quadlet file`, { hint: ENDINGS });
  return [path];
}

/** Passed over, it would be missed only when a container starts without what it was to pull. */
function refuseArtifact(path: string): never {
  throw new ScullError('UNSUPPORTED', `${path}: no units are made of .artifact files`, { hint: INSTEAD_OF_ARTIFACT });
}

const ENDINGS = 'their names end in .container, .volume, .network, .pod, .image, .build or .kube';

/** Sorted, so that what is printed and installed is in the same order everywhere. */
export function quadletsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => kindOf(name) !== undefined).sort().map((name) => join(folder, name));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw new ScullError('PERMISSION', `cannot read ${folder}: ${describeErrno(cause)}`, { cause });
  }
}

function readAll(paths: readonly string[], places?: readonly string[]): { files: UnitFile[]; problems: Map<string, Problem[]> } {
  const problems = new Map<string, Problem[]>();
  const files = paths.map((path) => {
    const parsed = parseUnitFile(path, readText(path));
    const dropIns = dropInsOf(path, places ?? [dirname(path)]).map((dropIn) => parseUnitFile(dropIn, readText(dropIn)));
    problems.set(path, [parsed, ...dropIns].flatMap((part) => part.problems));
    return withDropIns(parsed.file, dropIns.map((part) => part.file));
  });
  return { files, problems };
}

/** `web.container.d/*.conf` and the like, sorted by their names; of one name the most specific. */
function dropInsOf(path: string, places: readonly string[]): string[] {
  const folders = dropInFolders(basename(path)).flatMap((folder) => places.map((place) => join(place, folder)));
  return firstOfEachName(folders.flatMap(settingsIn)).sort((a, b) => (basename(a) < basename(b) ? -1 : 1));
}

function settingsIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.conf')).map((name) => join(folder, name));
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(cause) ?? '')) return [];
    throw new ScullError('PERMISSION', `cannot read ${folder}: ${describeErrno(cause)}`, { cause });
  }
}

function readText(path: string): string {
  try {
    if (statSync(path).size > LARGEST) throw new ScullError('INVALID', `${path} is larger than a unit can be`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    throw new ScullError('NOT_FOUND', `cannot read ${path}: ${describeErrno(cause)}`, { cause });
  }
}
