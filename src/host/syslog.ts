/** Messages for the system's log as well (--syslog), by logger(1): Node and Bun can't speak to /dev/log, a datagram socket. */
import { existsSync } from 'node:fs';
import { startChild } from './child.ts';
import { minimalEnvironment } from './process.ts';
import { requireTool } from './tools.ts';

/** False where nothing takes what is logged: there is no system log, as on machines without systemd and without a syslog daemon. */
export function hasSystemLog(): boolean {
  return existsSync('/dev/log');
}

/** Nobody waits for it, and its failure is no failure of the command. @throws ScullError MISSING_TOOL */
export function writeSystemLog(severity: 'err' | 'warning', text: string): void {
  const { path } = requireTool('logger', '--syslog');
  startChild(path, ['--tag', 'scull', '--id', '--priority', `user.${severity}`, '--', text], { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true }).unref();
}
