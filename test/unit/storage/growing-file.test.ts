import { describe, expect, test } from 'vitest';
import { GrowingFile, type GrowingFileReader } from '../../../src/storage/growing-file.ts';

function reader(): GrowingFileReader & { readonly log: unknown[] } {
  const log: unknown[] = [];
  return { log, grew: () => void log.push('grew'), whole: () => void log.push('whole'), failed: (error) => void log.push(error) };
}

describe('a growing file', () => {
  test('tells its reader now and then that it has grown, and at once that it is whole', () => {
    const file = new GrowingFile('/f');
    const one = reader();
    file.readBy(one);
    for (let i = 0; i < 32; i += 1) file.grew(65_536);
    expect(one.log).toEqual(['grew', 'grew']);
    file.whole();
    file.failed(new Error('too late'));
    expect(one.log).toEqual(['grew', 'grew', 'whole']);
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
