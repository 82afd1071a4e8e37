/** The switch of this store: found, or made with its way out. */
import { rmSync, writeFileSync } from 'node:fs';
import { isAlive, type ProcessIdentity } from '../../host/identity.ts';
import { killQuietly } from '../../host/kill.ts';
import { notifySocket } from '../../host/service-manager.ts';
import { hasNoNetwork, readHostNetwork, type HostNetwork } from '../../network/host-network.ts';
import { switchResolvConfText } from '../../network/name-files.ts';
import { DNS_FORWARDER, planNetwork, type NetworkPlan } from '../../network/plan.ts';
import type { PastaRequest } from '../../network/drivers/pasta.ts';
import { becomeMember, livingHolder, prepareSwitch, replaceRules, startHolder, switchPaths, type SwitchPaths } from '../../network/drivers/switch.ts';
import { readNetworkState } from '../../network/state.ts';
import { switchRules } from '../../network/switch-rules.ts';
import { confiningService, outlivingWords } from '../../runtime/cgroups.ts';
import { readIdentity } from '../../runtime/claim.ts';
import { EMPTY_CONTAINER_SPEC } from '../../spec/container-spec.ts';
import { knownSubnet } from '../../spec/subnet.ts';
import type { Engine } from '../engine.ts';
import { allNetworks } from './find.ts';
import { pluggedIn } from './plugged-in.ts';

/** The switch, which stays as long as this process has not left it. */
export interface Engaged {
  readonly paths: SwitchPaths;
  readonly holder: ProcessIdentity;
  leave(): void;
}

/** @throws ScullError MISSING_TOOL, NETWORK, PERMISSION */
export async function engageSwitch(engine: Engine): Promise<Engaged> {
  const paths = switchPaths(engine.store.layout.switch);
  const leave = becomeMember(paths);
  try {
    return { paths, holder: livingHolder(paths) ?? (await makeSwitch(engine, paths)), leave };
  } catch (error) {
    leave();
    throw error;
  }
}

async function makeSwitch(engine: Engine, paths: SwitchPaths): Promise<ProcessIdentity> {
  const { layout } = engine.store;
  const host = readHostNetwork();
  const plan = await planUplink(engine, host);
  warnOfConfinement(engine);
  prepareSwitch(paths);
  writeResolvConf(paths, host, true);
  const [{ sweepAddresses }, { refreshCommand }] = await Promise.all([import('./addresses.ts'), import('./refresh-command.ts')]);
  // What containers of an earlier switch left.
  const swept = sweepAddresses(engine);
  const { holder, isNew } = await startHolder(paths, { rules: switchRules(plan.addresses), onChange: refreshCommand(layout), joinUser: orphan(engine), outside: outlivingWords() });
  try {
    await Promise.all([isNew ? connectUplink(engine, paths, holder, plan) : undefined, swept]);
  } catch (error) {
    // The next one would find a switch without its way out.
    if (isNew) killQuietly(holder.pid, 'SIGTERM');
    throw error;
  }
  return holder;
}

/** A system unit with User=, and nobody to lead out of it: what is made now ends with it, whoever else is plugged in by then. */
function warnOfConfinement(engine: Engine): void {
  const service = notifySocket() === undefined ? undefined : confiningService();
  if (service === undefined) return;
  engine.progress({ kind: 'message', level: 'warning', text: `when ${service} stops, others lose the networks that it starts now: no manager of yours runs that could hold them. \`loginctl enable-linger\` has one run; \`scull network reload --all\` connects them again` });
}

/** A process of a container that lost its switch: what is to plug it in again must be in its user namespace. */
function orphan(engine: Engine): number | undefined {
  const { layout } = engine.store;
  return pluggedIn(engine)
    .map(({ record }) => readIdentity(layout.container(record.id).monitorFile))
    .find((monitor) => monitor !== undefined && isAlive(monitor))?.pid;
}

/** The way out is that of a container of its own (docs/network.md), with an address that none of the networks has. */
export async function planUplink(engine: Engine, host: HostNetwork): Promise<NetworkPlan> {
  const canWait = hasNoNetwork(host) && (await import('../../network/drivers/forwarder.ts')).waitsForNetwork();
  const networks = allNetworks(engine).flatMap(({ subnets }) => subnets.map(({ subnet, gateway }) => ({ address: gateway, prefix: knownSubnet(subnet).prefix })));
  const facts = { host: { ...host, ipv4Networks: [...host.ipv4Networks, ...networks.filter(({ address }) => !address.includes(':'))] }, hostname: 'switch', containerName: 'switch', canWait };
  return planNetwork(EMPTY_CONTAINER_SPEC.network, facts);
}

/** @throws ScullError MISSING_TOOL, PERMISSION, NETWORK */
async function connectUplink(engine: Engine, paths: SwitchPaths, holder: ProcessIdentity, plan: NetworkPlan): Promise<void> {
  // The host has no network either, and nobody waits for that.
  if (plan.pasta === undefined) return rmSync(paths.uplink, { force: true });
  const { startPasta } = await import('../../network/drivers/pasta.ts');
  await startPasta(plan, await uplinkRequest(engine, paths, holder));
}

/** The way out is made again where what looks after it was killed, or the host has got other addresses, or a network at last. @throws ScullError as {@link connectUplink} */
export async function healUplink(engine: Engine, paths: SwitchPaths, holder: ProcessIdentity, plan: NetworkPlan): Promise<void> {
  const state = readNetworkState(paths.uplink);
  const { endWayOut, healPasta } = await import('../../network/drivers/pasta.ts');
  if (plan.pasta === undefined || state?.driver !== 'pasta' || JSON.stringify(state.addresses) !== JSON.stringify(plan.addresses)) {
    if (state?.driver === 'pasta') await endWayOut(paths.uplink, state);
    await replaceRules(paths, holder, switchRules(plan.addresses));
    return connectUplink(engine, paths, holder, plan);
  }
  await healPasta(plan, await uplinkRequest(engine, paths, holder), state);
}

/** Held while a way out that exists is changed: by who reloads, and by who was told that the host has got something. */
export const UPLINK_LOCK = 'network-uplink';

/** The way out has what the host has got; other changes wait for `network reload`, for connections are lost. @throws ScullError as {@link connectUplink} */
export async function extendUplink(engine: Engine, paths: SwitchPaths, holder: ProcessIdentity): Promise<void> {
  const state = readNetworkState(paths.uplink);
  if (state?.driver !== 'pasta') return;
  const plan = await planUplink(engine, readHostNetwork());
  const { extendPasta, hasGained } = await import('../../network/drivers/pasta.ts');
  if (!hasGained(state, plan)) return;
  await replaceRules(paths, holder, switchRules(plan.addresses));
  await extendPasta(plan, await uplinkRequest(engine, paths, holder), state);
}

async function uplinkRequest(engine: Engine, { uplink }: SwitchPaths, { pid }: ProcessIdentity): Promise<PastaRequest> {
  const { refreshCommand } = await import('./refresh-command.ts');
  return { targetPid: pid, watchPid: pid, stateFile: uplink, onChange: refreshCommand(engine.store.layout), leavesResolvConf: true, outside: outlivingWords() };
}

/**
 * Written in place: aardvark-dns has it mounted.
 * @param asksPasta false where pasta knows name servers that are the host's no more
 */
function writeResolvConf(paths: SwitchPaths, host: HostNetwork, asksPasta: boolean): void {
  writeFileSync(paths.resolvConf, switchResolvConfText(host.resolvConf, host.ipv4 === undefined || !asksPasta ? undefined : DNS_FORWARDER), { mode: 0o644 });
}

/** Brings the switch's resolv.conf, and what pasta knows, up to the host's. */
export async function renewResolvConf(paths: SwitchPaths): Promise<void> {
  const host = readHostNetwork();
  const uplink = readNetworkState(paths.uplink);
  const { renewForwarder } = await import('../../network/drivers/pasta.ts');
  writeResolvConf(paths, host, uplink?.driver === 'pasta' && (await renewForwarder(paths.uplink, uplink, host.resolvConf)));
}
