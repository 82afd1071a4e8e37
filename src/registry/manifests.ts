/** Manifests and indexes: distribution-spec, "Pulling manifests". What comes is decoded and its digest checked before anything is believed. */
import { ScullError } from '../host/errors.ts';
import { hashOf, type HashAlgorithm } from '../host/hash.ts';
import { decodeManifestOrIndex, MAX_DOCUMENT, type DecodedIndex, type DecodedManifest } from '../oci/decode.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { digestAlgorithm, isDigest, parseDigest, type Digest } from '../oci/digest.ts';
import { MEDIA_TYPES } from '../oci/image.ts';
import { choosePlatform, formatPlatform, type Platform } from '../oci/platform.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { header } from './errors.ts';
import { expectStatus, fetchWhole, type RegistryRequest, type RegistrySession } from './session.ts';
import { discardBody } from './transport.ts';

const ACCEPT = [MEDIA_TYPES.ociIndex, MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifestList, MEDIA_TYPES.dockerManifest, 'application/json;q=0.5'].join(', ');

/** An index may point to another; more is a maze. */
const MAX_INDEX_DEPTH = 2;

/** A manifest or index as the registry holds it, byte for byte. */
export type FetchedManifest = (DecodedManifest | DecodedIndex) & { readonly bytes: Uint8Array; readonly digest: Digest };

/** The manifest of one image, with the indexes that led to it. */
export interface ResolvedManifest {
  readonly manifest: DecodedManifest;
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** What the tag or digest itself names: the index's digest, or the manifest's own. */
  readonly topDigest: Digest;
  /** As the index says; undefined where there is no index. */
  readonly platform?: Platform;
}

export function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}

/**
 * What the reference names right now, without fetching it (and without counting as a pull for Docker Hub's rate limit).
 * @returns undefined when the registry does not tell digests this way
 * @throws ScullError NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK
 */
export async function headManifest(session: RegistrySession, reference: Reference): Promise<Digest | undefined> {
  const request = manifestRequest(reference, 'HEAD');
  const response = await session.send(request);
  if (response.status === 405 || response.status === 501) {
    discardBody(response);
    return undefined;
  }
  await expectStatus(session, request, response, [200]);
  discardBody(response);
  const digest = header(response, 'docker-content-digest') ?? '';
  return isDigest(digest) ? digest : undefined;
}

/** Fetches what the reference names. @throws ScullError NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK, INVALID */
export async function fetchManifest(session: RegistrySession, reference: Reference): Promise<FetchedManifest> {
  const { response, body: bytes } = await fetchWhole(session, manifestRequest(reference, 'GET'), MAX_DOCUMENT);
  const digest = checkedDigest(bytes, reference, header(response, 'docker-content-digest'));
  return { ...decodeManifestOrIndex(bytes, header(response, 'content-type')), bytes, digest };
}

/**
 * Fetches the manifest of the image for `platform`, through an index where there is one.
 * @throws ScullError as fetchManifest; NO_SUCH_IMAGE listing what there is when nothing fits the platform
 */
export async function resolveManifest(session: RegistrySession, reference: Reference, platform: Platform): Promise<ResolvedManifest> {
  const top = await fetchManifest(session, reference);
  let current = top;
  let chosen: Descriptor | undefined;
  for (let depth = 0; current.kind === 'index'; depth++) {
    if (depth === MAX_INDEX_DEPTH) throw new ScullError('INVALID', `cannot pull ${formatReference(reference)}: its index leads to ever more indexes`);
    chosen = chooseEntry(current, platform, reference);
    const next: Reference = { registry: reference.registry, repository: reference.repository, digest: chosen.digest };
    current = await fetchManifest(session, next);
    if (current.bytes.length !== chosen.size) throw new ScullError('REGISTRY', `cannot pull ${formatReference(reference)}: the manifest ${chosen.digest} has ${current.bytes.length} bytes, its index says ${chosen.size}`);
  }
  const found = { manifest: { kind: current.kind, mediaType: current.mediaType, manifest: current.manifest }, bytes: current.bytes, digest: current.digest, topDigest: top.digest };
  return chosen?.platform === undefined ? found : { ...found, platform: chosen.platform };
}

function chooseEntry(index: DecodedIndex, platform: Platform, reference: Reference): Descriptor {
  const entries = index.index.manifests;
  const chosen = choosePlatform(entries, platform);
  if (chosen !== undefined) return chosen;
  // An index that names no platforms at all, with a single entry, is a wrapping, not a choice.
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && only.platform === undefined) return only;
  const have = [...new Set(entries.flatMap((entry) => (entry.platform === undefined || entry.platform.os === 'unknown' ? [] : [formatPlatform(entry.platform)])))];
  const shown = have.slice(0, 20).map((name) => (/^[\w./-]{1,60}$/.test(name) ? name : JSON.stringify(name.slice(0, 60))));
  throw new ScullError('NO_SUCH_IMAGE', `cannot pull ${formatReference(reference)}: it has no image for ${formatPlatform(platform)}`, {
    hint: shown.length === 0 ? 'its index is empty' : `it has ${shown.join(', ')}${have.length > shown.length ? ', …' : ''}; choose one with --platform`,
  });
}

function manifestRequest(reference: Reference, method: 'GET' | 'HEAD'): RegistryRequest {
  // Both parts are checked patterns, so they need no escaping in a path. A digest decides over a tag.
  const name = reference.digest ?? reference.tag ?? 'latest';
  return {
    method,
    target: `/v2/${reference.repository}/manifests/${name}`,
    headers: { accept: ACCEPT },
    scope: pullScope(reference.repository),
    verb: 'pull',
    subject: formatReference(reference),
  };
}

/** The digest of what came, after comparing it with what was asked for and with what the registry says. */
function checkedDigest(bytes: Uint8Array, reference: Reference, announced: string | undefined): Digest {
  const hash = (algorithm: HashAlgorithm): Digest => parseDigest(`${algorithm}:${hashOf(bytes, algorithm)}`);
  const claims = [reference.digest, announced !== undefined && isDigest(announced) ? announced : undefined];
  for (const claim of claims) {
    if (claim !== undefined && hash(digestAlgorithm(claim)) !== claim) {
      throw new ScullError('REGISTRY', `cannot pull ${formatReference(reference)}: the manifest that ${reference.registry} sent is not ${claim}`, {
        hint: 'it was changed or damaged on the way, or by the registry; try again, or another registry',
        detail: `its digest is ${hash(digestAlgorithm(claim))}`,
      });
    }
  }
  return reference.digest ?? hash('sha256');
}
