/** --syslog: what is said on standard error goes to the system's log as well. */
import { writeErr } from './output.ts';

export type Severity = 'err' | 'warning';

let wanted = false;

/** Found on the command line, before the command or after it. */
export async function wantSystemLog(): Promise<void> {
  if (wanted) return;
  const { hasSystemLog } = await import('../host/syslog.ts');
  wanted = hasSystemLog();
  // As Podman: that is no reason not to do what was asked for.
  if (!wanted) writeErr('Warning: --syslog: nothing takes messages for the system\'s log here (there is no /dev/log)\n');
}

export async function noteInSystemLog(severity: Severity, text: string): Promise<void> {
  if (!wanted || text === '') return;
  const { writeSystemLog } = await import('../host/syslog.ts');
  writeSystemLog(severity, text);
}
