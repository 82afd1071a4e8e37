/** What becomes of a user's processes at logout: logind(8), logind.conf(5). Looked at by files only. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** True where the user's manager starts with the machine and stays after the last logout (`loginctl enable-linger`). */
export function lingers(user: string): boolean {
  return existsSync(`/var/lib/systemd/linger/${user}`);
}

export type LogindPlace = 'session' | 'manager';

/** Where this process lives; undefined in a unit, and where logind does not run. Two looks at files. */
export function logindPlace(): LogindPlace | undefined {
  return existsSync('/run/systemd/seats') ? placeInCgroups(textOf('/proc/self/cgroup')) : undefined;
}

/**
 * A session of logind's, or a scope of the user's manager, as terminals of a desktop have; the manager lives as long as the sessions. A process
 * that stays in a session keeps that, and with it the manager and the runtime directory, after its logout (logind.conf(5),
 * KillUserProcesses=). What is in a service ends with it, which whoever wrote that knows.
 * @param cgroups as in /proc/self/cgroup
 */
export function placeInCgroups(cgroups: string): LogindPlace | undefined {
  if (/\/session-[^/]+\.scope/.test(cgroups)) return 'session';
  return /\/user@\d+\.service\/.*\.scope$/m.test(cgroups) ? 'manager' : undefined;
}

/** True where logind ends what a session leaves behind (KillUserProcesses=, off by default). */
export function killsUserProcesses(): boolean {
  const files = ['/usr/lib/systemd/logind.conf', '/etc/systemd/logind.conf', ...dropIns('/usr/lib/systemd/logind.conf.d'), ...dropIns('/etc/systemd/logind.conf.d')];
  const settings = files.flatMap((file) => [...textOf(file).matchAll(/^\s*KillUserProcesses\s*=\s*(\S+)/gm)].map((match) => match[1] as string));
  return /^(yes|true|1|on)$/i.test(settings.at(-1) ?? 'no');
}

function dropIns(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.conf')).sort().map((name) => `${folder}/${name}`);
  } catch {
    return []; // there is none
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // there is none
  }
}
