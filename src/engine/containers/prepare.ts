/**
 * From a container's record to what starts it: files for /etc, config.json, and the steps of the launcher. Everything that
 * must be looked up on the host or in the image is looked up here; what follows from it is worked out by pure functions.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { terminalSize } from '../../host/terminal.ts';
import { requireTool } from '../../host/tools.ts';
import type { InterfaceFact, NetworkPlan } from '../../network/plan.ts';
import type { RuntimeSpec } from '../../oci/runtime-spec.ts';
import { cgroupsPathOf, type CgroupPlan } from '../../runtime/cgroups.ts';
import { PAUSE_COMMAND, type ContainerRecord, type ResolvedMount } from '../../runtime/container-record.ts';
import { blockDevices, expandDevices } from '../../runtime/host-devices.ts';
import { readHostFacts } from '../../runtime/host-facts.ts';
import { buildRuntimeSpec } from '../../runtime/oci-spec/build.ts';
import type { NetworkFact, RuntimeSpecInput } from '../../runtime/oci-spec/input.ts';
import { compiledSeccompFile, withCompiledSeccomp } from '../../runtime/seccomp-cache.ts';
import { ipVersion } from '../../spec/ip-address.ts';
import type { ContainerPaths, StoreLayout } from '../../storage/layout.ts';
import { defaultIdMaps } from '../../userns/id-maps.ts';
import { helperPath } from '../../userns/launch.ts';
import type { LaunchStep } from '../../userns/launch-request.ts';
import type { Engine } from '../engine.ts';
import type { PlannedAttachment } from '../networks/attachments.ts';
import { generatedFiles } from './generated-files.ts';
import { imageUsers } from './image-users.ts';
import { idsOutside, mountSteps, type Steps } from './mount-steps.ts';
import { nestedNamespace } from './nested-namespace.ts';
import { readSeccompFile } from './seccomp-file.ts';
import { handedOn } from './service-manager.ts';
import type { SharedNamespaces } from './shared-namespaces.ts';

export interface Preparation {
  readonly runtimeSpec: RuntimeSpec;
  /** File for the filter that crun compiles from the profile. */
  readonly compiledSeccomp: string | undefined;
  readonly network: NetworkPlan;
  /** Its interfaces on named networks; their addresses are taken. */
  readonly planned: readonly PlannedAttachment[];
  readonly steps: readonly LaunchStep[];
  readonly firstUses: Steps['firstUses'];
  /** The launcher makes the network namespace, so that it can be connected while crun still works. */
  readonly earlyNetwork: boolean;
}

/** @param given attached: our own terminal is going to be the container's; network: the launcher makes the network namespace; shared: what `container:X` means */
export async function prepareContainer(engine: Engine, record: ContainerRecord, cgroup: CgroupPlan, given: { readonly attached: boolean; readonly network: boolean; readonly shared: SharedNamespaces; readonly secretEnvironment?: readonly string[] }): Promise<Preparation> {
  const { spec, config } = record;
  const paths = engine.store.layout.container(record.id);
  const maps = defaultIdMaps();
  if (maps.single !== undefined) explainSingleId(engine, maps.single);
  const { shared } = given;
  const userNamespace = shared.userNamespace ?? nestedNamespace(spec.namespaces.user, config.ids);
  const planned = await plannedAttachments(engine, record);
  const network = await planContainerNetwork(engine.store.layout, record, shared, planned);
  for (const text of network.warnings) engine.progress({ kind: 'message', level: 'warning', text });
  const users = imageUsers(engine.store.layout, record);
  const host = readHostFacts(maps, cgroup, spec.privileged);
  if (spec.oomScoreAdj !== undefined) tellOfOomScore(engine, spec.oomScoreAdj, host.oomScoreAdjustment);
  const files = generatedFiles(record, paths, { network, shared, users });
  const secrets = record.config.secrets === undefined ? undefined : (await import('../secrets/containers.ts')).startSecrets(record, paths, (uid, gid) => idsOutside(userNamespace, uid, gid));
  const cdi = spec.cdiDevices === undefined ? undefined : await (await import('../../runtime/cdi.ts')).resolveCdi(spec.cdiDevices);
  const service = handedOn(spec, paths);
  const { steps, mounts } = await mountSteps(engine, record, { cgroup, users, userNamespace });
  const input: RuntimeSpecInput = {
    spec: { ...spec, namespaces: shared.namespaces },
    config,
    rootfs: steps.root,
    user: users.user,
    mounts: record.pod?.infra === true ? [...mounts, pauseMount()] : mounts,
    files: [...files, ...(secrets?.files ?? []), ...service.files],
    serviceEnvironment: service.environment,
    secretEnvironment: [...(secrets?.environment ?? []), ...(given.secretEnvironment ?? [])],
    network: networkFact(network, given.network),
    ...(userNamespace === undefined ? {} : { userNamespace }),
    sharedNamespaces: shared.paths,
    ...(shared.shm === undefined ? {} : { sharedShm: shared.shm }),
    devices: spec.devices.flatMap(expandDevices),
    ...(cdi === undefined ? {} : { cdi }),
    ...(spec.init ? { initProgram: initProgram(spec.initPath) } : {}),
    ...(spec.tty && given.attached ? { terminalSize: terminalSize() } : {}),
    ...seccompText(spec.security.seccomp, config.seccompProfile),
    ...cgroupsPath(record, cgroup),
    blockDevices: blockDevices(spec.resources),
    host,
  };
  const runtimeSpec = orGiveUp(steps, () => buildRuntimeSpec(input));
  // Only our own profile is kept compiled.
  const compiledSeccomp = spec.security.seccomp === undefined && input.seccompProfile === undefined ? compiledSeccompFile(engine.store.layout, runtimeSpec, requireTool('crun', 'starting a container').path) : undefined;
  return { runtimeSpec: withCompiledSeccomp(runtimeSpec, compiledSeccomp), compiledSeccomp, network, planned, steps: [...steps.list, ...(secrets?.steps ?? [])], firstUses: steps.firstUses, earlyNetwork: given.network };
}

/** What was begun for new volumes is taken back where the rest of the preparation fails. */
function orGiveUp<T>(steps: Steps, work: () => T): T {
  try {
    return work();
  } catch (error) {
    steps.firstUses.failed();
    throw error;
  }
}

let explained = false;

/** Said once per command: what running with one id cannot do. */
function explainSingleId(engine: Engine, reason: string): void {
  if (explained) return;
  explained = true;
  engine.progress({
    kind: 'message',
    level: 'warning',
    text: `running with a single user id, since ${reason}: users other than root do not exist in containers; \`scull doctor\` tells how to change that`,
  });
}

/** As Podman without root: it is raised, and that is said. */
function tellOfOomScore(engine: Engine, asked: number, own: number): void {
  if (asked >= own) return;
  engine.progress({ kind: 'message', level: 'warning', text: `--oom-score-adj ${asked} is below your own, which takes an administrator: the container gets ${own}` });
}

async function plannedAttachments(engine: Engine, record: ContainerRecord): Promise<readonly PlannedAttachment[]> {
  const { networkMode } = record.config;
  if (networkMode.mode !== 'networks') return [];
  const { planAttachments } = await import('../networks/attachments.ts');
  return planAttachments(engine, record, networkMode.networks);
}

/** @param planned its interfaces on named networks */
export async function planContainerNetwork(layout: StoreLayout, record: ContainerRecord, shared: Partial<Pick<SharedNamespaces, 'network' | 'namespaces'>>, planned: readonly PlannedAttachment[], staleForwarder = false): Promise<NetworkPlan> {
  const { planNetwork } = await import('../../network/plan.ts');
  const { hasNoNetwork, readHostNetwork } = await import('../../network/host-network.ts');
  const { mode } = record.config.networkMode;
  const host = readHostNetwork(mode !== 'none');
  return planNetwork(
    { ...record.spec.network, mode: record.config.networkMode, ports: record.config.ports },
    {
      host: record.spec.network.hostsFile === undefined ? host : { ...host, hosts: (await import('./hosts-file.ts')).hostsFileText(layout, record, record.spec.network.hostsFile) },
      hostname: record.config.hostname,
      containerName: record.name,
      hostUts: (shared.namespaces ?? record.spec.namespaces).uts.mode === 'host',
      ...(shared.network === undefined ? {} : { join: shared.network }),
      canWait: (mode === 'default' || mode === 'pasta') && hasNoNetwork(host) && (await import('../../network/drivers/forwarder.ts')).waitsForNetwork(),
      staleForwarder,
      ...(planned.length === 0 ? {} : { interfaces: await interfaceFacts(planned) }),
    },
  );
}

async function interfaceFacts(planned: readonly PlannedAttachment[]): Promise<InterfaceFact[]> {
  const { hasNameServer } = await import('../../network/drivers/switch.ts');
  return planned.map(({ network, attachment: { ipv4, ipv6 } }) => {
    const gateway = (version: 4 | 6): string => network.subnets.find((subnet) => ipVersion(subnet.gateway) === version)?.gateway ?? '';
    return {
      addresses: { ...(ipv4 === undefined ? {} : { ipv4: { ...ipv4, gateway: gateway(4) } }), ...(ipv6 === undefined ? {} : { ipv6: { ...ipv6, gateway: gateway(6) } }) },
      dns: network.dns && (hasNameServer() || 'missing'),
      internal: network.internal,
    };
  });
}

function networkFact(plan: NetworkPlan, early: boolean): NetworkFact {
  if (plan.namespace.kind === 'new') return early ? { kind: 'inherit' } : { kind: 'new' };
  return plan.namespace;
}

/** What a pod's own container runs, see {@link PAUSE_COMMAND}. */
function pauseMount(): ResolvedMount {
  const source = helperPath() ?? requireTool('catatonit', 'a pod').path;
  return { type: 'bind', source, target: PAUSE_COMMAND[0], readOnly: true, propagation: 'rprivate', options: ['bind', 'nosuid', 'nodev'] };
}

function initProgram(given: string | undefined): string {
  if (given !== undefined) {
    if (!existsSync(given)) throw new ScullError('NOT_FOUND', `the --init-path ${JSON.stringify(given)} does not exist on the host`);
    return given;
  }
  return requireTool('catatonit', '--init').path;
}

/** @param ofImage text that the image brought; it goes before a file, but does not bring back what was switched off */
function seccompText(profile: string | undefined, ofImage: string | undefined): { seccompProfile?: string } {
  if (ofImage !== undefined && profile !== 'unconfined') return { seccompProfile: ofImage };
  const text = profile === undefined ? undefined : readSeccompFile(profile);
  return text === undefined ? {} : { seccompProfile: text };
}

function cgroupsPath(record: ContainerRecord, cgroup: CgroupPlan): { cgroupsPath?: string } {
  const path = cgroupsPathOf(cgroup, record.spec.resources, record.id);
  return path === undefined ? {} : { cgroupsPath: path };
}

/** Writes config.json and the folders the launcher mounts on. */
export function writeBundle(paths: ContainerPaths, preparation: Preparation): void {
  writeFileSync(paths.bundleConfig, JSON.stringify(preparation.runtimeSpec), { mode: 0o600 });
  mkdirSync(paths.mountPoints, { mode: 0o700, recursive: true });
}

