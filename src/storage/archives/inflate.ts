/** Reading input that may be compressed: an archive to load, a root file system to import. Told by its first bytes. */
import type { Readable } from 'node:stream';
import { isScullError, ScullError } from '../../host/errors.ts';
import { detectCompression, inflate as inflateBytes, inflatingProgram, MAGIC_LENGTH, type Compression } from '../layers/decompress.ts';

/** The same stream counting in bytes; one that was made of pieces (Readable.from) is copied to one that does. */
export async function byteStream(stream: Readable): Promise<Readable> {
  if (!stream.readableObjectMode) return stream;
  const { PassThrough, pipeline } = await import('node:stream');
  const output = new PassThrough({ highWaterMark: 1 << 20 });
  pipeline(stream, output, () => undefined); // destroys output with the error
  return output;
}

/** The first `count` bytes of a {@link byteStream}, fewer where it ends before. They stay in the stream. */
export async function peek(stream: Readable, count: number): Promise<Buffer> {
  for (;;) {
    const start = stream.read(count) as Buffer | null;
    if (start !== null) {
      stream.unshift(start);
      return start;
    }
    if (stream.readableEnded) return Buffer.alloc(0);
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error): void => {
        stream.off('readable', settle).off('end', settle).off('close', settle).off('error', settle);
        if (error instanceof Error) reject(error);
        else resolve();
      };
      stream.once('readable', settle).once('end', settle).once('close', settle).once('error', settle);
    });
    if (stream.destroyed) return Buffer.alloc(0);
  }
}

export async function compressionOf(stream: Readable): Promise<Compression> {
  return detectCompression(await peek(stream, MAGIC_LENGTH));
}

/**
 * The stream's content, inflated where it is compressed. Its errors are ScullErrors that name `what`.
 * @throws ScullError MISSING_TOOL where xz or bzip2 is needed and not installed
 */
export async function inflate(stream: Readable, what: string): Promise<Readable> {
  const compression = await compressionOf(stream);
  if (compression === 'none') return stream;
  const program = inflatingProgram(compression);
  if (program !== undefined) return inflateByProgram(stream, program, what);
  const { pipeline, PassThrough, Readable: ReadableStream } = await import('node:stream');
  const output = new PassThrough({ highWaterMark: 1 << 20 });
  pipeline(ReadableStream.from(inflateBytes(stream, compression), { objectMode: false }), output, (error) => {
    if (error) output.destroy(damaged(error, compression, what));
  });
  return output;
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

function damaged(cause: Error, compression: Compression, what: string): Error {
  return isScullError(cause, 'INVALID') ? new ScullError('INVALID', `${what} cannot be decompressed: its ${compression} data is damaged or ends too early`, { cause }) : cause;
}
