import { describe, expect, it } from 'vitest';
import { parseSize, parseSizeOrUnlimited } from '../../../src/spec/size.ts';

describe('parseSize', () => {
  it.each([
    ['0', 0], ['512', 512], ['1b', 1], ['64k', 65536], ['100kb', 102400], ['64m', 67108864], ['64M', 67108864], ['64MiB', 67108864],
    ['1g', 1073741824], ['1.5g', 1610612736], ['2T', 2199023255552], [' 1g ', 1073741824], ['0.5k', 512],
  ])('reads %j as %i bytes', (text, bytes) => {
    expect(parseSize(text, '--memory')).toBe(bytes);
  });

  it.each(['', 'm', '-1', '-5m', '1x', '1mm', '1,5g', '0x10', '1e3', '9999999999p', 'ten'])('refuses %j and names the option', (text) => {
    expect(() => parseSize(text, '--memory')).toThrow(`invalid size ${JSON.stringify(text)} for --memory`);
  });

  it('takes -1 as no limit only where that has a meaning', () => {
    expect(parseSizeOrUnlimited('-1', '--memory-swap')).toBe(-1);
    expect(parseSizeOrUnlimited('1k', '--memory-swap')).toBe(1024);
    expect(() => parseSizeOrUnlimited('-2', '--memory-swap')).toThrow('--memory-swap');
  });
});
