/**
 * Who has which address: DIRECTORY/<network id>/<address>, a symbolic link whose target names the start of a container. Making it
 * is taking the address: symlink(2) fails where one exists. What a container that has ended left is no lease any more; it is
 * cleared away under a lock of the caller's ({@link sweepLeases}), never by who wants the address.
 */
import { readlinkSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, namesIn } from '../host/files.ts';
import type { SubnetDefinition } from '../spec/network-definition.ts';
import { addressNumber, addressText, contains, knownSubnet, usable } from '../spec/subnet.ts';

export interface LeaseRequest {
  /** Of the network: DIRECTORY/<network id>. */
  readonly directory: string;
  /** Names this start of the container, and no other. */
  readonly owner: string;
}

/** Takes any free address. @returns undefined when there is none, perhaps for want of sweeping */
export function takeAnyAddress({ directory, owner }: LeaseRequest, { subnet: text, gateway, range }: SubnetDefinition): string | undefined {
  const subnet = knownSubnet(text);
  const whole = usable(subnet);
  const first = (range === undefined ? undefined : addressNumber(range.first)) ?? whole.first;
  const last = (range === undefined ? undefined : addressNumber(range.last)) ?? whole.last;
  const taken = new Set(namesIn(directory));
  for (let number = first < whole.first ? whole.first : first; number <= last && number <= whole.last; number++) {
    const address = addressText(subnet.version, number);
    if (address !== gateway && !taken.has(address) && make(directory, address, owner)) return address;
  }
  return undefined;
}

/** Takes this very address. @returns the owner that has it; undefined when it is ours now. @throws ScullError INVALID when it can't be had at all */
export function takeAddress({ directory, owner }: LeaseRequest, { subnet: text, gateway }: SubnetDefinition, address: string, network: string): string | undefined {
  const subnet = knownSubnet(text);
  if (!contains(subnet, address)) throw new ScullError('INVALID', `the address ${address} is not in the subnet ${text} of network "${network}"`);
  const number = addressNumber(address) ?? 0n;
  const canonical = addressText(subnet.version, number);
  const { first, last } = usable(subnet);
  if (number < first || number > last) throw new ScullError('INVALID', `the address ${address} can't be given to a container: it stands for the whole subnet ${text}`);
  if (canonical === addressText(subnet.version, addressNumber(gateway) ?? 0n)) throw new ScullError('IN_USE', `the address ${address} is the gateway of network "${network}"`);
  return make(directory, canonical, owner) ? undefined : (holderOf(join(directory, canonical)) ?? '');
}

function make(directory: string, address: string, owner: string): boolean {
  const path = join(directory, address);
  for (;;) {
    try {
      symlinkSync(owner, path);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return holderOf(path) === owner;
      if (errnoOf(error) !== 'ENOENT') throw error;
      ensurePrivateDirectory(directory);
    }
  }
}

function holderOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // given back meanwhile
  }
}

/** Gives one address back, if it is `owner`'s. */
export function giveBackAddress({ directory, owner }: LeaseRequest, address: string): void {
  const path = join(directory, address);
  if (holderOf(path) === owner) unlinkQuietly(path);
}

/**
 * Clears away what is no lease any more, in all networks; to be called under a lock.
 * @param directory of all networks' leases
 */
export function sweepLeases(directory: string, isHeld: (owner: string) => boolean): void {
  for (const network of namesIn(directory)) {
    const folder = join(directory, network);
    for (const address of namesIn(folder)) {
      const owner = holderOf(join(folder, address));
      if (owner !== undefined && !isHeld(owner)) unlinkQuietly(join(folder, address));
    }
    try {
      rmdirSync(folder);
    } catch {
      // Addresses are in use.
    }
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
