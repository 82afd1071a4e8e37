/** The flags of `kube play`. */
import { containerFlags } from './container.ts';
import { list, text, toggle, unsupported, unsupportedToggle } from './declare.ts';
import { registryFlags } from './registry.ts';

const KUBE = 'kube';

export const kubePlayFlags = {
  annotation: list(KUBE, 'key=value', 'Set an annotation of every pod, such as io.containers.autoupdate=registry'),
  configmap: list(KUBE, 'file', 'File with ConfigMaps that the pods refer to'),
  down: toggle(KUBE, 'Stop and remove what an earlier run made, as `kube down`', { hidden: true }),
  force: toggle(KUBE, 'With --down, remove the volumes of claims too'),
  replace: toggle(KUBE, 'Stop and remove what an earlier run made first'),
  start: toggle(KUBE, 'Start what is made (default true)', { default: true }),
  wait: toggle(KUBE, 'Stay until the containers have ended or you interrupt, then remove everything, volumes too', { char: 'w' }),
  'no-pod-prefix': toggle(KUBE, "Call containers by their own names, not POD-NAME"),
  'service-container': toggle(KUBE, 'Start a container that stands for all pods, for a unit', { hidden: true }),
  'service-exit-code-propagation': text(KUBE, 'how', 'What its exit status tells: none (default), any or all', { hidden: true }),

  build: toggle(KUBE, 'Build images also where they are here already; =false: build none'),
  'context-dir': text(KUBE, 'folder', 'Where the folders of images to be built are, instead of beside the file'),
  network: containerFlags.network,
  publish: containerFlags.publish,
  'publish-all': toggle(KUBE, 'Publish every containerPort, also one without a hostPort'),
  ip: list(KUBE, 'address', 'IPv4 address of the pod on its network; several for several pods'),
  'mac-address': list(KUBE, 'address', 'The same, hardware address'),
  'no-hosts': containerFlags['no-hosts'],
  'no-hostname': containerFlags['no-hostname'],
  userns: containerFlags.userns,
  'log-driver': containerFlags['log-driver'],
  'log-opt': containerFlags['log-opt'],
  quiet: toggle(KUBE, 'No progress', { char: 'q' }),
  ...registryFlags,

  'seccomp-profile-root': unsupported('seccomp-profile-root'),
  'no-trunc': unsupportedToggle('no-trunc', true),
};
