/** A network by what the user typed: its name, its id, or an unambiguous beginning of that. */
import { ScullError } from '../../host/errors.ts';
import { DEFAULT_NETWORK, type NetworkDefinition } from '../../spec/network-definition.ts';
import { nearest } from '../../spec/suggestion.ts';
import { networkNames, readNetwork, readNetworks } from '../../storage/networks.ts';
import type { Engine } from '../engine.ts';

/** @throws ScullError NO_SUCH_NETWORK, AMBIGUOUS, CORRUPT */
export function findNetwork(engine: Engine, typed: string): NetworkDefinition {
  const exact = readNetwork(engine.store, typed);
  if (exact !== undefined) return exact;
  if (/^[0-9a-f]{1,64}$/.test(typed)) {
    const matches = allNetworks(engine).filter(({ id }) => id.startsWith(typed));
    if (matches.length > 1) throw new ScullError('AMBIGUOUS', `"${typed}" is the beginning of ${matches.length} network ids`, { detail: matches.map(({ id, name }) => `${id} ${name}`).join('\n') });
    if (matches[0] !== undefined) return matches[0];
  }
  // Podman's name of the one that is always there.
  if (typed === 'podman') return DEFAULT_NETWORK;
  throw noSuchNetwork(engine, typed);
}

function noSuchNetwork(engine: Engine, typed: string): ScullError {
  const meant = nearest(typed, networkNames(engine.store));
  return new ScullError('NO_SUCH_NETWORK', `unable to find network with name or ID ${JSON.stringify(typed.slice(0, 100))}: network not found`, {
    hint: meant === undefined ? `see \`scull network ls\`, or make it with \`scull network create ${/^[\w.-]+$/.test(typed) ? typed : 'NAME'}\`` : `did you mean "${meant}"?`,
  });
}

/** Every readable network; damaged ones are told through progress. */
export function allNetworks(engine: Engine): NetworkDefinition[] {
  return readNetworks(engine.store, (error) => engine.progress({ kind: 'message', level: 'warning', text: error.message }));
}

/** True when there is a network of this name or id. */
export function networkExists(engine: Engine, typed: string): boolean {
  try {
    findNetwork(engine, typed);
    return true;
  } catch (error) {
    if (error instanceof ScullError && error.code === 'NO_SUCH_NETWORK') return false;
    throw error;
  }
}
