/** Where the caller's data belongs, after the XDG base directory specification; relative values there are ignored. */
import { lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from './errors.ts';

/** $XDG_DATA_HOME/scull, ~/.local/share/scull. */
export function dataDirectory(): string {
  return join(absolute(process.env['XDG_DATA_HOME']) ?? join(homedir(), '.local', 'share'), 'scull');
}

/**
 * scull/ in the user's runtime directory, else /tmp/scull-UID, unless somebody else has made that, else run/ beside the data.
 * The caller appends the boot id.
 */
export function runtimeDirectory(): string {
  const uid = process.getuid?.() ?? 0;
  const users = userRuntimeDirectory();
  if (users !== undefined) return join(users, 'scull');
  const temporary = `/tmp/scull-${uid}`;
  return isOthers(temporary) ? join(dataDirectory(), 'run') : temporary;
}

/**
 * $XDG_RUNTIME_DIR where that directory is the caller's own (with `su` it is often another user's), else /run/user/UID, where logind
 * makes it: cron jobs and system units with User= have no variable, and must see the same containers as the user's shell does.
 */
export function userRuntimeDirectory(): string | undefined {
  const uid = process.getuid?.() ?? 0;
  const given = absolute(process.env['XDG_RUNTIME_DIR']);
  if (given !== undefined && ownerOf(given) === uid) return given;
  const usual = `/run/user/${uid}`;
  return ownerOf(usual) === uid ? usual : undefined;
}

/** True for what is there and not the caller's alone: in /tmp anybody may have made it, and could read or swap what is in it. */
export function isOthers(path: string): boolean {
  try {
    const stat = lstatSync(path);
    return !stat.isDirectory() || stat.uid !== (process.getuid?.() ?? 0) || (stat.mode & 0o022) !== 0;
  } catch (error) {
    return errnoOf(error) !== 'ENOENT';
  }
}

function absolute(path: string | undefined): string | undefined {
  return path?.startsWith('/') === true ? path : undefined;
}

function ownerOf(path: string): number | undefined {
  try {
    const stat = lstatSync(path);
    return stat.isDirectory() ? stat.uid : undefined;
  } catch {
    return undefined;
  }
}

/** $XDG_CONFIG_HOME, ~/.config. */
export function configDirectory(): string {
  return absolute(process.env['XDG_CONFIG_HOME']) ?? join(homedir(), '.config');
}
