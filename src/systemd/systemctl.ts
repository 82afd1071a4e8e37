/** The one wrapper around systemctl(1), for the user's own manager. */
import { existsSync } from 'node:fs';
import { ScullError } from '../host/errors.ts';
import { run } from '../host/process.ts';

/** True where the user's systemd runs and can be asked. */
export function userManagerRuns(runtimeDirectory: string | undefined): boolean {
  return runtimeDirectory !== undefined && existsSync(`${runtimeDirectory}/systemd/private`);
}

/** @throws ScullError TOOL_FAILED with what systemctl said, MISSING_TOOL */
export async function systemctl(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run('systemctl', ['--user', ...words]);
  if (status !== 0) throw new ScullError('TOOL_FAILED', `systemctl --user ${words.join(' ')} failed: ${stderr.trim().split('\n')[0] || `exit status ${status}`}`, { detail: stderr.trim() });
  return stdout;
}

/** Words such as `active` or `failed` for each unit, in order; they are no errors. */
export async function activeStates(units: readonly string[]): Promise<string[]> {
  if (units.length === 0) return [];
  const { stdout } = await run('systemctl', ['--user', 'is-active', ...units]);
  const states = stdout.trim().split('\n');
  return units.map((_unit, index) => states[index] ?? 'unknown');
}
