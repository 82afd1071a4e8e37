/** Where the caller's data belongs, after the XDG base directory specification; relative values there are ignored. */
import { lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** $XDG_DATA_HOME/scull, ~/.local/share/scull. */
export function dataDirectory(): string {
  return join(absolute(process.env['XDG_DATA_HOME']) ?? join(homedir(), '.local', 'share'), 'scull');
}

/**
 * $XDG_RUNTIME_DIR/scull where that directory is the caller's own (with `su` it is often another user's), else
 * /tmp/scull-UID. The caller appends the boot id, and checks that the directory is private before trusting it.
 */
export function runtimeDirectory(): string {
  const uid = process.getuid?.() ?? 0;
  const given = absolute(process.env['XDG_RUNTIME_DIR']);
  if (given !== undefined && ownerOf(given) === uid) return join(given, 'scull');
  return `/tmp/scull-${uid}`;
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
