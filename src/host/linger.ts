/** What becomes of a user's processes at logout: logind(8), logind.conf(5). Looked at by files only. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** True where the user's manager starts with the machine and stays after the last logout (`loginctl enable-linger`). */
export function lingers(user: string): boolean {
  return existsSync(`/var/lib/systemd/linger/${user}`);
}

/**
 * Where this process lives: in a session of logind's, or in the user's manager that lives with them; two looks at files. A process that
 * stays in a session keeps that, and with it the user's manager and runtime directory, after its logout (logind.conf(5), KillUserProcesses=).
 */
export function logindPlace(): 'session' | 'manager' | undefined {
  if (!existsSync('/run/systemd/seats')) return undefined;
  const cgroup = textOf('/proc/self/cgroup');
  if (/\/session-[^/]+\.scope/.test(cgroup)) return 'session';
  return /\/user@\d+\.service/.test(cgroup) ? 'manager' : undefined;
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
