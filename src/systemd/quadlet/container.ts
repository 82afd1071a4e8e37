/** `.container` → a service that runs it: podman-container.unit(5). */
import { existsSync } from 'node:fs';
import type { UnitEntry } from '../unit-file.ts';
import type { Conversion } from './conversion.ts';
import { INSTEAD_OF_ARTIFACT, isArtifactFile } from './keys.ts';
import { pathFrom } from './source.ts';

export function convertContainer(unit: Conversion): void {
  const { resource: name } = unit.source;
  const image = unit.last('Image');
  const rootfs = unit.last('Rootfs');
  if (image === undefined && rootfs === undefined) unit.wrong('[Container] has neither Image= nor Rootfs=');
  if (image !== undefined && rootfs !== undefined) unit.wrong('Image= and Rootfs= exclude each other', rootfs);

  killMode(unit);
  // auto-update finds the unit of a container by this label's value.
  unit.add('Service', 'Environment', 'PODMAN_SYSTEMD_UNIT=%n');
  unit.add('Service', 'Delegate', 'yes');
  unit.addDefault('Service', 'SyslogIdentifier', '%N');
  const words = ['run', '--name', name, '--replace', '--rm', ...notification(unit), '--cgroups', unit.last('CgroupsMode')?.value ?? 'split'];
  words.push(...unit.flags(), ...unit.networks(), ...security(unit), ...devices(unit), ...user(unit), ...unit.remapped(), ...unit.volumes(), ...mounts(unit));
  words.push(...files(unit), ...pod(unit));
  const update = unit.last('AutoUpdate');
  if (update !== undefined) words.push('--label', `io.containers.autoupdate=${update.value}`);
  if (unit.boolean('VolatileTmp') === true && unit.boolean('ReadOnly') !== true) words.push('--tmpfs', '/tmp:rw,size=512M,mode=1777');
  words.push(...unit.podmanArgs());
  if (image !== undefined) words.push(unit.image(image));
  else if (rootfs !== undefined) words.push('--rootfs', rootfs.value);
  const command = unit.last('Exec');
  if (command !== undefined) words.push(...unit.split(command));
  unit.command('ExecStart', words);
  // Asked to end, and waited for; `rm -f` would not ask.
  unit.command('ExecStop', ['stop', '-i', name]);
  // The container goes with its monitor; this is for what a killed monitor leaves.
  unit.command('ExecStopPost', ['rm', '-v', '-f', '-i', name], '-');
  reload(unit, name);
}

/** Only these leave conmon the time to tell how the container ended. */
export function killMode(unit: Conversion): void {
  const mode = unit.own('Service', 'KillMode');
  if (mode === undefined) unit.add('Service', 'KillMode', 'mixed');
  else if (mode.value !== 'mixed' && mode.value !== 'control-group') unit.wrong(`KillMode=${mode.value} can't be: mixed or control-group let a container end well`, mode);
}

function notification(unit: Conversion): string[] {
  const type = unit.own('Service', 'Type');
  if (type !== undefined && type.value !== 'notify' && type.value !== 'oneshot') unit.wrong(`Type=${type.value} can't be: a container's service is of type notify or oneshot`, type);
  if (type?.value === 'oneshot') return [];
  unit.addDefault('Service', 'Type', 'notify');
  unit.add('Service', 'NotifyAccess', 'all');
  const notify = unit.last('Notify');
  if (notify?.value.toLowerCase() === 'healthy') return ['--sdnotify', 'healthy', '-d'];
  return ['--sdnotify', unit.boolean('Notify') === true ? 'container' : 'conmon', '-d'];
}

function security(unit: Conversion): string[] {
  const options = [['NoNewPrivileges', 'no-new-privileges'], ['SecurityLabelDisable', 'label=disable'], ['SecurityLabelNested', 'label=nested']] as const;
  return options.flatMap(([key, option]) => (unit.boolean(key) === true ? ['--security-opt', option] : []));
}

/** `-` before a device: only where there is one. */
function devices(unit: Conversion): string[] {
  return unit.words('AddDevice').flatMap((word) => {
    if (!word.startsWith('-')) return ['--device', word];
    const device = word.slice(1);
    return existsSync(device.split(':', 1)[0] as string) ? ['--device', device] : [];
  });
}

function user(unit: Conversion): string[] {
  const [name, group] = [unit.last('User'), unit.last('Group')];
  if (name === undefined && group !== undefined) unit.wrong('Group= means nothing without User=', group);
  return name === undefined ? [] : ['--user', group === undefined ? name.value : `${name.value}:${group.value}`];
}

function mounts(unit: Conversion): string[] {
  return unit.values('Mount').flatMap((entry) => unit.split(entry).flatMap((mount) => ['--mount', resolvedMount(unit, entry, mount)]));
}

/** The source of a mount may be a file beside this one. Fields are CSV; one in quotes is passed on as it is. */
function resolvedMount(unit: Conversion, entry: UnitEntry, mount: string): string {
  return mount
    .split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)
    .map((field) => {
      const source = /^(source|src)=(.+)$/.exec(field);
      if (source !== null && isArtifactFile(source[2] as string)) unit.wrong(`Mount=: no units are made of .artifact files; ${INSTEAD_OF_ARTIFACT}`, entry);
      return source === null ? field : `${source[1]}=${unit.storage(source[2] as string, entry)}`;
    })
    .join(',');
}

function files(unit: Conversion): string[] {
  return unit.words('EnvironmentFile').flatMap((path) => ['--env-file', pathFrom(unit.source, path)]);
}

function pod(unit: Conversion): string[] {
  const entry = unit.last('Pod');
  if (entry === undefined) return [];
  if (!entry.value.endsWith('.pod')) {
    unit.wrong(`Pod=${entry.value}: the pod must be a .pod file beside this one`, entry);
    return [];
  }
  const other = unit.lookUp(entry.value, entry);
  if (other === undefined) return [];
  unit.add('Unit', 'BindsTo', `${other.service}.service`);
  unit.add('Unit', 'After', `${other.service}.service`);
  return ['--pod', other.resource];
}

function reload(unit: Conversion, name: string): void {
  const [command, signal] = [unit.last('ReloadCmd'), unit.last('ReloadSignal')];
  if (command !== undefined && signal !== undefined) unit.wrong('ReloadCmd= and ReloadSignal= exclude each other', signal);
  else if (command !== undefined) unit.command('ExecReload', ['exec', name, ...unit.split(command)]);
  else if (signal !== undefined) unit.command('ExecReload', ['kill', '--signal', signal.value, name]);
}
