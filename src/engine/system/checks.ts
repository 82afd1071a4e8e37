/** The single checks of `scull doctor`. Each tries the thing itself; what it says is about this user, this store, now. */
import { accessSync, constants, existsSync, mkdtempSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { callerEnvironment } from '../../host/environment.ts';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { readTextIfPresent } from '../../host/files.ts';
import { run, start } from '../../host/process.ts';
import { installCommand, remedyFor, type ToolName } from '../../host/remedies.ts';
import { compareVersions, findTool, toolOptions, toolVersion } from '../../host/tools.ts';
import { killsUserProcesses, lingers } from '../../host/linger.ts';
import { defaultIdMaps, mappedCount, userName } from '../../userns/id-maps.ts';
import { helperPath, launchCommand, launchFailure } from '../../userns/launch.ts';
import { isWithoutCapabilities, mapRefusal, namespaceRefusal, readNamespaceSettings } from '../../userns/preflight.ts';
import { isUnshared } from '../../userns/unshared.ts';
import type { Engine } from '../engine.ts';

export interface Check {
  readonly name: string;
  /** `warning`: containers run, but something is lost; `missing`: containers can't run, or not as they should. */
  readonly status: 'ok' | 'warning' | 'missing';
  /** What was found, in a few words. */
  readonly found: string;
  /** What does not work because of it; absent when ok. */
  readonly consequence?: string;
  /** The one command or action that helps; absent when ok, or where nothing does. */
  readonly fix?: string;
}

type Finding = Omit<Check, 'name'>;

const ok = (found: string): Finding => ({ status: 'ok', found });
const warning = (found: string, consequence: string, fix?: string): Finding => ({ status: 'warning', found, consequence, ...(fix === undefined ? {} : { fix }) });
const missing = (found: string, consequence: string, fix?: string): Finding => ({ status: 'missing', found, consequence, ...(fix === undefined ? {} : { fix }) });

/** Name → check, in the order they are shown. */
export const CHECKS: readonly (readonly [string, (engine: Engine) => Finding | Promise<Finding>])[] = [
  ['user', checkUser],
  ['kernel', checkKernel],
  ['native helper', checkHelper],
  ['user namespaces', checkUserNamespaces],
  ['subordinate ids', checkSubordinateIds],
  ['id mapping', checkIdMapping],
  ['store', checkStore],
  ['free space', checkFreeSpace],
  ['overlay', checkOverlay],
  ['fuse-overlayfs', checkFuse],
  ['crun', () => checkTool('crun', '1.5', 'no container can be started')],
  ['conmon', () => checkTool('conmon', '2.0.30', 'no container can be started: nothing would watch it')],
  ['network', checkNetwork],
  ['networks', checkNetworks],
  ['cgroup limits', checkCgroups],
  ['seccomp', checkSeccomp],
  ['runtime directory', checkRuntimeDirectory],
  ['life after logout', checkLinger],
];

function checkUser(): Finding {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return ok(`${userName(uid)} (uid ${uid})`);
  if (isUnshared()) return missing('root of `scull unshare`', 'inside it containers can be neither started nor entered', 'exit');
  return missing('root', 'scull runs containers for ordinary users, not for root', 'runuser -u USER -- scull doctor');
}

function checkKernel(): Finding {
  const version = release();
  if (compareVersions(/^\d+\.\d+/.exec(version)?.[0] ?? '0', '5.11') >= 0) return ok(version);
  return warning(version, 'Linux before 5.11 has no overlay in user namespaces: containers use fuse-overlayfs, which is slower');
}

function checkHelper(): Finding {
  const helper = helperPath();
  if (helper !== undefined) return ok(helper);
  const absent = (['unshare', 'nsenter', 'socat'] as const).filter((tool) => findTool(tool) === undefined);
  if (absent.length === 0) return warning('not built', 'util-linux and socat stand in for it: every start and exec takes longer', remedyFor({ kind: 'no-helper' }));
  return missing(`not built, and ${absent.join(', ')} not installed`, 'containers can not be started or attached to', installCommand(absent));
}

async function checkUserNamespaces(): Promise<Finding> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  // Only one id: what is tried here is the kernel, not newuidmap.
  const maps = { uids: [{ inside: 0, outside: uid, size: 1 }], gids: [{ inside: 0, outside: gid, size: 1 }], single: 'a trial' };
  const command = uid === 0 ? { file: 'unshare', args: ['-U', '-m', '-r', 'true'] } : launchCommand({ maps, program: ['true'] });
  const result = await run(command.file, command.args, { timeout: 10_000 });
  if (result.status === 0) return ok('can be made');
  const refusal = namespaceRefusal(readNamespaceSettings());
  return missing(`refused: ${refusal.reason}`, 'no container can be started', remedyFor(refusal.cause));
}

const USUAL_IDS = 65536;

function checkSubordinateIds(): Finding {
  const maps = defaultIdMaps();
  const count = Math.min(mappedCount(maps.uids), mappedCount(maps.gids)) - 1;
  const loss = 'containers run with a single id: files of other users in images become yours, and programs that change user fail';
  if (maps.single !== undefined) return warning(maps.single, loss, remedyFor(maps.singleCause ?? { kind: 'no-subordinate-ids', user: userName() }));
  const ranges = maps.uids.slice(1).map((range) => `${range.outside}-${range.outside + range.size - 1}`);
  if (count >= USUAL_IDS) return ok(`${count} (${ranges.join(', ')})`);
  return warning(`only ${count} (${ranges.join(', ')})`, `images with ids above ${count} can't be unpacked; ${USUAL_IDS} is usual`, remedyFor({ kind: 'no-subordinate-ids', user: userName() }));
}

async function checkIdMapping(): Promise<Finding> {
  const maps = defaultIdMaps();
  if (maps.single !== undefined) return warning('not tried: there is nothing to map', 'see subordinate ids');
  if (process.getuid?.() === 0) return warning('not tried as root', 'see user');
  const command = launchCommand({ program: ['cat', '/proc/self/uid_map'] });
  const result = await run(command.file, command.args, { timeout: 10_000 });
  if (result.status === 0) return ok(`${mappedCount(maps.uids)} user and ${mappedCount(maps.gids)} group ids mapped`);
  if (/cannot create a user namespace/.test(result.stderr) || isWithoutCapabilities(result.stderr)) return missing('not tried: no user namespace', 'see user namespaces');
  const refusal = mapRefusal(result.stderr, userName());
  return missing(`refused: ${refusal.reason}`, 'no container can be started', remedyFor(refusal.cause));
}

/** statfs(2) magic numbers of what a store should not lie on. */
const FILE_SYSTEMS: Readonly<Record<number, { readonly name: string; readonly problem?: string }>> = {
  0x6969: { name: 'nfs', problem: 'NFS knows only your own id: files of images can not be given to their owners' },
  0x47504653: { name: 'gpfs', problem: 'overlay does not work on GPFS, and ids are not mapped' },
  0x0bd00bd0: { name: 'lustre', problem: 'overlay does not work on Lustre, and ids are not mapped' },
  0xff534d42: { name: 'cifs', problem: 'CIFS has no owners and no links' },
  0xfe534d42: { name: 'smb2', problem: 'SMB has no owners and no links' },
  0x65735546: { name: 'fuse', problem: 'many FUSE file systems can not serve as a lower or upper directory of overlay' },
  0x01021994: { name: 'tmpfs', problem: 'the store is in memory and gone after a reboot' },
  0x794c7630: { name: 'overlayfs', problem: 'overlay on overlay does not work; fuse-overlayfs or copies are used' },
  0xef53: { name: 'ext4' },
  0x58465342: { name: 'xfs' },
  0x9123683e: { name: 'btrfs' },
  0x2fc12fc1: { name: 'zfs' },
  0xf2f52010: { name: 'f2fs' },
};

function checkStore(engine: Engine): Finding {
  const { root } = engine.store.layout;
  const existing = nearestExisting(root);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return missing(`${existing} can't be written`, 'no image can be pulled and no container created', `sudo chown ${userName()} ${existing}, or choose another place with --root`);
  }
  const type = Number(statfsSync(existing).type) >>> 0;
  const system = FILE_SYSTEMS[type];
  const found = `${root} (${system?.name ?? `file system type 0x${type.toString(16)}`})`;
  return system?.problem === undefined ? ok(found) : warning(found, system.problem, 'choose a directory on a local disk with --root');
}

const LITTLE_SPACE = 1024 ** 3;

function checkFreeSpace(engine: Engine): Finding {
  const fs = statfsSync(nearestExisting(engine.store.layout.root));
  const free = fs.bavail * fs.bsize;
  const found = `${(free / 1024 ** 3).toFixed(1)} GiB and ${fs.files === 0 ? 'any number of' : fs.ffree} files`;
  const inodes = fs.files > 0 && fs.ffree < 50_000;
  return free < LITTLE_SPACE || inodes ? warning(found, 'larger images will not fit', 'scull image prune, or choose another disk with --root') : ok(found);
}

async function checkOverlay(engine: Engine): Promise<Finding> {
  if (process.getuid?.() === 0) return warning('not tried', 'see user');
  const { overlay } = await import('../../storage/drivers/overlay.ts');
  const why = await tried(() => overlay.whyNot(engine.store));
  return why === undefined ? ok('native overlay works on the store') : warning(why, 'containers use fuse-overlayfs, or copies of their image: slower');
}

async function checkFuse(engine: Engine): Promise<Finding> {
  const loss = '--userns=keep-id and other id maps do not work, nor do containers where native overlay is missing';
  const tool = findTool('fuse-overlayfs');
  if (tool === undefined) return warning('not installed', loss, remedyFor({ kind: 'missing-tool', tool: 'fuse-overlayfs' }));
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    const gone = !existsSync('/dev/fuse');
    return warning(gone ? '/dev/fuse does not exist' : '/dev/fuse may not be opened', loss, remedyFor({ kind: 'device-not-usable', device: '/dev/fuse', missing: gone }));
  }
  if (process.getuid?.() === 0) return warning('not tried', 'see user');
  const { fuseOverlayfs } = await import('../../storage/drivers/fuse-overlayfs.ts');
  const why = await tried(() => fuseOverlayfs.whyNot(engine.store));
  if (why !== undefined) return warning(why, loss);
  return ok(`${(await toolVersion(tool)).version ?? 'unknown version'}, mounts on the store`);
}

/** A driver's reason, also where the store itself can't be used. */
async function tried(whyNot: () => Promise<string | undefined>): Promise<string | undefined> {
  try {
    return await whyNot();
  } catch (error) {
    if (error instanceof ScullError) return error.message;
    throw error;
  }
}

async function checkTool(name: ToolName, lowest: string, consequence: string): Promise<Finding> {
  const tool = findTool(name);
  if (tool === undefined) return missing('not installed', consequence, remedyFor({ kind: 'missing-tool', tool: name }));
  const { version, text } = await toolVersion(tool);
  if (version === undefined) return missing(`${tool.path} does not run: ${text.split('\n')[0]}`, consequence, remedyFor({ kind: 'missing-tool', tool: name }));
  if (compareVersions(version, lowest) >= 0) return ok(`${version} (${tool.path})`);
  return warning(`${version} (${tool.path})`, `known to work from ${lowest} on`, remedyFor({ kind: 'old-tool', tool: name }));
}

async function checkNetwork(engine: Engine): Promise<Finding> {
  const loss = 'containers have no network but --network none and host';
  const tool = findTool('pasta');
  if (tool === undefined) return missing('pasta is not installed', loss, remedyFor({ kind: 'missing-tool', tool: 'pasta' }));
  const tun = '/dev/net/tun';
  try {
    accessSync(tun, constants.R_OK | constants.W_OK);
  } catch {
    const gone = !existsSync(tun);
    return missing(gone ? `${tun} does not exist` : `${tun} may not be opened`, loss, remedyFor({ kind: 'device-not-usable', device: tun, missing: gone }));
  }
  if (process.getuid?.() === 0) return warning('not tried', 'see user');
  const [{ version }, options, failure] = await Promise.all([toolVersion(tool), toolOptions(tool, dirname(engine.store.layout.runRoot)), connectOnce()]);
  if (failure !== undefined) return missing(failure.message, loss, failure.hint);
  const found = `pasta ${version ?? '(version not told)'} connects a namespace`;
  // The option came in August 2024; Debian 12's pasta of March 2023 does not know its own version.
  if (options.has('--map-guest-addr')) return ok(found);
  const stalls = 'connections to the outside stall where one side closes early and the other has much to say; so do ports published with --network pasta:OPTIONS whose servers speak first (ssh, smtp, mysql)';
  return warning(`${found}, but is older than August 2024`, stalls, remedyFor({ kind: 'old-tool', tool: 'pasta' }));
}

/** Connects a network namespace to the host as a container's is. @returns why it did not work */
async function connectOnce(): Promise<ScullError | undefined> {
  const [{ planNetwork }, { readHostNetwork }, { startPasta, stopPasta }, { EMPTY_CONTAINER_SPEC }] = await Promise.all([
    import('../../network/plan.ts'),
    import('../../network/host-network.ts'),
    import('../../network/drivers/pasta.ts'),
    import('../../spec/container-spec.ts'),
  ]);
  const plan = planNetwork(EMPTY_CONTAINER_SPEC.network, { host: readHostNetwork(), hostname: 'doctor', containerName: 'doctor' });
  if (plan.mode !== 'pasta') return new ScullError('NETWORK', plan.warnings.join('; '));
  const directory = mkdtempSync(join(tmpdir(), 'scull-doctor-'));
  const stateFile = join(directory, 'network.json');
  // Says when the namespace stands, and ends by itself should we be killed.
  const command = launchCommand({ network: true, program: ['sh', '-c', 'echo ready; exec sleep 10'] });
  const child = start(command.file, command.args, { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const said = await new Promise<string | undefined>((resolve) => {
      let errors = '';
      child.once('error', (error) => resolve(error.message));
      child.stdout?.once('data', () => resolve(undefined));
      child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      child.once('close', (code) => resolve(launchFailure(code ?? 1, errors)?.message ?? `no network namespace: ${errors.trim()}`));
    });
    if (said !== undefined) return new ScullError('NETWORK', said);
    const pid = child.pid ?? 0;
    // Started whole, not on the first packet: that is what is to be tried.
    const eager = plan.pasta === undefined ? plan : { ...plan, pasta: { args: plan.pasta.args, interface: plan.pasta.interface } };
    await startPasta(eager, { targetPid: pid, watchPid: pid, stateFile });
    return undefined;
  } catch (error) {
    if (error instanceof ScullError) return error;
    throw error;
  } finally {
    stopPasta(stateFile);
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Networks of several containers: loads the rules of one in namespaces that end at once. */
async function checkNetworks(): Promise<Finding> {
  const loss = 'containers find each other on no network (--network NAME); each alone has its own, none, or the host’s';
  if (helperPath() === undefined) return warning('the native helper was not built', loss, remedyFor({ kind: 'no-helper' }));
  const nft = findTool('nft');
  if (nft === undefined) return warning('nft is not installed', loss, remedyFor({ kind: 'missing-tool', tool: 'nft' }));
  if (process.getuid?.() === 0) return warning('not tried', 'see user');
  const { switchRules } = await import('../../network/switch-rules.ts');
  const directory = mkdtempSync(join(tmpdir(), 'scull-doctor-'));
  try {
    const rules = join(directory, 'rules');
    writeFileSync(rules, switchRules({ ipv4: { address: '10.0.2.100', prefix: 24, gateway: '10.0.2.2' } }));
    const command = launchCommand({ network: true, program: [nft.path, '-f', rules] });
    const result = await run(command.file, command.args, { timeout: 10_000 });
    if (result.status !== 0) return warning(`nft can't load its rules: ${result.stderr.trim().split('\n')[0] ?? ''}`, loss);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  if (findTool('aardvark-dns') === undefined) return warning('bridges and rules work, but aardvark-dns is not installed', 'containers on one network reach each other by address only', remedyFor({ kind: 'missing-tool', tool: 'aardvark-dns' }));
  return ok('bridges, rules and aardvark-dns');
}

const WANTED_CONTROLLERS = ['cpu', 'memory', 'pids'];

async function checkCgroups(): Promise<Finding> {
  const { cgroupPlan } = await import('../../runtime/cgroups.ts');
  const plan = cgroupPlan();
  if (plan.manager === 'none') {
    const fix = plan.mountOwn ? 'boot with systemd.unified_cgroup_hierarchy=1 (cgroup v2)' : remedyFor({ kind: 'no-delegation' });
    return warning(plan.reason ?? 'no cgroup is delegated', 'containers run, but --memory, --cpus and --pids-limit are refused', fix);
  }
  const lacking = WANTED_CONTROLLERS.filter((name) => !plan.controllers.includes(name));
  const found = `${plan.manager}: ${plan.controllers.join(' ') || 'no controllers'}`;
  return lacking.length === 0 ? ok(found) : warning(found, `limits of ${lacking.join(', ')} are refused`, remedyFor({ kind: 'no-delegation' }));
}

function checkSeccomp(): Finding {
  const actions = readTextIfPresent('/proc/sys/kernel/seccomp/actions_avail')?.trim();
  if (actions?.includes('errno') === true) return ok('filters are available');
  return warning('the kernel has no seccomp filters', 'containers need --security-opt seccomp=unconfined and lose a line of defence');
}

function checkRuntimeDirectory(engine: Engine): Finding {
  const { runRoot } = engine.store.layout;
  const uid = process.getuid?.() ?? 0;
  const given = callerEnvironment()['XDG_RUNTIME_DIR'];
  const parent = nearestExisting(runRoot);
  try {
    accessSync(parent, constants.W_OK | constants.X_OK);
  } catch {
    return missing(`${parent} can't be written`, 'no container can be started', 'log in anew (not through su), or choose another place with --runroot');
  }
  const directory = dirname(runRoot);
  if (existsSync(directory) && (statSync(directory).uid !== uid || (statSync(directory).mode & 0o077) !== 0)) {
    return missing(`${directory} belongs to another user or is open to others`, 'containers are not started: others could interfere', `chmod 0700 ${directory}, or remove it`);
  }
  if (given !== undefined && existsSync(given) && statSync(given).uid !== uid) return ok(`${directory} (XDG_RUNTIME_DIR is ${given}, which is not yours)`);
  return ok(directory);
}

/** What logind does to the containers of a user who logs out; elsewhere nobody does anything to them. */
function checkLinger(): Finding {
  if (!existsSync('/run/systemd/system')) return ok('no systemd: containers go on after logout');
  const username = userName();
  if (lingers(username)) return ok(`${username} lingers: containers go on after logout`);
  const ends = killsUserProcesses() ? 'units and all other containers end with your last session' : 'units end with your last session (other containers do not, as KillUserProcesses=no)';
  return warning(`${username} does not linger`, `${ends}, and none starts before you log in`, 'loginctl enable-linger');
}

function nearestExisting(path: string): string {
  let folder = path;
  while (!existsSync(folder) && folder !== '/') folder = dirname(folder);
  return folder;
}
