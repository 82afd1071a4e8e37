/** Quadlet files from disk, with their drop-ins and with the files beside them that they may refer to. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describeErrno } from '../../host/errno.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { selfCommand } from '../../host/self.ts';
import { convertQuadlets, type Converted } from '../../systemd/quadlet/convert.ts';
import { kindOf } from '../../systemd/quadlet/keys.ts';
import { parseUnitFile, withDropIns, type Problem, type UnitFile } from '../../systemd/unit-file.ts';

/** A unit is a screen or two; what is larger is no unit. Bytes. */
const LARGEST = 1 << 20;

export interface ReadUnit extends Converted {
  /** Also those of its syntax. */
  readonly problems: readonly Problem[];
}

/**
 * Reads and converts Quadlet files.
 * @param paths files, or folders with such files
 * @returns the units of the files named, and of those they refer to, in that order
 * @throws ScullError NOT_FOUND, INVALID for a name that is none of Quadlet's
 */
export function readUnits(paths: readonly string[]): { readonly asked: ReadUnit[]; readonly needed: ReadUnit[] } {
  const wanted = [...new Set(paths.flatMap((path) => quadletsAt(resolve(path))))];
  const everything = [...new Set([...wanted, ...[...new Set(wanted.map(dirname))].flatMap(quadletsIn)])];
  const { files, problems } = readAll(everything);
  const converted: ReadUnit[] = convertQuadlets(files, scullWords()).map((unit) => ({ ...unit, problems: [...(problems.get(unit.source.file.path) ?? []), ...unit.problems] }));
  const asked = converted.filter((unit) => wanted.includes(unit.source.file.path));
  return { asked, needed: closure(asked, converted).filter((unit) => !asked.includes(unit)) };
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
    if (found.length === 0) throw new ScullError('NOT_FOUND', `${path} holds no Quadlet files`, { hint: ENDINGS });
    return found;
  }
  if (kindOf(path.slice(path.lastIndexOf('/') + 1)) === undefined) throw new ScullError('INVALID', `${path} is no Quadlet file`, { hint: ENDINGS });
  return [path];
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

function readAll(paths: readonly string[]): { files: UnitFile[]; problems: Map<string, Problem[]> } {
  const problems = new Map<string, Problem[]>();
  const files = paths.map((path) => {
    const parsed = parseUnitFile(path, readText(path));
    const dropIns = dropInsOf(path).map((dropIn) => parseUnitFile(dropIn, readText(dropIn)));
    problems.set(path, [parsed, ...dropIns].flatMap((part) => part.problems));
    return withDropIns(parsed.file, dropIns.map((part) => part.file));
  });
  return { files, problems };
}

/** `web.container.d/*.conf`, sorted. */
function dropInsOf(path: string): string[] {
  try {
    return readdirSync(`${path}.d`).filter((name) => name.endsWith('.conf')).sort().map((name) => join(`${path}.d`, name));
  } catch {
    return [];
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
