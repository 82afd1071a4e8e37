import { describe, expect, it } from 'vitest';
import { parseIpcNamespace, parseNamespace } from '../../../src/spec/namespace.ts';

describe('parseNamespace', () => {
  it.each([
    ['', { mode: 'private' }], ['private', { mode: 'private' }], ['host', { mode: 'host' }], ['container:web', { mode: 'container', container: 'web' }], ['ns:/proc/1/ns/pid', { mode: 'path', path: '/proc/1/ns/pid' }],
  ])('reads %j', (text, mode) => {
    expect(parseNamespace(text, '--pid')).toEqual(mode);
  });

  it.each([['hosts', 'expected private, host'], ['container:', "the container's name is missing"], ['ns:proc', 'the path must be absolute'], ['shareable', 'invalid --pid'], ['pod', 'expected private, host']])('refuses %j', (text, why) => {
    expect(() => parseNamespace(text, '--pid')).toThrow(why);
  });

  it('knows two more words for --ipc', () => {
    expect(parseIpcNamespace('shareable')).toEqual({ mode: 'shareable' });
    expect(parseIpcNamespace('none')).toEqual({ mode: 'none' });
    expect(parseIpcNamespace('container:x')).toEqual({ mode: 'container', container: 'x' });
    expect(() => parseIpcNamespace('nope')).toThrow('invalid --ipc "nope"');
  });
});
