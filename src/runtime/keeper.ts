/** What happens at the end of a container that nobody waits for: with --rm it is removed, by a tiny process that sleeps until then. */
import { identityOf } from '../host/identity.ts';
import { startChild } from '../host/child.ts';
import { minimalEnvironment } from '../host/process.ts';
import { selfCommand } from '../host/self.ts';
import type { StoreLayout } from '../storage/layout.ts';
import { helperPath } from '../userns/launch.ts';
import type { ContainerRecord } from './container-record.ts';

/**
 * Arranges for `container cleanup` once the monitor has ended. While the command that started it in the foreground lives,
 * that one removes the container itself, and the keeper finds nothing left to do.
 */
export function startKeeper(layout: StoreLayout, record: ContainerRecord, monitorPid: number, foreground: boolean): void {
  if (!record.spec.autoRemove) return;
  const helper = helperPath();
  if (helper === undefined) return; // the next command that writes sweeps instead
  const args = ['keep', '--watch', String(monitorPid), '--if-exists', layout.container(record.id).directory];
  const own = foreground ? identityOf(process.pid) : undefined;
  if (own !== undefined) args.push('--unless-alive', `${own.pid}:${own.startTime}`);
  const cleanup = selfCommand('--root', layout.root, '--runroot', layout.runRoot.slice(0, layout.runRoot.lastIndexOf('/')), 'container', 'cleanup', record.id);
  args.push('--then', cleanup.file, ...cleanup.args);
  startChild(helper, args, { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true }).unref();
}
