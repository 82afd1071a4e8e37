/** What processes were started with, where nobody wrote their pid down. Looks at all of them: for what is rarely asked. */
import { readdirSync } from 'node:fs';
import { readTextIfPresent } from './files.ts';

export interface CommandLine {
  readonly pid: number;
  readonly words: readonly string[];
}

/** Of every process that can be seen, other users' too, but this one. A zombie's is empty: it has ended already. */
export function commandLines(): CommandLine[] {
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      return [{ pid, words: (readTextIfPresent(`/proc/${name}/cmdline`) ?? '').split('\0') }];
    } catch {
      return []; // it ended between open and read
    }
  });
}
