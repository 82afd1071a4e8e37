/** Finding a process by what it was started with, where nobody wrote its pid down. */
import { readdirSync } from 'node:fs';
import { readTextIfPresent } from './files.ts';
import { identityOf, type ProcessIdentity } from './identity.ts';

/** Some process of ours whose command line is such. Looks at all of them: for what is rarely asked. */
export function findProcess(isIt: (words: readonly string[]) => boolean): ProcessIdentity | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const words = (readTextIfPresent(`/proc/${name}/cmdline`) ?? '').split('\0');
    if (isIt(words)) return identityOf(Number(name));
  }
  return undefined;
}
