/**
 * pasta, the user-mode network of one container (pasta(1)): started beside the container, ended exactly when it ends.
 *
 * With the native helper, `scull-helper keep` starts pasta and ends it together with the watched process, also when that
 * is killed. Without the helper pasta's pid is only recorded, and clean-up ends it.
 */
import { unlinkSync } from 'node:fs';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { readJson, readTextIfPresent, writeJsonAtomic } from '../../host/files.ts';
import { identityOf, isAlive, type ProcessIdentity } from '../../host/identity.ts';
import { run } from '../../host/process.ts';
import { remedyFor } from '../../host/remedies.ts';
import { requireTool } from '../../host/tools.ts';
import type { PortRequest } from '../../spec/container-spec.ts';
import { helperPath } from '../../userns/launch.ts';
import type { ContainerAddresses, NetworkPlan } from '../plan.ts';
import { explainPublishFailure } from '../ports.ts';

/** network.json in a container's runtime directory: what its network consists of while it runs. */
export interface NetworkState {
  readonly driver: 'pasta';
  /** Of pasta itself; undefined while it waits for the first packet. */
  readonly process?: ProcessIdentity;
  /** True when the helper ends pasta by itself. */
  readonly kept: boolean;
  readonly ports: readonly PortRequest[];
  readonly addresses: ContainerAddresses;
}

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
export async function startPasta(plan: NetworkPlan, request: PastaRequest): Promise<NetworkState> {
  if (plan.pasta === undefined) throw new Error('startPasta was called for a plan without pasta');
  const pasta = requireTool('pasta', 'the default network').path;
  const pidFile = `${request.stateFile}.pid`;
  const command = [pasta, ...plan.pasta.args, '--pid', pidFile, String(request.targetPid)];
  const helper = helperPath();
  const result =
    helper === undefined
      ? await run(pasta, command.slice(1), { timeout: START_TIMEOUT })
      : await run(helper, ['keep', '--watch', String(request.watchPid), '--pid-file', pidFile, '--', ...command], { timeout: START_TIMEOUT });
  if (result.status !== 0) throw await explainPasta(result.stderr, result.status, plan.ports);
  const pastaProcess = identityOf(Number((readTextIfPresent(pidFile) ?? '').trim()));
  const state: NetworkState = { driver: 'pasta', ...(pastaProcess === undefined ? {} : { process: pastaProcess }), kept: helper !== undefined, ports: plan.ports, addresses: plan.addresses };
  writeJsonAtomic(request.stateFile, state, { durable: false });
  return state;
}

const START_TIMEOUT = 20_000;

/** The state of a container's network, or undefined where it has none of ours. Takes no lock. */
export function readNetworkState(stateFile: string): NetworkState | undefined {
  const value = readJson(stateFile) as Partial<NetworkState> | null | undefined;
  if (value === undefined) return undefined;
  if (value === null || value.driver !== 'pasta' || !Array.isArray(value.ports)) throw new ScullError('CORRUPT', `the record ${stateFile} is damaged: it is not a network's state`);
  return value as NetworkState;
}

/** Ends what {@link startPasta} left, where nothing else does. Does nothing when it has ended. */
export function stopPasta(stateFile: string): void {
  const state = readNetworkState(stateFile);
  if (state?.process !== undefined && isAlive(state.process)) {
    try {
      process.kill(state.process.pid, 'SIGTERM');
    } catch (error) {
      if (errnoOf(error) !== 'ESRCH') throw error;
    }
  }
  for (const file of [stateFile, `${stateFile}.pid`]) {
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
  if (/Couldn't open (?:user|network) namespace/.test(stderr)) {
    return new ScullError('NETWORK', 'the container ended before its network was connected', options);
  }
  return new ScullError('NETWORK', `pasta could not connect the container's network: ${lines.at(-1)?.trim() ?? `exit status ${status}`}`, options);
}
