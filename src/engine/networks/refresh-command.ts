/** What the processes call that notice that the host's resolv.conf was changed, or that a container has left: refresh.ts. */
import { scull } from '../../runtime/keeper.ts';
import type { StoreLayout } from '../../storage/layout.ts';

/** Program and arguments for one container of the default network, or for all named networks. */
export function refreshCommand(layout: StoreLayout, ...container: readonly [id: string] | readonly []): string[] {
  const { file, args } = scull(layout, 'network', 'refresh', ...container);
  return [file, ...args];
}
