/** Fetching a file from the web: certificates, proxies and time limits as with registries, and no login for anybody. */
import { Readable } from 'node:stream';
import { ScullError } from '../host/errors.ts';
import { endpointOf } from './endpoint.ts';
import { explainConnectionFailure, header, redactUrl, type Purpose } from './errors.ts';
import { discardBody, openTransport, watchBody, type HttpResponse, type Transport } from './transport.ts';

const MAX_REDIRECTS = 10;

export interface Download {
  readonly content: Readable;
  /** When the server says that it was changed last. */
  readonly changed?: Date;
}

/**
 * The content of an http or https address, after redirects (never from https to http).
 * @param verb what for, in messages: `import`
 * @param abort ends it, with the signal's own reason
 * @throws ScullError NETWORK, also as the stream's error; INVALID for what is no such address
 */
export async function download(address: string, verb: string, abort?: AbortSignal): Promise<Download> {
  let url = addressOf(address);
  const purpose: Purpose = { verb, subject: redactUrl(url), registry: url.host, authenticated: false };
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const transport = openTransport({ tls: endpointOf(url.host).tls });
    abort?.addEventListener('abort', () => transport.close(), { once: true });
    try {
      abort?.throwIfAborted();
      const response = await transport.exchange({ method: 'GET', url, headers: { 'accept-encoding': 'identity' } });
      if (response.status === 200) return { content: bodyOf(transport, response, purpose, abort), ...changeOf(response) };
      discardBody(response);
      transport.close();
      url = redirectOf(response, url, purpose);
    } catch (cause) {
      transport.close();
      abort?.throwIfAborted();
      throw explainConnectionFailure(cause, url, purpose);
    }
  }
  throw new ScullError('NETWORK', `cannot ${verb} ${purpose.subject}: it leads from one address to the next without end`);
}

function addressOf(address: string): URL {
  if (URL.canParse(address)) {
    const url = new URL(address);
    if (url.protocol === 'https:' || url.protocol === 'http:') return url;
  }
  throw new ScullError('INVALID', `${JSON.stringify(address)} is not an http or https address`);
}

function redirectOf(response: HttpResponse, from: URL, { verb, subject }: Purpose): URL {
  const location = header(response, 'location');
  if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) throw new ScullError('NETWORK', `cannot ${verb} ${subject}: the server answered ${response.status}`);
  const to = addressOf(URL.canParse(location, from.href) ? new URL(location, from).href : location);
  if (from.protocol === 'https:' && to.protocol === 'http:') throw new ScullError('NETWORK', `cannot ${verb} ${subject}: it leads to ${redactUrl(to)}, without encryption`);
  return to;
}

function changeOf(response: HttpResponse): Pick<Download, 'changed'> {
  const time = Date.parse(header(response, 'last-modified') ?? '');
  return Number.isNaN(time) ? {} : { changed: new Date(time) };
}

function bodyOf(transport: Transport, response: HttpResponse, purpose: Purpose, abort: AbortSignal | undefined): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      yield* watchBody(response, transport.limits);
      const announced = header(response, 'content-length');
      if (announced !== undefined && !response.body.complete) throw new ScullError('NETWORK', `cannot ${purpose.verb} ${purpose.subject}: the connection ended before all ${announced} bytes had come`);
    } catch (cause) {
      abort?.throwIfAborted();
      throw explainConnectionFailure(cause, response.url, purpose);
    } finally {
      transport.close();
    }
  }
  return Readable.from(chunks(), { objectMode: false, highWaterMark: 1 << 20 });
}
