/**
 * Short names of layers, layers/l/<NAME> → ../<chain id>/diff. The kernel takes one page (4096 bytes) of mount options;
 * with these names, relative to layers/l, some 300 layers fit.
 */
import { existsSync, mkdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, ScullError } from '../../host/errors.ts';
import { explainWriteFailure, namesIn } from '../../host/files.ts';
import { digestHex, type Digest } from '../../oci/digest.ts';
import type { Store } from '../store.ts';

const LENGTH = 10;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** The names a layer may have: 10 letters each of 5 bits of its chain id; the next ones only if others collide. */
export function shortName(chainHex: string, attempt = 0): string {
  let name = '';
  let bits = 0;
  let value = 0;
  for (const digit of chainHex.slice(attempt * 13, attempt * 13 + 13)) {
    value = value * 16 + Number.parseInt(digit, 16);
    bits += 4;
    while (bits >= 5 && name.length < LENGTH) {
      bits -= 5;
      name += ALPHABET[Math.floor(value / 2 ** bits) % 32];
      value %= 2 ** bits;
    }
  }
  return name;
}

const ATTEMPTS = 4;

function linkTarget(chainHex: string): string {
  return join('..', chainHex, 'diff');
}

/** The short name of a layer that is in the store, made again if it was lost. Costs one readlink(2). */
export function linkOf(store: Store, chainId: Digest): string {
  const hex = digestHex(chainId);
  const target = linkTarget(hex);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const name = shortName(hex, attempt);
    const path = join(store.layout.layerLinks, name);
    const found = readLink(path);
    if (found === target) return name;
    if (found !== undefined) continue; // another layer's
    try {
      mkdirSync(store.layout.layerLinks, { recursive: true, mode: 0o700 });
      symlinkSync(target, path);
      return name;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw explainWriteFailure(error, path);
      if (readLink(path) === target) return name;
    }
  }
  throw new ScullError('CORRUPT', `no short name is left for layer ${hex} in ${store.layout.layerLinks}`);
}

/** Takes the short name of a removed layer away. */
export function removeLink(store: Store, chainId: Digest): void {
  const hex = digestHex(chainId);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const path = join(store.layout.layerLinks, shortName(hex, attempt));
    if (readLink(path) === linkTarget(hex)) unlinkSync(path);
  }
}

/** Takes away the short names of layers that are not there: whoever removed them was killed in between. */
export function sweepLinks(store: Store): void {
  for (const path of danglingLinks(store)) {
    try {
      unlinkSync(path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** Paths of the short names whose layer is not there. */
function danglingLinks(store: Store): string[] {
  const paths = namesIn(store.layout.layerLinks).map((name) => join(store.layout.layerLinks, name));
  return paths.filter((path) => readLink(path) !== undefined && !existsSync(path));
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'EINVAL') return undefined;
    throw error;
  }
}
