/** Reading input that may be compressed: an archive to load, a root file system to import. Told by its first bytes. */
import type { Readable } from 'node:stream';
import { isScullError, ScullError } from '../../host/errors.ts';
import { detectCompression, inflate as inflateBytes, inflatingProgram, MAGIC_LENGTH, type Compression } from '../layers/decompress.ts';

/** A stream whose beginning is known. */
export interface Begun {
  /** The first bytes, as many as were asked for or more; fewer where the stream is shorter. */
  readonly start: Buffer;
  /** The whole content, from the first byte on; to be used in place of the stream given. */
  readonly stream: Readable;
}

/** Looks at the first `count` bytes of a stream. */
export async function peek(stream: Readable, count: number): Promise<Begun> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) {
      chunks.push(chunk);
      size += chunk.length;
    } else if (stream.readableEnded || stream.destroyed) {
      // Nothing can be put back any more.
      const { Readable } = await import('node:stream');
      return { start: Buffer.concat(chunks), stream: Readable.from(chunks, { objectMode: false }) };
    } else await somethingNew(stream);
    if (size >= count) {
      const start = Buffer.concat(chunks);
      stream.unshift(start);
      return { start, stream };
    }
  }
}

/** Until there is something to read, or nothing more to come. */
function somethingNew(stream: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      stream.off('readable', settle).off('end', settle).off('close', settle).off('error', settle);
      if (error instanceof Error) reject(error);
      else resolve();
    };
    stream.once('readable', settle).once('end', settle).once('close', settle).once('error', settle);
  });
}

/** How the content is compressed, with the stream to go on with. */
export async function recognise(stream: Readable): Promise<{ readonly compression: Compression; readonly stream: Readable }> {
  const begun = await peek(stream, MAGIC_LENGTH);
  return { compression: detectCompression(begun.start), stream: begun.stream };
}

/**
 * The stream's content, inflated where it is compressed. Its errors are ScullErrors that name `what`.
 * @throws ScullError MISSING_TOOL where xz or bzip2 is needed and not installed
 */
export async function inflate(from: Readable, what: string): Promise<Readable> {
  const { compression, stream } = await recognise(from);
  if (compression === 'none') return stream;
  const program = inflatingProgram(compression);
  if (program !== undefined) return inflateByProgram(stream, program, what);
  const { Readable: ReadableStream } = await import('node:stream');
  return ReadableStream.from(inflateNamed(stream, compression, what), { objectMode: false, highWaterMark: 1 << 20 });
}

async function* inflateNamed(stream: Readable, compression: Compression, what: string): AsyncGenerator<Buffer> {
  try {
    yield* inflateBytes(stream, compression);
  } catch (error) {
    throw isScullError(error, 'INVALID') ? new ScullError('INVALID', `${what} cannot be decompressed: ${error.message}`, { cause: error }) : error;
  }
}

async function inflateByProgram(stream: Readable, program: readonly string[], what: string): Promise<Readable> {
  const { start } = await import('../../host/process.ts');
  const { PassThrough, pipeline } = await import('node:stream');
  const [file = '', ...args] = program;
  const child = start(file, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const output = new PassThrough({ highWaterMark: 1 << 20 });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(0, 2000)));
  child.once('error', (cause) => {
    output.destroy(new ScullError('MISSING_TOOL', `${what} is compressed with ${file}, which is not installed`, { hint: `install it, for example with \`sudo apt-get install ${file === 'xz' ? 'xz-utils' : file}\``, cause }));
  });
  if (child.stdin !== null) pipeline(stream, child.stdin, () => undefined); // a broken pipe: its exit status tells why
  child.stdout?.on('error', (error) => output.destroy(error));
  child.stdout?.pipe(output, { end: false });
  child.once('close', (status) => {
    if (status === 0) output.end();
    else output.destroy(new ScullError('INVALID', `${what} cannot be decompressed: ${file} says ${JSON.stringify(said.trim().split('\n', 1)[0] ?? '')}`));
  });
  output.once('close', () => child.kill());
  return output;
}
