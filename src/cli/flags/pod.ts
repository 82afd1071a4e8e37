/** The flags of `pod create`: those of `run` that are about what its containers share, and its own. */
import { containerFlags } from './container.ts';
import { text, toggle, unsupported, unsupportedToggle } from './declare.ts';

const POD = 'pod';

export const podFlags = {
  name: text(POD, 'name', 'Name of the pod; one is made up otherwise', { char: 'n' }),
  replace: toggle(POD, 'Remove a pod that has the name already, with its containers'),
  share: text(POD, 'list', 'Namespaces that its containers share: ipc,net,uts (default), also pid, cgroup, user; +pid adds to the default; none'),
  'exit-policy': text(POD, 'policy', 'When its last container has ended: continue (default), or stop the pod'),
  infra: toggle(POD, 'Have a container that keeps the shared namespaces (default true)', { default: true }),
  'infra-name': text(POD, 'name', 'Name of that container'),
  'infra-conmon-pidfile': text(POD, 'file', "Write the process id of that container's monitor to this file"),
  'pod-id-file': text(POD, 'file', "Write the pod's id to this new file"),

  label: containerFlags.label,
  'label-file': containerFlags['label-file'],
  hostname: containerFlags.hostname,
  restart: text(POD, 'policy', 'Of its containers, unless they are given one: no (default), on-failure[:times], always, unless-stopped'),

  network: containerFlags.network,
  publish: containerFlags.publish,
  'publish-low': containerFlags['publish-low'],
  'add-host': containerFlags['add-host'],
  dns: containerFlags.dns,
  'dns-option': containerFlags['dns-option'],
  'dns-search': containerFlags['dns-search'],
  'hosts-file': containerFlags['hosts-file'],
  'no-hosts': containerFlags['no-hosts'],
  'no-hostname': containerFlags['no-hostname'],
  ip: containerFlags.ip,
  ip6: containerFlags.ip6,
  'mac-address': containerFlags['mac-address'],
  'network-alias': containerFlags['network-alias'],

  volume: containerFlags.volume,
  'volumes-from': containerFlags['volumes-from'],
  device: containerFlags.device,
  gpus: containerFlags.gpus,
  'shm-size': containerFlags['shm-size'],
  sysctl: containerFlags.sysctl,

  userns: containerFlags.userns,
  uidmap: containerFlags.uidmap,
  gidmap: containerFlags.gidmap,
  subuidname: containerFlags.subuidname,
  subgidname: containerFlags.subgidname,
  pid: containerFlags.pid,
  uts: containerFlags.uts,

  // Of all its containers together.
  memory: containerFlags.memory,
  'memory-swap': containerFlags['memory-swap'],
  cpus: containerFlags.cpus,
  'cpu-shares': containerFlags['cpu-shares'],
  'cpuset-cpus': containerFlags['cpuset-cpus'],
  'cpuset-mems': containerFlags['cpuset-mems'],
  'blkio-weight': containerFlags['blkio-weight'],
  'blkio-weight-device': containerFlags['blkio-weight-device'],
  'device-read-bps': containerFlags['device-read-bps'],
  'device-write-bps': containerFlags['device-write-bps'],
  'cgroup-parent': containerFlags['cgroup-parent'],

  'infra-command': unsupported('infra-command'),
  'infra-image': unsupported('infra-image'),
  'security-opt': unsupported('security-opt'),
  'share-parent': unsupportedToggle('share-parent', false),
  'shm-size-systemd': containerFlags['shm-size-systemd'],
};
