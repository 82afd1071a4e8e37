/** The archives that images are saved to, as tar(1) reads them. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tarSink } from '../../../../src/storage/archives/file-sink.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'scull-sink-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const path = (name: string): string => join(directory, name);
const content = (name: string): string => execFileSync('tar', ['-xOf', path('a.tar'), name], { encoding: 'utf8' });

async function archive(size: number): Promise<void> {
  writeFileSync(path('blob'), 'x'.repeat(700_000));
  const fd = openSync(path('a.tar'), 'w');
  try {
    const sink = tarSink(fd, 'a.tar');
    sink.addFolder('blobs');
    await sink.addFile(LONG, size, openSync(path('blob'), 'r'));
    sink.addBytes('small', Buffer.from('s'));
    sink.finish();
  } finally {
    closeSync(fd);
  }
}

/** As of a blob whose digest is a SHA-512. */
const LONG = `blobs/sha512/${'0123456789abcdef'.repeat(8)}`;

test('a name that is too long for a header is whole', async () => {
  await archive(700_000);
  expect(execFileSync('tar', ['-tf', path('a.tar')], { encoding: 'utf8' })).toBe(`blobs/\n${LONG}\nsmall\n`);
  expect(content(LONG)).toBe('x'.repeat(700_000));
  expect(content('small')).toBe('s');
});

test.each([699_999, 700_001, 0])('a file that has not the %i bytes it should have is damaged', async (size) => {
  await expect(archive(size)).rejects.toMatchObject({ code: 'CORRUPT' });
});
