/** Kernel settings of the container's own namespaces. */
import { ScullError } from '../../host/errors.ts';
import type { IdMapping } from '../../oci/runtime-spec.ts';
import type { RuntimeSpecInput } from './input.ts';

/** Set by setdomainname(2), not through /proc, where it needs real root. */
export const DOMAIN_NAME = 'kernel.domainname';

/**
 * By default every group may ping and every user may listen below port 1024 (as for Docker and Podman: the network is the
 * container's own), and connections send no faster than pasta takes it. Only where the container's user namespace owns the network namespace can they be written.
 * @throws ScullError INVALID or UNSUPPORTED for settings that would be the host's
 */
export function sysctls(input: RuntimeSpecInput): Record<string, string> {
  for (const key of Object.keys(input.spec.sysctls)) requireOwn(key, input);
  const { [DOMAIN_NAME]: _domain, ...wished } = input.spec.sysctls;
  return { ...(ownsNetwork(input) ? defaults(input) : {}), ...wished };
}

function ownsNetwork(input: RuntimeSpecInput): boolean {
  return input.network.kind === 'new' || (input.network.kind === 'inherit' && input.userNamespace === undefined);
}

function defaults(input: RuntimeSpecInput): Record<string, string> {
  const { userNamespace } = input;
  const range = userNamespace === undefined ? `0 ${input.host.availableGids - 1}` : groupRange(userNamespace.gids ?? []);
  return {
    ...(range === undefined ? {} : { 'net.ipv4.ping_group_range': range }),
    'net.ipv4.ip_unprivileged_port_start': '0',
    'net.ipv4.tcp_wmem': SEND_BUFFERS,
  };
}

/**
 * Bytes: least, to begin with, most. A connection that may have more under way than about half a MiB runs over pasta's own
 * buffers: what does not fit is lost, and both sides wait for timeouts. Seen with pasta of 2023 and 2025, sending to the
 * host's own address: 0.02 to 1.5 Gbit/s with the kernel's usual 4 MiB, 4 to 15 Gbit/s with this; through a link of
 * 50 Mbit/s: 10 against 20 to 50 Mbit/s. `--sysctl net.ipv4.tcp_wmem=…` overrides it.
 */
const SEND_BUFFERS = '4096 16384 524288';

/** The kernel compares ids of the host, so the ends are the groups with the lowest and the highest id outside. */
function groupRange(maps: readonly IdMapping[]): string | undefined {
  const byHost = [...maps].sort((a, b) => a.hostID - b.hostID);
  const [lowest, highest] = [byHost[0], byHost.at(-1)];
  if (lowest === undefined || highest === undefined) return undefined;
  return `${lowest.containerID} ${highest.containerID + highest.size - 1}`;
}

const IPC = new Set(['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmall', 'kernel.shmmax', 'kernel.shmmni', 'kernel.shm_rmid_forced']);

function requireOwn(key: string, input: RuntimeSpecInput): void {
  const name = key.replaceAll('/', '.');
  const { ipc, uts } = input.spec.namespaces;
  if (name.startsWith('net.')) {
    if (input.network.kind === 'host') throw hosts(key, 'network', '--network');
    if (!ownsNetwork(input)) throw new ScullError('UNSUPPORTED', `cannot set ${key}: the network namespace belongs to another user namespace`, { hint: 'set it on the container that owns the network' });
  } else if (IPC.has(name) || name.startsWith('fs.mqueue.')) {
    if (ipc.mode === 'host') throw hosts(key, 'ipc', '--ipc');
  } else if (name === DOMAIN_NAME) {
    if (uts.mode === 'host') throw hosts(key, 'uts', '--uts');
  } else {
    throw new ScullError('INVALID', `cannot set ${JSON.stringify(key)}: it is a setting of the whole host, not of a container`, {
      hint: 'net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm* and kernel.domainname can be set',
    });
  }
}

function hosts(key: string, namespace: string, option: string): ScullError {
  return new ScullError('INVALID', `cannot set ${key}: with ${option}=host the ${namespace} namespace is the host's`);
}
