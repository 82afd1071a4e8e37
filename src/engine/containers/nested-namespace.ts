/** The user namespace that a container wishes for inside ours. */
import type { UserNamespaceFact } from '../../runtime/oci-spec/input.ts';
import { nestedUserNamespace, splitAtRanges } from '../../runtime/oci-spec/namespaces.ts';
import type { UserNamespaceSpec } from '../../spec/container-spec.ts';
import type { OwnIds } from '../../userns/auto-maps.ts';
import { defaultIdMaps, mappedCount } from '../../userns/id-maps.ts';

/**
 * @param own what --userns=auto gave the container when it was made
 * @throws ScullError UNSUPPORTED where the caller's ids do not suffice
 */
export function nestedNamespace(wish: UserNamespaceSpec, own?: OwnIds): UserNamespaceFact | undefined {
  const maps = defaultIdMaps();
  const fact = nestedUserNamespace(wish, {
    availableUids: mappedCount(maps.uids),
    availableGids: mappedCount(maps.gids),
    callerUid: process.getuid?.() ?? 0,
    callerGid: process.getgid?.() ?? 0,
    ...(own === undefined ? {} : { own }),
  });
  return fact?.kind === 'maps' ? { ...fact, uids: splitAtRanges(fact.uids, maps.uids), gids: splitAtRanges(fact.gids, maps.gids) } : fact;
}
