/** Who the container's process is, and who of a container's users must be made known to its image. Pure. */
import type { ContainerSpec } from '../spec/container-spec.ts';
import type { ContainerConfig } from './container-record.ts';
import { newEntries, resolveUser, withGroups, type NewEntries, type NewUser, type ResolvedUser } from './user.ts';

export interface UserFacts {
  readonly callerUid: number;
  readonly callerGid: number;
  readonly callerName: string;
  readonly callerHome: string | undefined;
  /** Users of the host who are to be known. */
  readonly hostUsers?: readonly NewUser[];
  /** Of the image, '' where there is none. */
  readonly passwd: string;
  readonly group: string;
}

export interface ContainerUsers {
  readonly user: ResolvedUser;
  readonly entries: NewEntries;
}

/**
 * As Podman: users of the host who were asked for get an entry, with keep-id the caller gets one under his own name, and a user
 * given by number one under his number. Home is the working directory, for users of the host their own home where that is mounted.
 * @throws ScullError INVALID as {@link resolveUser}
 */
export function containerUsers(spec: ContainerSpec, config: Pick<ContainerConfig, 'user' | 'workdir' | 'mounts'>, facts: UserFacts): ContainerUsers {
  const templates = { passwd: spec.passwdEntry, group: spec.groupEntry };
  const known = (users: readonly NewUser[], passwd: string, group: string): NewEntries => (spec.passwd === false || users.length === 0 ? {} : newEntries(users, passwd, group, templates));
  const guests = known((facts.hostUsers ?? []).map((one) => ({ ...one, home: homeWhereMounted(config, one.home) })), facts.passwd, facts.group);
  const passwd = facts.passwd + (guests.passwd ?? '');
  const group = facts.group + (guests.group ?? '');

  const groups = spec.groupAdd.filter((name) => name !== 'keep-groups');
  const user = withGroups(resolveUser(config.user, passwd, group), groups, group);
  const unknown: NewUser[] = [];
  const { user: mode } = spec.namespaces;
  if (mode.mode === 'keep-id') {
    unknown.push({ uid: mode.uid ?? facts.callerUid, gid: mode.gid ?? facts.callerGid, name: facts.callerName, home: homeWhereMounted(config, facts.callerHome) });
  }
  if (/^\d/.test(config.user)) unknown.push({ uid: user.uid, gid: user.gid, name: String(user.uid), groupName: String(user.gid), home: config.workdir });
  const added = known(unknown, passwd, group);
  const own = added.passwd === undefined ? user : resolveUser(`${user.uid}:${user.gid}`, passwd + added.passwd, '');
  return { user: user.name === undefined ? { ...own, additionalGids: user.additionalGids } : user, entries: joined(guests, added) };
}

function joined(...all: readonly NewEntries[]): NewEntries {
  const textOf = (database: keyof NewEntries): string => all.map((entries) => entries[database] ?? '').join('');
  const [passwd, group] = [textOf('passwd'), textOf('group')];
  return { ...(passwd === '' ? {} : { passwd }), ...(group === '' ? {} : { group }) };
}

function homeWhereMounted({ mounts, workdir }: Pick<ContainerConfig, 'workdir' | 'mounts'>, home: string | undefined): string {
  if (home === undefined || !home.startsWith('/')) return workdir;
  return mounts.some(({ target }) => target !== '/' && (home === target || home.startsWith(`${target}/`))) ? home : workdir;
}
