import { describe, expect, test } from 'vitest';
import { GrowingFile, type GrowingFileReader } from '../../../src/storage/growing-file.ts';

function reader(): GrowingFileReader & { readonly log: unknown[] } {
  const log: unknown[] = [];
  return { log, grew: () => void log.push('grew'), whole: () => void log.push('whole'), failed: (error) => void log.push(error) };
}

describe('a growing file', () => {
  test('tells its reader soon that it has grown, then more and more seldom, and at once that it is whole', () => {
    const file = new GrowingFile('/f');
    const one = reader();
    file.readBy(one);
    const toldAt: number[] = [];
    for (let kib = 16; kib <= 4096; kib += 16) {
      const before = one.log.length;
      file.grew(16_384);
      if (one.log.length > before) toldAt.push(kib);
    }
    expect(toldAt).toEqual([32, 64, 128, 256, 512, 1024, 2048, 3072, 4096]);
    const told = one.log.length;
    file.whole();
    file.failed(new Error('too late'));
    expect(one.log.slice(told)).toEqual(['whole']);
  });

  test('a reader that comes late hears how it ended', () => {
    const error = new Error('broken');
    const file = new GrowingFile('/f');
    file.grew(1 << 21);
    file.failed(error);
    const late = reader();
    file.readBy(late);
    expect(late.log).toEqual([error]);
  });

  test('may be renamed when it was opened, or when nobody will open it', async () => {
    const opened = new GrowingFile('/f');
    let released = false;
    const waiting = opened.released().then(() => (released = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(released).toBe(false);
    opened.opened();
    await waiting;
    const refused = new GrowingFile('/f');
    refused.refused(new Error('cannot unpack'));
    await refused.released();
    expect(() => refused.grew(1)).toThrow('cannot unpack');
  });
});
