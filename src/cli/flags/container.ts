/**
 * The flags of `run` and `create`, with Docker's and Podman's names, shorthands and defaults. What they mean is in
 * container-spec-flags.ts and the parsers of src/spec.
 */
import { choice, integer, list, refusedToggle, text, toggle, unsupported } from './declare.ts';
import { registryFlags } from './registry.ts';

const IDENTITY = 'identity';
const PROCESS = 'process';
const ENVIRONMENT = 'environment';
const FILES = 'file';
const USER_NAMESPACE = 'user namespace';
const NETWORK = 'network';
const NAMESPACE = 'other namespace';
const RESOURCE = 'resource';
const SECURITY = 'security';
const LOGGING = 'logging';
const IMAGE = 'image';
const HEALTH = 'health';

/** Also of `update`. */
export const resourceFlags = {
  memory: text(RESOURCE, 'size', 'Limit of memory, e.g. 512m', { char: 'm' }),
  'memory-swap': text(RESOURCE, 'size', 'Limit of memory and swap together; -1 is no limit'),
  'memory-reservation': text(RESOURCE, 'size', 'Soft limit of memory'),
  'memory-swappiness': integer(RESOURCE, 'How eagerly memory is swapped, 0 to 100', { min: -1, max: 100 }),
  cpus: text(RESOURCE, 'number', 'Number of processors, e.g. 1.5'),
  'cpu-shares': integer(RESOURCE, 'Relative weight of processor time', { min: 0 }, { char: 'c' }),
  'cpu-period': integer(RESOURCE, 'Period of --cpu-quota in microseconds', { min: 0 }),
  'cpu-quota': integer(RESOURCE, 'Processor time within a period in microseconds', { min: -1 }),
  'cpuset-cpus': text(RESOURCE, 'list', 'Processors to run on, e.g. 0-2,4'),
  'cpuset-mems': text(RESOURCE, 'list', 'Memory nodes to use'),
  'pids-limit': integer(RESOURCE, 'Largest number of processes; -1 or 0 is no limit', { min: -1 }),
  'blkio-weight': integer(RESOURCE, 'Relative weight of block devices, 10 to 1000; 0 is none', { min: 0, max: 1000 }),
  'blkio-weight-device': list(RESOURCE, 'device:weight', 'The same for one device'),
  'device-read-bps': list(RESOURCE, 'device:size', 'Bytes a second that may be read from a device, e.g. /dev/sda:1mb'),
  'device-write-bps': list(RESOURCE, 'device:size', 'Bytes a second that may be written to a device'),
  'device-read-iops': list(RESOURCE, 'device:n', 'Operations a second of reading a device'),
  'device-write-iops': list(RESOURCE, 'device:n', 'Operations a second of writing a device'),
  'cgroup-conf': list(RESOURCE, 'file=value', 'Write to a file of the control group, e.g. memory.high=1073741824'),
};

/** Also of `update`. */
export const healthFlags = {
  'health-cmd': text(HEALTH, 'command', 'Command that tells by its exit status whether all is well: a line for the shell, a JSON list of words, or none'),
  'health-interval': text(HEALTH, 'span', 'Time between checks, or disable (default 30s)'),
  'health-timeout': text(HEALTH, 'span', 'Time that a check may take (default 30s)'),
  'health-retries': integer(HEALTH, 'Failures in a row that make it unhealthy (default 3)', { min: 1 }),
  'health-start-period': text(HEALTH, 'span', 'Time from the start in which failures do not count (default 0s)'),
  'health-on-failure': text(HEALTH, 'action', 'What becomes of an unhealthy container: none (default), kill, restart, stop'),
  'health-startup-cmd': text(HEALTH, 'command', 'Check that must succeed before the others begin'),
  'health-startup-interval': text(HEALTH, 'span', 'Time between startup checks, or disable (default 30s)'),
  'health-startup-timeout': text(HEALTH, 'span', 'Time that a startup check may take (default 30s)'),
  'health-startup-retries': integer(HEALTH, 'Failures of the startup check after which the container is started anew; 0 (default) is never', { min: 0 }),
  'health-startup-success': integer(HEALTH, 'Successes in a row that end the startup checks (default 1)', { min: 0 }),
  'health-log-destination': text(HEALTH, 'place', 'local (default), a directory, or events_logger'),
  'health-max-log-count': integer(HEALTH, 'Checks that are remembered (default 5); 0 is all', { min: 0 }),
  'health-max-log-size': integer(HEALTH, "Characters of a check's output that are remembered (default 500); 0 is all", { min: 0 }),
};

/** Run and create. Which of them `exec` shares is in exec's own table. */
export const containerFlags = {
  interactive: toggle(PROCESS, 'Keep standard input open', { char: 'i' }),
  tty: toggle(PROCESS, 'Give the container a terminal', { char: 't' }),
  entrypoint: text(PROCESS, 'command', 'Program to run instead of the image\'s entry point; "" clears it, a JSON list gives it arguments'),
  workdir: text(PROCESS, 'path', 'Working directory in the container', { char: 'w' }),
  user: text(PROCESS, 'user[:group]', 'Who the program runs as, names or numbers of the image', { char: 'u' }),
  'group-add': list(PROCESS, 'group', "Further group; keep-groups keeps the caller's"),
  passwd: toggle(PROCESS, "Enter who runs the program in /etc/passwd and /etc/group where the image does not know him (default true)", { default: true }),
  'passwd-entry': text(PROCESS, 'entry', 'Line to enter in /etc/passwd then, with $USERNAME, $UID, $GID, $NAME and $HOME'),
  'group-entry': text(PROCESS, 'entry', 'Line to enter in /etc/group then, with $GROUPNAME, $GID and $USERLIST'),
  hostuser: list(PROCESS, 'user', "Enter this user of the host, a name or a number, in the container's /etc/passwd"),
  personality: text(PROCESS, 'domain', 'Execution domain, LINUX or LINUX32: with the latter the kernel calls itself i686'),
  umask: text(PROCESS, 'octal', 'File mode creation mask (default 0022)'),
  init: toggle(PROCESS, 'Run a small init as process 1 that forwards signals and reaps'),
  'init-path': text(PROCESS, 'path', 'Program that --init runs'),
  systemd: text(PROCESS, 'mode', 'Prepare the container for systemd as its init: true (default: where the command is an init), false, always'),
  'stop-signal': text(PROCESS, 'signal', 'Signal that asks the program to stop'),
  'stop-timeout': integer(PROCESS, 'Seconds from the stop signal to SIGKILL (default 10)', { min: -1 }),
  timeout: integer(PROCESS, 'Seconds the container may run before it is killed; 0 is no limit', { min: 0 }),
  restart: text(PROCESS, 'policy', 'Start it again when it ends: no (default), on-failure[:times], always, unless-stopped'),
  requires: list(PROCESS, 'container,…', 'Start these containers first, whenever it is started'),
  rm: toggle(PROCESS, 'Remove the container, and its anonymous volumes, when it ends'),

  sdnotify: text(PROCESS, 'mode', 'Who tells systemd that the container is ready: container (default), conmon, healthy, or ignore'),

  name: text(IDENTITY, 'name', 'Name of the container; one is made up otherwise'),
  replace: toggle(IDENTITY, 'Remove a container that has the name already'),
  label: list(IDENTITY, 'key=value', 'Set a label', { char: 'l' }),
  'label-file': list(IDENTITY, 'file', 'Set the labels in a file, one key=value a line'),
  annotation: list(IDENTITY, 'key=value', 'Set an OCI annotation'),
  cidfile: text(IDENTITY, 'file', "Write the container's id to this new file"),
  pidfile: text(IDENTITY, 'file', "Write the process id of the container's program to this file"),
  'conmon-pidfile': text(IDENTITY, 'file', "Write the process id of the container's monitor to this file"),
  pod: text(IDENTITY, 'pod', 'Live in this pod; new:NAME makes one, with the network and the ports that are asked for here'),
  'pod-id-file': text(IDENTITY, 'file', 'Take the id of the pod from this file', { exclusive: ['pod'] }),
  hostname: text(IDENTITY, 'name', "The container's host name", { char: 'h' }),

  env: list(ENVIRONMENT, 'name[=value]', "Set a variable; without a value it is the caller's, NAME* takes all that begin so", { char: 'e' }),
  'env-file': list(ENVIRONMENT, 'file', 'Set the variables in a file, one name=value a line'),
  'env-host': toggle(ENVIRONMENT, "Pass all of the caller's variables on"),
  'env-merge': list(ENVIRONMENT, 'name=value', "Set a variable whose ${NAME} are the image's values"),
  unsetenv: list(ENVIRONMENT, 'name', 'Drop a variable that the image sets'),
  'unsetenv-all': toggle(ENVIRONMENT, 'Drop all variables that the image sets'),
  secret: list(ENVIRONMENT, 'name[,option…]', 'Give it a secret: type=mount|env, target=, uid=, gid=, mode='),
  'http-proxy': toggle(ENVIRONMENT, "Pass the caller's proxy variables on (default true)", { default: true }),
  tz: text(ENVIRONMENT, 'zone', 'Time zone, e.g. Europe/Berlin, or local'),

  volume: list(FILES, '[source:]target[:options]', 'Mount a directory of the host, or a named volume', { char: 'v' }),
  mount: list(FILES, 'key=value,…', 'The same with names: type=bind,source=/src,target=/dst,readonly'),
  tmpfs: list(FILES, 'target[:options]', 'Mount an empty file system in memory'),
  'volumes-from': list(FILES, 'container[:ro]', 'Mount the volumes of another container'),
  'read-only': toggle(FILES, "Make the container's root read-only"),
  'read-only-tmpfs': toggle(FILES, 'With --read-only, keep /run, /tmp and /var/tmp writable, in memory (default true)', { default: true }),
  'image-volume': text(FILES, 'mode', "What becomes of the image's volumes: anonymous (default), tmpfs or ignore"),
  rootfs: toggle(FILES, 'IMAGE is a directory of the host that holds a root file system; with :O behind it stays as it is'),
  device: list(FILES, 'path[:target[:rwm]]|vendor/class=name', 'Let the container use a device of the host'),
  gpus: list(FILES, 'all|device=name', 'The same for GPUs, by what their driver has written to a CDI file'),

  userns: text(USER_NAMESPACE, 'mode', 'How ids map: host (default), keep-id[:uid=,gid=,size=], nomap, auto[:size=], container:NAME, ns:PATH'),
  uidmap: list(USER_NAMESPACE, 'container:host[:size]', 'Map user ids by hand'),
  gidmap: list(USER_NAMESPACE, 'container:host[:size]', 'Map group ids by hand (default: as --uidmap)'),
  subuidname: text(USER_NAMESPACE, 'name', 'Map the ids that /etc/subuid gives to this name, from 0 on'),
  subgidname: text(USER_NAMESPACE, 'name', 'The same with /etc/subgid (default: as --subuidname)'),

  network: list(NETWORK, 'mode', 'pasta[:options] (default), none, host, bridge, NAME[:ip=…,mac=…,alias=…], container:NAME, ns:PATH; names as often as wanted', { aliases: ['net'] }),
  ip: text(NETWORK, 'address', 'IPv4 address on its network'),
  ip6: text(NETWORK, 'address', 'IPv6 address on its network'),
  'mac-address': text(NETWORK, 'address', 'Hardware address on its network'),
  'network-alias': list(NETWORK, 'name', 'Further name by which others on its networks find it', { aliases: ['net-alias'] }),
  publish: list(NETWORK, '[[ip:]port:]port[/udp]', 'Make a port of the container reachable on the host; ranges as 8000-8010:80-90', { char: 'p' }),
  'publish-all': toggle(NETWORK, 'Publish all exposed ports on free ports of the host', { char: 'P' }),
  'publish-low': choice(NETWORK, ['auto', 'never'], 'auto: a host port that only root may take is published 8000 higher, 80 as 8080 (default never)'),
  expose: list(NETWORK, 'port[/udp]', 'Declare a port, for --publish-all'),
  'add-host': list(NETWORK, 'name:ip', 'Add a line to /etc/hosts; host-gateway stands for the host'),
  dns: list(NETWORK, 'ip', "Name server instead of the host's; none keeps the image's resolv.conf"),
  'dns-option': list(NETWORK, 'option', 'Option for resolv.conf', { aliases: ['dns-opt'] }),
  'dns-search': list(NETWORK, 'domain', 'Search domain for resolv.conf'),
  'hosts-file': text(NETWORK, 'file', "What /etc/hosts begins from instead of the host's own file: a file of the host, image or none"),
  'no-hosts': toggle(NETWORK, "Leave the image's /etc/hosts as it is"),
  'no-hostname': toggle(NETWORK, "Leave the image's /etc/hostname as it is"),

  pid: text(NAMESPACE, 'mode', 'Process ids: private (default), host, container:NAME, ns:PATH'),
  ipc: text(NAMESPACE, 'mode', 'Shared memory and queues: private, shareable, none, host, container:NAME, ns:PATH'),
  uts: text(NAMESPACE, 'mode', 'Host name: private (default), host, container:NAME, ns:PATH'),
  cgroupns: text(NAMESPACE, 'mode', 'View of control groups: private (default), host, container:NAME, ns:PATH'),

  ...resourceFlags,
  ulimit: list(RESOURCE, 'name=soft[:hard]', 'Resource limit of processes, e.g. nofile=1024:2048; host keeps the caller\'s'),
  'shm-size': text(RESOURCE, 'size', 'Size of /dev/shm (default 64m)'),
  'shm-size-systemd': text(RESOURCE, 'size', 'Size of /run, /tmp and the like, which --systemd mounts in memory (default: half of the memory)'),
  'oom-score-adj': integer(RESOURCE, 'How readily the kernel kills it when memory ends, -1000 to 1000', { min: -1000, max: 1000 }),
  cgroups: text(RESOURCE, 'mode', 'enabled (default), disabled, no-conmon or split'),
  'cgroup-parent': text(RESOURCE, 'path', 'Control group to put the container under'),

  'cap-add': list(SECURITY, 'capability', 'Add a Linux capability, or all'),
  'cap-drop': list(SECURITY, 'capability', 'Drop a Linux capability, or all'),
  'security-opt': list(SECURITY, 'option', 'no-new-privileges, seccomp=FILE|unconfined, mask=PATHS, unmask=PATHS|ALL, proc-opts=…, apparmor=…, label=…'),
  'seccomp-policy': choice(SECURITY, ['default', 'image'], 'image: take the seccomp profile from the label io.containers.seccomp.profile of the image'),
  privileged: toggle(SECURITY, 'All capabilities and devices the caller has, nothing masked; never more than the caller'),
  sysctl: list(SECURITY, 'name=value', 'Set a kernel parameter of the container\'s namespaces'),

  'log-driver': text(LOGGING, 'driver', 'k8s-file (default), json-file, journald, none or passthrough'),
  'log-opt': list(LOGGING, 'name=value', 'max-size=SIZE, path=FILE, tag=TEXT, label=NAME'),

  ...healthFlags,
  'no-healthcheck': toggle(HEALTH, "Run no health check, also not the image's"),

  pull: text(IMAGE, 'policy', 'When to pull the image: missing (default), always, newer, never'),
  quiet: toggle(IMAGE, 'Show no progress of a pull', { char: 'q' }),
  platform: text(IMAGE, 'os/arch[/variant]', 'Platform of the image', { exclusive: ['arch', 'os', 'variant'] }),
  arch: text(IMAGE, 'arch', 'Architecture of the image'),
  os: text(IMAGE, 'os', 'Operating system of the image'),
  variant: text(IMAGE, 'variant', 'Variant of the architecture'),
  ...registryFlags,

  ...laterContainerFlags(),
};

/** What Docker or Podman have and this version does not, apart from values that ask for what is done anyway. */
function laterContainerFlags() {
  return {
    chrootdirs: unsupported('chrootdirs'),
    'cpu-rt-period': unsupported('cpu-rt-period', [], { instead: 'real-time shares need control groups v1, which no rootless engine can use' }),
    'cpu-rt-runtime': unsupported('cpu-rt-runtime', [], { instead: 'real-time shares need control groups v1, which no rootless engine can use' }),
    'decryption-key': unsupported('decryption-key', [], { instead: 'decrypt the image first, e.g. with skopeo copy --decryption-key' }),
    'device-cgroup-rule': unsupported('device-cgroup-rule', [], { instead: 'without root the owner and mode of a device decide who may use it: give it to the container with --device' }),
    'init-ctr': unsupported('init-ctr', [], { instead: 'name it in initContainers of Kubernetes YAML, which scull kube play runs first' }),
    link: unsupported('link', [], { instead: 'put both on one network, where they find each other by name: scull network create NAME, then --network NAME' }),
    'link-local-ip': unsupported('link-local-ip', [], { instead: 'give an address of a network with --ip or --ip6' }),
    'rdt-class': unsupported('rdt-class', [], { instead: 'classes of resctrl are for root to give' }),
    runtime: unsupported('runtime', ['crun']),
    'storage-opt': unsupported('storage-opt', [], { instead: 'a container takes what the file system of the store has; set a quota there' }),
    'volume-driver': unsupported('volume-driver', ['local']),
    'oom-kill-disable': refusedToggle('--oom-kill-disable: control groups v2, which rootless containers live in, have no such switch', 'make it less likely that the kernel chooses the container, with --oom-score-adj, or give it more --memory'),
    // Image signatures were never Docker content trust.
    'disable-content-trust': toggle(IMAGE, 'Accepted for Docker', { hidden: true }),
  };
}
