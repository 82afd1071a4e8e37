/** What happens at the end of a container that nobody waits for: with --rm it is removed, by a tiny process that sleeps until then. */
import { identityOf, type ProcessIdentity } from '../host/identity.ts';
import { startChild } from '../host/child.ts';
import { minimalEnvironment } from '../host/process.ts';
import { selfCommand } from '../host/self.ts';
import type { StoreLayout } from '../storage/layout.ts';
import { helperPath } from '../userns/launch.ts';
import { portableKeepCommand } from '../userns/portable-keep.ts';
import type { ContainerRecord } from './container-record.ts';

/**
 * Arranges for `container cleanup` once the monitor has ended. While the command that started it in the foreground lives,
 * that one removes the container itself, and the keeper finds nothing left to do.
 */
export function startKeeper(layout: StoreLayout, record: ContainerRecord, monitorPid: number, foreground: boolean): void {
  if (!record.spec.autoRemove) return;
  const cleanup = selfCommand('--root', layout.root, '--runroot', layout.runRoot.slice(0, layout.runRoot.lastIndexOf('/')), 'container', 'cleanup', record.id);
  const ifExists = layout.container(record.id).directory;
  const own = foreground ? identityOf(process.pid) : undefined;
  const { file, args } = keepCommand(monitorPid, ifExists, own, [cleanup.file, ...cleanup.args]);
  startChild(file, args, { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true }).unref();
}

function keepCommand(watch: number, ifExists: string, unlessAlive: ProcessIdentity | undefined, command: readonly string[]): { file: string; args: string[] } {
  const helper = helperPath();
  if (helper === undefined) return portableKeepCommand({ watch, then: { command, ifExists, ...(unlessAlive === undefined ? {} : { unlessAlive: unlessAlive.pid }) } });
  const args = ['keep', '--watch', String(watch), '--if-exists', ifExists];
  if (unlessAlive !== undefined) args.push('--unless-alive', `${unlessAlive.pid}:${unlessAlive.startTime}`);
  return { file: helper, args: [...args, '--then', ...command] };
}
