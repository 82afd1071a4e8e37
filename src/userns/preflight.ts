/**
 * Why the kernel or newuidmap said no. A refusal itself says only "operation not permitted": the reason is found in the
 * settings that can cause it, and comes with the remedy. See user_namespaces(7), newuidmap(1).
 */
import { statSync } from 'node:fs';
import { ScullError } from '../host/errors.ts';
import { readTextIfPresent } from '../host/files.ts';
import { remedyFor, type Cause } from '../host/remedies.ts';
import { findTool } from '../host/tools.ts';

/** The settings that decide, as the kernel shows them; undefined where it has no such setting. */
export interface NamespaceSettings {
  /** Debian's and Arch's switch, /proc/sys/kernel/unprivileged_userns_clone. */
  readonly unprivilegedClone: string | undefined;
  /** /proc/sys/user/max_user_namespaces */
  readonly maxUserNamespaces: string | undefined;
  /** Ubuntu's, /proc/sys/kernel/apparmor_restrict_unprivileged_userns */
  readonly apparmorRestricts: string | undefined;
  /** 2 where a system call filter is active, as in most containers: "Seccomp" of /proc/self/status. */
  readonly seccompMode: string | undefined;
}

export function readNamespaceSettings(): NamespaceSettings {
  const value = (path: string): string | undefined => readQuietly(path)?.trim();
  return {
    unprivilegedClone: value('/proc/sys/kernel/unprivileged_userns_clone'),
    maxUserNamespaces: value('/proc/sys/user/max_user_namespaces'),
    apparmorRestricts: value('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    seccompMode: /^Seccomp:\s*(\d)/m.exec(readTextIfPresent('/proc/self/status') ?? '')?.[1],
  };
}

export interface Refusal {
  /** Half a sentence: what forbids it. */
  readonly reason: string;
  readonly cause: Cause;
}

/** What forbids user namespaces, judged by the settings. */
export function namespaceRefusal(settings: NamespaceSettings): Refusal {
  if (settings.unprivilegedClone === '0') {
    return { reason: 'kernel.unprivileged_userns_clone is 0', cause: { kind: 'user-namespaces-off', setting: 'unprivileged_userns_clone' } };
  }
  if (settings.maxUserNamespaces === '0') {
    return { reason: 'user.max_user_namespaces is 0', cause: { kind: 'user-namespaces-off', setting: 'max_user_namespaces' } };
  }
  if (settings.apparmorRestricts === '1') {
    return { reason: 'AppArmor restricts unprivileged user namespaces to programs with a profile', cause: { kind: 'user-namespaces-off', setting: 'apparmor' } };
  }
  const filtered = settings.seccompMode === '2' ? 'a system call filter is active here (this looks like the inside of a container)' : 'no known setting explains it: the kernel may lack CONFIG_USER_NS, or a security module forbids it';
  return { reason: filtered, cause: { kind: 'user-namespaces-off', setting: 'other' } };
}

/** What the helper does first with the capabilities of its new namespace: native/scull-helper/namespaces.c and launch.c. */
const FIRST_USES = /^cannot (drop supplementary groups|become root of the namespace|make mounts private|write \/proc\/self\/(setgroups|uid_map|gid_map)): (Operation not permitted|Permission denied)/m;

/**
 * Since Ubuntu 24.04 AppArmor does not refuse the namespace: it is made, and every capability in it denied (the profile
 * unprivileged_userns). So the refusal shows in what is done in there first.
 * @param said what the helper printed
 */
export function isWithoutCapabilities(said: string, settings: NamespaceSettings = readNamespaceSettings()): boolean {
  return settings.apparmorRestricts === '1' && FIRST_USES.test(said.replace(/^scull-helper: /gm, ''));
}

/** The error for a refused unshare(CLONE_NEWUSER). @param said what the helper or unshare(1) printed */
export function explainNamespaceRefusal(said: string, settings: NamespaceSettings = readNamespaceSettings()): ScullError {
  const refusal = namespaceRefusal(settings);
  return new ScullError('UNSUPPORTED', `the kernel refused a user namespace: ${refusal.reason}`, { hint: remedyFor(refusal.cause), detail: said.trim() });
}

/** What forbids mapping ids, from what newuidmap or newgidmap printed. */
export function mapRefusal(said: string, user: string): Refusal {
  const tool = findTool('newuidmap');
  if (tool === undefined) return { reason: 'newuidmap is not installed', cause: { kind: 'missing-tool', tool: 'newuidmap' } };
  const range = /new([ug])idmap: [ug]id range (\[[^\]]*\)?\]?.*?) not allowed/.exec(said);
  if (range !== null) return { reason: `/etc/sub${range[1]}id does not grant ${user} the range ${range[2]?.trim()}`, cause: { kind: 'no-subordinate-ids', user } };
  if (/^NoNewPrivs:\s*1$/m.test(readTextIfPresent('/proc/self/status') ?? '')) {
    return { reason: 'no-new-privileges is set for this process, so set-user-ID programs gain nothing', cause: { kind: 'no-new-privileges' } };
  }
  const mode = statSync(tool.path).mode;
  if ((mode & 0o4000) === 0 && /Operation not permitted|Permission denied/.test(said)) {
    return { reason: `${tool.path} is neither set-user-ID root nor allowed to set ids by its file capabilities`, cause: { kind: 'map-tools-not-privileged' } };
  }
  const first = said.split('\n').find((line) => /new[ug]idmap:/.test(line)) ?? said.trim().split('\n')[0] ?? '';
  return { reason: first === '' ? 'newuidmap gave no reason' : first, cause: { kind: 'map-tools-not-privileged' } };
}

/** The error for refused id maps. */
export function explainMapRefusal(said: string, user: string): ScullError {
  const refusal = mapRefusal(said, user);
  return new ScullError('PERMISSION', `your subordinate ids could not be mapped: ${refusal.reason}`, { hint: remedyFor(refusal.cause), detail: said.trim() });
}

/** Some of these may not be read in containers; then they tell nothing. */
function readQuietly(path: string): string | undefined {
  try {
    return readTextIfPresent(path);
  } catch {
    return undefined;
  }
}
