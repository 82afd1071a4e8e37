/** What is wrong with the networks of containers that run, for `ps` and `inspect`. */
import { isAlive } from '../../host/identity.ts';
import { hasWayOut } from '../../network/drivers/pasta.ts';
import { hasUplink, livingHolder, nameServer, switchPaths } from '../../network/drivers/switch.ts';
import { readNetworkState } from '../../network/state.ts';
import { isScullError } from '../../host/errors.ts';
import { readNetwork } from '../../storage/networks.ts';
import type { Engine } from '../engine.ts';
import { pluggedIn } from './plugged-in.ts';

/** @returns tells for the id of a container that runs what is wrong, in two words; undefined where all is well */
export function networkTrouble(engine: Engine): (id: string) => string | undefined {
  const paths = switchPaths(engine.store.layout.switch);
  let ofSwitch: { readonly trouble: string | undefined } | undefined;
  const switchTrouble = (): string | undefined => {
    ofSwitch ??= { trouble: livingHolder(paths) === undefined || !hasUplink(paths) ? 'network lost' : namesExpected(engine) && nameServer(paths) === undefined ? 'names lost' : undefined };
    return ofSwitch.trouble;
  };
  return (id) => {
    const facts = readNetworkState(engine.store.layout.container(id).networkState);
    if (facts === undefined) return undefined;
    if (facts.driver === 'pasta' ? !hasWayOut(facts) : switchTrouble() === 'network lost') return 'network lost';
    if (facts.process !== undefined && !isAlive(facts.process)) return 'ports lost';
    return facts.driver === 'switch' ? switchTrouble() : undefined;
  };
}

function namesExpected(engine: Engine): boolean {
  return pluggedIn(engine).some(({ attachments }) => attachments.some(({ network }) => tellsNames(engine, network)));
}

function tellsNames(engine: Engine, network: string): boolean {
  try {
    return readNetwork(engine.store, network)?.dns === true;
  } catch (error) {
    if (!isScullError(error)) throw error;
    return false;
  }
}
