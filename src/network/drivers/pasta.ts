/**
 * pasta, the user-mode network of one container (pasta(1)), ended exactly when the container ends, also when that is killed:
 *
 * - nothing published, no options: `scull-net` makes the interface and starts pasta with the first packet (native/scull-net.c)
 * - otherwise `scull-helper keep` starts pasta beside the container (native/scull-helper.c)
 * - without these helpers a small shell does what `keep` does (userns/portable-keep.ts)
 */
import { accessSync, constants, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { findProcess } from '../../host/find-process.ts';
import { readTextIfPresent, writeJsonAtomic } from '../../host/files.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../../host/identity.ts';
import { run } from '../../host/process.ts';
import { remedyFor } from '../../host/remedies.ts';
import { requireTool } from '../../host/tools.ts';
import type { PortRequest } from '../../spec/container-spec.ts';
import { helperPath } from '../../userns/launch.ts';
import { portableKeepCommand } from '../../userns/portable-keep.ts';
import type { NetworkPlan, PastaPlan } from '../plan.ts';
import { checkHostPorts, explainPublishFailure } from '../ports.ts';
import type { PastaState } from '../state.ts';

export interface PastaRequest {
  /** A process inside the network namespace (and its owning user namespace) to connect. */
  readonly targetPid: number;
  /** pasta ends when this process ends: the monitor. */
  readonly watchPid: number;
  /** Where network.json goes: ContainerPaths.networkState. pasta's pid file lies beside it. */
  readonly stateFile: string;
}

/**
 * Connects a network namespace and returns when its interface is configured.
 * @throws ScullError MISSING_TOOL, IN_USE (a published port), PERMISSION (/dev/net/tun), NETWORK
 */
export async function startPasta(plan: NetworkPlan, request: PastaRequest): Promise<PastaState> {
  if (plan.pasta === undefined) throw new Error('startPasta was called for a plan without pasta');
  const pasta = requireTool('pasta', 'the default network').path;
  // pasta itself may be content with a part of what was asked for.
  await checkHostPorts(plan.ports);
  const pidFile = pidFileOf(request.stateFile);
  const helper = helperPath();
  const waiter = plan.pasta.canWaitForTraffic ? waiterPath(helper) : undefined;
  const arguments_ = [...plan.pasta.args, '--pid', pidFile];
  const target = String(request.targetPid);
  let command: string[];
  if (waiter !== undefined) {
    command = [waiter, ...waiterArguments(plan, plan.pasta, request, pidFile), '--', pasta, ...lateArguments(plan.pasta), '--pid', pidFile, target];
  } else if (helper === undefined) {
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
  const [file, ...args] = command as [string, ...string[]];
  const result = await run(file, args, { timeout: START_TIMEOUT });
  if (result.status !== 0) throw await explainPasta(result.stderr, result.status, plan.ports);
  const pastaProcess = waiter === undefined ? identityOf(Number((readTextIfPresent(pidFile) ?? '').trim())) : undefined;
  const state: PastaState = {
    driver: 'pasta',
    ...(pastaProcess === undefined ? {} : { process: pastaProcess }),
    kept: true,
    ports: plan.ports,
    addresses: plan.addresses,
  };
  writeJsonAtomic(request.stateFile, state, { durable: false });
  return state;
}

/** What every neighbour of a waiting container is said to be, and pasta then is: a locally administered address. */
const ROUTER_MAC = '02:73:63:75:6c:6c';
/** The largest that Ethernet's length field and IPv4 allow, pasta's own default. */
const MTU = 65520;

function waiterPath(helper: string | undefined): string | undefined {
  if (helper === undefined) return undefined;
  const path = join(dirname(helper), 'scull-net');
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

function waiterArguments(plan: NetworkPlan, pasta: PastaPlan, request: PastaRequest, pidFile: string): string[] {
  const { ipv4, ipv6 } = plan.addresses;
  return [
    ...['--watch', String(request.watchPid), '--target', String(request.targetPid), '--pid-file', pidFile],
    ...['--interface', pasta.interface, '--mtu', String(MTU), '--router', ROUTER_MAC],
    ...(ipv4 === undefined ? [] : ['--ipv4', `${ipv4.address}/${ipv4.prefix},${ipv4.gateway}`]),
    ...(ipv6 === undefined ? [] : ['--ipv6', `${ipv6.address}/${ipv6.prefix},${ipv6.gateway}`]),
  ];
}

/** The interface has its addresses already. */
function lateArguments(pasta: PastaPlan): string[] {
  return [...pasta.args.filter((arg) => arg !== '--config-net'), '--mac-addr', ROUTER_MAC];
}

function pidFileOf(stateFile: string): string {
  return `${stateFile}.pid`;
}

const START_TIMEOUT = 20_000;

/** pasta's process, if it runs: also one that was started by the first packet. */
export function pastaProcess(stateFile: string): ProcessIdentity | undefined {
  const pid = Number((readTextIfPresent(pidFileOf(stateFile)) ?? '').trim());
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const identity = identityOf(pid);
  // A pid is used again after a while: the command line must be the one with our file.
  const words = (readTextIfPresent(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return identity !== undefined && isAlive(identity) && words.includes(pidFileOf(stateFile)) ? identity : undefined;
}

/** True while scull-net waits for the first packet, or looks after pasta, of this network: it starts that again by itself. */
export function waitsForTraffic(stateFile: string): boolean {
  return findProcess((words) => basename(words[0] ?? '') === 'scull-net' && words.includes(pidFileOf(stateFile))) !== undefined;
}

/** Ends what {@link startPasta} left, where nothing else does. Does nothing when it has ended. */
export function stopPasta(stateFile: string): void {
  const running = pastaProcess(stateFile);
  if (running !== undefined) {
    try {
      process.kill(running.pid, 'SIGTERM');
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }
  for (const file of [stateFile, pidFileOf(stateFile), `${pidFileOf(stateFile)}.log`]) {
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
