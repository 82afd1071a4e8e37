/** Blobs: distribution-spec, "Pulling blobs". A blob is a stream that mends itself: a broken connection is continued by a range request. */
import { ScullError } from '../host/errors.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { MEDIA_TYPES } from '../oci/image.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { explainConnectionFailure, header, isTransient } from './errors.ts';
import { pullScope } from './manifests.ts';
import { expectStatus, type RegistryRequest, type RegistrySession } from './session.ts';
import { discardBody, watchBody, type HttpResponse } from './transport.ts';

/** Bytes a connection must bring before its breaking counts as the first failure again. */
const PROGRESS = 64 * 1024;

/**
 * The blob's bytes from `offset` on. Delivers exactly `descriptor.size - offset` bytes or fails; whether they are the right
 * ones is for the reader to check by the digest.
 * @throws ScullError (also while it is read) NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY, NETWORK; UNSUPPORTED for layers
 * that a registry does not hold itself
 */
export async function openBlob(session: RegistrySession, reference: Reference, descriptor: Descriptor, offset = 0): Promise<AsyncIterable<Uint8Array>> {
  refuseForeign(descriptor, reference);
  if (offset > descriptor.size) throw new RangeError('offset lies behind the end of the blob');
  if (offset === descriptor.size) return nothing();
  const request = blobRequest(reference, descriptor);
  // The first answer is awaited here, so that what does not exist is an error of the call.
  const first = await openAt(session, request, descriptor, offset);
  return chunksOf(session, request, descriptor, offset, first);
}

async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

/** Layers "to be fetched from elsewhere" are Windows', and following their addresses has leaked credentials (CVE-2020-15157). */
function refuseForeign(descriptor: Descriptor, reference: Reference): void {
  const foreign = descriptor.mediaType === MEDIA_TYPES.dockerForeignLayer || descriptor.mediaType.includes('.nondistributable.');
  if (!foreign) return;
  throw new ScullError('UNSUPPORTED', `cannot pull ${formatReference(reference)}: its layer ${descriptor.digest} is a foreign one, which is to be fetched from elsewhere`, {
    hint: 'such layers are found in Windows images, which can not run here',
  });
}

/** An answer whose first byte is byte `from` of the blob. */
interface OpenedBlob {
  readonly response: HttpResponse;
  readonly from: number;
}

async function* chunksOf(session: RegistrySession, request: RegistryRequest, descriptor: Descriptor, offset: number, first: OpenedBlob): AsyncGenerator<Buffer, void, void> {
  let opened = first;
  let position = offset;
  let failures = 0;
  for (;;) {
    const resumedAt = position;
    let failure: unknown;
    try {
      for await (const chunk of bytesFrom(opened, position, session)) {
        position += chunk.length;
        if (position > descriptor.size) throw new ScullError('REGISTRY', `${cannot(request)}: ${session.registry} sends more than the ${descriptor.size} bytes of ${descriptor.digest}`);
        yield chunk;
      }
      if (position === descriptor.size) return;
    } catch (error) {
      if (!isTransient(error)) throw explainConnectionFailure(error, opened.response.url, session.purpose(request));
      failure = error;
    }
    failures = position - resumedAt >= PROGRESS ? 1 : failures + 1;
    if (failures > session.retries) {
      if (failure !== undefined) throw explainConnectionFailure(failure, opened.response.url, session.purpose(request));
      throw new ScullError('REGISTRY', `${cannot(request)}: ${session.registry} ends ${descriptor.digest} after ${position} of ${descriptor.size} bytes`);
    }
    await session.pause(failures);
    opened = await openAt(session, request, descriptor, position);
  }
}

/** The body from byte `position` of the blob on: what a registry without ranges sends before that is read and dropped. */
async function* bytesFrom(opened: OpenedBlob, position: number, session: RegistrySession): AsyncGenerator<Buffer, void, void> {
  let skip = position - opened.from;
  for await (const chunk of watchBody(opened.response, session.limits)) {
    if (skip >= chunk.length) {
      skip -= chunk.length;
      continue;
    }
    yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = 0;
  }
}

/** Asks for the blob from `offset` on. A registry that knows no ranges sends it whole. */
async function openAt(session: RegistrySession, request: RegistryRequest, descriptor: Descriptor, offset: number): Promise<OpenedBlob> {
  const ranged = offset === 0 ? request : { ...request, headers: { ...request.headers, range: `bytes=${offset}-` } };
  let answer = await session.send(ranged);
  if (offset > 0 && answer.status === 416) {
    // A range that lies within the blob and can't be had: then all of it.
    discardBody(answer);
    answer = await session.send(request);
  }
  const response = await expectStatus(session, request, answer, offset === 0 ? [200] : [200, 206]);
  const problem = problemWith(response, descriptor, offset);
  if (problem === undefined) return { response, from: response.status === 206 ? offset : 0 };
  response.body.destroy();
  throw new ScullError('REGISTRY', `${cannot(request)}: ${session.registry} ${problem}`);
}

function problemWith(response: HttpResponse, descriptor: Descriptor, offset: number): string | undefined {
  const encoding = header(response, 'content-encoding') ?? 'identity';
  if (encoding !== 'identity') return 'encodes blobs, which changes their digest';
  const expected = response.status === 206 ? descriptor.size - offset : descriptor.size;
  if (response.status === 206 && rangeStart(response) !== offset) return 'answers a range request with another range';
  const announced = header(response, 'content-length');
  if (announced === undefined || Number(announced) === expected) return undefined;
  return `has ${/^[0-9]{1,20}$/.test(announced) ? announced : 'a strange number of'} bytes for ${descriptor.digest} where the manifest leaves ${expected}`;
}

function rangeStart(response: HttpResponse): number | undefined {
  const match = /^bytes ([0-9]{1,15})-/.exec(header(response, 'content-range') ?? '');
  return match === null ? undefined : Number(match[1]);
}

function cannot(request: RegistryRequest): string {
  return `cannot ${request.verb} ${request.subject}`;
}

function blobRequest(reference: Reference, descriptor: Descriptor): RegistryRequest {
  return {
    method: 'GET',
    target: `/v2/${reference.repository}/blobs/${descriptor.digest}`,
    scope: pullScope(reference.repository),
    verb: 'pull',
    subject: formatReference(reference),
  };
}
