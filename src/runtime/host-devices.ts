/** --device: the host's device nodes, which an unprivileged user can only bind, not make. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../host/errors.ts';
import type { DeviceNumber } from '../oci/runtime-spec.ts';
import type { DeviceRequest, ResourceSpec } from '../spec/container-spec.ts';
import type { ResolvedDevice } from './oci-spec/input.ts';

/** A device as it is; a directory as the devices in it. @throws ScullError NOT_FOUND, INVALID */
export function expandDevices(request: DeviceRequest): ResolvedDevice[] {
  const { source, target, permissions } = request;
  let stat;
  try {
    stat = statSync(source);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') throw new ScullError('NOT_FOUND', `the device ${JSON.stringify(source)} does not exist on the host`, { cause });
    throw new ScullError('PERMISSION', `cannot look at the device ${JSON.stringify(source)}: ${(cause as Error).message}`, { cause });
  }
  if (stat.isCharacterDevice() || stat.isBlockDevice()) return [{ source, target, permissions }];
  if (!stat.isDirectory()) throw new ScullError('INVALID', `${JSON.stringify(source)} is not a device`);
  return readdirSync(source, { withFileTypes: true })
    .filter((entry) => entry.isCharacterDevice() || entry.isBlockDevice())
    .map((entry) => ({ source: join(source, entry.name), target: join(target, entry.name), permissions }));
}

/** Numbers of the block devices that limits name; what is none is left out, and told where it is missed. */
export function blockDevices(wish: ResourceSpec): Record<string, DeviceNumber> {
  const rates = [wish.blkioWeightDevices, wish.readBps, wish.writeBps, wish.readIops, wish.writeIops].flatMap((list) => list ?? []);
  const found: Record<string, DeviceNumber> = {};
  for (const { path } of rates) {
    const stat = statSync(path, { throwIfNoEntry: false });
    // Linux' encoding, makedev(3).
    if (stat?.isBlockDevice() === true) found[path] = { major: Math.floor(stat.rdev / 256) & 0xfff, minor: (stat.rdev & 0xff) | (Math.floor(stat.rdev / 4096) & 0xfff00) };
  }
  return found;
}
