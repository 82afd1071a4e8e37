/** --device HOST[:CONTAINER][:PERMISSIONS], or a name of the Container Device Interface, and --gpus. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import { parseCdiName } from '../oci/cdi-name.ts';
import type { ContainerSpec, DeviceRequest } from './container-spec.ts';

/** @param gpus each as {@link parseGpus} takes it @throws ScullError INVALID */
export function parseDevices(devices: readonly string[], gpus: readonly string[] = []): Pick<ContainerSpec, 'devices' | 'cdiDevices'> {
  const named = devices.filter((text) => parseCdiName(text) !== undefined);
  const cdiDevices = [...named, ...gpus.flatMap(parseGpus)];
  return { devices: devices.filter((text) => !named.includes(text)).map(parseDevice), ...(cdiDevices.length === 0 ? {} : { cdiDevices }) };
}

/**
 * `all`, names as the vendor has them, or Docker's `device=0,1`, in quotes or not. A bare number means so many of them to Docker and the one of that
 * name to Podman, so it is refused.
 * @returns CDI names without a vendor
 */
function parseGpus(text: string): string[] {
  const given = /^"?(?:device=)?([^"]*)"?$/.exec(text)?.[1] ?? '';
  if (/^-?\d+$/.test(text)) throw new ScullError('INVALID', `--gpus ${text} is a number of GPUs to Docker and the name of one to Podman`, { hint: `say --gpus all, or which: --gpus device=${text}` });
  return given.split(',').map((device) => {
    const name = `gpu=${device}`;
    if (parseCdiName(`vendor/${name}`) === undefined) throw new ScullError('INVALID', `invalid --gpus ${JSON.stringify(text.slice(0, 200))}: expected all, or device= with names, for example device=0,1`);
    return name;
  });
}

/** @throws ScullError INVALID saying which part is wrong */
function parseDevice(text: string): DeviceRequest {
  const parts = text.split(':');
  const [source = '', second, third] = parts;
  if (parts.length > 3) throw invalid(text, 'too many parts');
  if (!source.startsWith('/')) throw invalid(text, `the device ${JSON.stringify(source)} is not an absolute path`);
  const isPermissions = second !== undefined && !second.startsWith('/');
  if (isPermissions && third !== undefined) throw invalid(text, `the path in the container ${JSON.stringify(second)} is not absolute`);
  const target = second === undefined || isPermissions ? source : second;
  const permissions = (isPermissions ? second : third) ?? 'rwm';
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) throw invalid(text, `the permissions ${JSON.stringify(permissions)} are not made of r, w and m`);
  return { source: posix.normalize(source), target: posix.normalize(target), permissions };
}

function invalid(text: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid device ${JSON.stringify(text.slice(0, 200))}: ${why}; expected host-path[:container-path][:permissions] or vendor/class=name, for example /dev/ttyUSB0:/dev/modem:rw or nvidia.com/gpu=all`);
}
