/** `.volume`, `.network`, `.image`, `.build`: services that make something once and are then there. */
import type { Conversion } from './conversion.ts';
import { pathFrom } from './source.ts';

/** podman-volume.unit(5) */
export function convertVolume(unit: Conversion): void {
  const words = ['volume', 'create', '--ignore', ...unit.flags()];
  const driver = unit.last('Driver');
  if (driver !== undefined) words.push('--driver', driver.value);
  if (driver?.value === 'image') words.push(...imageVolume(unit));
  else words.push(...localVolume(unit));
  unit.command('ExecStart', [...words, ...unit.podmanArgs(), unit.source.resource]);
  unit.oneShot(true);
}

function imageVolume(unit: Conversion): string[] {
  const image = unit.last('Image');
  if (image === undefined) unit.wrong('Driver=image needs Image=', unit.last('Driver'));
  return image === undefined ? [] : ['--opt', `image=${unit.image(image)}`];
}

function localVolume(unit: Conversion): string[] {
  const words: string[] = [];
  const copy = unit.boolean('Copy');
  if (copy !== undefined) words.push('--opt', copy ? 'copy' : 'nocopy');
  const [device, type] = [unit.last('Device'), unit.last('Type')];
  if (device !== undefined) words.push('--opt', `device=${device.value}`);
  if (type !== undefined && device === undefined) unit.wrong('Type= means nothing without Device=', type);
  else if (type !== undefined) words.push('--opt', `type=${type.value}`);
  if (type?.value === 'bind' && device !== undefined) unit.mountsFor(device.value);
  const owners = [['User', 'uid'], ['Group', 'gid']] as const;
  const options = owners.flatMap(([key, option]) => {
    const entry = unit.last(key);
    if (entry !== undefined && !/^\d+$/.test(entry.value)) unit.wrong(`${key}=${entry.value} must be a number`, entry);
    return entry === undefined ? [] : [`${option}=${entry.value}`];
  });
  const mount = unit.last('Options');
  if (mount !== undefined) options.push(mount.value);
  if (options.length > 0) words.push('--opt', `o=${options.join(',')}`);
  return words;
}

/** podman-network.unit(5) */
export function convertNetwork(unit: Conversion): void {
  const { resource: name } = unit.source;
  const [subnets, gateways, ranges] = [unit.values('Subnet'), unit.values('Gateway'), unit.values('IPRange')];
  for (const entry of [...gateways.slice(subnets.length), ...ranges.slice(subnets.length)]) unit.wrong(`${entry.key}=${entry.value} belongs to no Subnet=`, entry);
  const addresses = subnets.flatMap((subnet, index) => {
    const [gateway, range] = [gateways[index], ranges[index]];
    return ['--subnet', subnet.value, ...(gateway === undefined ? [] : ['--gateway', gateway.value]), ...(range === undefined ? [] : ['--ip-range', range.value])];
  });
  unit.command('ExecStart', ['network', 'create', '--ignore', ...unit.flags(), ...addresses, ...unit.podmanArgs(), name]);
  if (unit.boolean('NetworkDeleteOnStop') === true) unit.command('ExecStopPost', ['network', 'rm', name]);
  unit.oneShot(true);
}

/** podman-image.unit(5) */
export function convertImage(unit: Conversion): void {
  const image = unit.last('Image');
  if (image === undefined) unit.wrong('[Image] has no Image=');
  unit.command('ExecStart', ['image', 'pull', ...unit.flags(), ...unit.podmanArgs(), image?.value ?? '']);
  unit.oneShot(true);
}

/** podman-build.unit(5) */
export function convertBuild(unit: Conversion): void {
  if (unit.source.resource === '') unit.wrong('[Build] has no ImageTag=');
  const context = buildContext(unit);
  const file = unit.last('File')?.value;
  const words = ['build', ...unit.flags(), ...unit.networks(), ...unit.volumes()];
  if (file !== undefined) words.push('--file', file);
  unit.command('ExecStart', [...words, ...unit.podmanArgs(), ...(context === undefined ? [] : [context])]);
  unit.oneShot(false);
}

const URL_OF_CONTEXT = /^(https?:\/\/|git:\/\/|github\.com\/)/;

/** What is built from: SetWorkingDirectory= names it or where it is looked for, else it is the directory of File=. */
function buildContext(unit: Conversion): string | undefined {
  const [entry, file] = [unit.last('SetWorkingDirectory'), unit.last('File')];
  const own = unit.own('Service', 'WorkingDirectory')?.value;
  const directory = own ?? (entry === undefined ? undefined : workingDirectory(unit, entry.value.toLowerCase(), file?.value));
  if (own === undefined && directory !== undefined) unit.add('Service', 'WorkingDirectory', directory);
  const named = entry !== undefined && !/^(unit|file)$/i.test(entry.value) ? entry.value : undefined;
  if (named !== undefined) return named;
  if (directory === undefined && file === undefined) unit.wrong('[Build] has neither SetWorkingDirectory= nor File=');
  if (file === undefined) return directory;
  if (/^(\/|%[^%])/.test(file.value) || URL_OF_CONTEXT.test(file.value)) return directory;
  if (directory === undefined) unit.wrong(`File=${file.value} is relative: SetWorkingDirectory= must say to what`, file);
  return directory;
}

function workingDirectory(unit: Conversion, how: string, file: string | undefined): string | undefined {
  const parent = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 1));
  switch (how) {
    case 'unit':
      return parent(unit.source.file.path);
    case 'file':
      if (file === undefined) unit.wrong('SetWorkingDirectory=file needs File=', unit.last('SetWorkingDirectory'));
      return file === undefined ? undefined : parent(pathFrom(unit.source, file));
    default:
      return URL_OF_CONTEXT.test(how) || how.startsWith('/') ? undefined : parent(unit.source.file.path);
  }
}
