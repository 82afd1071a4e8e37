/** Who the container's process is, and who of a container's users must be made known to its image. Pure. */
import type { ContainerSpec } from '../spec/container-spec.ts';
import type { ContainerConfig } from './container-record.ts';
import { newEntries, resolveUser, withGroups, type NewEntries, type NewUser, type ResolvedUser } from './user.ts';

export interface UserFacts {
  readonly callerUid: number;
  readonly callerGid: number;
  readonly callerName: string;
  readonly callerHome: string | undefined;
  /** Of the image, '' where there is none. */
  readonly passwd: string;
  readonly group: string;
}

export interface ContainerUsers {
  readonly user: ResolvedUser;
  readonly entries: NewEntries;
}

/**
 * As Podman: with keep-id the caller gets an entry under his own name, and a user given by number gets one under his
 * number. Home is the working directory, for the caller his own home where that is mounted.
 * @throws ScullError INVALID as {@link resolveUser}
 */
export function containerUsers(spec: ContainerSpec, config: Pick<ContainerConfig, 'user' | 'workdir' | 'mounts'>, facts: UserFacts): ContainerUsers {
  const groups = spec.groupAdd.filter((name) => name !== 'keep-groups');
  const user = withGroups(resolveUser(config.user, facts.passwd, facts.group), groups, facts.group);
  const unknown: NewUser[] = [];
  const { user: mode } = spec.namespaces;
  if (mode.mode === 'keep-id') {
    unknown.push({ uid: mode.uid ?? facts.callerUid, gid: mode.gid ?? facts.callerGid, name: facts.callerName, home: callerHome(config, facts) });
  }
  if (/^\d/.test(config.user)) unknown.push({ uid: user.uid, gid: user.gid, name: String(user.uid), groupName: String(user.gid), home: config.workdir });
  if (unknown.length === 0) return { user, entries: {} };
  const entries = newEntries(unknown, facts.passwd, facts.group);
  const own = entries.passwd === undefined ? user : resolveUser(`${user.uid}:${user.gid}`, facts.passwd + entries.passwd, '');
  return { user: user.name === undefined ? { ...own, additionalGids: user.additionalGids } : user, entries };
}

function callerHome({ mounts, workdir }: Pick<ContainerConfig, 'workdir' | 'mounts'>, { callerHome: home }: UserFacts): string {
  if (home === undefined || !home.startsWith('/')) return workdir;
  return mounts.some(({ target }) => target !== '/' && (home === target || home.startsWith(`${target}/`))) ? home : workdir;
}
