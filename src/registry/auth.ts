/**
 * Getting let in: the registry answers 401 with a challenge, we answer with Basic credentials or with a token from the
 * token server that the challenge names (distribution: "Token Authentication Specification", and its OAuth2 variant).
 *
 * Rules that credentials never break:
 * - they belong to one registry, and go to it and to its token server only;
 * - a token server must be https, unless the registry itself is spoken to in plain http (CVE-2019-10214);
 * - nothing here ends in a message: neither passwords nor tokens.
 */
import { ScullError } from '../host/errors.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import { explainConnectionFailure, explainResponse, isTransient, parseDiagnostics, redactUrl, type Purpose } from './errors.ts';
import { readBody, type HttpRequest, type HttpResponse, type Transport } from './transport.ts';

/** What a user has for a registry. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token of the token server, as some credential helpers hand out. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A ready-made bearer token. */
  | { readonly kind: 'registry-token'; readonly token: string };

/** Asked at most once, and only when a registry wants to know who we are. */
export type CredentialSource = () => Promise<Credentials | undefined>;

const MAX_TOKEN_ANSWER = 1024 * 1024;
/** Seconds a token lives when its server says nothing (token specification). */
const DEFAULT_TOKEN_LIFE = 60;

export interface Authorizer {
  /** The Authorization header for a request with this scope, if one is known by now. */
  known(scope: string): string | undefined;
  /**
   * Answers the challenge of a 401.
   * @param refused the header that the 401 was the answer to
   * @returns the header to try next, or undefined when there is nothing (more) to offer
   * @throws ScullError UNAUTHORIZED, REGISTRY, NETWORK; TokensUnavailable
   */
  answer(challenged: HttpResponse, scope: string, refused: string | undefined): Promise<string | undefined>;
  /** True where the user has credentials for this registry: then it may show more to who logs in. */
  hasCredentials(): Promise<boolean>;
  /** True once credentials of the user were looked up and found. */
  readonly authenticated: boolean;
}

export interface AuthorizerOptions {
  readonly transport: Transport;
  /** Address of the registry; its scheme decides what a token server may be. */
  readonly base: URL;
  readonly credentials?: CredentialSource | undefined;
  readonly purpose: () => Purpose;
}

interface Token {
  readonly header: string;
  /** performance.now() when it should no longer be used. */
  readonly until: number;
}

export function makeAuthorizer(options: AuthorizerOptions): Authorizer {
  const tokens = new Map<string, Token>();
  const underWay = new Map<string, Promise<Token>>();
  let basic: string | undefined;
  let asked: Promise<Credentials | undefined> | undefined;
  let authenticated = false;

  const credentials = async (): Promise<Credentials | undefined> => {
    asked ??= options.credentials?.() ?? Promise.resolve(undefined);
    const found = await asked;
    if (found !== undefined) authenticated = true;
    return found;
  };

  const fetchToken = async (challenge: Challenge, scope: string): Promise<Token> => {
    let pending = underWay.get(scope);
    if (pending === undefined) {
      pending = requestToken(options, challenge, scope, await credentials()).finally(() => underWay.delete(scope));
      underWay.set(scope, pending);
    }
    const token = await pending;
    tokens.set(scope, token);
    return token;
  };

  return {
    get authenticated() {
      return authenticated;
    },
    known(scope) {
      const token = tokens.get(scope);
      if (token !== undefined && performance.now() < token.until) return token.header;
      return basic;
    },
    hasCredentials: async () => (await credentials()) !== undefined,
    async answer(challenged, scope, refused) {
      const challenges = challengesOf(challenged);
      const bearer = challenges.find((challenge) => challenge.scheme === 'bearer' && challenge.parameters.has('realm'));
      if (bearer !== undefined) {
        const current = tokens.get(scope);
        // Another request may have fetched a new token meanwhile.
        if (current !== undefined && current.header !== refused && performance.now() < current.until) return current.header;
        return (await fetchToken(bearer, scope)).header;
      }
      if (challenges.some((challenge) => challenge.scheme === 'basic')) {
        if (refused !== undefined) return undefined;
        basic = basicHeader(await credentials());
        return basic;
      }
      if (challenges.length === 0) return undefined;
      const schemes = challenges.map((challenge) => challenge.scheme).join(', ');
      throw new ScullError('UNSUPPORTED', `${options.base.host} wants to be logged in to by ${schemes}; only Basic and Bearer are supported`);
    },
  };
}

function challengesOf(response: HttpResponse): readonly Challenge[] {
  const value: unknown = response.headers['www-authenticate'];
  // Node joins repeated headers with a comma, which the grammar allows for.
  return parseChallenges(Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : '');
}

function basicHeader(credentials: Credentials | undefined): string | undefined {
  if (credentials === undefined) return undefined;
  if (credentials.kind === 'password') return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  return credentials.kind === 'registry-token' ? `Bearer ${credentials.token}` : undefined;
}

async function requestToken(options: AuthorizerOptions, challenge: Challenge, scope: string, credentials: Credentials | undefined): Promise<Token> {
  if (credentials?.kind === 'registry-token') return { header: `Bearer ${credentials.token}`, until: Infinity };
  const realm = checkedRealm(challenge.parameters.get('realm') ?? '', options.base);
  const service = challenge.parameters.get('service');
  const request = credentials?.kind === 'identity-token' ? refreshRequest(realm, service, scope, credentials.token) : tokenRequest(realm, service, scope, credentials);
  let response: HttpResponse;
  let body: Buffer;
  try {
    response = await options.transport.exchange(request);
    body = await readBody(response, MAX_TOKEN_ANSWER, options.transport.limits);
  } catch (cause) {
    const error = explainConnectionFailure(cause, realm, options.purpose());
    throw isTransient(cause) ? new TokensUnavailable(error) : error;
  }
  if (response.status === 200) return readToken(body, realm);
  const refusal = explainRefusal(response, body, credentials, options.purpose());
  throw response.status === 429 || response.status >= 500 ? new TokensUnavailable(refusal, response) : refusal;
}

/** The token server gives none now, and may later. */
export class TokensUnavailable extends Error {
  /** What to tell in the end. */
  readonly error: ScullError;
  /** What it answered, if it did. */
  readonly response: HttpResponse | undefined;
  constructor(error: ScullError, response?: HttpResponse) {
    super(error.message);
    this.error = error;
    this.response = response;
  }
}

/** A user and password the token server does not take are told apart from a name it does not know. */
function explainRefusal(response: HttpResponse, body: Buffer, credentials: Credentials | undefined, purpose: Purpose): ScullError {
  const diagnostics = parseDiagnostics(body);
  const plain = explainResponse(response, diagnostics, { ...purpose, authenticated: credentials !== undefined });
  if (credentials === undefined || (response.status !== 401 && response.status !== 400)) return plain;
  const who = credentials.kind === 'password' ? `the password of ${JSON.stringify(credentials.username)}` : 'the stored token';
  return new ScullError('UNAUTHORIZED', `cannot ${purpose.verb} ${purpose.subject}: ${purpose.registry} refuses ${who}`, {
    hint: `log in again with \`scull login ${purpose.registry}\``,
    detail: plain.detail,
  });
}

/** The address of the token server, if it may be trusted with a request. */
function checkedRealm(text: string, base: URL): URL {
  let realm: URL;
  try {
    realm = new URL(text);
  } catch (cause) {
    throw new ScullError('REGISTRY', `${base.host} names a token server that is not an address`, { cause });
  }
  if (realm.username !== '' || realm.password !== '') throw new ScullError('REGISTRY', `${base.host} names a token server with a user in its address`);
  if (realm.protocol === 'https:' || (realm.protocol === 'http:' && base.protocol === 'http:')) return realm;
  throw new ScullError('REGISTRY', `${base.host} names a token server without TLS: ${redactUrl(realm)}`, { hint: 'no login is sent there, because anyone on the way could read it' });
}

function tokenRequest(realm: URL, service: string | undefined, scope: string, credentials: Credentials | undefined): HttpRequest {
  const url = new URL(realm);
  url.hash = '';
  if (service !== undefined) url.searchParams.set('service', service);
  for (const part of scopesOf(scope)) url.searchParams.append('scope', part);
  if (credentials?.kind !== 'password') return { method: 'GET', url };
  url.searchParams.set('account', credentials.username);
  return { method: 'GET', url, headers: { authorization: basicHeader(credentials) ?? '' } };
}

/** The OAuth2 way, which is the only one for identity tokens. */
function refreshRequest(realm: URL, service: string | undefined, scope: string, token: string): HttpRequest {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: 'scull', service: service ?? '' });
  if (scope !== '') form.set('scope', scope);
  const body = Buffer.from(form.toString());
  return { method: 'POST', url: realm, headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': `${body.length}` }, body };
}

function scopesOf(scope: string): readonly string[] {
  return scope === '' ? [] : scope.split(' ');
}

function readToken(body: Buffer, realm: URL): Token {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ScullError('REGISTRY', `the token server ${realm.host} did not answer with JSON`, { cause });
  }
  const fields = typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : {};
  // Both names are in use; an empty one counts as missing.
  const token = [fields['token'], fields['access_token']].find((value) => typeof value === 'string' && value !== '') as string | undefined;
  if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) throw new ScullError('REGISTRY', `the token server ${realm.host} answered without a token`);
  const said = fields['expires_in'];
  const seconds = typeof said === 'number' && said > 0 && said < 1e9 ? said : DEFAULT_TOKEN_LIFE;
  // A tenth of its life early: the registry's clock, and the time on the way, are not ours.
  return { header: `Bearer ${token}`, until: performance.now() + seconds * 900 };
}
