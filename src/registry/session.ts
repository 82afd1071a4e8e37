/**
 * A conversation with one registry: every request is let in (auth.ts), follows redirects, and is tried again when that
 * may help. Above this, one call is one answer.
 *
 *     send ── tries again: broken connections, 429 with Retry-After, 5xx
 *       └ letIn ── 401: answer the challenge, once
 *           └ follow ── redirects, by hand: the Authorization header only ever goes to the registry's own
 *               │       scheme, host and port (CVE-2020-15157)
 *               └ transport.exchange
 */
import type { Readable } from 'node:stream';
import { ScullError } from '../host/errors.ts';
import type { Progress } from '../host/progress.ts';
import { makeAuthorizer, TokensUnavailable, type Authorizer, type CredentialSource } from './auth.ts';
import { endpointOf, type EndpointOptions } from './endpoint.ts';
import { explainConnectionFailure, explainResponse, header, isNotTls, isTlsFailure, isTransient, parseDiagnostics, redactUrl, retryAfterSeconds, type Diagnostic, type Purpose } from './errors.ts';
import { discardBody, openTransport, readBody, staysHere, withBodyRead, type FilePart, type HttpResponse, type Method, type TimeLimits, type Transport } from './transport.ts';

export interface RegistryOptions extends EndpointOptions {
  readonly credentials?: CredentialSource | undefined;
  /** How often a failed request is tried again; 3 unless given, as Podman's --retry. */
  readonly retries?: number | undefined;
  /** Milliseconds before the first new try, doubled each time; 1000 unless given. */
  readonly retryDelay?: number | undefined;
  readonly limits?: Partial<TimeLimits> | undefined;
  /** Told when the registry makes us wait. */
  readonly progress?: Progress | undefined;
  /** For tests; the environment's proxies otherwise. */
  readonly proxy?: ((url: URL) => URL | undefined) | undefined;
}

export interface RegistryRequest {
  readonly method: Method;
  /** Path on the registry from `/v2/` on, or an address that the registry gave us. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent whole, or opened anew for every try; a stream needs a Content-Length header. */
  readonly body?: Uint8Array | FilePart | (() => Readable);
  /** Fewer than the session's, for what must not simply be sent again. */
  readonly retries?: number;
  /** Token scopes, separated by spaces, e.g. `repository:library/debian:pull`. */
  readonly scope: string;
  /** For messages: what is being done to what. */
  readonly verb: string;
  readonly subject: string;
}

export interface RegistrySession {
  /** Name as in references. */
  readonly registry: string;
  readonly limits: TimeLimits;
  readonly retries: number;
  /** Begins to find out whether the registry has TLS, where it may go without, for who has other things to do before the first request. */
  begin(): void;
  /** True for the refusal of another host, which the registry has sent us to. */
  isStale(response: HttpResponse): boolean;
  /** Waits before try number `attempt` (from 1); returns at once after close(). */
  pause(attempt: number): Promise<void>;
  /**
   * Sends a request until it gets an answer that is worth having: success, or a refusal that trying again won't change.
   * The caller looks at the status; {@link expectStatus} does it for most.
   * @throws ScullError NETWORK, UNAUTHORIZED, REGISTRY, INTERRUPTED
   */
  send(request: RegistryRequest): Promise<HttpResponse>;
  /** Who we are and what for, for an error. */
  purpose(request: Pick<RegistryRequest, 'verb' | 'subject'>): Purpose;
  close(): void;
}

const MAX_REDIRECTS = 5;
const MAX_DIAGNOSTICS = 64 * 1024;
/** A registry says `{}`. */
const MAX_GREETING = 1024;
/** Seconds: a registry may make us wait so long; more is for the user to decide. */
const LONGEST_WAIT = 60;

/** Opens nothing yet: the first request does. @throws ScullError for unreadable certificates */
export function openRegistry(registry: string, options: RegistryOptions = {}): RegistrySession {
  const endpoint = endpointOf(registry, options);
  const transport = openTransport({ tls: endpoint.tls, ...(options.limits === undefined ? {} : { limits: options.limits }), ...(options.proxy === undefined ? {} : { proxy: options.proxy }) });
  const retries = options.retries ?? 3;
  const firstDelay = options.retryDelay ?? 1000;
  let closed = false;
  let wake: (() => void) | undefined;
  let contact: Promise<Contact> | undefined;
  let last: Pick<RegistryRequest, 'verb' | 'subject'> = { verb: 'reach', subject: registry };

  const sleep = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      const before = wake;
      wake = () => {
        before?.();
        clearTimeout(timer);
        resolve();
      };
    });

  const purpose = (request: Pick<RegistryRequest, 'verb' | 'subject'>, authorizer?: Authorizer): Purpose => ({
    verb: request.verb,
    subject: request.subject,
    registry,
    authenticated: authorizer?.authenticated ?? false,
  });

  const contactWith = (base: URL): Contact => {
    const made: Contact = { base, authorizer: makeAuthorizer({ transport, base, credentials: options.credentials, purpose: () => purpose(last, made.authorizer) }) };
    return made;
  };

  const remember = (found: Promise<URL>): Promise<Contact> => {
    contact = found.then(contactWith);
    // A failure is not remembered: the next try looks again.
    contact.catch(() => (contact = undefined));
    return contact;
  };

  /** The base address that answers, and the authorizer bound to it. */
  const reach = (): Promise<Contact> => contact ?? remember(findBase(transport, endpoint.bases));

  /**
   * Where plain http is what is tried first, the first request itself asks whether it is spoken: it carries nothing secret, and a server
   * for TLS answers it as it would the greeting. @returns the answer, if that is one to go on with
   */
  const meet = async (request: RegistryRequest): Promise<HttpResponse | undefined> => {
    const [plain, secure] = endpoint.bases;
    if (contact !== undefined || plain.protocol !== 'http:' || secure === undefined || request.body !== undefined || typeof request.target !== 'string') return undefined;
    const url = resolveTarget(request.target, plain);
    const asked = transport.exchange({ method: request.method, url, ...(request.headers === undefined ? {} : { headers: request.headers }) });
    let answer: HttpResponse | undefined;
    await remember(
      asked.then(
        (response) => {
          if (!isPlainAnswer(response)) {
            discardBody(response);
            return findBase(transport, endpoint.bases);
          }
          answer = response;
          return plain;
        },
        (error: unknown) => {
          if (isNotHttp(error)) return findBase(transport, endpoint.bases);
          throw error;
        },
      ),
    );
    return answer;
  };

  let authorizer: Authorizer | undefined;

  const warnOfDelay = (who: string, { status }: HttpResponse, delay: number): void =>
    options.progress?.({ kind: 'message', level: 'warning', text: `${who} ${status === 429 ? 'limits the rate of requests' : `failed with status ${status}`}: trying again in ${formatDelay(delay)}` });

  /** Where we were sent to we are not let in: such addresses hold for minutes only, and the registry gives another one, once. */
  const isStale = (response: HttpResponse): boolean => (response.status === 401 || response.status === 403) && !endpoint.bases.some((base) => base?.host === response.url.host);

  /** One try: undefined when another one may help, after having waited for it. */
  const attempt = async (request: RegistryRequest, number: number): Promise<HttpResponse | undefined> => {
    let url: URL = endpoint.bases[0];
    const final = number >= (request.retries ?? retries);
    try {
      const first = await meet(request);
      const met = await reach();
      authorizer = met.authorizer;
      url = resolveTarget(request.target, met.base);
      const response = await letIn(transport, met, request, url, first);
      const delay = final ? undefined : isStale(response) ? (number === 0 ? 0 : undefined) : delayOf(response, number, firstDelay);
      if (delay === undefined) return response;
      discardBody(response);
      if (!isStale(response)) warnOfDelay(registry, response, delay);
      await sleep(delay);
    } catch (error) {
      if (error instanceof TokensUnavailable && !closed) {
        const delay = error.response === undefined ? firstDelay * 2 ** number : delayOf(error.response, number, firstDelay);
        if (final || delay === undefined) throw error.error;
        if (error.response !== undefined) warnOfDelay(error.response.url.host, error.response, delay);
        await sleep(delay);
        return undefined;
      }
      if (closed) throw new ScullError('INTERRUPTED', `cannot ${request.verb} ${request.subject}: interrupted`, { cause: error });
      // Nothing listening on this machine will hardly change in a second.
      const pointless = !isTransient(error) || (staysHere(url) && errorCode(error) === 'ECONNREFUSED');
      if (final || pointless) throw explainConnectionFailure(error, isTlsFailure(error) ? secureFirst(endpoint.bases, url) : url, purpose(request, authorizer));
      await sleep(firstDelay * 2 ** number);
    }
    return undefined;
  };

  return {
    registry,
    limits: transport.limits,
    retries,
    begin() {
      if (endpoint.bases[0].protocol === 'https:') void reach();
    },
    isStale,
    pause: (number) => (closed ? Promise.resolve() : sleep(firstDelay * 2 ** (number - 1))),
    purpose: (request) => purpose(request, authorizer),
    async send(request) {
      last = request;
      for (let number = 0; ; number++) {
        if (closed) throw new ScullError('INTERRUPTED', `cannot ${request.verb} ${request.subject}: interrupted`);
        const response = await attempt(request, number);
        if (response !== undefined) return response;
      }
    },
    close() {
      closed = true;
      wake?.();
      transport.close();
    },
  };
}

interface Contact {
  readonly base: URL;
  readonly authorizer: Authorizer;
}

/**
 * Finds out whether a registry that may go without TLS has it; one that may not is not asked. Nothing secret is sent: a bare
 * GET, as the specification has for this.
 */
async function findBase(transport: Transport, bases: readonly [URL, URL?]): Promise<URL> {
  const [first, second] = bases;
  if (second === undefined) return first;
  if (first.protocol === 'http:') return (await speaksPlain(transport, first)) || !(await speaksTls(transport, second)) ? first : second;
  return (await speaksTls(transport, first)) ? first : second;
}

/** A server for TLS that gets a plain request breaks off, or answers 400, or redirects to its https address. */
async function speaksPlain(transport: Transport, base: URL): Promise<boolean> {
  try {
    const response = await transport.exchange({ method: 'GET', url: new URL('/v2/', base) });
    // A short one to its end: the first request goes over the same connection.
    if (Number(header(response, 'content-length') ?? NaN) <= MAX_GREETING) await readBody(response, MAX_GREETING, transport.limits);
    else discardBody(response);
    return isPlainAnswer(response);
  } catch (error) {
    if (isNotHttp(error)) return false;
    throw error;
  }
}

function isPlainAnswer({ status }: HttpResponse): boolean {
  return status !== 400 && (status < 300 || status >= 400);
}

function isNotHttp(error: unknown): boolean {
  return errorCode(error) === 'ECONNRESET' || errorCode(error)?.startsWith('HPE_') === true;
}

async function speaksTls(transport: Transport, base: URL): Promise<boolean> {
  try {
    discardBody(await transport.exchange({ method: 'GET', url: new URL('/v2/', base) }));
    return true;
  } catch (error) {
    // Without a port in the name, https and http are different ports: the one may be closed, the other not.
    const otherPort = base.port === '' && (errorCode(error) === 'ECONNREFUSED' || errorCode(error) === 'ETIMEDOUT');
    if (isNotTls(error) || errorCode(error) === 'ECONNRESET' || otherPort) return false;
    throw error;
  }
}

/** Where TLS failed, plain http may have been tried before. */
function secureFirst(bases: readonly [URL, URL?], url: URL): URL {
  return url.protocol === 'https:' ? url : (bases.find((base) => base?.protocol === 'https:') ?? url);
}

function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

function resolveTarget(target: string | URL, base: URL): URL {
  return typeof target === 'string' ? new URL(target, base) : target;
}

/**
 * Sends with what authorisation is known; a challenge is answered, and once more if what we had was out of date.
 * @param first what came already, to the request as it is
 */
async function letIn(transport: Transport, contact: Contact, request: RegistryRequest, url: URL, first?: HttpResponse): Promise<HttpResponse> {
  const ask = async (authorization: string | undefined, came?: HttpResponse): Promise<HttpResponse> => {
    const response = came ?? (await follow(transport, contact.base, request, url, authorization));
    // Read before a token is fetched: then the next request finds the connection free.
    return response.status === 401 ? withBodyRead(response, transport.limits) : response;
  };
  const isChallenge = (response: HttpResponse): boolean => response.status === 401 && sameOrigin(response.url, contact.base);
  const known = contact.authorizer.known(request.scope);
  let response = await ask(known, first);
  if (known === undefined && (response.status === 403 || response.status === 404)) response = await logInUnasked(transport, contact, request, url, response);
  if (!isChallenge(response)) return response;
  let next = await contact.authorizer.answer(response, request.scope, known);
  if (next === undefined) return response;
  response = await ask(next);
  if (!isChallenge(response)) return response;
  // A token another request had fetched may have run out between: one fresh one, then it is a refusal.
  const refused = next;
  next = known === undefined ? undefined : await contact.authorizer.answer(response, request.scope, refused);
  return next === undefined || next === refused ? response : ask(next);
}

/**
 * Some registries hide from strangers what is private, instead of asking who they are. If the user has a login, the base
 * address is asked how to use it.
 */
async function logInUnasked(transport: Transport, contact: Contact, request: RegistryRequest, url: URL, refused: HttpResponse): Promise<HttpResponse> {
  if (!sameOrigin(refused.url, contact.base) || !(await contact.authorizer.hasCredentials())) return refused;
  const greeting = await transport.exchange({ method: 'GET', url: new URL('/v2/', contact.base) });
  const header = greeting.status === 401 ? await contact.authorizer.answer(greeting, request.scope, undefined) : undefined;
  discardBody(greeting);
  if (header === undefined) return refused;
  discardBody(refused);
  return follow(transport, contact.base, request, url, header);
}

async function follow(transport: Transport, base: URL, request: RegistryRequest, start: URL, authorization: string | undefined): Promise<HttpResponse> {
  let url = start;
  for (let hops = 0; ; hops++) {
    const own = sameOrigin(url, base);
    const headers = { ...request.headers, ...(own && authorization !== undefined ? { authorization } : {}) };
    const body = typeof request.body === 'function' ? request.body() : request.body;
    const response = await transport.exchange(body === undefined ? { method: request.method, url, headers } : { method: request.method, url, headers, body });
    const location = redirectOf(response);
    if (location === undefined) return response;
    discardBody(response);
    if (hops >= MAX_REDIRECTS) throw new ScullError('REGISTRY', `cannot ${request.verb} ${request.subject}: more than ${MAX_REDIRECTS} redirects`, { detail: redactUrl(url) });
    url = checkedRedirect(location, url, base, request);
  }
}

/** The Location of a redirect that keeps the method. 201 and 202 have one as well, which means something else. */
function redirectOf(response: HttpResponse): string | undefined {
  const redirects = response.method === 'GET' || response.method === 'HEAD' ? [301, 302, 303, 307, 308] : [307, 308];
  return redirects.includes(response.status) ? header(response, 'location') : undefined;
}

function checkedRedirect(location: string, from: URL, base: URL, request: RegistryRequest): URL {
  const fail = (why: string, hint?: string): ScullError =>
    new ScullError('REGISTRY', `cannot ${request.verb} ${request.subject}: ${from.host} redirects ${why}`, hint === undefined ? {} : { hint });
  let url: URL;
  try {
    url = new URL(location, from);
  } catch {
    throw fail('to something that is not an address');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail('to something that is not on the web');
  if (url.username !== '' || url.password !== '') throw fail('to an address with a user in it');
  if (url.protocol === 'http:' && from.protocol === 'https:') throw fail(`to ${redactUrl(url)}, which is not encrypted`, 'this is a fault of its configuration');
  // What a registry out there says must not reach into this machine, where services trust local callers.
  if (staysHere(url) && !staysHere(base)) throw fail('to this machine itself');
  url.hash = '';
  return url;
}

/** Scheme, host and port: what credentials are bound to. */
export function sameOrigin(a: URL, b: URL): boolean {
  return a.protocol === b.protocol && a.host === b.host;
}

/** Milliseconds until trying again makes sense; undefined when the answer is final. */
function delayOf(response: HttpResponse, number: number, firstDelay: number): number | undefined {
  const waiting = retryAfterSeconds(response);
  if (response.status === 429) {
    if (waiting !== undefined) return waiting <= LONGEST_WAIT ? Math.max(waiting * 1000, firstDelay / 10) : undefined;
    // Docker Hub says how many pulls are left (`0;w=21600`): then only hours help.
    if (/^0(?:;|$)/.test(header(response, 'ratelimit-remaining') ?? '')) return undefined;
    return firstDelay * 2 ** number;
  }
  if (![500, 502, 503, 504].includes(response.status)) return undefined;
  return waiting !== undefined && waiting <= LONGEST_WAIT ? Math.max(waiting * 1000, firstDelay / 10) : firstDelay * 2 ** number;
}

function formatDelay(milliseconds: number): string {
  return milliseconds < 1000 ? 'a moment' : `${Math.round(milliseconds / 1000)} s`;
}

/** Hands the answer back if its status is one of `expected`. @throws ScullError saying what the registry said instead */
export async function expectStatus(session: RegistrySession, request: RegistryRequest, response: HttpResponse, expected: readonly number[]): Promise<HttpResponse> {
  if (expected.includes(response.status)) return response;
  const error = explainResponse(response, await readDiagnostics(session, response), session.purpose(request));
  if (!session.isStale(response)) throw error;
  throw new ScullError('REGISTRY', `cannot ${request.verb} ${request.subject}: ${response.url.host}, where ${session.registry} sends us, refuses access`, { detail: error.detail, hint: "such addresses hold for minutes only: is this machine's clock right?" });
}

/**
 * What a request is answered with status 200, whole. An answer that breaks off is asked for again, like one that never came.
 * @throws ScullError REGISTRY when it is larger than `limit` bytes; and as {@link RegistrySession.send} and {@link expectStatus}
 */
export async function fetchWhole(session: RegistrySession, request: RegistryRequest, limit: number): Promise<{ readonly response: HttpResponse; readonly body: Buffer }> {
  for (let attempt = 1; ; attempt++) {
    const response = await expectStatus(session, request, await session.send(request), [200]);
    try {
      return { response, body: await readBody(response, limit, session.limits) };
    } catch (error) {
      if (attempt > session.retries || !isTransient(error)) throw explainConnectionFailure(error, response.url, session.purpose(request));
      await session.pause(attempt);
    }
  }
}

async function readDiagnostics(session: RegistrySession, response: HttpResponse): Promise<readonly Diagnostic[]> {
  try {
    return parseDiagnostics(await readBody(response, MAX_DIAGNOSTICS, session.limits));
  } catch {
    return []; // The status alone has to do: a refusal is what is reported, not that its reason broke off.
  }
}
