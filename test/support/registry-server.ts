/**
 * A little registry in memory, for unit tests: it serves what it is given as the distribution specification has it, writes
 * down every request, and misbehaves where a test asks it to.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { MEDIA_TYPES, type ImageIndex, type Manifest } from '../../src/oci/image.ts';
import type { Platform } from '../../src/oci/platform.ts';
import { sha256 } from './digest.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './test-certificate.ts';

export interface RecordedRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Returns true when it has taken over the answer. `earlier` counts requests with the same method and path before this one. */
export type Intercept = (request: IncomingMessage, response: ServerResponse, earlier: number) => boolean;

export interface TokenService {
  /** Basic credentials that the token server insists on, `user:password`; anonymous otherwise. */
  readonly login?: string;
  /** Other parts of the challenge, to be wrong on purpose. */
  readonly challenge?: (host: string) => string;
  /** Seconds, as told to the client. */
  readonly expiresIn?: number;
}

export interface TestRegistryOptions {
  readonly tls?: boolean;
  readonly tokens?: TokenService;
  /** `user:password` for plain Basic authentication. */
  readonly basic?: string;
}

export interface TestImage {
  readonly manifest: Manifest;
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface TestRegistry {
  /** `127.0.0.1:PORT`, or `localhost:PORT` with TLS (the certificate is for that name). */
  readonly host: string;
  readonly port: number;
  readonly requests: RecordedRequest[];
  /** Tokens handed out that still count; clear it to let them run out. */
  readonly tokens: Set<string>;
  /** By digest. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  intercept: Intercept | undefined;
  addBlob(bytes: Uint8Array, mediaType: string): Descriptor;
  addManifest(repository: string, document: object, mediaType: string, tag?: string): Descriptor;
  /** An image of the given uncompressed layers. */
  addImage(repository: string, tag: string | undefined, layers: readonly Uint8Array[], platform?: Platform): TestImage;
  addIndex(repository: string, tag: string, images: readonly { readonly image: TestImage; readonly platform?: Platform }[]): Descriptor;
  /** Requests whose path contains `part`. */
  asked(part: string, method?: string): RecordedRequest[];
  stop(): Promise<void>;
}

export async function startTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const blobs = new Map<string, Uint8Array>();
  const manifests = new Map<string, { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest }>();
  const tags = new Map<string, Set<string>>();
  const requests: RecordedRequest[] = [];
  const tokens = new Set<string>();
  const uploads = new Map<string, Buffer>();

  const keepManifest = (repository: string, bytes: Uint8Array, mediaType: string, tag?: string): Descriptor => {
    const digest = sha256(bytes);
    const stored = { bytes, mediaType, digest };
    manifests.set(`${repository}:${digest}`, stored);
    const names = tags.get(repository) ?? new Set();
    tags.set(repository, names);
    if (tag !== undefined && tag !== digest) {
      manifests.set(`${repository}:${tag}`, stored);
      names.add(tag);
    }
    return { mediaType, digest, size: bytes.length };
  };

  const listener: RequestListener = (request, response) => {
    const path = request.url ?? '/';
    const earlier = requests.filter((other) => other.path === path && other.method === request.method).length;
    requests.push({ method: request.method ?? '', path, headers: request.headers });
    if (registry.intercept?.(request, response, earlier) === true) return;
    if (path.startsWith('/token')) return issueToken(request, response, options.tokens ?? {}, tokens);
    if (!isLetIn(request, options, tokens)) return challenge(response, options, registry.host);
    const url = new URL(path, 'http://registry');
    const blob = /^\/v2\/(.+)\/blobs\/([^/]+)$/.exec(url.pathname);
    const manifest = /^\/v2\/(.+)\/manifests\/([^/]+)$/.exec(url.pathname);
    const list = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname);
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/.exec(url.pathname);
    if (url.pathname === '/v2/') response.end('{}');
    else if (upload !== null) takeUpload(request, response, { repository: upload[1] ?? '', id: upload[2] ?? '', url, blobs, uploads, repositories: tags });
    else if (manifest !== null && request.method === 'PUT') takeManifest(request, response, (bytes, mediaType) => keepManifest(manifest[1] ?? '', bytes, mediaType, manifest[2]));
    else if (blob !== null) sendBlob(request, response, blobs.get(blob[2] ?? ''));
    else if (manifest !== null) sendManifest(request, response, manifests.get(`${manifest[1]}:${manifest[2]}`), tags.has(manifest[1] ?? ''));
    else if (list !== null) sendTags(response, list[1] ?? '', tags.get(list[1] ?? ''), url, registry.host);
    else refuse(response, 404, 'UNSUPPORTED', 'no such route');
  };

  const server: Server = options.tls === true ? createSecureServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;

  const registry: TestRegistry = {
    host: `${options.tls === true ? 'localhost' : '127.0.0.1'}:${port}`,
    port,
    requests,
    tokens,
    blobs,
    intercept: undefined,
    addBlob(bytes, mediaType) {
      const digest = sha256(bytes);
      blobs.set(digest, bytes);
      return { mediaType, digest, size: bytes.length };
    },
    addManifest: (repository, document, mediaType, tag) => keepManifest(repository, Buffer.from(JSON.stringify(document)), mediaType, tag),
    addImage(repository, tag, layers, platform = { os: 'linux', architecture: 'amd64' }) {
      const config = { ...platform, config: { Cmd: ['true'] }, rootfs: { type: 'layers', diff_ids: layers.map(sha256) } };
      const configDescriptor = registry.addBlob(Buffer.from(JSON.stringify(config)), MEDIA_TYPES.ociConfig);
      const layerDescriptors = layers.map((layer) => registry.addBlob(gzipSync(layer), MEDIA_TYPES.ociLayerGzip));
      const manifest: Manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: configDescriptor, layers: layerDescriptors };
      const descriptor = registry.addManifest(repository, manifest, MEDIA_TYPES.ociManifest, tag);
      return { manifest, descriptor, config: configDescriptor, layers: layerDescriptors };
    },
    addIndex(repository, tag, images) {
      const index: ImageIndex = {
        schemaVersion: 2,
        mediaType: MEDIA_TYPES.ociIndex,
        manifests: images.map(({ image, platform }) => (platform === undefined ? image.descriptor : { ...image.descriptor, platform })),
      };
      return registry.addManifest(repository, index, MEDIA_TYPES.ociIndex, tag);
    },
    asked: (part, method) => requests.filter((request) => request.path.includes(part) && (method === undefined || request.method === method)),
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return registry;
}

/** An answer as registries refuse: the error document of the specification. */
export function refuse(response: ServerResponse, status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}): true {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
  return true;
}

function isLetIn(request: IncomingMessage, options: TestRegistryOptions, tokens: ReadonlySet<string>): boolean {
  const header = request.headers.authorization ?? '';
  if (options.tokens !== undefined) return header.startsWith('Bearer ') && tokens.has(header.slice(7));
  if (options.basic !== undefined) return header === `Basic ${Buffer.from(options.basic).toString('base64')}`;
  return true;
}

function challenge(response: ServerResponse, options: TestRegistryOptions, host: string): void {
  const scheme = options.tls === true ? 'https' : 'http';
  const bearer = options.tokens?.challenge?.(host) ?? `Bearer realm="${scheme}://${host}/token",service="test registry"`;
  refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': options.tokens === undefined ? 'Basic realm="test"' : bearer });
}

function issueToken(request: IncomingMessage, response: ServerResponse, service: TokenService, tokens: Set<string>): void {
  const given = request.headers.authorization;
  if (service.login !== undefined && given !== `Basic ${Buffer.from(service.login).toString('base64')}`) {
    refuse(response, 401, 'UNAUTHORIZED', 'incorrect username or password');
    return;
  }
  const token = `token-${tokens.size}-${Math.random().toString(36).slice(2)}`;
  tokens.add(token);
  response.end(JSON.stringify(service.expiresIn === undefined ? { token } : { access_token: token, expires_in: service.expiresIn }));
}

interface Upload {
  readonly repository: string;
  readonly id: string;
  readonly url: URL;
  readonly blobs: Map<string, Uint8Array>;
  /** What arrived so far, by upload. */
  readonly uploads: Map<string, Buffer>;
  readonly repositories: ReadonlyMap<string, unknown>;
}

/** Uploads as Debian's registry has them: begun by POST, a stream by PATCH, sealed by PUT, asked after by GET. */
function takeUpload(request: IncomingMessage, response: ServerResponse, upload: Upload): void {
  const { blobs, uploads, url } = upload;
  const place = `/v2/${upload.repository}/blobs/uploads/`;
  if (request.method === 'POST') {
    const mount = url.searchParams.get('mount') ?? '';
    if (blobs.has(mount) && upload.repositories.has(url.searchParams.get('from') ?? '')) return void response.writeHead(201).end();
    const id = `upload-${uploads.size}`;
    uploads.set(id, Buffer.alloc(0));
    return void response.writeHead(202, { location: `${place}${id}?state=secret` }).end();
  }
  const have = uploads.get(upload.id);
  if (have === undefined) return void refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
  const state = (length: number): Record<string, string> => ({ location: `${place}${upload.id}?state=secret`, range: `0-${Math.max(0, length - 1)}` });
  if (request.method === 'GET') return void response.writeHead(204, state(have.length)).end();
  const range = /^([0-9]+)-/.exec(request.headers['content-range'] ?? '');
  if (range !== null && Number(range[1]) !== have.length) return void refuse(response, 416, 'RANGE_INVALID', 'not where it ended');
  let all = range === null && request.method === 'PATCH' ? Buffer.alloc(0) : have;
  request.on('data', (chunk: Buffer) => {
    all = Buffer.concat([all, chunk]);
    uploads.set(upload.id, all);
  });
  request.on('error', () => undefined); // Broken off: what arrived is kept.
  request.on('end', () => {
    if (request.method === 'PATCH') return response.writeHead(202, state(all.length)).end();
    const digest = url.searchParams.get('digest') ?? '';
    if (sha256(all) !== digest) return refuse(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content');
    blobs.set(digest, all);
    return response.writeHead(201, { 'docker-content-digest': digest }).end();
  });
}

function takeManifest(request: IncomingMessage, response: ServerResponse, keep: (bytes: Uint8Array, mediaType: string) => Descriptor): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { digest } = keep(Buffer.concat(chunks), request.headers['content-type'] ?? '');
    response.writeHead(201, { 'docker-content-digest': digest }).end();
  });
}

function sendBlob(request: IncomingMessage, response: ServerResponse, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return void refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const range = /^bytes=([0-9]+)-$/.exec(request.headers.range ?? '');
  const start = range === null ? 0 : Number(range[1]);
  if (start >= bytes.length && start > 0) return void refuse(response, 416, 'RANGE_INVALID', 'range not satisfiable');
  const part = bytes.subarray(start);
  response.writeHead(range === null ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': part.length,
    ...(range === null ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  response.end(request.method === 'HEAD' ? undefined : part);
}

function sendManifest(request: IncomingMessage, response: ServerResponse, found: { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest } | undefined, known: boolean): void {
  if (found === undefined) {
    refuse(response, 404, known ? 'MANIFEST_UNKNOWN' : 'NAME_UNKNOWN', known ? 'manifest unknown' : 'repository name not known to registry');
    return;
  }
  response.writeHead(200, { 'content-type': found.mediaType, 'content-length': found.bytes.length, 'docker-content-digest': found.digest });
  response.end(request.method === 'HEAD' ? undefined : found.bytes);
}

/** Two tags a page, so that paging is always tried. */
function sendTags(response: ServerResponse, repository: string, names: ReadonlySet<string> | undefined, url: URL, host: string): void {
  if (names === undefined) return void refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
  const sorted = [...names].sort();
  const last = url.searchParams.get('last');
  const from = last === null ? 0 : sorted.indexOf(last) + 1;
  const page = sorted.slice(from, from + 2);
  const more = from + 2 < sorted.length;
  response.writeHead(200, more ? { link: `</v2/${repository}/tags/list?last=${page.at(-1)}&n=2>; rel="next"`, 'x-host': host } : {});
  response.end(JSON.stringify({ name: repository, tags: page }));
}
