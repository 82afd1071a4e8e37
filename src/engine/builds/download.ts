/** Files from the web: ADD of a URL, a context or a Containerfile by its URL. */
import { createWriteStream, utimesSync } from 'node:fs';
import { ScullError } from '../../host/errors.ts';
import { explainWriteFailure } from '../../host/files.ts';

/** Bytes that a server may make us write. */
const LARGEST = 64 * 1024 ** 3;

/**
 * Fetches a file; its time is what the server says of its last change.
 * @throws ScullError NETWORK, INVALID (no such address, too large), NO_SPACE
 */
export async function download(url: string, file: string, abort?: AbortSignal): Promise<void> {
  const [{ Transform }, { pipeline }, { download: fetchFile }] = await Promise.all([import('node:stream'), import('node:stream/promises'), import('../../registry/download.ts')]);
  const { content, changed } = await fetchFile(url, 'fetch', abort);
  let size = 0;
  const bounded = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      size += chunk.length;
      done(size > LARGEST ? new ScullError('INVALID', `${JSON.stringify(url.replace(/\/\/[^/@]*@/, '//'))} is larger than ${LARGEST} bytes`) : null, chunk);
    },
  });
  try {
    await pipeline(content, bounded, createWriteStream(file, { mode: 0o600, flags: 'wx' }));
  } catch (error) {
    throw explainWriteFailure(error, file);
  }
  const seconds = Math.floor((changed?.getTime() ?? 0) / 1000);
  utimesSync(file, seconds, seconds);
}

/** The name a file gets that is fetched into a directory. @throws ScullError INVALID where the URL has none */
export function fileNameOf(url: string): string {
  let name: string;
  try {
    name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
  } catch (cause) {
    throw new ScullError('INVALID', `invalid URL ${JSON.stringify(url)}`, { cause });
  }
  if (name === '' || name.includes('/') || name === '..') throw new ScullError('INVALID', `the URL ${JSON.stringify(url)} ends in no file name`, { hint: 'name the file in the target' });
  return name;
}
