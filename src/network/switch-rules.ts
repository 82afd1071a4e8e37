/** Packet filter rules of the namespace that all networks share (nft(8)). Pure. */
import type { ContainerAddresses } from './plan.ts';

/** The way out, an interface of that namespace. */
export const UPLINK = 'eth0';
/** scull-port's packets to containers bear this one … */
export const VISITOR_MARK = 0x5d;
/** … and what belongs to the answers is given this one, by which it finds back (see native/scull-bridge.c). */
export const ANSWER_MARK = 0x5c;
/** Device groups of bridges, by which the rules know them: networks come and go, the rules stay. */
export const GROUPS = { open: 1, internal: 2 } as const;

/**
 * - answers to visitors for whom scull-port speaks are for this namespace itself
 * - a container reaches what is on its own bridge only: neither another network's gateway (and name server), nor its containers
 * - the way out is for networks that are not internal; all go under the address of the uplink
 * @param uplink the addresses of the way out; none where the host has no network
 */
export function switchRules(uplink: ContainerAddresses): string {
  const { ipv4, ipv6 } = uplink;
  const hex = (mark: number): string => `0x${mark.toString(16)}`;
  const bridges = `{ ${GROUPS.open}, ${GROUPS.internal} }`;
  return `table inet scull {
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    ct direction reply ct mark ${hex(ANSWER_MARK)} meta mark set ${hex(ANSWER_MARK)}
  }
  chain output {
    type filter hook output priority mangle; policy accept;
    meta mark ${hex(VISITOR_MARK)} ct mark set ${hex(ANSWER_MARK)}
  }
  chain input {
    type filter hook input priority filter; policy accept;
    meta mark ${hex(ANSWER_MARK)} accept
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
