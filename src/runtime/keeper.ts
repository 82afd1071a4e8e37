/**
 * What has to happen while a container runs that nobody waits for, and at its end: a tiny process sleeps until then, ended with the
 * monitor. It runs health checks when their time has come; at the end it has the container removed (--rm) or started again
 * (--restart), and what it wrote over `-v …:O` thrown away. A container that wants none of this has none.
 */
import { startChild } from '../host/child.ts';
import { identityOf, type ProcessIdentity } from '../host/identity.ts';
import { minimalEnvironment } from '../host/process.ts';
import { selfCommand, type SelfCommand } from '../host/self.ts';
import type { StoreLayout } from '../storage/layout.ts';
import { helperPath } from '../userns/launch.ts';
import { portableKeepCommand, type KeepRequest } from '../userns/portable-keep.ts';
import { hasOverlayMounts, type ContainerRecord } from './container-record.ts';
import { firstCheckAfter } from './health-state.ts';

/**
 * Arranges for `healthcheck run` while the monitor lives, and for `container cleanup` once it has ended. While the command that
 * started the container in the foreground lives, that one tidies up itself, and the keeper waits for it.
 * @param parts which of the two
 */
export function startKeeper(layout: StoreLayout, record: ContainerRecord, monitorPid: number, foreground: boolean, parts: { readonly check: boolean; readonly then: boolean } = { check: true, then: true }): void {
  const check = parts.check ? healthCheck(layout, record) : undefined;
  const then = parts.then && (record.spec.autoRemove || record.spec.restart !== undefined || hasOverlayMounts(record) || record.pod?.stops === true) ? scull(layout, 'container', 'cleanup', record.id) : undefined;
  if (check === undefined && then === undefined) return;
  const own = foreground ? identityOf(process.pid) : undefined;
  const ifExists = layout.container(record.id).directory;
  const { file, args } = keepCommand({ watch: monitorPid, ...(check === undefined ? {} : { check }), ...(then === undefined ? {} : { then: { command: [then.file, ...then.args], ifExists } }) }, own);
  startChild(file, args, { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true }).unref();
}

function healthCheck(layout: StoreLayout, { config: { health }, id }: ContainerRecord): KeepRequest['check'] {
  const after = health === undefined ? undefined : firstCheckAfter(health);
  if (after === undefined) return undefined;
  const { file, args } = scull(layout, 'healthcheck', 'run', '--timer', id);
  return { after: Math.round(after), command: [file, ...args] };
}

/** Scull again, on the same store. */
export function scull(layout: StoreLayout, ...words: readonly string[]): SelfCommand {
  return selfCommand('--root', layout.root, '--runroot', layout.runRoot.slice(0, layout.runRoot.lastIndexOf('/')), ...words);
}

function keepCommand(request: KeepRequest, unlessAlive: ProcessIdentity | undefined): { file: string; args: string[] } {
  const { check, then } = request;
  const helper = helperPath();
  if (helper === undefined) return portableKeepCommand(then === undefined || unlessAlive === undefined ? request : { ...request, then: { ...then, unlessAlive: unlessAlive.pid } });
  const args = ['keep', '--watch', String(request.watch)];
  if (check !== undefined) args.push('--check-after', String(check.after), ...check.command, '--');
  if (then === undefined) return { file: helper, args };
  args.push('--if-exists', then.ifExists);
  if (unlessAlive !== undefined) args.push('--unless-alive', `${unlessAlive.pid}:${unlessAlive.startTime}`);
  return { file: helper, args: [...args, '--then', ...then.command] };
}
