/**
 * Pushing: distribution-spec, "Push". Blobs first, each only if the registry does not have it: looked for, then mounted
 * from another repository of the same registry, then uploaded. The manifest comes last, so that nobody ever sees an image of
 * which something is missing.
 */
import { Readable } from 'node:stream';
import { ScullError } from '../host/errors.ts';
import { forEachLimited } from '../host/for-each-limited.ts';
import type { Progress } from '../host/progress.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import type { Manifest } from '../oci/image.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { explainConnectionFailure, header, isTransient } from './errors.ts';
import { expectStatus, type RegistryRequest, type RegistrySession } from './session.ts';
import { discardBody, type HttpResponse } from './transport.ts';

/** A manifest or an index as it is sent. */
export interface PushedDocument {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly digest: Digest;
}

/** An image as it is sent. */
export interface PushedImage extends PushedDocument {
  readonly manifest: Manifest;
  /** The blob's bytes from `offset` on, opened anew for every try. */
  blob(descriptor: Descriptor, offset: number): Readable;
}

export interface PushOptions {
  /** Other repositories of this registry that may have the layers already. */
  readonly mountFrom?: readonly string[];
  readonly progress: Progress;
}

/** Uploads at a time. */
const PARALLEL = 4;
/** Bytes of a blob that goes in one request with its seal: a configuration, mostly. */
const SMALL = 64 * 1024;
/** Bytes of one request, in this order, once a registry (or a proxy before it) has said that all at once is too much. */
const CHUNKS = [32 << 20, 8 << 20, 1 << 20, 512 << 10];

/**
 * Sends an image to the tag (or digest) of `reference`.
 * @returns the digest it is known by there
 * @throws ScullError UNAUTHORIZED, REGISTRY, NETWORK, INTERRUPTED
 */
export async function pushImageTo(session: RegistrySession, reference: Reference, image: PushedImage, options: PushOptions): Promise<Digest> {
  const blobs = [...new Map([...image.manifest.layers, image.manifest.config].map((descriptor) => [descriptor.digest, descriptor])).values()];
  const target: Target = { session, reference, scope: pushScope(reference, options.mountFrom ?? []) };
  await forEachLimited(blobs, PARALLEL, (descriptor) => pushBlob(target, image, descriptor, options));
  await putManifest(target, image);
  return image.digest;
}

/**
 * Sends a document alone: the index of a list whose images are there already.
 * @throws ScullError UNAUTHORIZED, REGISTRY, NETWORK
 */
export async function pushDocumentTo(session: RegistrySession, reference: Reference, document: PushedDocument): Promise<void> {
  await putManifest({ session, reference, scope: pushScope(reference, []) }, document);
}

interface Target {
  readonly session: RegistrySession;
  readonly reference: Reference;
  readonly scope: string;
}

export function pushScope(reference: Reference, mountFrom: readonly string[]): string {
  return [`repository:${reference.repository}:pull,push`, ...mountFrom.map((repository) => `repository:${repository}:pull`)].join(' ');
}

async function pushBlob(target: Target, image: PushedImage, descriptor: Descriptor, options: PushOptions): Promise<void> {
  const id = descriptor.digest;
  if (await isThere(target, descriptor)) return options.progress({ kind: 'done', id, result: 'exists' });
  const what = descriptor === image.manifest.config ? 'config' : 'layer';
  options.progress({ kind: 'start', id, what, total: descriptor.size });
  const begun = await mountOrBegin(target, descriptor, options.mountFrom ?? []);
  if (begun === 'mounted') return options.progress({ kind: 'done', id, result: 'exists' });
  if (descriptor.size > SMALL) await upload(target, image, descriptor, begun, options.progress);
  else await sendSmall(target, image, descriptor, begun, options.progress);
  options.progress({ kind: 'done', id, result: 'ok' });
}

function request(target: Target, method: RegistryRequest['method'], path: string | URL, more: Partial<RegistryRequest> = {}): RegistryRequest {
  return { method, target: path, scope: target.scope, verb: 'push', subject: formatReference(target.reference), ...more };
}

async function isThere(target: Target, descriptor: Descriptor): Promise<boolean> {
  const asked = request(target, 'HEAD', `/v2/${target.reference.repository}/blobs/${descriptor.digest}`);
  const response = await target.session.send(asked);
  if (response.status !== 404) await expectStatus(target.session, asked, response, [200]);
  discardBody(response);
  return response.status === 200;
}

/** An upload that was begun: where it goes on, and the least that one request but the last must bring (OCI-Chunk-Min-Length). */
interface Begun {
  readonly location: URL;
  readonly minimum: number;
}

/** Tries to mount the blob from elsewhere; each refusal opens an upload, of which the last one is used. */
async function mountOrBegin(target: Target, descriptor: Descriptor, mountFrom: readonly string[]): Promise<'mounted' | Begun> {
  const base = `/v2/${target.reference.repository}/blobs/uploads/`;
  let begun: Begun | undefined;
  for (const repository of [...mountFrom.slice(0, 3), undefined]) {
    if (repository === undefined && begun !== undefined) return begun;
    const query = repository === undefined ? '' : `?${new URLSearchParams({ mount: descriptor.digest, from: repository }).toString()}`;
    const asked = request(target, 'POST', `${base}${query}`, { headers: { 'content-length': '0' } });
    const response = await target.session.send(asked);
    // Refusing to mount (from what we may not read there) is no refusal to upload.
    if (repository === undefined) await expectStatus(target.session, asked, response, [201, 202]);
    discardBody(response);
    if (response.status === 201) return 'mounted';
    if (response.status === 202) begun = { location: uploadAddress(target, response), minimum: chunkMinimum(response) };
  }
  if (begun === undefined) throw new Error('no upload was begun');
  return begun;
}

/** The Location of an upload: on the registry itself or somewhere it sends us; credentials go to the registry only. */
function uploadAddress(target: Target, response: HttpResponse): URL {
  const location = header(response, 'location');
  if (location !== undefined && URL.canParse(location, response.url.href)) {
    const url = new URL(location, response.url);
    const usual = url.protocol === response.url.protocol || url.protocol === 'https:';
    if (usual && url.username === '' && url.password === '') return url;
  }
  throw new ScullError('REGISTRY', `cannot push ${formatReference(target.reference)}: ${target.session.registry} does not say where to upload to`);
}

function chunkMinimum(response: HttpResponse): number {
  const said = header(response, 'oci-chunk-min-length') ?? '';
  return /^[0-9]{1,10}$/.test(said) ? Number(said) : 0;
}

/** Sends a small blob together with its seal, which saves a round trip; where that is refused, like any other. */
async function sendSmall(target: Target, image: PushedImage, descriptor: Descriptor, begun: Begun, progress: Progress): Promise<void> {
  const headers = { 'content-type': 'application/octet-stream', 'content-length': `${descriptor.size}` };
  const response = await target.session.send(request(target, 'PUT', sealed(begun.location, descriptor), { headers, body: () => image.blob(descriptor, 0) }));
  discardBody(response);
  if (response.status === 201 || response.status === 204) return;
  const again = await mountOrBegin(target, descriptor, []);
  if (again !== 'mounted') await upload(target, image, descriptor, again, progress);
}

/**
 * One stream, then the seal with the digest. After a break the registry is asked how far it got, and sent the rest; one that
 * does not take as much at once gets it in pieces.
 */
async function upload(target: Target, image: PushedImage, descriptor: Descriptor, begun: Begun, progress: Progress): Promise<void> {
  let state: UploadState = { ...begun, offset: 0 };
  const chunks = CHUNKS.values();
  let chunk = Infinity;
  let failures = 0;
  while (state.offset < descriptor.size) {
    try {
      state = await sendFrom(target, image, descriptor, state, chunk, progress);
    } catch (error) {
      if (!(error instanceof BrokenUpload)) throw error;
      const smaller = error.tooLarge ? chunks.next().value : undefined;
      if (error.tooLarge && smaller === undefined) throw error.reason;
      if (smaller !== undefined) chunk = Math.max(smaller, state.minimum);
      else if (++failures > target.session.retries) throw error.reason;
      else await target.session.pause(failures);
      const again = await goOn(target, descriptor, state);
      if (again === 'mounted') return;
      state = again;
    }
  }
  await seal(target, descriptor, state.location);
}

interface UploadState extends Begun {
  /** Bytes that the registry has. */
  readonly offset: number;
}

/** Where a broken upload goes on; a registry that has forgotten it starts from the beginning. */
async function goOn(target: Target, descriptor: Descriptor, state: UploadState): Promise<UploadState | 'mounted'> {
  const known = await uploadState(target, state.location);
  if (known !== undefined) return { ...state, location: known.location, offset: Math.min(known.offset, descriptor.size) };
  const begun = await mountOrBegin(target, descriptor, []);
  return begun === 'mounted' ? begun : { ...begun, offset: 0 };
}

/** The connection broke while a blob was being sent; how much arrived is for the registry to say. */
class BrokenUpload extends Error {
  readonly reason: unknown;
  /** It was not the connection: less at once may do. */
  readonly tooLarge: boolean;
  constructor(reason: unknown, tooLarge = false) {
    super('the upload broke off');
    this.reason = reason;
    this.tooLarge = tooLarge;
  }
}

/** Sends at most `most` bytes in one request. */
async function sendFrom(target: Target, image: PushedImage, descriptor: Descriptor, state: UploadState, most: number, progress: Progress): Promise<UploadState> {
  const { location, offset } = state;
  const length = Math.min(descriptor.size - offset, most);
  const body = (): Readable => Readable.from(counted(image.blob(descriptor, offset), descriptor, offset, length, progress), { objectMode: false });
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream', 'content-length': `${length}` };
  if (offset > 0 || length < descriptor.size) headers['content-range'] = `${offset}-${offset + length - 1}`;
  const asked = request(target, 'PATCH', location, { headers, body, retries: 0 });
  let response: HttpResponse;
  try {
    response = await target.session.send(asked);
  } catch (error) {
    if (isTransient((error as { cause?: unknown }).cause)) throw new BrokenUpload(error);
    throw explainConnectionFailure(error, location, target.session.purpose(asked));
  }
  if (response.status >= 500 || response.status === 416 || response.status === 413) {
    const failure = await expectStatus(target.session, asked, response, []).catch((reason: unknown) => reason);
    throw new BrokenUpload(failure, response.status === 413);
  }
  discardBody(await expectStatus(target.session, asked, response, [202, 204, 201]));
  return { ...state, location: uploadAddress(target, response), offset: offset + length };
}

/** The first `length` bytes of the stream. */
async function* counted(stream: Readable, descriptor: Descriptor, offset: number, length: number, progress: Progress): AsyncGenerator<Uint8Array, void, void> {
  const end = offset + length;
  let done = offset;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    yield done + chunk.length > end ? chunk.subarray(0, end - done) : chunk;
    done = Math.min(end, done + chunk.length);
    progress({ kind: 'bytes', id: descriptor.digest, phase: 'upload', done, total: descriptor.size });
    if (done === end) return;
  }
}

/** How much of an upload the registry has, and where to go on; undefined when it knows nothing of it. */
async function uploadState(target: Target, location: URL): Promise<{ readonly offset: number; readonly location: URL } | undefined> {
  const response = await target.session.send(request(target, 'GET', location));
  discardBody(response);
  if (response.status !== 204 && response.status !== 202 && response.status !== 200) return undefined;
  const range = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(header(response, 'range') ?? '');
  // `0-0` stands for nothing as well as for one byte (the specification has no way to say nothing): start over.
  if (range === null || range[1] === '0') return undefined;
  return { offset: Number(range[1]) + 1, location: header(response, 'location') === undefined ? location : uploadAddress(target, response) };
}

function sealed(location: URL, descriptor: Descriptor): URL {
  const url = new URL(location);
  url.searchParams.set('digest', descriptor.digest);
  return url;
}

async function seal(target: Target, descriptor: Descriptor, location: URL): Promise<void> {
  const asked = request(target, 'PUT', sealed(location, descriptor), { headers: { 'content-length': '0', 'content-type': 'application/octet-stream' } });
  const response = await expectStatus(target.session, asked, await target.session.send(asked), [201, 204]);
  discardBody(response);
}

async function putManifest(target: Target, image: PushedDocument): Promise<void> {
  const { reference } = target;
  const name = reference.digest ?? reference.tag ?? 'latest';
  const asked = request(target, 'PUT', `/v2/${reference.repository}/manifests/${name}`, {
    headers: { 'content-type': image.mediaType, 'content-length': `${image.bytes.length}` },
    body: image.bytes,
  });
  const response = await expectStatus(target.session, asked, await target.session.send(asked), [201, 202, 200]);
  discardBody(response);
  const digest = header(response, 'docker-content-digest') ?? '';
  if (isDigest(digest) && digest !== image.digest && digest.startsWith('sha256:') === image.digest.startsWith('sha256:')) {
    throw new ScullError('REGISTRY', `cannot push ${formatReference(reference)}: ${target.session.registry} took ${image.digest} for ${digest}`);
  }
}
