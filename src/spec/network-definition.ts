/** A named network, networks/NAME.json: what was asked for with `network create`, and what was chosen where nothing was asked. */

export const NETWORK_FORMAT = 1;

export interface NetworkDefinition {
  readonly format: typeof NETWORK_FORMAT;
  readonly name: string;
  /** 64 hex digits. */
  readonly id: string;
  readonly driver: 'bridge';
  /** RFC 3339, UTC. */
  readonly created: string;
  /** Name of the bridge, inside our own network namespace. */
  readonly interface: string;
  /** At most one of each IP version, IPv4 first. */
  readonly subnets: readonly SubnetDefinition[];
  /** No way out, and no default route. */
  readonly internal: boolean;
  /** Containers find each other by name. */
  readonly dns: boolean;
  /** Asked for names that are no container's, in place of the host's. */
  readonly dnsServers: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** As given with --opt: `mtu`. */
  readonly options: Readonly<Record<string, string>>;
}

export interface SubnetDefinition {
  /** `10.89.0.0/24` */
  readonly subnet: string;
  readonly gateway: string;
  /** Addresses for containers that ask for none; the whole subnet unless given. Both ends belong to it. */
  readonly range?: { readonly first: string; readonly last: string };
}

/** Is there without being created: what `--network bridge` means. */
const DEFAULT_NETWORK_NAME = 'bridge';

/** The network that is there in every store. Its name with Podman is "podman". */
export const DEFAULT_NETWORK: NetworkDefinition = {
  format: NETWORK_FORMAT,
  name: DEFAULT_NETWORK_NAME,
  id: '2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9',
  driver: 'bridge',
  created: '2026-01-01T00:00:00.000Z',
  interface: 'scull0',
  subnets: [{ subnet: '10.88.0.0/16', gateway: '10.88.0.1' }],
  internal: false,
  dns: true,
  dnsServers: [],
  labels: {},
  options: {},
};
