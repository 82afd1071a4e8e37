/** --device HOST[:CONTAINER][:PERMISSIONS]. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { DeviceRequest } from './container-spec.ts';

/** @throws ScullError INVALID saying which part is wrong; UNSUPPORTED for CDI names */
export function parseDevice(text: string): DeviceRequest {
  const parts = text.split(':');
  const [source = '', second, third] = parts;
  if (parts.length > 3) throw invalid(text, 'too many parts');
  if (/^[a-z0-9.-]+\/[a-z0-9._-]+=/i.test(text)) {
    throw new ScullError('UNSUPPORTED', `${JSON.stringify(text.slice(0, 100))} names a device of the Container Device Interface, which is not there yet`, { hint: 'name device nodes: --device /dev/…' });
  }
  if (!source.startsWith('/')) throw invalid(text, `the device ${JSON.stringify(source)} is not an absolute path`);
  const isPermissions = second !== undefined && !second.startsWith('/');
  if (isPermissions && third !== undefined) throw invalid(text, `the path in the container ${JSON.stringify(second)} is not absolute`);
  const target = second === undefined || isPermissions ? source : second;
  const permissions = (isPermissions ? second : third) ?? 'rwm';
  if (!/^(?!.*(.).*\1)[rwm]{1,3}$/.test(permissions)) throw invalid(text, `the permissions ${JSON.stringify(permissions)} are not made of r, w and m`);
  return { source: posix.normalize(source), target: posix.normalize(target), permissions };
}

function invalid(text: string, why: string): ScullError {
  return new ScullError('INVALID', `invalid device ${JSON.stringify(text.slice(0, 200))}: ${why}; expected host-path[:container-path][:permissions], for example /dev/fuse or /dev/ttyUSB0:/dev/modem:rw`);
}
