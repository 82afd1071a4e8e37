import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { filePieces } from '../../../src/host/file-pieces.ts';

const directory = mkdtempSync(join(tmpdir(), 'scull-pieces-'));
afterAll(() => rmSync(directory, { recursive: true }));
const content = randomBytes(5_000_001);
const path = join(directory, 'file');
writeFileSync(path, content);

async function read(start: number, end: number): Promise<{ readonly bytes: Buffer; readonly buffers: number }> {
  const fd = openSync(path, 'r');
  const copies: Buffer[] = [];
  const seen = new Set<ArrayBufferLike>();
  for await (const piece of filePieces(fd, start, end)) {
    copies.push(Buffer.from(piece));
    seen.add(piece.buffer);
  }
  closeSync(fd);
  return { bytes: Buffer.concat(copies), buffers: seen.size };
}

test.each([
  ['all of it', 0, content.length],
  ['a part', 1234, 4_000_000],
  ['less than a piece', 7, 10],
  ['what goes beyond its end', 4_999_990, 9_000_000],
  ['nothing', 5, 5],
])('%s, out of two buffers', async (_what, start, end) => {
  const { bytes, buffers } = await read(start, end);
  expect(bytes.equals(content.subarray(start, end))).toBe(true);
  expect(buffers).toBeLessThanOrEqual(2);
});

test('who leaves early may close the file at once', async () => {
  const fd = openSync(path, 'r');
  for await (const piece of filePieces(fd, 0, content.length)) {
    expect(piece.length).toBeGreaterThan(0);
    break;
  }
  closeSync(fd);
});
