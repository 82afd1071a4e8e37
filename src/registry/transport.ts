/**
 * One HTTP exchange at a time, and nothing more: no redirects, no retries, no credentials (session.ts decides on those).
 * What is here is what every exchange needs: kept-alive connections, proxies, TLS settings, and a time limit on every
 * wait. Runs the same on Node and in a Bun executable, over node:http and node:https, which are loaded on first use; in the
 * executable these cost 30 ms with TLS, so that it uses the runtime's own client (fetch-exchange.ts) where nothing is lost by it.
 */
import { createReadStream } from 'node:fs';
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Agent as SecureAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import { ScullError } from '../host/errors.ts';
import { isLoopbackHost, proxyFor, proxyIsSet } from '../host/proxy.ts';
import { VERSION } from '../host/version.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent whole, or as it comes; a stream needs a Content-Length header where its length is known. */
  readonly body?: Uint8Array | FilePart | Readable;
}

/** Bytes of a file, one at least, which need not pass through JavaScript. */
export interface FilePart {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  /** Told how many of them are on their way. */
  readonly onSent?: (bytes: number) => void;
  /** Whether somebody wants to know that as it happens, and not only in the end. */
  readonly watched?: boolean;
}

export function isFilePart(body: HttpRequest['body']): body is FilePart {
  return body !== undefined && 'file' in body;
}

export interface HttpResponse {
  readonly method: Method;
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Unread and paused. Whoever gets a response reads it ({@link readBody}, {@link watchBody}) or drops it ({@link discardBody}). */
  readonly body: HttpBody;
}

/** Can be iterated once. */
export interface HttpBody extends AsyncIterable<Buffer> {
  /** True once all of it has come. */
  readonly complete: boolean;
  /** Breaks off what has not come yet; who waits for it gets `error`. */
  destroy(error?: Error): void;
  /** Lets the rest come and go, for the sake of the connection. */
  drain(): void;
}

/** What TLS needs beyond the system's certificates. */
export interface TlsSettings {
  /** False accepts every certificate. */
  readonly verify: boolean;
  /** PEM; undefined leaves it to the runtime's own list. */
  readonly authorities?: readonly string[];
  /** PEM; shown to `clientHost` only. */
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly clientHost?: string;
}

export interface TimeLimits {
  /** Milliseconds to connect, TLS included. */
  readonly connect: number;
  /** Milliseconds from the request being sent to the head of its answer. */
  readonly response: number;
  /** Milliseconds without enough data in a body that is being read. */
  readonly stall: number;
}

export const DEFAULT_LIMITS: TimeLimits = { connect: 30_000, response: 60_000, stall: 60_000 };

/** Bytes that must arrive within TimeLimits.stall: less is a connection kept open, not a download. */
const STALL_BYTES = 4096;

export interface Transport {
  readonly limits: TimeLimits;
  /** @throws the runtime's own network error, for explainConnectionFailure; ETIMEDOUT for our time limits */
  exchange(request: HttpRequest): Promise<HttpResponse>;
  /** Breaks off everything under way and forgets connections. */
  close(): void;
}

export interface TransportOptions {
  readonly tls: TlsSettings;
  readonly limits?: Partial<TimeLimits>;
  /** For tests; the environment's proxies otherwise. */
  readonly proxy?: (url: URL) => URL | undefined;
}

export function openTransport(options: TransportOptions): Transport {
  const limits: TimeLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const agents = new Map<string, Promise<Agent>>();
  const abort = new AbortController();
  const findProxy = options.proxy ?? ((url: URL) => proxyFor(url));
  /** Hosts with which TLS was spoken. */
  const met = new Set<string>();
  const isKnownAt = (url: URL): boolean => options.tls.clientCertificate !== undefined && options.tls.clientHost === url.host;

  const agentFor = (url: URL, proxy: URL | undefined): Promise<Agent> => {
    const secure = url.protocol === 'https:';
    const client = secure && isKnownAt(url);
    // Plain http goes to a proxy as a whole; only TLS needs a tunnel, and connections of its own.
    const key = secure ? `https ${client ? url.host : ''} ${proxy?.href ?? ''}` : 'http';
    let agent = agents.get(key);
    if (agent === undefined) {
      agent = secure ? makeSecureAgent(options.tls, client, proxy, limits) : makePlainAgent(limits);
      agents.set(key, agent);
    }
    return agent;
  };

  const byFetch = async (request: HttpRequest): Promise<HttpResponse | undefined> => {
    const { fetchExchange } = await import('./fetch-exchange.ts');
    const secure = request.url.protocol === 'https:';
    try {
      const response = await fetchExchange(request, ownHeaders(request), options.tls, limits, abort.signal);
      if (secure) met.add(request.url.host);
      return response;
    } catch (error) {
      // Why TLS can't be spoken it does not tell, and node:https does: no TLS there, a certificate wanted of us, no version in common.
      if (secure && request.body === undefined && !met.has(request.url.host) && ['EPROTO', 'ECONNRESET', 'FailedToOpenSocket'].includes((error as { code?: string }).code ?? '')) return undefined;
      throw error;
    }
  };

  return {
    limits,
    async exchange(request) {
      const proxy = findProxy(request.url);
      if (proxy === undefined && suitsFetch(request) && !isKnownAt(request.url)) {
        const response = await byFetch(request);
        if (response !== undefined) return response;
      }
      const agent = await agentFor(request.url, proxy);
      return exchange(request, agent, proxy, limits, abort.signal);
    },
    close() {
      abort.abort();
      for (const agent of agents.values()) {
        agent.then(
          (made) => made.destroy(),
          () => undefined, // It was never made, and who asked for it was told so.
        );
      }
      agents.clear();
    },
  };
}

/**
 * Whether the runtime's fetch may do it. Only Bun's: Node's takes longer to load than node:http. Not where the environment names any
 * proxy, which it would use by rules of its own.
 */
function suitsFetch({ body }: HttpRequest): boolean {
  const bodySuits = body === undefined || body instanceof Uint8Array || isFilePart(body);
  return process.versions['bun'] !== undefined && bodySuits && !proxyIsSet();
}

function ownHeaders(request: HttpRequest): Readonly<Record<string, string>> {
  return { 'user-agent': `scull/${VERSION}`, 'accept-encoding': 'identity', ...request.headers };
}

function bodyOf(message: IncomingMessage): HttpBody {
  return {
    get complete() {
      return message.complete;
    },
    [Symbol.asyncIterator]: () => (message as AsyncIterable<Buffer>)[Symbol.asyncIterator](),
    destroy: (error) => void message.destroy(error),
    drain() {
      message.on('error', () => undefined); // Nobody waits for it any more.
      message.resume();
    },
  };
}

async function exchange(request: HttpRequest, agent: Agent, proxy: URL | undefined, limits: TimeLimits, signal: AbortSignal): Promise<HttpResponse> {
  const { url } = request;
  const secure = url.protocol === 'https:';
  const { request: open } = secure ? await import('node:https') : await import('node:http');
  const options: RequestOptions = {
    method: request.method,
    agent,
    signal,
    headers: { host: url.host, ...ownHeaders(request) },
    ...(proxy !== undefined && !secure ? throughPlainProxy(url, proxy) : { host: bareHost(url), port: portOf(url), path: `${url.pathname}${url.search}` }),
  };
  if (options.headers !== undefined && proxy !== undefined && !secure) Object.assign(options.headers, proxyHeaders(proxy));
  return new Promise((resolve, reject) => {
    const outgoing = open(options);
    const stream = streamOf(request.body);
    // Who takes in a large body may have to store it away before answering.
    const patience = stream === undefined ? limits.response : limits.response * 5;
    let timer: NodeJS.Timeout | undefined;
    let refused = false;
    const awaitAnswer = (): void => {
      timer = setTimeout(() => outgoing.destroy(timedOut(`no answer within ${patience / 1000} s`)), patience);
    };
    outgoing.once('response', (body: IncomingMessage) => {
      clearTimeout(timer);
      // An answer before all was sent is a refusal: nobody reads the rest.
      if (stream !== undefined && !outgoing.writableEnded) {
        refused = true;
        stream.destroy();
        body.once('close', () => outgoing.destroy());
      }
      resolve({ method: request.method, url, status: body.statusCode ?? 0, headers: body.headers, body: bodyOf(body) });
    });
    outgoing.on('error', (error) => {
      clearTimeout(timer);
      stream?.destroy();
      reject(error);
    });
    if (stream === undefined) {
      outgoing.end(request.body instanceof Uint8Array ? request.body : undefined);
      awaitAnswer();
    } else {
      sendStream(outgoing, stream, limits, isFilePart(request.body) ? request.body.onSent : undefined).then(awaitAnswer, (error: Error) => (refused ? undefined : outgoing.destroy(error)));
    }
  });
}

function streamOf(body: HttpRequest['body']): Readable | undefined {
  if (body === undefined || body instanceof Uint8Array) return undefined;
  if (!isFilePart(body)) return body;
  return createReadStream(body.file, { start: body.offset, end: body.offset + body.length - 1, highWaterMark: 1 << 20 });
}

/** Sends a stream at the pace at which it is taken. @throws ETIMEDOUT when nothing of it is taken for too long */
async function sendStream(outgoing: ClientRequest, stream: Readable, limits: TimeLimits, onSent?: (bytes: number) => void): Promise<void> {
  let sent = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    if (outgoing.destroyed) throw new Error('the connection is gone');
    if (!outgoing.write(chunk)) await drained(outgoing, limits);
    sent += chunk.length;
    onSent?.(sent);
  }
  outgoing.end();
}

function drained(outgoing: ClientRequest, limits: TimeLimits): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      outgoing.off('drain', taken);
      outgoing.off('close', taken);
      if (error === undefined) resolve();
      else reject(error);
    };
    const taken = (): void => settle();
    const timer = setTimeout(() => settle(timedOut(`nothing was taken for ${limits.stall / 1000} s`)), limits.stall);
    outgoing.once('drain', taken);
    outgoing.once('close', taken);
  });
}

async function makePlainAgent(limits: TimeLimits): Promise<Agent> {
  const { Agent } = await import('node:http');
  const agent = new Agent({ keepAlive: true });
  limitConnecting(agent, 'connect', limits);
  return agent;
}

async function makeSecureAgent(tls: TlsSettings, client: boolean, proxy: URL | undefined, limits: TimeLimits): Promise<Agent> {
  const [{ Agent }, { createSecureContext }] = await Promise.all([import('node:https'), import('node:tls')]);
  const ca = tls.authorities === undefined || !tls.verify ? {} : { ca: [...tls.authorities] };
  const identity = client && tls.clientCertificate !== undefined ? { cert: tls.clientCertificate, key: tls.clientKey } : {};
  // One context for all connections: reading the system's certificates costs Node 20 ms each time.
  const secureContext = createSecureContext({ ...ca, ...identity });
  const agent: SecureAgent = new Agent({ keepAlive: true, rejectUnauthorized: tls.verify, secureContext, ...ca, ...identity });
  if (proxy === undefined) limitConnecting(agent, 'secureConnect', limits);
  else tunnel(agent, proxy, limits);
  return agent;
}

type CreateConnection = (options: ConnectionOptions & { host?: string; port?: number | string }, callback: (error: Error | null, socket?: Socket) => void) => Socket | undefined;

/** Gives up on connections that take too long: the kernel alone would try for minutes. */
function limitConnecting(agent: Agent, event: 'connect' | 'secureConnect', limits: TimeLimits): void {
  const patched = agent as unknown as { createConnection: CreateConnection };
  const original = patched.createConnection.bind(agent);
  patched.createConnection = (options, callback) => {
    const socket = original(options, callback);
    if (socket !== undefined) limitConnect(socket, event, limits);
    return socket;
  };
}

function limitConnect(socket: Socket, event: 'connect' | 'secureConnect', limits: TimeLimits): void {
  const timer = setTimeout(() => socket.destroy(timedOut(`no connection within ${limits.connect / 1000} s`)), limits.connect);
  const clear = (): void => clearTimeout(timer);
  socket.once(event, clear);
  socket.once('close', clear);
}

/** TLS through a proxy: CONNECT (RFC 9110, 9.3.6), then TLS with the host itself inside. */
function tunnel(agent: Agent, proxy: URL, limits: TimeLimits): void {
  (agent as unknown as { createConnection: CreateConnection }).createConnection = (options, callback) => {
    openTunnel(proxy, `${options.host ?? ''}`, `${options.port ?? 443}`, limits)
      .then(async (through) => {
        const { connect } = await import('node:tls');
        const { host, port: _port, path: _path, ...rest } = options as ConnectionOptions & { host?: string };
        const socket = connect({ ...rest, socket: through, servername: rest.servername ?? host ?? '' });
        limitConnect(socket, 'secureConnect', limits);
        socket.once('secureConnect', () => callback(null, socket));
        socket.once('error', (error) => callback(error));
      })
      .catch((error: unknown) => callback(error as Error));
    return undefined;
  };
}

async function openTunnel(proxy: URL, host: string, port: string, limits: TimeLimits): Promise<Socket> {
  const { request } = proxy.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return new Promise((resolve, reject) => {
    const asking = request({ method: 'CONNECT', host: bareHost(proxy), port: portOf(proxy), path: authority, headers: { host: authority, ...proxyHeaders(proxy) }, agent: false });
    const timer = setTimeout(() => asking.destroy(timedOut(`no answer of the proxy within ${limits.connect / 1000} s`)), limits.connect);
    asking.once('connect', (response, socket) => {
      clearTimeout(timer);
      if (response.statusCode === 200) resolve(socket as Socket);
      else reject(new ScullError('NETWORK', `the proxy ${proxy.host} refuses a connection to ${authority} with status ${response.statusCode ?? 0}`, { hint: 'check HTTPS_PROXY and NO_PROXY' }));
      if (response.statusCode !== 200) socket.destroy();
    });
    asking.once('response', (response) => {
      clearTimeout(timer);
      response.destroy();
      reject(new ScullError('NETWORK', `the proxy ${proxy.host} refuses a connection to ${authority} with status ${response.statusCode ?? 0}`, { hint: 'check HTTPS_PROXY and NO_PROXY' }));
    });
    asking.once('error', (cause) => {
      clearTimeout(timer);
      reject(new ScullError('NETWORK', `the proxy ${proxy.host} can't be reached`, { hint: 'check HTTPS_PROXY and NO_PROXY', detail: cause.message, cause }));
    });
    asking.end();
  });
}

function throughPlainProxy(url: URL, proxy: URL): RequestOptions {
  return { host: bareHost(proxy), port: portOf(proxy), path: `${url.protocol}//${url.host}${url.pathname}${url.search}` };
}

function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {};
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` };
}

/** Host without the brackets of an IPv6 address, as sockets want it. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
}

/** True where plain http stays on this machine. */
export function staysHere(url: URL): boolean {
  return isLoopbackHost(url.hostname);
}

export function timedOut(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}

/**
 * Reads a whole body that must be small. @throws ScullError REGISTRY when it is larger than `limit` bytes; ETIMEDOUT
 * when it takes longer than the stall limit altogether; the runtime's error when the connection breaks
 */
export async function readBody(response: HttpResponse, limit: number, limits: TimeLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const timer = setTimeout(() => response.body.destroy(timedOut(`an answer not finished within ${limits.stall / 1000} s`)), limits.stall);
  try {
    for await (const chunk of response.body) {
      length += chunk.length;
      if (length > limit) throw new ScullError('REGISTRY', `${response.url.host} sent a document of more than ${limit} bytes`);
      chunks.push(chunk);
    }
  } finally {
    clearTimeout(timer);
    response.body.destroy();
  }
  return Buffer.concat(chunks, length);
}

/**
 * The chunks of a large body. Waiting for the registry has a time limit; being waited for (a slow disk) has none.
 * @throws ETIMEDOUT when next to nothing arrives, the runtime's error when the connection breaks
 */
export async function* watchBody(response: HttpResponse, limits: TimeLimits): AsyncGenerator<Buffer, void, void> {
  const iterator = response.body[Symbol.asyncIterator]();
  let windowBytes = 0;
  let windowWaited = 0;
  let waitingSince = 0;
  const giveUp = (): void => void response.body.destroy(timedOut(`less than ${STALL_BYTES} bytes in ${limits.stall / 1000} s`));
  // Checked often enough to notice a stall early, rarely enough to cost nothing.
  const step = Math.max(10, Math.min(1000, limits.stall / 10));
  const countWait = (): void => {
    const now = performance.now();
    windowWaited += now - waitingSince;
    waitingSince = now;
  };
  const timer = setInterval(() => {
    if (waitingSince === 0) return;
    countWait();
    if (windowWaited < limits.stall) return;
    if (windowBytes < STALL_BYTES) giveUp();
    windowBytes = 0;
    windowWaited = 0;
  }, step);
  try {
    for (;;) {
      waitingSince = performance.now();
      const next = await iterator.next();
      countWait();
      waitingSince = 0;
      if (next.done === true) return;
      windowBytes += next.value.length;
      yield next.value;
    }
  } finally {
    clearInterval(timer);
    response.body.destroy();
  }
}

/** Bytes: so much is read for the sake of a connection, since another one costs two round trips. */
const SHORT = 65_536;

/** Lets go of a body nobody wants, keeping the connection where that is cheap. */
export function discardBody(response: HttpResponse): void {
  const length = Number(response.headers['content-length'] ?? NaN);
  if (response.method === 'HEAD' || length <= SHORT) response.body.drain();
  else response.body.destroy();
}

/** The same answer with its body read, so that the next request has the connection; what is no short one is left out. */
export async function withBodyRead(response: HttpResponse, limits: TimeLimits): Promise<HttpResponse> {
  const bytes = await readBody(response, SHORT, limits).catch(() => Buffer.alloc(0));
  async function* chunks(): AsyncGenerator<Buffer, void, void> {
    yield bytes;
  }
  return { ...response, body: { complete: true, [Symbol.asyncIterator]: chunks, destroy: () => undefined, drain: () => undefined } };
}
