/**
 * An exchange by the fetch of the runtime that the executable is built on, which is native code where node:http is half a megabyte of
 * JavaScript. Errors have the names of node:http's; transport.ts says when it may be used.
 */
import type { HttpBody, HttpRequest, HttpResponse, TimeLimits, TlsSettings } from './transport.ts';
import { isFilePart, timedOut, type FilePart } from './transport.ts';

/** What Bun's fetch takes beside the standard's. */
interface FetchOptions extends RequestInit {
  /** False leaves the body as it comes. */
  readonly decompress: boolean;
  /** False: no time limit but ours. */
  readonly timeout: false;
  /** Connections are kept apart by it. */
  readonly tls: { readonly rejectUnauthorized: boolean; readonly ca?: readonly string[] };
}

/**
 * Connecting counts as waiting for the answer. No certificate of ours is shown to anybody.
 * @param signal breaks everything off
 * @throws the network's errors as node:http has them; ETIMEDOUT for our time limits
 */
export async function fetchExchange(request: HttpRequest, headers: Readonly<Record<string, string>>, tls: TlsSettings, limits: TimeLimits, signal: AbortSignal): Promise<HttpResponse> {
  const { method, url, body } = request;
  const abort = new AbortController();
  const breakOff = (): void => abort.abort(signal.reason);
  const over = (): void => signal.removeEventListener('abort', breakOff);
  if (signal.aborted) breakOff();
  else signal.addEventListener('abort', breakOff);
  let timer: NodeJS.Timeout | undefined;
  const wait = (milliseconds: number, why: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(timedOut(`${why} ${milliseconds / 1000} s`)), milliseconds);
  };
  wait(patienceFor(body, limits), 'no answer within');
  const options: FetchOptions = { method, headers: { ...headers }, redirect: 'manual', signal: abort.signal, decompress: false, timeout: false, tls: tlsOf(tls) };
  // With TLS it would read a file into memory as a whole.
  const isStream = isFilePart(body) && (body.watched === true || body.length > UNWATCHED || url.protocol === 'https:');
  if (isStream) options.body = watchedStream(body, (left) => (left > 0 ? wait(limits.stall, 'nothing was taken for') : wait(limits.response * 5, 'no answer within')));
  else if (body !== undefined) options.body = nativeBody(body);
  try {
    if (isFilePart(body)) body.onSent?.(0);
    const response = await fetch(url, options);
    if (isFilePart(body) && !isStream) body.onSent?.(body.length);
    return { method, url, status: response.status, headers: Object.fromEntries(response.headers), body: bodyOf(response, abort, over) };
  } catch (error) {
    over();
    throw explained(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Said in any case: NODE_TLS_REJECT_UNAUTHORIZED counts only where nothing is said. */
function tlsOf({ verify, authorities }: TlsSettings): FetchOptions['tls'] {
  return { rejectUnauthorized: verify, ...(verify && authorities !== undefined ? { ca: authorities } : {}) };
}

/** Bytes of a file that are sent without being watched: more takes seconds, and time limits need to know how far it is. */
const UNWATCHED = 256 << 20;

/** Milliseconds. Who takes in a large body may have to store it away before answering; and 1 MB/s to this machine is none. */
function patienceFor(body: HttpRequest['body'], limits: TimeLimits): number {
  return isFilePart(body) ? limits.response * 5 + body.length / 1000 : limits.response;
}

/** A file goes to its connection within the kernel. */
function nativeBody(body: NonNullable<HttpRequest['body']>): NonNullable<RequestInit['body']> {
  return isFilePart(body) ? nativeFile(body) : (body as Uint8Array<ArrayBuffer>);
}

function nativeFile({ file, offset, length }: FilePart): Blob {
  const { Bun } = globalThis as unknown as { readonly Bun: { file(path: string): Blob } };
  return Bun.file(file).slice(offset, offset + length);
}

/**
 * The same at the pace of the connection, and seen on its way; that costs some processor time.
 * @param taken told with each piece how many bytes are left
 */
function watchedStream(part: FilePart, taken: (left: number) => void): ReadableStream {
  const reader = nativeFile(part).stream().getReader();
  let sent = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        sent += value.length;
        controller.enqueue(value);
        part.onSent?.(sent);
        taken(part.length - sent);
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
}

function bodyOf(response: Response, abort: AbortController, over: () => void): HttpBody {
  let complete = response.body === null;
  if (complete) over();
  async function* chunks(): AsyncGenerator<Buffer, void, void> {
    if (response.body === null) return;
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      complete = true;
    } catch (error) {
      throw explained(error);
    } finally {
      over();
    }
  }
  const destroy = (error?: Error): void => {
    over();
    // Else there is nothing left to break off, and a connection to keep.
    if (!complete) abort.abort(error);
  };
  return {
    get complete() {
      return complete;
    },
    [Symbol.asyncIterator]: chunks,
    destroy,
    drain: () => void response.arrayBuffer().then(over, over),
  };
}

/** With the names that node:http's parser gives to what is no HTTP, and without advice for programmers. */
function explained(error: unknown): unknown {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  if (!(error instanceof Error) || typeof code !== 'string' || error.name === 'Error') return error;
  const malformed = /^(?:Malformed|Invalid|Unrequested|Response[A-Z])/.test(code);
  const message = error.message.replace(/^E[A-Z]+: /, '').replace(/\.? (?:For more information,|Is the computer).*$/, '');
  return Object.assign(new Error(message, { cause: error }), { code: malformed ? `HPE_${code}` : code });
}
