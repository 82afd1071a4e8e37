/**
 * What is being admitted right now: files in the staging directory of whoever does it, read by the garbage collection. A
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

/**
 * From now on a garbage collection spares these blobs and layers.
 * @param part of several claims that add up, which: a file is not replaced by one with more, since ext4 writes out at once what replaces
 * something
 */
export function writeClaims(staging: Staging, claims: Claims, part = 0): void {
  writeJsonAtomic(staging.path(part === 0 ? 'claims.json' : `claims-${part}.json`), claims, { durable: false });
  crashPoint('image:claimed');
}

/** The claims of all living processes together. */
export function readClaims(store: Store): Claims {
  const blobs: Digest[] = [];
  const layers: Digest[] = [];
  for (const name of namesIn(store.layout.staging)) {
    const owner = parseOwnerTag(name);
    if (owner === undefined || !ownerMayLive(store.layout, owner)) continue;
    const directory = join(store.layout.staging, name);
    for (const file of namesIn(directory)) {
      if (!/^claims(?:-\d+)?\.json$/.test(file)) continue;
      const claims = readOne(join(directory, file));
      blobs.push(...(claims?.blobs ?? []));
      layers.push(...(claims?.layers ?? []));
    }
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

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
