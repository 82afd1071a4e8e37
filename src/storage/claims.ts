/**
 * What is being admitted right now: a file in the staging directory of whoever does it, read by the garbage collection. A
 * claim ends with its owner, or with the staging directory.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, isScullError } from '../host/errors.ts';
import { readJson, writeJsonAtomic } from '../host/files.ts';
import { parseOwnerTag } from '../host/identity.ts';
import type { Digest } from '../oci/digest.ts';
import { ownerMayLive } from './hosts.ts';
import type { Staging } from './staging.ts';
import type { Store } from './store.ts';

export interface Claims {
  readonly blobs: readonly Digest[];
  /** Chain ids. */
  readonly layers: readonly Digest[];
}

const FILE = 'claims.json';

/** From now on a garbage collection spares these blobs and layers. */
export function writeClaims(staging: Staging, claims: Claims): void {
  writeJsonAtomic(staging.path(FILE), claims, { durable: false });
  crashPoint('image:claimed');
}

/** The claims of all living processes together. */
export function readClaims(store: Store): Claims {
  const blobs: Digest[] = [];
  const layers: Digest[] = [];
  for (const name of stagingNames(store)) {
    const owner = parseOwnerTag(name);
    if (owner === undefined || !ownerMayLive(store.layout, owner)) continue;
    const claims = readOne(join(store.layout.staging, name, FILE));
    blobs.push(...(claims?.blobs ?? []));
    layers.push(...(claims?.layers ?? []));
  }
  return { blobs, layers };
}

function readOne(path: string): Claims | undefined {
  try {
    return readJson(path) as Claims | undefined;
  } catch (error) {
    // Written by a rename, so only a disk fault can tear it; then it protects nothing.
    if (isScullError(error, 'CORRUPT')) return undefined;
    throw error;
  }
}

function stagingNames(store: Store): readonly string[] {
  try {
    return readdirSync(store.layout.staging);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
