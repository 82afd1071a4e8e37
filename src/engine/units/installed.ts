/**
 * Units that scull wrote into the user's own unit folder. The first line of each says that scull made it and from which file; nothing
 * else is recorded anywhere.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { configDirectory } from '../../host/directories.ts';
import { ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, namesIn, readTextIfPresent, writeFileAtomic } from '../../host/files.ts';

const MARK = '# Made by scull from ';

export interface InstalledUnit {
  /** `web.service` */
  readonly name: string;
  readonly path: string;
  /** The Quadlet file; undefined for units that scull wrote for itself. */
  readonly madeFrom: string;
  readonly text: string;
}

/** ~/.config/systemd/user: systemd.unit(5), "units created by the user". */
export function userUnitFolder(): string {
  return join(configDirectory(), 'systemd', 'user');
}

/** What is written for a unit. @param source path of the Quadlet file */
export function installedText(source: string, text: string): string {
  return `${MARK}${source}: change that file and install it again, or use a drop-in (systemctl edit).\n\n${text}`;
}

export function listInstalled(): InstalledUnit[] {
  return unitNames().flatMap((name) => {
    const unit = readInstalled(name);
    return unit === undefined ? [] : [unit];
  });
}

/** @returns undefined where there is none, or one that is not ours */
export function readInstalled(name: string): InstalledUnit | undefined {
  const path = join(userUnitFolder(), name);
  const text = readTextIfPresent(path);
  const madeFrom = text?.startsWith(MARK) === true ? /^(.*?): change that file/.exec(text.slice(MARK.length))?.[1] : undefined;
  return madeFrom === undefined ? undefined : { name, path, madeFrom, text: text as string };
}

function unitNames(): string[] {
  return namesIn(userUnitFolder()).filter((name) => name.endsWith('.service')).sort();
}

/** @throws ScullError NAME_TAKEN for a unit that is there and was not made by scull */
export function writeInstalled(name: string, text: string): void {
  const path = join(userUnitFolder(), name);
  if (readInstalled(name) === undefined && readTextIfPresent(path) !== undefined) {
    throw new ScullError('NAME_TAKEN', `${path} is there already and was not made by scull`, { hint: 'rename the Quadlet file, or set ServiceName= in it' });
  }
  ensurePrivateDirectory(userUnitFolder());
  writeFileAtomic(path, text);
}

export function removeInstalled(unit: InstalledUnit): void {
  rmSync(unit.path, { force: true });
}
