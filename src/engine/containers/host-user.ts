/** A user of the host who is to be known in a container (--hostuser). */
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent } from '../../host/files.ts';
import type { NewUser } from '../../runtime/user.ts';

/**
 * From passwd(5), where the user must stand.
 * @param wanted name or number
 * @throws ScullError NOT_FOUND
 */
export function hostUser(wanted: string): NewUser {
  const key = /^\d+$/.test(wanted) ? 2 : 0;
  for (const line of (readTextIfPresent('/etc/passwd') ?? '').split('\n')) {
    const fields = line.split(':');
    const [name = '', , uid = '', gid = '', comment = '', home = ''] = fields;
    if (fields[key] === wanted && /^\d+$/.test(uid) && /^\d+$/.test(gid)) return { uid: Number(uid), gid: Number(gid), name, comment, home };
  }
  throw new ScullError('NOT_FOUND', `--hostuser ${JSON.stringify(wanted)}: this machine's /etc/passwd has no such user`);
}
