/**
 * What is being admitted right now: a file in the staging directory of whoever does it, read by the garbage collection, with a line
 * for each time that something was claimed. A claim ends with its owner, or with the staging directory.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../host/crash-point.ts';
import { explainWriteFailure, namesIn, readTextIfPresent } from '../host/files.ts';
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

const FILE = 'claims';

/**
 * From now on a garbage collection spares these blobs and layers, too. One write to the end of a file: who reads beside it sees the whole
 * line, or what is no line yet, and this has not returned yet.
 * @throws ScullError NO_SPACE
 */
export function addClaims(staging: Staging, claims: Claims): void {
  const path = staging.path(FILE);
  try {
    appendFileSync(path, `${JSON.stringify(claims)}\n`, { mode: 0o600 });
  } catch (error) {
    throw explainWriteFailure(error, path);
  }
  crashPoint('image:claimed');
}

/** The claims of all living processes together. */
export function readClaims(store: Store): Claims {
  const blobs: Digest[] = [];
  const layers: Digest[] = [];
  for (const name of namesIn(store.layout.staging)) {
    const owner = parseOwnerTag(name);
    if (owner === undefined || !ownerMayLive(store.layout, owner)) continue;
    for (const line of (readTextIfPresent(join(store.layout.staging, name, FILE)) ?? '').split('\n')) {
      const claims = parseLine(line);
      blobs.push(...(claims?.blobs ?? []));
      layers.push(...(claims?.layers ?? []));
    }
  }
  return { blobs, layers };
}

/** Undefined for what is being written. */
function parseLine(line: string): Claims | undefined {
  try {
    return JSON.parse(line) as Claims;
  } catch {
    return undefined;
  }
}
