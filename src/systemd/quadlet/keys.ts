/**
 * Every key of Quadlet's sections (podman-container.unit(5) and its siblings), and what it becomes on scull's command line. Keys that
 * need more than a row (references to other files, paths, keys that belong together) are `own`: the converter of the kind has them.
 */

/**
 * - `last`: `--flag VALUE`, the last value
 * - `equals`: `--flag=VALUE`, the last value, also an empty one
 * - `each`: `--flag VALUE` for each value
 * - `words`: `--flag WORD` for each word of each value
 * - `pairs`: `--flag KEY=VALUE` for each word, the last one of a key
 * - `boolean`: `--flag`, or `--flag=false`
 * - `option`: `--security-opt NAME=VALUE`, the flag is the name
 * - `own`: worked out by the converter of the kind
 * - `refused`: what scull has nothing for; the flag says why
 */
export type KeyRow = readonly [key: string, how: 'last' | 'equals' | 'each' | 'words' | 'pairs' | 'boolean' | 'option' | 'own' | 'refused', flag?: string];

export type Kind = 'container' | 'volume' | 'network' | 'pod' | 'image' | 'build' | 'kube';

const modules: KeyRow = ['ContainersConfModule', 'refused', 'scull reads no modules of containers.conf'];
const everywhere: readonly KeyRow[] = [['GlobalArgs', 'own'], ['PodmanArgs', 'own'], ['ServiceName', 'own'], modules];
const remapped: readonly KeyRow[] = [['RemapUsers', 'own'], ['RemapUid', 'own'], ['RemapGid', 'own'], ['RemapUidSize', 'own']];
const idMaps: readonly KeyRow[] = [['UserNS', 'last', '--userns'], ['UIDMap', 'words', '--uidmap'], ['GIDMap', 'words', '--gidmap'], ['SubUIDMap', 'last', '--subuidname'], ['SubGIDMap', 'last', '--subgidname'], ...remapped];
const names: readonly KeyRow[] = [['DNS', 'each', '--dns'], ['DNSOption', 'each', '--dns-option'], ['DNSSearch', 'each', '--dns-search']];
const pullRetries: readonly KeyRow[] = [['Retry', 'last', '--retry'], ['RetryDelay', 'last', '--retry-delay']];

const container: readonly KeyRow[] = [
  ...everywhere,
  ['Image', 'own'], ['Rootfs', 'own'], ['Exec', 'own'], ['ContainerName', 'own'], ['Notify', 'own'], ['Pod', 'own'], ['StartWithPod', 'own'], ['ReloadCmd', 'own'], ['ReloadSignal', 'own'],
  ['LogDriver', 'last', '--log-driver'], ['LogOpt', 'words', '--log-opt'],
  ['CgroupsMode', 'own'], ['Entrypoint', 'equals', '--entrypoint'],
  ['Timezone', 'last', '--tz'], ['PidsLimit', 'last', '--pids-limit'], ['ShmSize', 'last', '--shm-size'], ['WorkingDir', 'last', '--workdir'], ['IP', 'last', '--ip'], ['IP6', 'last', '--ip6'],
  ['HostName', 'last', '--hostname'], ['StopSignal', 'last', '--stop-signal'], ['StopTimeout', 'last', '--stop-timeout'], ['Pull', 'last', '--pull'], ['Memory', 'last', '--memory'],
  ...pullRetries,
  ['NetworkAlias', 'each', '--network-alias'], ['Ulimit', 'each', '--ulimit'], ...names, ['GroupAdd', 'each', '--group-add'], ['AddHost', 'each', '--add-host'], ['Tmpfs', 'each', '--tmpfs'],
  ['RunInit', 'boolean', '--init'], ['EnvironmentHost', 'boolean', '--env-host'], ['HttpProxy', 'boolean', '--http-proxy'], ['ReadOnlyTmpfs', 'boolean', '--read-only-tmpfs'], ['ReadOnly', 'boolean', '--read-only'],
  ['Network', 'own'],
  ['NoNewPrivileges', 'own'], ['SecurityLabelDisable', 'own'], ['SecurityLabelNested', 'own'],
  ['SecurityLabelType', 'option', 'label=type:'], ['SecurityLabelFileType', 'option', 'label=filetype:'], ['SecurityLabelLevel', 'option', 'label=level:'],
  ['AppArmor', 'option', 'apparmor='], ['SeccompProfile', 'option', 'seccomp='], ['Mask', 'option', 'mask='], ['Unmask', 'option', 'unmask='],
  ['AddDevice', 'own'], ['DropCapability', 'words', '--cap-drop'], ['AddCapability', 'words', '--cap-add'], ['Sysctl', 'words', '--sysctl'],
  ['VolatileTmp', 'own'], ['User', 'own'], ['Group', 'own'], ...idMaps,
  ['Volume', 'own'], ['Mount', 'own'], ['AutoUpdate', 'own'], ['ExposeHostPort', 'each', '--expose'], ['PublishPort', 'each', '--publish'],
  ['Environment', 'pairs', '--env'], ['Label', 'pairs', '--label'], ['Annotation', 'pairs', '--annotation'], ['EnvironmentFile', 'own'], ['Secret', 'words', '--secret'],
  ['HealthCmd', 'last', '--health-cmd'], ['HealthInterval', 'last', '--health-interval'], ['HealthOnFailure', 'last', '--health-on-failure'], ['HealthLogDestination', 'last', '--health-log-destination'],
  ['HealthMaxLogCount', 'last', '--health-max-log-count'], ['HealthMaxLogSize', 'last', '--health-max-log-size'], ['HealthRetries', 'last', '--health-retries'],
  ['HealthStartPeriod', 'last', '--health-start-period'], ['HealthTimeout', 'last', '--health-timeout'], ['HealthStartupCmd', 'last', '--health-startup-cmd'],
  ['HealthStartupInterval', 'last', '--health-startup-interval'], ['HealthStartupRetries', 'last', '--health-startup-retries'], ['HealthStartupSuccess', 'last', '--health-startup-success'],
  ['HealthStartupTimeout', 'last', '--health-startup-timeout'],
];

const volume: readonly KeyRow[] = [
  ...everywhere,
  ['VolumeName', 'own'], ['Driver', 'own'], ['Image', 'own'], ['Copy', 'own'], ['Device', 'own'], ['Type', 'own'], ['Options', 'own'], ['User', 'own'], ['Group', 'own'],
  ['UID', 'last', '--uid'], ['GID', 'last', '--gid'], ['Label', 'pairs', '--label'],
];

const network: readonly KeyRow[] = [
  ...everywhere,
  ['NetworkName', 'own'], ['NetworkDeleteOnStop', 'own'], ['Subnet', 'own'], ['Gateway', 'own'], ['IPRange', 'own'],
  ['DisableDNS', 'boolean', '--disable-dns'], ['Internal', 'boolean', '--internal'], ['IPv6', 'boolean', '--ipv6'],
  ['Driver', 'last', '--driver'], ['IPAMDriver', 'last', '--ipam-driver'], ['InterfaceName', 'last', '--interface-name'],
  ['DNS', 'each', '--dns'], ['Options', 'pairs', '--opt'], ['Label', 'pairs', '--label'],
];

const pod: readonly KeyRow[] = [
  ...everywhere,
  ['PodName', 'own'], ['ExitPolicy', 'own'], ['StopTimeout', 'own'], ...idMaps, ['PublishPort', 'each', '--publish'], ['Label', 'pairs', '--label'], ['Network', 'own'],
  ['IP', 'last', '--ip'], ['IP6', 'last', '--ip6'], ['ShmSize', 'last', '--shm-size'],
  ['NetworkAlias', 'each', '--network-alias'], ...names, ['AddHost', 'each', '--add-host'], ['HostName', 'last', '--hostname'], ['Volume', 'own'],
];

const image: readonly KeyRow[] = [
  ...everywhere,
  ['Image', 'own'], ['ImageTag', 'own'],
  ['Arch', 'last', '--arch'], ['AuthFile', 'last', '--authfile'], ['CertDir', 'last', '--cert-dir'], ['Creds', 'last', '--creds'], ['DecryptionKey', 'refused', 'scull does not decrypt images'],
  ['OS', 'last', '--os'], ['Policy', 'last', '--policy'], ['Variant', 'last', '--variant'], ...pullRetries, ['AllTags', 'boolean', '--all-tags'], ['TLSVerify', 'boolean', '--tls-verify'],
];

const build: readonly KeyRow[] = [
  ...everywhere,
  ['ImageTag', 'each', '--tag'], ['SetWorkingDirectory', 'own'], ['File', 'own'], ['Network', 'own'], ['Volume', 'own'], ['Pull', 'equals', '--pull'],
  ['Arch', 'last', '--arch'], ['AuthFile', 'last', '--authfile'], ['IgnoreFile', 'last', '--ignorefile'], ['Target', 'last', '--target'], ['Variant', 'last', '--variant'], ...pullRetries,
  ['TLSVerify', 'boolean', '--tls-verify'], ['ForceRM', 'boolean', '--force-rm'], ...names, ['GroupAdd', 'each', '--group-add'],
  ['BuildArg', 'pairs', '--build-arg'], ['Environment', 'pairs', '--env'], ['Label', 'pairs', '--label'], ['Annotation', 'pairs', '--annotation'], ['Secret', 'words', '--secret'],
];

const kube: readonly KeyRow[] = [
  ...everywhere,
  ['Yaml', 'own'], ['ConfigMap', 'own'], ['AutoUpdate', 'own'], ['SetWorkingDirectory', 'own'], ['KubeDownForce', 'own'], ['Network', 'own'], ...remapped,
  ['ExitCodePropagation', 'last', '--service-exit-code-propagation'], ['LogDriver', 'last', '--log-driver'], ['LogOpt', 'words', '--log-opt'], ['UserNS', 'last', '--userns'], ['PublishPort', 'each', '--publish'],
];

export interface KindOfFile {
  readonly section: string;
  /** Behind the file's name, in that of the service. */
  readonly suffix: string;
  readonly keys: readonly KeyRow[];
}

/** By the ending of the file's name. */
export const KINDS: Readonly<Record<Kind, KindOfFile>> = {
  container: { section: 'Container', suffix: '', keys: container },
  volume: { section: 'Volume', suffix: '-volume', keys: volume },
  network: { section: 'Network', suffix: '-network', keys: network },
  pod: { section: 'Pod', suffix: '-pod', keys: pod },
  image: { section: 'Image', suffix: '-image', keys: image },
  build: { section: 'Build', suffix: '-build', keys: build },
  kube: { section: 'Kube', suffix: '', keys: kube },
};

export function kindOf(fileName: string): Kind | undefined {
  const ending = fileName.slice(fileName.lastIndexOf('.') + 1);
  return Object.hasOwn(KINDS, ending) && ending.length < fileName.length - 1 ? (ending as Kind) : undefined;
}

/** Podman's newest kind of file, still experimental there, is none of ours: it pulls an artifact, which the container's own unit can do. */
export const INSTEAD_OF_ARTIFACT = 'ExecStartPre=scull pull ARTIFACT in [Service] of the container, which then mounts ARTIFACT by that name, does the same';

export function isArtifactFile(fileName: string): boolean {
  return fileName.endsWith('.artifact');
}
