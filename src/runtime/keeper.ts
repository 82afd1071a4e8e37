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
  const then = parts.then && (record.spec.autoRemove || record.spec.restart !== undefined || hasOverlayMounts(record) || record.pod?.stops === true) ? cleanup(layout, record) : undefined;
  if (check === undefined && then === undefined) return;
  const own = foreground ? identityOf(process.pid) : undefined;
  const ifExists = layout.container(record.id).directory;
  startApart(keepCommand({ watch: monitorPid, ...(check === undefined ? {} : { check }), ...(then === undefined ? {} : { then: { command: [then.file, ...then.args], ifExists } }) }, own));
}

/**
 * Arranges for a command of ours, should this process be killed before it has removed what it works in.
 * @param ifExists the directory it works in
 */
export function startOwnKeeper(layout: StoreLayout, ifExists: string, ...words: readonly string[]): void {
  const then = scull(layout, ...words);
  startApart(keepCommand({ watch: process.pid, then: { command: [then.file, ...then.args], ifExists } }, undefined));
}

/**
 * The command that starts a daemon which is ended when the process `watch` ends. It returns when the daemon has daemonised, with the status
 * of that.
 * @param pidFile where the daemon leaves its pid
 */
export function keptDaemon(watch: number, pidFile: string, command: readonly string[]): SelfCommand {
  const helper = helperPath();
  return helper === undefined ? portableKeepCommand({ watch, daemon: { command, pidFile } }) : { file: helper, args: ['keep', '--watch', String(watch), '--pid-file', pidFile, '--', ...command] };
}

/** In a session of its own: what ends us does not reach it. */
function startApart({ file, args }: SelfCommand): void {
  startChild(file, args, { stdio: ['ignore', 'ignore', 'ignore'], env: minimalEnvironment(), detached: true }).unref();
}

/**
 * Nobody else looks whether a container whose policy starts it again does run again. So a small shell stays beside the command that
 * starts it, and starts that once more where it was killed; it is then told so, as it may have come as far as to forget the last run.
 */
function cleanup(layout: StoreLayout, { id, spec }: ContainerRecord): SelfCommand {
  const command = scull(layout, 'container', 'cleanup', id);
  if (spec.restart === undefined) return command;
  return { file: 'sh', args: ['-c', `"$@"; ${ONCE_MORE} --waited`, 'scull-cleanup', command.file, ...command.args] };
}

/** Behind a command in a shell: a status that only a signal gives. */
export const ONCE_MORE = '[ $? -le 128 ] || exec "$@"';

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

function keepCommand(request: KeepRequest, unlessAlive: ProcessIdentity | undefined): SelfCommand {
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
