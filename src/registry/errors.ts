/**
 * What went wrong with a registry, told apart: unreachable, not trusted, login needed, nothing of that name, rate
 * limit, a registry that fails. One line with a remedy; method, address, status and the registry's own words are in `detail`.
 *
 * Two things are never in a message: secrets (user parts and queries of addresses are left out, signed links carry
 * theirs there) and raw text of the registry (quoted and escaped, because it goes to a terminal).
 */
import { ScullError, errnoOf } from '../host/errors.ts';
import type { HttpResponse } from './transport.ts';

/** One entry of an error answer: distribution-spec, "Error Codes". */
export interface Diagnostic {
  readonly code: string;
  /** As the registry sent it, shortened; not yet escaped. */
  readonly message: string;
}

/** What was being done, for the message: `verb` as in "cannot pull X". */
export interface Purpose {
  readonly verb: string;
  /** The image or registry in the user's terms. */
  readonly subject: string;
  /** Name of the registry, as in references. */
  readonly registry: string;
  /** True when a user's credentials were sent. */
  readonly authenticated: boolean;
}

/** The address without user, password, query and fragment. */
export function redactUrl(url: URL): string {
  const query = url.search === '' ? '' : '?…';
  return `${url.protocol}//${url.host}${url.pathname}${query}`;
}

/** Text of a registry for a message: bounded, in quotes, controls and direction marks escaped. */
function quoteForeign(text: string, limit = 200): string {
  const bounded = text.length > limit ? `${text.slice(0, limit)}…` : text;
  return JSON.stringify(bounded).replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Reads the error document of the distribution specification; other bodies give their first line, markup nothing. */
export function parseDiagnostics(body: Uint8Array): readonly Diagnostic[] {
  const text = Buffer.from(body).toString('utf8').trim();
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    const line = text.split('\n', 1)[0] ?? '';
    return line === '' || line.startsWith('<') ? [] : [{ code: '', message: line.slice(0, 300) }];
  }
  const object = isObject(document) ? document : {};
  const list = Array.isArray(object['errors']) ? object['errors'].slice(0, 10) : [object];
  return list.flatMap((entry: unknown) => {
    if (!isObject(entry)) return [];
    const code = typeof entry['code'] === 'string' && /^[A-Za-z0-9_ -]{1,64}$/.test(entry['code']) ? entry['code'].toUpperCase() : '';
    const said = entry['message'] ?? entry['details'] ?? entry['error'];
    const message = typeof said === 'string' ? said.slice(0, 300) : '';
    return code === '' && message === '' ? [] : [{ code, message }];
  });
}

/** Turns an answer that is no success into the error to throw. `diagnostics` is what its body said. */
export function explainResponse(response: HttpResponse, diagnostics: readonly Diagnostic[], purpose: Purpose): ScullError {
  const detail = [`${response.method} ${redactUrl(response.url)}: ${response.status}`, ...diagnostics.map(formatDiagnostic)].join('\n');
  const has = (code: string): boolean => diagnostics.some((diagnostic) => diagnostic.code === code);
  const cannot = `cannot ${purpose.verb} ${purpose.subject}`;
  const { registry } = purpose;
  if (response.status === 429 || has('TOOMANYREQUESTS')) return rateLimited(response, cannot, purpose, detail);
  if (response.status === 401 || response.status === 403 || has('UNAUTHORIZED') || has('DENIED')) return unauthorized(response, cannot, purpose, detail);
  if (response.status === 404) {
    const why = has('NAME_UNKNOWN') ? 'has no such repository' : has('MANIFEST_UNKNOWN') ? 'has no such tag or digest' : 'has nothing of that name';
    return new ScullError('NO_SUCH_IMAGE', `${cannot}: ${registry} ${why}`, { detail, hint: 'check the spelling; an image name is [REGISTRY/]REPOSITORY[:TAG]' });
  }
  if (response.status >= 500) return new ScullError('REGISTRY', `${cannot}: ${registry} failed with status ${response.status}${firstWords(diagnostics)}`, { detail, hint: 'the fault is on its side: try again later' });
  return new ScullError('REGISTRY', `${cannot}: ${registry} answered with status ${response.status}${firstWords(diagnostics)}`, { detail });
}

function unauthorized(response: HttpResponse, cannot: string, purpose: Purpose, detail: string): ScullError {
  const { registry } = purpose;
  // A password that was taken would have come to 403, or to 404 (RFC 7617, 2); of a token that can't be said.
  if (purpose.authenticated && response.status === 401 && /^basic\b/i.test(header(response, 'www-authenticate') ?? '')) {
    return new ScullError('UNAUTHORIZED', `${cannot}: ${registry} refuses this user name or password`, { detail, hint: `log in again with \`scull login ${registry}\`` });
  }
  // Registries answer so for what does not exist as well, in order not to tell what does.
  if (purpose.authenticated) {
    return new ScullError('UNAUTHORIZED', `${cannot}: ${registry} does not let this user, or it does not exist`, { detail, hint: `log in as another user with \`scull login ${registry}\`, and check the spelling` });
  }
  return new ScullError('UNAUTHORIZED', `${cannot}: ${registry} wants a login for it, or it does not exist`, { detail, hint: `log in with \`scull login ${registry}\`, and check the spelling` });
}

function rateLimited(response: HttpResponse, cannot: string, purpose: Purpose, detail: string): ScullError {
  const seconds = retryAfterSeconds(response);
  const when = seconds === undefined ? 'later' : `in ${formatDuration(seconds)}`;
  const login = purpose.authenticated ? '' : `, or log in with \`scull login ${purpose.registry}\` for a higher limit`;
  return new ScullError('REGISTRY', `${cannot}: the rate limit of ${purpose.registry} is used up`, { detail, hint: `try again ${when}${login}` });
}

/** Seconds from Retry-After (RFC 9110, 10.2.3), as a number or a date; undefined where absent or malformed. */
export function retryAfterSeconds(response: HttpResponse, now = Date.now()): number | undefined {
  const text = header(response, 'retry-after')?.trim();
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** The value of a header that occurs once; of several, the first. */
export function header(response: HttpResponse, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Errno and OpenSSL names under which Node and Bun report that a certificate is not accepted. */
const CERTIFICATE_CODES: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT: 'its authority is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its authority is not known here',
  CERT_UNTRUSTED: 'its authority is not known here',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet; check this machine\'s clock',
  CERT_REVOKED: 'it was revoked',
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
  ERR_TLS_CERT_ALTNAME_INVALID: 'it is for another host',
  HOSTNAME_MISMATCH: 'it is for another host',
};

/** True for what went wrong while TLS was spoken, or tried. */
export function isTlsFailure(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return CERTIFICATE_CODES[code] !== undefined || code.startsWith('ERR_SSL') || code === 'EPROTO';
}

/** How a server says that it wants a certificate, or another one (RFC 8446, 6.2). */
const CLIENT_CERTIFICATE = /alert[ _](?:(?:bad|unsupported)[ _]certificate|certificate[ _](?:required|unknown|revoked|expired)|unknown[ _]ca|no[ _]certificate)/i;

/** True when the other end does not speak TLS at all (so it may speak plain http). */
export function isNotTls(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ERR_SSL_WRONG_VERSION_NUMBER' || ((code === 'EPROTO' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') && /wrong version number|packet length too long/i.test(String((error as Error).message)));
}

/** True for failures of a connection that another try may not meet. */
export function isTransient(error: unknown): boolean {
  const transient = ['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ECONNABORTED', 'ENETRESET', 'ENETUNREACH', 'EHOSTUNREACH', 'ECONNREFUSED', 'ERR_STREAM_PREMATURE_CLOSE', 'ConnectionClosed', 'ConnectionReset'];
  return transient.includes(codeOf(error) ?? '');
}

/** Turns the failure of a connection into the error to throw. ScullErrors pass unchanged. */
export function explainConnectionFailure(cause: unknown, url: URL, purpose: Purpose): ScullError {
  if (cause instanceof ScullError) return cause;
  const code = codeOf(cause) ?? '';
  const host = url.host;
  const detail = `${redactUrl(url)}: ${code === '' ? '' : `${code} `}${quoteForeign(cause instanceof Error ? cause.message.trim() : String(cause))}`;
  const cannot = `cannot ${purpose.verb} ${purpose.subject}`;
  const fail = (why: string, hint: string): ScullError => new ScullError('NETWORK', `${cannot}: ${why}`, { hint, detail, cause });
  const certificate = CERTIFICATE_CODES[code];
  if (certificate !== undefined) {
    return fail(`the certificate of ${host} is not trusted: ${certificate}`, `put its authority's certificate into ~/.config/containers/certs.d/${host}/ca.crt, or give --tls-verify=false to go without`);
  }
  if (isNotTls(cause)) return fail(`${host} does not speak TLS`, `if plain http is meant, say --tls-verify=false`);
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_NONAME':
      return fail(`no host of the name ${JSON.stringify(url.hostname)} is known`, `check the spelling, and the network with \`getent hosts ${url.hostname}\``);
    case 'EAI_AGAIN':
      return fail(`the name ${JSON.stringify(url.hostname)} could not be looked up`, 'is this machine online? see /etc/resolv.conf');
    case 'ECONNREFUSED':
      return fail(`nothing listens at ${host}`, 'check host and port, and that the server runs there');
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return fail(`there is no way to ${host}`, 'is this machine online? behind a proxy, set HTTPS_PROXY');
    case 'ETIMEDOUT':
      return fail(`${host} does not answer`, 'is this machine online? behind a proxy, set HTTPS_PROXY');
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return fail(`${host} broke off the connection`, 'try again');
    case 'ABORT_ERR':
      return new ScullError('INTERRUPTED', `${cannot}: interrupted`, { cause });
    default:
      if (code.startsWith('HPE_')) return fail(`${host} does not speak HTTP`, 'check host and port');
      if (isTlsFailure(cause) && CLIENT_CERTIFICATE.test(`${code} ${(cause as Error).message}`)) return fail(`${host} wants to be shown a certificate that it trusts`, `put yours with its key into ~/.config/containers/certs.d/${host}/ as client.cert and client.key`);
      if (isTlsFailure(cause)) return fail(`no TLS connection to ${host} could be made`, 'the details say why');
      return fail(`the connection to ${host} failed`, 'the details say why');
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (typeof code === 'string') return code;
  // Several addresses were tried: Node wraps their failures.
  const first = (error as { errors?: unknown } | null | undefined)?.errors;
  return Array.isArray(first) ? errnoOf(first[0]) : undefined;
}

function formatDiagnostic(diagnostic: Diagnostic): string {
  const message = diagnostic.message === '' ? '' : quoteForeign(diagnostic.message);
  return diagnostic.code === '' ? `the registry says ${message}` : `the registry says ${diagnostic.code} ${message}`.trimEnd();
}

function firstWords(diagnostics: readonly Diagnostic[]): string {
  const said = diagnostics.find((diagnostic) => diagnostic.message !== '');
  return said === undefined ? '' : ` (${quoteForeign(said.message, 100)})`;
}

function formatDuration(seconds: number): string {
  if (seconds < 90) return `${seconds} seconds`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} minutes` : `${Math.round(seconds / 3600)} hours`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
