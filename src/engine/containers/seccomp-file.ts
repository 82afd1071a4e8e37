/** --security-opt seccomp=FILE */
import { readFileSync } from 'node:fs';
import { describeErrno } from '../../host/errno.ts';
import { ScullError } from '../../host/errors.ts';

/** The text of the profile; undefined for `unconfined`. @throws ScullError NOT_FOUND */
export function readSeccompFile(profile: string): string | undefined {
  if (profile === 'unconfined') return undefined;
  try {
    return readFileSync(profile, 'utf8');
  } catch (cause) {
    throw new ScullError('NOT_FOUND', `cannot read the seccomp profile ${JSON.stringify(profile)}: ${describeErrno(cause)}`, { cause });
  }
}
