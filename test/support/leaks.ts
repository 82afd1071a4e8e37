/** What a test may leave behind: nothing. Looks at the kernel and the disk, not at what scull says. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** Descriptions of processes that mention `base` in their command line or have something of it mounted. */
export function processesOf(base: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const command = readProc(entry, 'cmdline').replaceAll('\0', ' ').trim();
    if (command === '' && readProc(entry, 'stat').includes(') Z ')) continue;
    if (command.includes(base) || readProc(entry, 'mountinfo').includes(base)) found.push(`process ${entry}: ${command.slice(0, 300)}`);
  }
  return found;
}

/** Mounts below `base` in our own namespace. */
export function mountsOf(base: string): string[] {
  return readProc('self', 'mountinfo')
    .split('\n')
    .filter((line) => line.includes(base))
    .map((line) => `mount ${line}`);
}

/** Entries in the folders of a store that must be empty once every container is removed. */
export function leftovers(storeRoot: string, runRoot: string): string[] {
  const found: string[] = [];
  for (const folder of ['containers', 'names', 'pods', 'staging']) {
    for (const path of list(join(storeRoot, folder))) {
      if (path.endsWith('staging/trash') && list(path).length === 0) continue;
      found.push(`left over ${path}`);
    }
  }
  for (const boot of list(runRoot)) {
    // A name with a dot is unfinished work of a command that was killed: it belongs to nobody, the next start sweeps it.
    for (const folder of ['c', 'crun']) found.push(...list(join(boot, folder)).filter((path) => !basename(path).startsWith('.')).map((path) => `left over ${path}`));
  }
  return found;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return []; // not made yet
  }
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it ended, or is somebody else's
  }
}
