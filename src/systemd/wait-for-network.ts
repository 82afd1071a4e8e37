/**
 * A user's manager has no network-online.target to wait for, and a container that starts before the host has a way out has none
 * either. So units that use the network come after this one, which waits once after a boot until there is a default route, and
 * not for ever: a machine without network starts its units all the same.
 */
import { formatUnitFile } from './unit-file.ts';

/** Seconds until units are started without a network. */
const PATIENCE = 30;

/** /proc/net/route has the destination 00000000 for a default route, ipv6_route thirty-two zeros with length 00 (and lo for none). */
const script = [
  `n=$$((${PATIENCE} * 5))`,
  'while [ $$n -gt 0 ]; do',
  'while read -r interface destination rest; do [ "$$destination" = 00000000 ] && exit 0; done < /proc/net/route;',
  'while read -r line; do case $$line in *" lo"|*"\tlo") ;; "00000000000000000000000000000000 00 "*) exit 0 ;; esac; done < /proc/net/ipv6_route;',
  'sleep 0.2; n=$$((n - 1)); done; exit 0',
].join(' ');

export function waitForNetworkUnit(): string {
  const entry = (key: string, value: string): { key: string; value: string; line: number } => ({ key, value, line: 0 });
  return formatUnitFile([
    { name: 'Unit', entries: [entry('Description', "Wait until the host has a network, for scull's containers")] },
    {
      name: 'Service',
      entries: [entry('Type', 'oneshot'), entry('RemainAfterExit', 'yes'), entry('ExecStart', `/bin/sh -c '${script.replaceAll('\t', '\\t')}'`)],
    },
  ]);
}
