/** network rm and network prune. */
import { ScullError } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { DEFAULT_NETWORK, type NetworkDefinition } from '../../spec/network-definition.ts';
import { makingRoom } from '../../storage/ballast.ts';
import { withLock } from '../../storage/locks.ts';
import { removeNetworkFile } from '../../storage/networks.ts';
import type { Engine } from '../engine.ts';
import { recordNetworkEvent } from '../events/record.ts';
import { findNetwork } from './find.ts';
import { listNetworks, type NetworkFilters } from './list.ts';
import { networkUsers } from './usage.ts';

export interface RemoveNetworksOptions {
  readonly names: readonly string[];
  /** Containers on it are removed too, running or not; a missing network is no error. */
  readonly force?: boolean;
  /** Seconds that running containers get to stop, with force. */
  readonly timeout?: number | undefined;
}

/** What became of one network. */
export interface NetworkOutcome {
  /** As typed. */
  readonly name: string;
  readonly error?: ScullError;
}

/** Removes networks one by one; an error with one does not keep the others from being removed. */
export async function removeNetworks(engine: Engine, options: RemoveNetworksOptions): Promise<NetworkOutcome[]> {
  const outcomes: NetworkOutcome[] = [];
  for (const typed of options.names) {
    try {
      await removeNetwork(engine, typed, options);
      outcomes.push({ name: typed });
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
      if (!(error.code === 'NO_SUCH_NETWORK' && options.force === true)) outcomes.push({ name: typed, error });
    }
  }
  return outcomes;
}

async function removeNetwork(engine: Engine, typed: string, { force, timeout }: RemoveNetworksOptions): Promise<void> {
  const { name, id } = named(engine, typed);
  if (name === DEFAULT_NETWORK.name) throw new ScullError('INVALID', `the default network ${name} can't be removed`);
  if (force === true) await removeContainersOf(engine, networkUsers(engine).get(name) ?? [], timeout);
  // A container that is being created on it either is there already, or finds the network gone.
  await makingRoom(engine.store, () => withLock(engine.store, 'networks', () => {
    const users = networkUsers(engine).get(name) ?? [];
    if (users.length > 0) throw inUse(name, users);
    if (!removeNetworkFile(engine.store, name)) throw new ScullError('NO_SUCH_NETWORK', `network "${typed}" was removed by another command`);
    recordNetworkEvent(engine, 'remove', { id, name, driver: 'bridge' });
  }));
}

/** A damaged one can be removed by its name. */
function named(engine: Engine, typed: string): { readonly name: string; readonly id: string } {
  try {
    return findNetwork(engine, typed);
  } catch (error) {
    if (error instanceof ScullError && error.code === 'CORRUPT') return { name: typed, id: '' };
    throw error;
  }
}

function inUse(name: string, containers: readonly ContainerRecord[]): ScullError {
  const names = containers.map((container) => container.name);
  return new ScullError('IN_USE', `network "${name}" is used by ${names.length === 1 ? 'container' : 'containers'} ${names.join(', ')}`, {
    hint: `remove ${names.length === 1 ? 'it' : 'them'} first with \`scull rm ${names.join(' ')}\`, or everything with \`scull network rm -f ${name}\``,
  });
}

async function removeContainersOf(engine: Engine, containers: readonly ContainerRecord[], timeout: number | undefined): Promise<void> {
  if (containers.length === 0) return;
  const { removeContainers } = await import('../containers/remove.ts');
  const outcomes = await removeContainers(engine, { names: containers.map(({ id }) => id), force: true, ignore: true, ...(timeout === undefined ? {} : { timeout }) });
  const failed = outcomes.find((outcome) => outcome.error !== undefined);
  if (failed?.error !== undefined) throw failed.error;
}

export interface PrunedNetworks {
  readonly removed: readonly NetworkDefinition[];
  /** Why some could not be removed. */
  readonly failed: readonly ScullError[];
}

/** Removes networks that no container is on. @param options.dryRun only says what would be removed */
export async function pruneNetworks(engine: Engine, options: { readonly filters?: NetworkFilters; readonly dryRun?: boolean } = {}): Promise<PrunedNetworks> {
  const users = networkUsers(engine);
  const unused = listNetworks(engine, options.filters).filter(({ name }) => name !== DEFAULT_NETWORK.name && !users.has(name));
  if (options.dryRun === true) return { removed: unused, failed: [] };
  const outcomes = await removeNetworks(engine, { names: unused.map(({ name }) => name) });
  const failures = new Map(outcomes.flatMap(({ name, error }) => (error === undefined ? [] : [[name, error] as const])));
  return {
    removed: unused.filter(({ name }) => !failures.has(name)),
    // One that is used since, or was removed by another command, is not one to remove.
    failed: [...failures.values()].filter(({ code }) => code !== 'IN_USE' && code !== 'NO_SUCH_NETWORK'),
  };
}
