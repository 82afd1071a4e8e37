/**
 * scull.toml: what a user wants always. `$XDG_CONFIG_HOME/scull/scull.toml`; flags and the environment go before it.
 *
 *     [storage]
 *     driver = "vfs"        # auto, overlay, fuse-overlayfs, vfs; $SCULL_STORAGE_DRIVER
 *     root = "/srv/scull"   # --root
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ScullError } from './errors.ts';
import { readTextIfPresent } from './files.ts';
import { isTomlTable, parseToml } from './toml.ts';

export interface Settings {
  readonly driver?: string;
  readonly root?: string;
}

const KNOWN: Readonly<Record<string, readonly string[]>> = { storage: ['driver', 'root'] };

/** Path of the file, whether or not it is there. */
export function settingsFile(): string {
  const given = process.env['XDG_CONFIG_HOME'];
  return join(given?.startsWith('/') === true ? given : join(homedir(), '.config'), 'scull', 'scull.toml');
}

/** Nothing where there is no file: one failed open. @throws ScullError INVALID naming the file for what it may not hold */
export function readSettings(): Settings {
  const file = settingsFile();
  const text = readTextIfPresent(file);
  if (text === undefined) return {};
  const document = parseToml(text, file);
  for (const [section, table] of Object.entries(document)) {
    const keys = Object.hasOwn(KNOWN, section) ? (KNOWN[section] as readonly string[]) : undefined;
    if (keys === undefined || !isTomlTable(table)) throw wrong(file, `it has no section ${JSON.stringify(section)}`, Object.keys(KNOWN).map((name) => `[${name}]`));
    for (const [key, value] of Object.entries(table)) {
      if (!keys.includes(key) || typeof value !== 'string') throw wrong(file, `[${section}] has no text ${JSON.stringify(key)}`, keys);
    }
  }
  return (document['storage'] ?? {}) as Settings;
}

function wrong(file: string, why: string, known: readonly string[]): ScullError {
  return new ScullError('INVALID', `cannot use ${file}: ${why}`, { hint: `it may have ${known.join(', ')}` });
}
