/** Reading much of a file without holding much of it. */
import { read } from 'node:fs';

const PIECE = 1 << 20;

/**
 * The bytes of a descriptor from `start` to before `end`, or to where the file ends. Each piece is overwritten when the next is asked for: two
 * buffers serve for all, the one being filled on a thread while the caller works on the other. A new one for each would be garbage faster
 * than anybody collects it.
 */
export async function* filePieces(fd: number, start: number, end: number): AsyncGenerator<Buffer> {
  const buffers = [Buffer.alloc(0), Buffer.alloc(0)];
  const fill = (turn: number, at: number): Promise<Buffer> => {
    const length = Math.min(PIECE, end - at);
    if ((buffers[turn % 2] as Buffer).length < length) buffers[turn % 2] = Buffer.allocUnsafeSlow(length);
    const filled = readInto((buffers[turn % 2] as Buffer).subarray(0, length), fd, at);
    filled.catch(() => undefined); // thrown where it is awaited, which may be after the caller's work on the other
    return filled;
  };
  let at = start;
  let next = at < end ? fill(0, at) : undefined;
  try {
    for (let turn = 1; next !== undefined; turn += 1) {
      const piece: Buffer = await next;
      next = undefined;
      if (piece.length === 0) return;
      at += piece.length;
      if (at < end) next = fill(turn, at);
      yield piece;
    }
  } finally {
    // The descriptor is the caller's, who may close it now.
    await next?.catch(() => undefined);
  }
}

function readInto(buffer: Buffer, fd: number, position: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, count) => (error === null ? resolve(buffer.subarray(0, count)) : reject(error)));
  });
}
