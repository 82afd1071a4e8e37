/**
 * The switch: one network namespace of ours for all named networks of a user, which exists as long as a container is plugged
 * into it. The wrappers of what works in there: scull-bridge (native/scull-bridge.c has the theory), scull-port, aardvark-dns.
 *
 *     switch/lock, holder, members/   see native/scull-bridge.c
 *     switch/rules                    what the holder gave nft
 *     switch/uplink.json, .pid        the way out, as of a container (drivers/pasta.ts)
 *     switch/names/                   aardvark-dns's folder: one file per network, and aardvark.pid
 *     switch/etc/resolv.conf          where aardvark-dns asks for names that are no container's; the folder is its /etc
 *     switch/leases/<network id>/     see network/leases.ts
 */
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startChild } from '../../host/child.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { ensurePrivateDirectory, readTextIfPresent } from '../../host/files.ts';
import { bootId, identityOf, isAlive, ownIdentity, type ProcessIdentity } from '../../host/identity.ts';
import { minimalEnvironment, run, type RunResult } from '../../host/process.ts';
import { remedyFor } from '../../host/remedies.ts';
import { findTool, requireTool } from '../../host/tools.ts';
import { helperPath, launchCommand, launchFailure } from '../../userns/launch.ts';
import { forwardPorts, networkHelper, type ForwardRequest } from './forwarder.ts';
import { hasWayOut } from './pasta.ts';
import { readNetworkState, type Attachment, type InterfaceAddress } from '../state.ts';

export interface SwitchPaths {
  readonly directory: string;
  readonly rules: string;
  readonly uplink: string;
  readonly names: string;
  readonly resolvConf: string;
  readonly leases: string;
}

export function switchPaths(directory: string): SwitchPaths {
  const path = (name: string): string => `${directory}/${name}`;
  return { directory, rules: path('rules'), uplink: path('uplink.json'), names: path('names'), resolvConf: path('etc/resolv.conf'), leases: path('leases') };
}

/** The process that holds the namespace, if there is one: two small reads. */
export function livingHolder({ directory }: SwitchPaths): ProcessIdentity | undefined {
  const match = /^(\d+) (\d+)\n$/.exec(readTextIfPresent(`${directory}/holder`) ?? '');
  if (match === null) return undefined;
  const holder = { pid: Number(match[1]), startTime: Number(match[2]), bootId: bootId() };
  return isAlive(holder) ? holder : undefined;
}

/**
 * Makes this process a member: the holder stays while it is one, also with nothing plugged in. To be called before looking
 * for the holder.
 * @returns ends the membership
 */
export function becomeMember({ directory }: SwitchPaths): () => void {
  const { pid, startTime } = ownIdentity();
  const path = `${directory}/members/${pid}.${startTime}`;
  const before = memberships.get(path) ?? 0;
  memberships.set(path, before + 1);
  if (before === 0) writeMembership(path);
  let left = false;
  return () => {
    if (left) return;
    left = true;
    const others = (memberships.get(path) ?? 1) - 1;
    memberships.set(path, others);
    if (others === 0) removeMembership(path);
  };
}

/** This process may start several containers at once. */
const memberships = new Map<string, number>();

function writeMembership(path: string): void {
  try {
    writeFileSync(path, '', { mode: 0o600 });
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    ensurePrivateDirectory(dirname(path));
    writeFileSync(path, '', { mode: 0o600 });
  }
}

function removeMembership(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

/** A native helper that named networks can't do without. @throws ScullError MISSING_TOOL */
function native(name: 'scull-bridge' | 'scull-port'): string {
  const path = networkHelper(name);
  if (path !== undefined) return path;
  throw new ScullError('MISSING_TOOL', `networks of several containers need the native helper ${name}, which was not built`, {
    hint: `${remedyFor({ kind: 'no-helper' })}; without it the default network works, and --network none and host`,
  });
}

function nft(): string {
  return requireTool('nft', 'a network of several containers', 'the default network works, and --network none and host').path;
}

export interface HolderRequest {
  readonly rules: string;
  /** A process in the user namespace of containers that were plugged into an earlier switch, whose holder was killed. */
  readonly joinUser?: number | undefined;
  /** Started when a container has left, or the host's resolv.conf was changed. */
  readonly onChange: readonly string[];
  /** Words before its command line, by which it outlives what we are in. */
  readonly outside: readonly string[];
}

/**
 * Starts the holder, unless there is one: then another command was first, and connects its way out. This process must be a member.
 * @throws ScullError MISSING_TOOL, TOOL_FAILED; the launcher's
 */
export async function startHolder(paths: SwitchPaths, request: HolderRequest): Promise<{ readonly holder: ProcessIdentity; readonly isNew: boolean }> {
  const program = native('scull-bridge');
  const filter = nft();
  writeFileSync(paths.rules, request.rules, { mode: 0o600 });
  const hold = [program, 'hold', '--directory', paths.directory, '--nft', filter, '--rules', paths.rules, '--watch-file', '/etc/resolv.conf', '--', ...request.onChange];
  const launch = launchCommand({ network: true, program: hold, ...(request.joinUser === undefined ? {} : { joinUser: request.joinUser }) });
  const [file, ...args] = [...request.outside, launch.file, ...launch.args] as [string, ...string[]];
  const child = startChild(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: minimalEnvironment(), detached: true });
  let [said, complaint] = ['', ''];
  // Both end when the holder is ready: it lets go of them.
  await Promise.all([child.read(1, (chunk) => (said += Buffer.from(chunk).toString())), child.read(2, (chunk) => (complaint += Buffer.from(chunk).toString()))]);
  const match = /^(holder|other) (\d+) (\d+)$/m.exec(said);
  if (match !== null) {
    child.unref();
    return { holder: { pid: Number(match[2]), startTime: Number(match[3]), bootId: bootId() }, isNew: match[1] === 'holder' };
  }
  throw explain('the network could not be made', { status: await child.ended, stdout: said, stderr: complaint });
}

/** Puts other rules in the place of those that the holder was started with. @throws ScullError MISSING_TOOL, NETWORK */
export async function replaceRules(paths: SwitchPaths, holder: ProcessIdentity, rules: string): Promise<void> {
  writeFileSync(paths.rules, rules, { mode: 0o600 });
  const result = await run(native('scull-bridge'), ['enter', '--holder', String(holder.pid), '--', nft(), '-f', paths.rules], { timeout: TIMEOUT });
  if (result.status !== 0) throw explain('the rules of the networks could not be replaced', result);
}

/** Turns what our own helpers say into an error. */
function explain(what: string, { status, stderr }: RunResult): ScullError {
  const failure = launchFailure(status, /^scull-helper: /m.test(stderr) ? stderr : '');
  if (/^scull-helper: /m.test(stderr) && failure !== undefined) return failure;
  const line = /^scull-bridge: (.*)$/m.exec(stderr)?.[1] ?? `exit status ${status}`;
  const kernel = /nft refused|Protocol not supported|Operation not supported/.test(stderr) ? { hint: 'the kernel may lack nf_tables or bridges: `scull doctor` tries them' } : {};
  return new ScullError('NETWORK', `${what}: ${line}`, { detail: stderr.trim(), ...kernel });
}

export interface PlugRequest {
  /** A process in the container's network namespace. */
  readonly target: number;
  readonly attachment: Attachment;
  readonly bridge: { readonly name: string; readonly group: number; readonly mtu: number; readonly ipv4?: InterfaceAddress; readonly ipv6?: InterfaceAddress };
  /** Metric of its default routes; none are made unless given. */
  readonly metric?: number;
}

/** Status of scull-bridge where the holder it was to use is gone. */
const HOLDER_GONE = 118;

/** Plugs a container into one network. @throws ScullError NETWORK */
export async function plugIn(paths: SwitchPaths, holder: ProcessIdentity, request: PlugRequest): Promise<void> {
  const { attachment, bridge } = request;
  const args = ['attach', '--directory', paths.directory, '--holder', String(holder.pid), '--target', String(request.target)];
  args.push('--bridge', bridge.name, '--group', String(bridge.group), '--bridge-mac', macOf(bridge.ipv4 ?? bridge.ipv6));
  args.push('--interface', attachment.interface, '--mac', attachment.mac);
  args.push('--mtu', String(bridge.mtu));
  for (const [version, gateway, address] of [['4', bridge.ipv4, attachment.ipv4], ['6', bridge.ipv6, attachment.ipv6]] as const) {
    if (gateway !== undefined) args.push(`--gateway${version}`, `${gateway.address}/${gateway.prefix}`);
    if (address !== undefined) args.push(`--ipv${version}`, `${address.address}/${address.prefix}`);
    if (gateway !== undefined && address !== undefined && request.metric !== undefined) args.push(`--route${version}`, `${gateway.address},${request.metric}`);
  }
  const result = await run(native('scull-bridge'), args, { timeout: TIMEOUT });
  if (result.status === HOLDER_GONE) throw new ScullError('NETWORK', 'the process that holds the networks together was killed', { hint: 'try again; for containers that run, `scull network reload --all`' });
  if (result.status !== 0) throw explain(`the container could not be connected to network "${attachment.network}"`, result);
}

const TIMEOUT = 20_000;

/** Unplugs; does nothing where the interface is gone. @throws ScullError NETWORK */
export async function unplug(target: number, network: string, interfaceName: string): Promise<void> {
  const result = await run(native('scull-bridge'), ['detach', '--target', String(target), '--interface', interfaceName], { timeout: TIMEOUT });
  if (result.status !== 0) throw explain(`the container could not be disconnected from network "${network}"`, result);
}

/**
 * Locally administered, and the same for the same address: who knew it before need not ask again.
 */
export function macOf(address: InterfaceAddress | undefined): string {
  const [first, second] = hash(address?.address ?? '');
  const parts = [...Array.from({ length: 4 }, (_, i) => (first >>> (8 * i)) & 255), second & 255];
  const ipv4 = address?.address.split('.').map(Number) ?? [];
  const tail = ipv4.length === 4 ? [0x73, ...ipv4] : parts;
  return ['02', ...tail.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** FNV-1a, twice. */
function hash(text: string): [number, number] {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (const char of text) {
    a = Math.imul(a ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
    b = Math.imul(b + a, 0x85ebca6b) >>> 0;
  }
  return [a, b];
}

/** Publishes ports of a container that is plugged in: returns when they are listened on. @throws ScullError as {@link forwardPorts} */
export function publishPorts(request: ForwardRequest): Promise<ProcessIdentity> {
  return forwardPorts(native('scull-port'), request);
}

/** True while somebody looks after the way out; also where the host had none when the switch was made. */
export function hasUplink({ uplink }: SwitchPaths): boolean {
  const state = readNetworkState(uplink);
  return state?.driver !== 'pasta' || hasWayOut(state);
}

/** aardvark-dns, if it runs for this switch. */
export function nameServer({ names }: SwitchPaths): ProcessIdentity | undefined {
  const pid = Number((readTextIfPresent(`${names}/aardvark.pid`) ?? '').trim());
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const identity = identityOf(pid);
  const words = (readTextIfPresent(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return identity !== undefined && isAlive(identity) && words.includes(names) ? identity : undefined;
}

/** Whether names of containers can be told at all. */
export function hasNameServer(): boolean {
  return findTool('aardvark-dns') !== undefined;
}

/** Lets aardvark-dns read its folder again; starts it where it does not run. @param outside as in {@link HolderRequest} @throws ScullError MISSING_TOOL, NETWORK */
export async function serveNames(paths: SwitchPaths, holder: ProcessIdentity, outside: readonly string[]): Promise<void> {
  const running = nameServer(paths);
  if (running !== undefined) {
    process.kill(running.pid, 'SIGHUP');
    return;
  }
  const helper = helperPath() ?? native('scull-bridge');
  const aardvark = requireTool('aardvark-dns', 'finding containers by name').path;
  // Not over the file itself: where somebody puts another in its place by renaming, the kernel takes such a mount away.
  const enter = [native('scull-bridge'), 'enter', '--holder', String(holder.pid), '--bind', dirname(paths.resolvConf), '/etc', '--'];
  const command = [...outside, helper, 'keep', '--watch', String(holder.pid), '--', ...enter, aardvark, '--config', paths.names, '-p', '53', 'run'];
  const result = await run(command[0] as string, command.slice(1), { timeout: TIMEOUT });
  if (result.status !== 0) throw new ScullError('NETWORK', `aardvark-dns, which tells containers' names, could not be started: ${result.stderr.trim().split('\n').at(-1) ?? ''}`, { detail: result.stderr.trim() });
}

/** Makes the folders. */
export function prepareSwitch(paths: SwitchPaths): void {
  ensurePrivateDirectory(paths.directory);
  mkdirSync(paths.names, { recursive: true, mode: 0o700 });
  mkdirSync(join(paths.directory, 'members'), { recursive: true, mode: 0o700 });
  mkdirSync(dirname(paths.resolvConf), { recursive: true, mode: 0o700 });
}
