import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { checkLayer } from '../../../../src/storage/layers/check-worker.ts';
import { ContentsWriter, FileSum, largestOwner, NO_MODE, readContents } from '../../../../src/storage/layers/contents.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

const owner = { uid: 1, gid: 2 };

test('what is written is read again, whatever is in names, and the last word about a path counts', () => {
  const path = join(scratchDirectory(), 'contents');
  const contents = new ContentsWriter(path);
  contents.file('a\tb\n\\c', 0o644, owner, 5, 0xdeadbeef);
  contents.file('gone', 0o600, owner, 0, 0);
  contents.removed('gone');
  contents.file('twice', 0o600, owner, 1, 1);
  contents.hardlink('link', 'twice');
  contents.file('twice', NO_MODE, owner, 2, 2);
  contents.symlink('caf\xe9', owner, '../target\n');
  contents.directory('.', 0o755, owner);
  contents.fifo('pipe', 0o600, owner);
  contents.whiteout('hidden');
  expect(contents.close()).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(Object.fromEntries(readContents(readFileSync(path, 'latin1')) as Map<string, unknown>)).toEqual({
    'a\tb\n\\c': { kind: 'file', mode: 0o644, ...owner, size: 5, sum: 0xdeadbeef },
    link: { kind: 'file', mode: 0o600, ...owner, size: 1, sum: 1 },
    twice: { kind: 'file', mode: NO_MODE, ...owner, size: 2, sum: 2 },
    'caf\xe9': { kind: 'symlink', ...owner, target: '../target\n' },
    '.': { kind: 'directory', mode: 0o755, ...owner },
    pipe: { kind: 'fifo', mode: 0o600, ...owner },
    hidden: { kind: 'whiteout' },
  });
});

test('the largest owner is told, nobody aside', () => {
  expect(largestOwner('d\t755\t0\t0\t.\nf\t-\t7\t1500\t99999\tabc\t./x\nl\t8\t2000\ta\tb\np\t600\t65534\t65534\tq\nh\t70000\t70001\nw\t80000\n-\t90000\n')).toBe(2000);
  expect(largestOwner('')).toBe(-1);
});

test.each(['no line end', 'x\tpath\n'.slice(0, 3), 'f\t644\n'])('what is in another form is told: %#', (text) => {
  expect(readContents(text)).toBeUndefined();
});

test('the sum of a file with holes is that of its bytes', () => {
  const sum = new FileSum();
  sum.add(Buffer.from('abc'), 70_000);
  expect(sum.end(200_000)).toBe(crc32(Buffer.concat([Buffer.alloc(70_000), Buffer.from('abc'), Buffer.alloc(129_997)])));
});

test('a layer is held against its contents, file by file', () => {
  const directory = scratchDirectory();
  const diff = join(directory, 'diff');
  mkdirSync(diff, { mode: 0o755 });
  const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const contents = new ContentsWriter(join(directory, 'contents'));
  writeFileSync(join(diff, 'file'), 'text', { mode: 0o644 });
  contents.file('file', 0o644, me, 4, crc32('text'));
  symlinkSync('file', join(diff, 'link'));
  contents.symlink('link', me, 'file');
  contents.directory('.', 0o755, me);
  contents.close();
  const job = { diff, contents: join(directory, 'contents') };
  expect(checkLayer(job)).toEqual({ files: 3, bytes: 4, problems: [], count: 0 });
  writeFileSync(join(diff, 'file'), 'tex!');
  writeFileSync(join(diff, 'new'), '');
  rmSync(join(diff, 'link'));
  expect(checkLayer(job)).toMatchObject({
    count: 3,
    problems: [{ path: 'file', what: 'has other content than was unpacked' }, { path: 'link', what: 'is missing' }, { path: 'new', what: 'was not in the layer' }],
  });
});
