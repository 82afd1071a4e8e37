/**
 * Definitions of named networks: networks/NAME.json, made whole by linking a finished file to its name, which fails where one
 * exists. Nothing here says whether a network is in use: the kernel knows that.
 */
import { linkSync, readdirSync, unlinkSync } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, readJson, syncDirectory, writeJsonAtomic } from '../host/files.ts';
import { DEFAULT_NETWORK, NETWORK_FORMAT, type NetworkDefinition, type SubnetDefinition } from '../spec/network-definition.ts';
import { parseSubnet } from '../spec/subnet.ts';
import { createStaging } from './staging.ts';
import type { Store } from './store.ts';

/** Docker's rule, and short enough for a file name. */
export function isNetworkName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name) && name.length <= 200;
}

/** @throws ScullError NAME_TAKEN, NO_SPACE, PERMISSION */
export async function writeNetwork(store: Store, definition: NetworkDefinition): Promise<void> {
  const path = store.layout.network(definition.name);
  const staging = createStaging(store);
  try {
    const file = staging.path('network.json');
    writeJsonAtomic(file, definition);
    ensurePrivateDirectory(store.layout.networks);
    linkSync(file, path);
    syncDirectory(store.layout.networks);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new ScullError('NAME_TAKEN', `network "${definition.name}" already exists`, { hint: `use it as it is, or remove it with \`scull network rm ${definition.name}\`` });
    throw explainWriteFailure(error, path);
  } finally {
    await staging.remove();
  }
}

/** @returns undefined when there is none @throws ScullError CORRUPT naming the file */
export function readNetwork(store: Store, name: string): NetworkDefinition | undefined {
  if (!isNetworkName(name)) return undefined;
  const path = store.layout.network(name);
  const value = readJson(path);
  if (value === undefined) return name === DEFAULT_NETWORK.name ? DEFAULT_NETWORK : undefined;
  return decode(value, name, path);
}

function decode(value: unknown, name: string, file: string): NetworkDefinition {
  const damaged = (why: string): ScullError => new ScullError('CORRUPT', `the record ${file} is damaged: ${why}`, { hint: `\`scull network rm ${name}\` removes it` });
  if (typeof value !== 'object' || value === null) throw damaged('it is not an object');
  const record = value as Partial<NetworkDefinition>;
  if (typeof record.format !== 'number') throw damaged('it does not tell its format');
  if (record.format !== NETWORK_FORMAT) throw new ScullError('CORRUPT', `the record ${file} has format ${record.format}, this scull reads ${NETWORK_FORMAT}`, { hint: 'it was written by another version of scull' });
  if (record.name !== name) throw damaged('it is about another network');
  const texts = [record.id, record.created, record.interface];
  if (record.driver !== 'bridge' || texts.some((text) => typeof text !== 'string')) throw damaged('a field is missing or has another type');
  if (!Array.isArray(record.subnets) || !record.subnets.every(isSubnet)) throw damaged('its subnets are none');
  if (!isTextMap(record.labels) || !isTextMap(record.options) || !Array.isArray(record.dnsServers)) throw damaged('a field is missing or has another type');
  return record as NetworkDefinition;
}

function isSubnet(value: unknown): value is SubnetDefinition {
  const { subnet, gateway } = (value ?? {}) as Partial<SubnetDefinition>;
  return typeof subnet === 'string' && parseSubnet(subnet) !== undefined && typeof gateway === 'string';
}

function isTextMap(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every((entry) => typeof entry === 'string');
}

/** Names of all networks, sorted; the default one is among them. */
export function networkNames(store: Store): string[] {
  const names = new Set([DEFAULT_NETWORK.name]);
  try {
    for (const file of readdirSync(store.layout.networks)) {
      const name = file.endsWith('.json') ? file.slice(0, -'.json'.length) : '';
      if (isNetworkName(name)) names.add(name);
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  return [...names].sort();
}

/** Every readable network by name; damaged ones are handed to `broken`, not dropped silently. */
export function readNetworks(store: Store, broken: (error: ScullError) => void): NetworkDefinition[] {
  return networkNames(store).flatMap((name) => {
    try {
      const definition = readNetwork(store, name);
      return definition === undefined ? [] : [definition];
    } catch (error) {
      if (!(error instanceof ScullError)) throw error;
      broken(error);
      return [];
    }
  });
}

/** @returns false when there was none */
export function removeNetworkFile(store: Store, name: string): boolean {
  try {
    unlinkSync(store.layout.network(name));
    syncDirectory(store.layout.networks);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw explainWriteFailure(error, store.layout.network(name));
  }
}
