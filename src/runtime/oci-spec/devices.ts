/**
 * Device nodes, config-linux.md. Without root none can be made, so they are bound from the host; the runtime brings null,
 * zero, full, tty, random and urandom by itself.
 */
import type { MountSpec } from '../../oci/runtime-spec.ts';
import type { ResolvedDevice, RuntimeSpecInput } from './input.ts';

const BROUGHT_BY_RUNTIME = new Set(['/dev/null', '/dev/zero', '/dev/full', '/dev/tty', '/dev/random', '/dev/urandom']);
/** The container has its own of these. */
const OWN = /^\/dev\/(?:console|ptmx|stdin|stdout|stderr|fd|core|pts(?:\/.*)?|shm(?:\/.*)?|mqueue(?:\/.*)?)$/;

export function deviceMounts(input: RuntimeSpecInput): MountSpec[] {
  const wanted = new Map<string, ResolvedDevice>();
  if (input.spec.privileged) {
    for (const path of input.host.devices) if (!OWN.test(path)) wanted.set(path, { source: path, target: path, permissions: 'rwm' });
  }
  for (const device of [...input.devices, ...(input.cdi?.devices ?? [])]) wanted.set(device.target, device);
  return [...wanted.values()].filter((device) => !BROUGHT_BY_RUNTIME.has(device.target)).map(deviceMount);
}

function deviceMount({ source, target, permissions }: ResolvedDevice): MountSpec {
  return {
    destination: target,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', 'nosuid', 'noexec', permissions.includes('w') ? 'rw' : 'ro'],
  };
}
