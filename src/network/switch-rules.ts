/** Packet filter rules of the namespace that all networks share (nft(8)). Pure. */
import type { ContainerAddresses } from './plan.ts';

/** The way out, an interface of that namespace. */
export const UPLINK = 'eth0';
/** Device groups of bridges, by which the rules know them: networks come and go, the rules stay. */
export const GROUPS = { open: 1, internal: 2 } as const;

/**
 * - a container reaches what is on its own bridge only: neither another network's gateway (and name server), nor its containers
 * - the way out is for networks that are not internal; all go under the address of the uplink
 * @param uplink the addresses of the way out; none where the host has no network
 */
export function switchRules(uplink: ContainerAddresses): string {
  const { ipv4, ipv6 } = uplink;
  const bridges = `{ ${GROUPS.open}, ${GROUPS.internal} }`;
  // They may take the place of others.
  return `table inet scull
flush table inet scull
table inet scull {
  chain input {
    type filter hook input priority filter; policy accept;
    meta iifgroup ${bridges} fib daddr . iif type { unspec, unicast, prohibit, blackhole, unreachable } drop
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    meta iifgroup ${GROUPS.open} oifname "${UPLINK}" accept
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;${ipv4 === undefined ? '' : `\n    oifname "${UPLINK}" meta nfproto ipv4 ip saddr != ${ipv4.address} snat ip to ${ipv4.address}`}${ipv6 === undefined ? '' : `\n    oifname "${UPLINK}" meta nfproto ipv6 ip6 saddr != ${ipv6.address} snat ip6 to ${ipv6.address}`}
  }
}
`;
}
