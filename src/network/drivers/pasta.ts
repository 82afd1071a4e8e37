/**
 * pasta, the user-mode network of one container (pasta(1)), ended exactly when the container ends, also when that is killed:
 *
 * - mostly `scull-net` makes the interface and starts pasta with the first packet (native/scull-net.c); published ports are
 *   listened on by scull-port (native/scull-port.c), from which the container learns who visits it
 * - with options for pasta `scull-helper keep` starts it beside the container (native/scull-helper/keep.c); where those tell of ports, these are its own
 * - without these helpers a small shell does what `keep` does (userns/portable-keep.ts)
 */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { readTextIfPresent, writeJsonAtomic } from '../../host/files.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../../host/identity.ts';
import { run } from '../../host/process.ts';
import { remedyFor } from '../../host/remedies.ts';
import { requireTool } from '../../host/tools.ts';
import type { PortRequest } from '../../spec/container-spec.ts';
import { helperPath } from '../../userns/launch.ts';
import { portableKeepCommand } from '../../userns/portable-keep.ts';
import { parseResolvConf, reachableServers } from '../name-files.ts';
import { MTU, type NetworkPlan, type PastaPlan } from '../plan.ts';
import { checkHostPorts, explainPublishFailure } from '../ports.ts';
import { forwarderFiles, type PastaState } from '../state.ts';
import { forwardPorts, networkHelper } from './forwarder.ts';

export interface PastaRequest {
  /** A process inside the network namespace (and its owning user namespace) to connect. */
  readonly targetPid: number;
  /** pasta ends when this process ends: the monitor. */
  readonly watchPid: number;
  /** Where network.json goes: ContainerPaths.networkState. pasta's pid file lies beside it. */
  readonly stateFile: string;
  /** Started when the host's resolv.conf is another than pasta has read, and when the host gets IPv4 or IPv6 and had none. */
  readonly onChange?: readonly string[];
  /** Somebody else looks after resolv.conf. */
  readonly leavesResolvConf?: boolean;
  /** Words before the command line, by which it outlives what we are in. */
  readonly outside?: readonly string[];
}

/**
 * Connects a network namespace and returns when its interface is configured and its ports are listened on.
 * @param left what lives of an earlier start, and is not started again
 * @throws ScullError MISSING_TOOL, IN_USE (a published port), PERMISSION (/dev/net/tun), NETWORK
 */
export async function startPasta(plan: NetworkPlan, request: PastaRequest, left: Pick<PastaState, 'process' | 'keeper'> = {}): Promise<PastaState> {
  if (plan.pasta === undefined) throw new Error('startPasta was called for a plan without pasta');
  const pasta = requireTool('pasta', 'a way out of the container', '--network none and host work').path;
  const processes = (await startLate(pasta, plan, request, left)) ?? (await startClosed(pasta, plan, request, left)) ?? { process: await startAtOnce(pasta, plan.ports, plan.pasta.args, request) };
  const { resolver } = plan.pasta;
  const state: PastaState = { driver: 'pasta', ...processes, ...(resolver === undefined ? {} : { resolver }), ports: plan.ports, addresses: plan.addresses };
  writeJsonAtomic(request.stateFile, state, { durable: false });
  return state;
}

type Processes = Pick<PastaState, 'process' | 'keeper'>;

/** The interface without pasta, ports by scull-port. @returns undefined where that can't be */
async function startLate(pasta: string, plan: NetworkPlan, request: PastaRequest, left: Processes): Promise<Processes | undefined> {
  const late = plan.pasta?.lateArgs;
  const waiter = networkHelper('scull-net');
  if (plan.pasta === undefined || late === undefined || waiter === undefined) return undefined;
  const published = await publishUnlessLeft(plan, request, left);
  if (published === undefined) return undefined;
  const pidFile = pidFileOf(request.stateFile);
  // The waiter ends it. Versions of 2025 would watch the process's /proc/PID/ns, which they may not read where that is another user's.
  const command = [pasta, ...late, '--no-netns-quit', '--mac-addr', ROUTER_MAC, '--pid', pidFile, String(request.targetPid)];
  const keeper = left.keeper ?? (await startWaiter([...(request.outside ?? []), waiter, ...waiterArguments(plan, plan.pasta, request, pidFile), '--', ...command]));
  return { keeper, ...published };
}

/** pasta with the user's options, and the ports by scull-port. @returns undefined where that can't be */
async function startClosed(pasta: string, plan: NetworkPlan, request: PastaRequest, left: Processes): Promise<Processes | undefined> {
  const closed = plan.pasta?.closedArgs;
  if (closed === undefined || plan.ports.length === 0) return undefined;
  const published = await publishUnlessLeft(plan, request, left);
  if (published === undefined) return undefined;
  return { keeper: left.keeper ?? (await startAtOnce(pasta, [], closed, request)), ...published };
}

/** The host has no network: the interface waits for that. */
function isOffline({ addresses }: NetworkPlan): boolean {
  return addresses.ipv4 === undefined && addresses.ipv6 === undefined;
}

async function startWaiter(command: readonly string[]): Promise<ProcessIdentity> {
  const [file, ...args] = command as [string, ...string[]];
  const result = await run(file, args, { timeout: START_TIMEOUT });
  const keeper = identityOf(Number(result.stdout.trim()));
  if (result.status !== 0 || keeper === undefined) throw await explainPasta(result.stderr, result.status, []);
  return keeper;
}

/** @returns undefined where ports can't be published so */
async function publishUnlessLeft(plan: NetworkPlan, request: PastaRequest, { process }: Processes): Promise<Pick<Processes, 'process'> | undefined> {
  if (process !== undefined) return { process };
  if (plan.ports.length === 0 || isOffline(plan)) return {};
  const published = await publishFromInside(plan, request);
  return published === undefined ? undefined : { process: published };
}

async function publishFromInside({ ports, addresses: { ipv4, ipv6 } }: NetworkPlan, { targetPid, watchPid, stateFile }: PastaRequest): Promise<ProcessIdentity | undefined> {
  const program = networkHelper('scull-port');
  if (program === undefined) return undefined;
  try {
    return await forwardPorts(program, { ports, ipv4: ipv4?.address, ipv6: ipv6?.address, targetPid, watchPid, gateway4: ipv4?.gateway, gateway6: ipv6?.gateway, stateFile });
  } catch (error) {
    if (isScullError(error, 'UNSUPPORTED')) return undefined;
    throw error;
  }
}

/** pasta itself. @param ports those that are its own */
async function startAtOnce(pasta: string, ports: readonly PortRequest[], options: readonly string[], request: PastaRequest): Promise<ProcessIdentity> {
  // pasta itself may be content with a part of what was asked for.
  await checkHostPorts(ports);
  const pidFile = pidFileOf(request.stateFile);
  const helper = helperPath();
  const arguments_ = [...options, '--pid', pidFile];
  const target = String(request.targetPid);
  let command: string[];
  if (helper === undefined) {
    const daemon = request.targetPid === request.watchPid ? { command: [pasta, ...arguments_, target] } : { command: [pasta, ...arguments_], target: request.targetPid };
    const keep = portableKeepCommand({ watch: request.watchPid, daemon: { ...daemon, pidFile } });
    command = [keep.file, ...keep.args];
  } else {
    const keep = [helper, 'keep', '--watch', String(request.watchPid), '--pid-file', pidFile];
    // A container's own process that waits to be started can't be looked at from inside its user namespace: the helper
    // opens the namespaces and names them to pasta.
    if (request.targetPid === request.watchPid) command = [...keep, '--', pasta, ...arguments_, target];
    else command = [...keep, '--target', target, '--', pasta, ...arguments_];
  }
  const [file, ...args] = [...(request.outside ?? []), ...command] as [string, ...string[]];
  const result = await run(file, args, { timeout: START_TIMEOUT });
  if (result.status !== 0) throw await explainPasta(result.stderr, result.status, ports);
  const process = identityOf(Number((readTextIfPresent(pidFile) ?? '').trim()));
  if (process === undefined) throw await explainPasta('', 0, ports);
  return process;
}

const RESOLV_CONF = '/etc/resolv.conf';

/** What every neighbour of a container that waits is said to be, and pasta then is: a locally administered address. */
const ROUTER_MAC = '02:73:63:75:6c:6c';

function waiterArguments(plan: NetworkPlan, pasta: PastaPlan, request: PastaRequest, pidFile: string): string[] {
  const { ipv4, ipv6 } = plan.addresses;
  return [
    ...['--watch', String(request.watchPid), '--target', String(request.targetPid), '--pid-file', pidFile],
    ...['--interface', pasta.interface, '--mtu', String(MTU), '--router', ROUTER_MAC],
    ...(ipv4 === undefined ? [] : ['--ipv4', `${ipv4.address}/${ipv4.prefix},${ipv4.gateway}`]),
    ...(ipv6 === undefined ? [] : ['--ipv6', `${ipv6.address}/${ipv6.prefix},${ipv6.gateway}`]),
    ...(request.onChange === undefined ? [] : [...(request.leavesResolvConf === true ? [] : ['--watch-file', RESOLV_CONF]), '--changed', ...request.onChange, '--']),
  ];
}

function pidFileOf(stateFile: string): string {
  return `${stateFile}.pid`;
}

const START_TIMEOUT = 20_000;

/** pasta's process, if it runs: also one that was started by the first packet. */
function pastaProcess(stateFile: string): ProcessIdentity | undefined {
  const pid = Number((readTextIfPresent(pidFileOf(stateFile)) ?? '').trim());
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const identity = identityOf(pid);
  // A pid is used again after a while: the command line must be the one with our file.
  const words = (readTextIfPresent(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return identity !== undefined && isAlive(identity) && words.includes(pidFileOf(stateFile)) ? identity : undefined;
}

/** True while somebody looks after the way out: scull-net, which starts pasta again by itself, or pasta. */
export function hasWayOut({ keeper, process }: PastaState): boolean {
  const responsible = keeper ?? process;
  return responsible !== undefined && isAlive(responsible);
}

/** Starts again what was killed; what lives is left alone, for its connections' sake. @throws ScullError as {@link startPasta} */
export async function healPasta(plan: NetworkPlan, request: PastaRequest, state: PastaState): Promise<void> {
  const hasPorts = state.process === undefined ? plan.ports.length === 0 : isAlive(state.process);
  if (hasWayOut(state) && hasPorts) return;
  // Without its keeper nobody would end it.
  if (!hasWayOut(state)) await endPasta(request.stateFile);
  await startPasta(plan, request, {
    ...(state.keeper !== undefined && isAlive(state.keeper) ? { keeper: state.keeper } : {}),
    ...(state.keeper !== undefined && state.process !== undefined && isAlive(state.process) ? { process: state.process } : {}),
  });
}

/** Whether the host has IPv4 or IPv6 now, and had none when a way out was made, which can have it therefore. */
export function hasGained({ keeper, addresses }: PastaState, { addresses: now, pasta }: NetworkPlan): boolean {
  const kept = (['ipv4', 'ipv6'] as const).every((family) => addresses[family] === undefined || addresses[family].address === now[family]?.address);
  return keeper !== undefined && pasta?.lateArgs !== undefined && kept && Object.keys(now).length > Object.keys(addresses).length;
}

/** Makes the way out anew with what the host has got. Ports stay those that were published, if any were. @throws ScullError as {@link startPasta} */
export async function extendPasta(plan: NetworkPlan, request: PastaRequest, state: PastaState): Promise<void> {
  await endWayOut(request.stateFile, state);
  await startPasta(plan, request, state.process === undefined ? {} : { process: state.process });
}

/**
 * To be called when the host's resolv.conf was changed: pasta reads it once, when it starts. Where only pasta can ask the servers of
 * now, it is ended, and started again with the next packet.
 * @returns whether it can be asked; otherwise it knows the servers of then
 */
export async function renewForwarder(stateFile: string, state: PastaState, hostText: string): Promise<boolean> {
  const [resolver] = parseResolvConf(hostText).nameservers;
  let knows = knowsResolvConf(stateFile) || state.resolver === resolver;
  if (!knows && reachableServers(hostText).length === 0) {
    await endPasta(stateFile);
    knows = true;
  }
  const { resolver: _then, ...rest } = state;
  if (knows && state.resolver !== resolver) writeJsonAtomic(stateFile, { ...rest, ...(resolver === undefined ? {} : { resolver }) }, { durable: false });
  return knows;
}

function knowsResolvConf(stateFile: string): boolean {
  if (pastaProcess(stateFile) === undefined) return true;
  const times = [statSync, lstatSync].map((look) => look(RESOLV_CONF, { throwIfNoEntry: false })?.ctimeMs ?? 0);
  return (statSync(pidFileOf(stateFile), { throwIfNoEntry: false })?.mtimeMs ?? 0) > Math.max(...times);
}

/** Ends pasta and who would start it again. */
export async function endWayOut(stateFile: string, { keeper }: PastaState): Promise<void> {
  if (keeper !== undefined && isAlive(keeper)) {
    killQuietly(keeper.pid);
    while (isAlive(keeper)) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await endPasta(stateFile);
}

/** Connections are lost. A keeper starts it again with the next packet. */
async function endPasta(stateFile: string): Promise<void> {
  const running = pastaProcess(stateFile);
  if (running === undefined) return;
  killQuietly(running.pid);
  while (isAlive(running)) await new Promise((resolve) => setTimeout(resolve, 1));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/** Ends what {@link startPasta} left, where nothing else does. Does nothing when it has ended. */
export function stopPasta(stateFile: string): void {
  const running = pastaProcess(stateFile);
  if (running !== undefined) killQuietly(running.pid);
  for (const file of [stateFile, pidFileOf(stateFile), `${pidFileOf(stateFile)}.log`, ...Object.values(forwarderFiles(stateFile))]) {
    try {
      unlinkSync(file);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** Turns what pasta says into what it means. Old versions complain about a missing system log between the lines. */
export async function explainPasta(stderr: string, status: number, ports: readonly PortRequest[]): Promise<ScullError> {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !/^Failed to send \d+ bytes to syslog/.test(line));
  const detail = lines.slice(0, 20).join('\n');
  const options = { detail };
  if (/Failed to bind|Address already in use|Failed to listen/i.test(stderr)) {
    const reason = await explainPublishFailure(ports);
    if (reason !== undefined) return reason;
  }
  if (/\/dev\/net\/tun/.test(stderr)) {
    const missing = /No such/.test(stderr);
    return new ScullError('PERMISSION', `the container's network needs /dev/net/tun, which ${missing ? 'does not exist' : 'this user may not open'}`, {
      ...options,
      hint: remedyFor({ kind: 'device-not-usable', device: '/dev/net/tun', missing }),
    });
  }
  const unknown = /unrecognized option '([^']*)'|invalid option -- '(.)'/.exec(stderr);
  if (unknown !== null) {
    return new ScullError('INVALID', `this version of pasta does not know the option "${unknown[1] ?? `-${unknown[2]}`}"`, { ...options, hint: 'see `pasta --help` for those it knows' });
  }
  if (/Couldn't open (?:user|network) namespace|cannot (?:join the|open the) namespaces|cannot (?:open|watch) process/.test(stderr)) {
    return new ScullError('NETWORK', 'the container ended before its network was connected', options);
  }
  return new ScullError('NETWORK', `pasta could not connect the container's network: ${lines.at(-1)?.trim() ?? `exit status ${status}`}`, options);
}
