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
  const mounted = await mountOrBegin(target, descriptor, options.mountFrom ?? []);
  if (mounted === 'mounted') return options.progress({ kind: 'done', id, result: 'exists' });
  await upload(target, image, descriptor, mounted, options.progress);
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

/** Tries to mount the blob from elsewhere; each refusal opens an upload, of which the last one is used. */
async function mountOrBegin(target: Target, descriptor: Descriptor, mountFrom: readonly string[]): Promise<'mounted' | URL> {
  const base = `/v2/${target.reference.repository}/blobs/uploads/`;
  let begun: URL | undefined;
  for (const repository of [...mountFrom.slice(0, 3), undefined]) {
    if (repository === undefined && begun !== undefined) return begun;
    const query = repository === undefined ? '' : `?${new URLSearchParams({ mount: descriptor.digest, from: repository }).toString()}`;
    const asked = request(target, 'POST', `${base}${query}`, { headers: { 'content-length': '0' } });
    const response = await target.session.send(asked);
    // Refusing to mount (from what we may not read there) is no refusal to upload.
    if (repository === undefined) await expectStatus(target.session, asked, response, [201, 202]);
    discardBody(response);
    if (response.status === 201) return 'mounted';
    if (response.status === 202) begun = uploadAddress(target, response);
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

/** One stream, then the seal with the digest. After a break the registry is asked how far it got, and sent the rest. */
async function upload(target: Target, image: PushedImage, descriptor: Descriptor, begun: URL, progress: Progress): Promise<void> {
  let location = begun;
  let offset = 0;
  for (let failures = 0; ; ) {
    try {
      location = await sendFrom(target, image, descriptor, location, offset, progress);
      break;
    } catch (error) {
      failures += 1;
      if (!(error instanceof BrokenUpload) || failures > target.session.retries) throw error instanceof BrokenUpload ? error.reason : error;
      await target.session.pause(failures);
      const state = await uploadState(target, location);
      // A registry that has forgotten the upload starts from the beginning.
      const again = state ?? { offset: 0, location: await mountOrBegin(target, descriptor, []) };
      if (again.location === 'mounted') return;
      location = again.location;
      offset = Math.min(again.offset, descriptor.size);
    }
  }
  await seal(target, descriptor, location);
}

/** The connection broke while a blob was being sent; how much arrived is for the registry to say. */
class BrokenUpload extends Error {
  readonly reason: unknown;
  constructor(reason: unknown) {
    super('the upload broke off');
    this.reason = reason;
  }
}

async function sendFrom(target: Target, image: PushedImage, descriptor: Descriptor, location: URL, offset: number, progress: Progress): Promise<URL> {
  const length = descriptor.size - offset;
  if (length === 0) return location;
  const body = (): Readable => Readable.from(counted(image.blob(descriptor, offset), descriptor, offset, progress), { objectMode: false });
  const headers: Record<string, string> = { 'content-type': 'application/octet-stream', 'content-length': `${length}` };
  if (offset > 0) headers['content-range'] = `${offset}-${descriptor.size - 1}`;
  const asked = request(target, 'PATCH', location, { headers, body, retries: 0 });
  let response: HttpResponse;
  try {
    response = await target.session.send(asked);
  } catch (error) {
    if (isTransient((error as { cause?: unknown }).cause)) throw new BrokenUpload(error);
    throw explainConnectionFailure(error, location, target.session.purpose(asked));
  }
  if (response.status >= 500 || response.status === 416) {
    const failure = await expectStatus(target.session, asked, response, []).catch((reason: unknown) => reason);
    throw new BrokenUpload(failure);
  }
  discardBody(await expectStatus(target.session, asked, response, [202, 204, 201]));
  return uploadAddress(target, response);
}

async function* counted(stream: Readable, descriptor: Descriptor, offset: number, progress: Progress): AsyncGenerator<Uint8Array, void, void> {
  let done = offset;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    yield chunk;
    done += chunk.length;
    progress({ kind: 'bytes', id: descriptor.digest, phase: 'upload', done, total: descriptor.size });
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

async function seal(target: Target, descriptor: Descriptor, location: URL): Promise<void> {
  const url = new URL(location);
  url.searchParams.set('digest', descriptor.digest);
  const asked = request(target, 'PUT', url, { headers: { 'content-length': '0', 'content-type': 'application/octet-stream' } });
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
