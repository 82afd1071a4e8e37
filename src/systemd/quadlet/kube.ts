/** `.kube` → a service that plays Kubernetes YAML: podman-kube.unit(5). */
import type { Conversion } from './conversion.ts';
import { killMode } from './container.ts';
import { pathFrom } from './source.ts';

export function convertKube(unit: Conversion): void {
  const files = unit.words('Yaml').map((path) => pathFrom(unit.source, path));
  if (files.length === 0) unit.wrong('[Kube] has no Yaml=');
  killMode(unit);
  unit.add('Service', 'Environment', 'PODMAN_SYSTEMD_UNIT=%n');
  unit.addDefault('Service', 'SyslogIdentifier', '%N');
  const type = unit.own('Service', 'Type');
  if (type !== undefined && type.value !== 'notify' && type.value !== 'oneshot') unit.wrong(`Type=${type.value} can't be: the service of a .kube file is of type notify or oneshot`, type);
  if (type?.value !== 'oneshot') {
    unit.addDefault('Service', 'Type', 'notify');
    unit.add('Service', 'NotifyAccess', 'all');
  }
  const play = ['kube', 'play', '--replace', '--service-container', ...unit.flags(), ...unit.remapped(), ...unit.networks(), ...updates(unit)];
  for (const path of unit.words('ConfigMap')) play.push('--configmap', pathFrom(unit.source, path));
  unit.command('ExecStart', [...play, ...unit.podmanArgs(), ...files]);
  // Whatever ended the service: the pods are outside of it in part.
  unit.command('ExecStopPost', ['kube', 'down', ...(unit.boolean('KubeDownForce') === true ? ['--force'] : []), ...files]);
  workingDirectory(unit, files);
}

/** `registry`, `local`, or the same for one container: `name/registry`. */
function updates(unit: Conversion): string[] {
  return unit.values('AutoUpdate').flatMap(({ value }) => {
    const slash = value.indexOf('/');
    const [name, policy] = slash < 0 ? ['', value] : [value.slice(0, slash), value.slice(slash + 1)];
    return ['--annotation', `io.containers.autoupdate${name === '' ? '' : `/${name}`}=${policy}`];
  });
}

/** What relative paths in the YAML count from. */
function workingDirectory(unit: Conversion, files: readonly string[]): void {
  const entry = unit.last('SetWorkingDirectory');
  if (entry === undefined) return;
  const how = entry.value.toLowerCase();
  if (how !== 'yaml' && how !== 'unit') return unit.wrong(`SetWorkingDirectory=${entry.value} is neither yaml nor unit`, entry);
  if (how === 'yaml' && files.length > 1) return unit.wrong('SetWorkingDirectory=yaml needs a single Yaml=', entry);
  const path = how === 'unit' ? unit.source.file.path : (files[0] ?? '/');
  unit.addDefault('Service', 'WorkingDirectory', path.slice(0, Math.max(path.lastIndexOf('/'), 1)));
}
