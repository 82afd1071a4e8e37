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
  /** Where the blob's bytes come from: a file that holds it, or a stream of them from `offset` on, opened anew for every try. */
  blob(descriptor: Descriptor): string | ((offset: number) => Readable);
}

export interface PushOptions {
  /** Other repositories of this registry that may have a blob already, the likeliest first. */
  readonly mountFrom?: (blob: Digest) => readonly string[];
  readonly progress: Progress;
}

/** Uploads at a time. */
const PARALLEL = 4;
/** Repositories that a blob is tried to be mounted from: each is a round trip. */
const MOUNTS = 3;
/** Bytes of one request, in this order, once a registry (or a proxy before it) has said that all at once is too much. */
const CHUNKS = [32 << 20, 8 << 20, 1 << 20, 512 << 10];

/**
 * Sends an image to the tag (or digest) of `reference`.
 * @returns the digest it is known by there
 * @throws ScullError UNAUTHORIZED, REGISTRY, NETWORK, INTERRUPTED
 */
export async function pushImageTo(session: RegistrySession, reference: Reference, image: PushedImage, options: PushOptions): Promise<Digest> {
  const blobs = [...new Map([...image.manifest.layers, image.manifest.config].map((descriptor) => [descriptor.digest, descriptor])).values()];
  const sources = new Map(blobs.map(({ digest }) => [digest, (options.mountFrom?.(digest) ?? []).filter((repository) => repository !== reference.repository).slice(0, MOUNTS)]));
  const target: Target = { session, reference, sources, scope: pushScope(reference, [...new Set([...sources.values()].flat())]), watched: (await options.progress.isWatched?.()) === true };
  await forEachLimited(blobs, PARALLEL, (descriptor) => pushBlob(target, image, descriptor, options));
  await putManifest(target, image);
  return image.digest;
}

/**
 * Sends a document alone: the index of a list whose images are there already.
 * @throws ScullError UNAUTHORIZED, REGISTRY, NETWORK
 */
export async function pushDocumentTo(session: RegistrySession, reference: Reference, document: PushedDocument): Promise<void> {
  await putManifest({ session, reference, sources: new Map(), scope: pushScope(reference, []), watched: false }, document);
}

interface Target {
  /** Repositories to mount a blob from. */
  readonly sources: ReadonlyMap<Digest, readonly string[]>;
  readonly session: RegistrySession;
  readonly reference: Reference;
  readonly scope: string;
  /** Whether somebody looks on. */
  readonly watched: boolean;
}

function pushScope(reference: Reference, mountFrom: readonly string[]): string {
  return [`repository:${reference.repository}:pull,push`, ...mountFrom.map((repository) => `repository:${repository}:pull`)].join(' ');
}

async function pushBlob(target: Target, image: PushedImage, descriptor: Descriptor, options: PushOptions): Promise<void> {
  const id = descriptor.digest;
  const what = descriptor === image.manifest.config ? 'config' : 'layer';
  const isPresent = await isThere(target, descriptor);
  // What nothing was said of counts as a layer.
  if (!isPresent || what === 'config') options.progress({ kind: 'start', id, what, total: descriptor.size });
  if (isPresent) return options.progress({ kind: 'done', id, result: 'exists' });
  const begun = await mountOrBegin(target, descriptor, target.sources.get(id) ?? []);
  if (begun === 'mounted') return options.progress({ kind: 'done', id, result: 'exists' });
  await upload(target, image, descriptor, begun, options.progress);
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
  for (const repository of [...mountFrom, undefined]) {
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

/**
 * All in one request with the seal, as most registries take it. Else one stream, then the seal with the digest. After a break the
 * registry is asked how far it got, and sent the rest; one that does not take as much at once gets it in pieces.
 */
async function upload(target: Target, image: PushedImage, descriptor: Descriptor, begun: Begun, progress: Progress): Promise<void> {
  let state: UploadState = { ...begun, offset: 0 };
  let whole = true;
  const chunks = CHUNKS.values();
  let chunk = Infinity;
  let failures = 0;
  while (whole || state.offset < descriptor.size) {
    try {
      if (whole) return await sendWhole(target, image, descriptor, state, progress);
      state = await sendFrom(target, image, descriptor, state, chunk, progress);
    } catch (error) {
      if (!(error instanceof BrokenUpload)) throw error;
      const smaller = error.why === 'too large' ? chunks.next().value : undefined;
      if (error.why === 'too large' && smaller === undefined) throw error.reason;
      if (smaller !== undefined) chunk = Math.max(smaller, state.minimum);
      else if (error.why === 'broken' && ++failures > target.session.retries) throw error.reason;
      else if (error.why === 'broken') await target.session.pause(failures);
      const again = error.why === 'not so' ? await beginAnew(target, descriptor) : await goOn(target, descriptor, state);
      if (again === 'mounted') return;
      state = again;
      whole = false;
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
  return known === undefined ? beginAnew(target, descriptor) : { ...state, location: known.location, offset: Math.min(known.offset, descriptor.size) };
}

async function beginAnew(target: Target, descriptor: Descriptor): Promise<UploadState | 'mounted'> {
  const begun = await mountOrBegin(target, descriptor, []);
  return begun === 'mounted' ? begun : { ...begun, offset: 0 };
}

/** A blob, or a part of it, did not arrive; how much did is for the registry to say. */
class BrokenUpload extends Error {
  readonly reason: unknown;
  /** The connection broke; less at once may do; another kind of request may do. */
  readonly why: 'broken' | 'too large' | 'not so';
  constructor(reason: unknown, why: BrokenUpload['why'] = 'broken') {
    super('the upload broke off');
    this.reason = reason;
    this.why = why;
  }
}

/** Sends a blob together with its seal, which saves a round trip and the registry some work. */
async function sendWhole(target: Target, image: PushedImage, descriptor: Descriptor, { location }: UploadState, progress: Progress): Promise<void> {
  const asked = request(target, 'PUT', sealed(location, descriptor), { headers: { 'content-type': 'application/octet-stream', 'content-length': `${descriptor.size}` }, body: bodyOf(target, image, descriptor, 0, descriptor.size, progress), retries: 0 });
  const response = await sendPart(target, asked);
  if (response.status === 201 || response.status === 204) return discardBody(response);
  const failure = await expectStatus(target.session, asked, response, []).catch((reason: unknown) => reason);
  // A refusal of who we are is one of every request.
  if (response.status === 401 || response.status === 403) throw failure;
  throw new BrokenUpload(failure, 'not so');
}

/** Sends what may break half-way, and what a registry may find too much. @throws BrokenUpload */
async function sendPart(target: Target, asked: RegistryRequest): Promise<HttpResponse> {
  let response: HttpResponse;
  try {
    response = await target.session.send(asked);
  } catch (error) {
    if (isTransient((error as { cause?: unknown }).cause)) throw new BrokenUpload(error);
    throw explainConnectionFailure(error, asked.target as URL, target.session.purpose(asked));
  }
  if (response.status < 500 && ![413, 416, 429].includes(response.status)) return response;
  const failure = await expectStatus(target.session, asked, response, []).catch((reason: unknown) => reason);
  throw new BrokenUpload(failure, response.status === 413 ? 'too large' : 'broken');
}

/** `length` bytes of a blob from `offset` on. */
function bodyOf(target: Target, image: PushedImage, descriptor: Descriptor, offset: number, length: number, progress: Progress): NonNullable<RegistryRequest['body']> {
  if (length === 0) return new Uint8Array(0);
  const onSent = (bytes: number): void => progress({ kind: 'bytes', id: descriptor.digest, phase: 'upload', done: offset + bytes, total: descriptor.size });
  const from = image.blob(descriptor);
  return typeof from === 'string' ? { file: from, offset, length, onSent, watched: target.watched } : () => Readable.from(counted(from(offset), length, onSent), { objectMode: false });
}

/** Sends at most `most` bytes in one request. */
async function sendFrom(target: Target, image: PushedImage, descriptor: Descriptor, state: UploadState, most: number, progress: Progress): Promise<UploadState> {
  const { location, offset } = state;
  const length = Math.min(descriptor.size - offset, most);
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream', 'content-length': `${length}` };
  if (offset > 0 || length < descriptor.size) headers['content-range'] = `${offset}-${offset + length - 1}`;
  const asked = request(target, 'PATCH', location, { headers, body: bodyOf(target, image, descriptor, offset, length, progress), retries: 0 });
  const response = await sendPart(target, asked);
  discardBody(await expectStatus(target.session, asked, response, [202, 204, 201]));
  return { ...state, location: uploadAddress(target, response), offset: offset + length };
}

/** The first `length` bytes of the stream. */
async function* counted(stream: Readable, length: number, onSent: (bytes: number) => void): AsyncGenerator<Uint8Array, void, void> {
  let done = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    yield done + chunk.length > length ? chunk.subarray(0, length - done) : chunk;
    done = Math.min(length, done + chunk.length);
    onSent(done);
    if (done === length) return;
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
