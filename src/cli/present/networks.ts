/** `network ls`: a table, names only, JSON, or a template. */
import { podmanShape } from '../../engine/networks/list.ts';
import type { NetworkDefinition } from '../../spec/network-definition.ts';
import { renderTable } from './table.ts';

export interface NetworksOptions {
  readonly format?: string | undefined;
  readonly quiet?: boolean;
  readonly noHeading?: boolean;
  /** Ids in full. */
  readonly full?: boolean;
}

/** Text for standard output. @throws ScullError INVALID for a bad template */
export async function presentNetworks(networks: readonly NetworkDefinition[], options: NetworksOptions): Promise<string> {
  const id = (network: NetworkDefinition): string => (options.full === true ? network.id : network.id.slice(0, 12));
  if (options.format === undefined) {
    if (options.quiet === true) return networks.map(({ name }) => `${name}\n`).join('');
    const rows = networks.map((network) => [id(network), network.name, network.driver]);
    if (options.noHeading !== true) rows.unshift(['NETWORK ID', 'NAME', 'DRIVER']);
    return renderTable(rows);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(networks.map(podmanShape), 2);
  return renderRows(networks.map((network) => templateRow(network, id(network))), options.format, { headings: { ID: 'NETWORK ID', CreatedAt: 'CREATED AT' }, noHeading: options.noHeading === true });
}

/** With the names of Docker and of Podman; labels are text, as in Docker. */
function templateRow(network: NetworkDefinition, id: string): object {
  const has = (version: string): boolean => network.subnets.some(({ gateway }) => gateway.includes(version));
  return {
    ID: id,
    Name: network.name,
    Driver: network.driver,
    Scope: 'local',
    NetworkInterface: network.interface,
    Created: network.created,
    CreatedAt: network.created,
    Subnets: network.subnets.map(({ subnet, gateway }) => ({ Subnet: subnet, Gateway: gateway })),
    IPv6: String(has(':')),
    IPv6Enabled: has(':'),
    Internal: String(network.internal),
    DNSEnabled: network.dns,
    Options: network.options,
    Labels: Object.entries(network.labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`).join(','),
    Label: (name: unknown) => (typeof name === 'string' && Object.hasOwn(network.labels, name) ? network.labels[name] : ''),
  };
}
