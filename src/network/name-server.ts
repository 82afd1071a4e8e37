/** What aardvark-dns is told: its files' format is that of Podman's networks. Pure. */
import type { NetworkDefinition } from '../spec/network-definition.ts';
import type { Attachment } from './state.ts';

export interface NamedContainer {
  readonly id: string;
  readonly name: string;
  readonly attachments: readonly Attachment[];
  /** --dns: asked for names that are no container's. */
  readonly dns: readonly string[];
}

/** Nobody answers there: names from outside are refused at once. */
const NOBODY = '127.0.0.254';

/** The file of one network: gateways, then a line per container. Undefined where there is nothing to tell. */
export function nameFile(network: NetworkDefinition, containers: readonly NamedContainer[]): string | undefined {
  if (!network.dns) return undefined;
  const lines = containers.flatMap(({ id, name, attachments, dns }) =>
    attachments
      .filter((one) => one.network === network.name)
      .map(({ ipv4, ipv6, aliases }) => {
        const servers = network.internal ? [NOBODY] : dns.length > 0 ? dns : network.dnsServers;
        const names = [...new Set([name, ...aliases, id.slice(0, 12)])];
        return [id, ipv4?.address ?? '', ipv6?.address ?? '', names.join(','), ...(servers.length === 0 ? [] : [servers.join(',')])].join(' ');
      }),
  );
  if (lines.length === 0) return undefined;
  return `${[network.subnets.map(({ gateway }) => gateway).join(','), ...lines].join('\n')}\n`;
}
