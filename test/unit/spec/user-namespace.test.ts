import { describe, expect, it } from 'vitest';
import { parseIdMaps, parseUserNamespace } from '../../../src/spec/user-namespace.ts';

describe('parseUserNamespace', () => {
  it.each([
    ['', { mode: 'host' }], ['host', { mode: 'host' }], ['keep-id', { mode: 'keep-id' }], ['keep-id:uid=200,gid=210', { mode: 'keep-id', uid: 200, gid: 210 }], ['keep-id:size=65536', { mode: 'keep-id', size: 65536 }],
    ['nomap', { mode: 'nomap' }], ['auto', { mode: 'auto' }], ['auto:size=8192', { mode: 'auto', size: 8192 }], ['container:db', { mode: 'container', container: 'db' }], ['ns:/x', { mode: 'path', path: '/x' }],
  ])('reads %j', (text, mode) => {
    expect(parseUserNamespace(text)).toEqual(mode);
  });

  it.each([
    ['keepid', 'unknown mode "keepid"'], ['keep-id:', 'unknown option ""'], ['keep-id:uid', 'uid needs a number, not ""'], ['keep-id:uid=x', 'not "x"'], ['keep-id:uid=-1', 'not "-1"'], ['keep-id:uid=1,uid=2', 'uid is given twice'],
    ['keep-id:foo=1', 'unknown option "foo"'], ['keep-id:uid=4294967295', 'uid needs a number'], ['nomap:size=1', 'nomap takes no options'], ['auto:uid=1', 'unknown option "uid"'], ['keep-id:size=0', 'leaves no user'], ['pod', '--pod'], ['auto:size=0', 'leaves no user'], ['auto:colour=1', 'known are size, uidmapping, gidmapping'],
  ])('refuses %j', (text, why) => {
    expect(() => parseUserNamespace(text)).toThrow(why);
  });

  it('reads the maps of auto, with ids of the host after @', () => {
    const count = () => ({ available: 65537, fromHost: (id: number) => (id === 1000 ? 0 : undefined) });
    expect(parseUserNamespace('auto:size=5,uidmapping=1000:@1000,gidmapping=0:7:2,gidmapping=9:1', count)).toEqual({
      mode: 'auto', size: 5, uids: [{ container: 1000, host: 0, size: 1 }], gids: [{ container: 0, host: 7, size: 2 }, { container: 9, host: 1, size: 1 }],
    });
    for (const [text, why] of [['auto:uidmapping', 'needs container-id:host-id'], ['auto:uidmapping=+5:1', 'not "+5:1"'], ['auto:gidmapping=5', 'expected container-id:from-id'], ['auto:uidmapping=0:@7', 'the host id 7 is not among yours']] as const) {
      expect(() => parseUserNamespace(text, count)).toThrow(why);
    }
  });
});

describe('parseIdMaps', () => {
  const count = { available: 65536, fromHost: (id: number) => (id === 1000 ? 0 : id >= 100000 && id < 165535 ? id - 99999 : undefined) };
  const parse = (...words: string[]) => parseIdMaps(words, '--uidmap', count).map(({ container, host, size }) => `${container}:${host}:${size}`);

  it('reads ranges, the amount being 1 unless given', () => {
    expect(parse('0:1:1000', '1000:0')).toEqual(['0:1:1000', '1000:0:1']);
    expect(parse('0:1:10,20:30:5')).toEqual(['0:1:10', '20:30:5']);
  });

  it('looks up ids of the host after @', () => {
    expect(parse('5:@1000')).toEqual(['5:0:1']);
    expect(parse('0:@100000:3')).toEqual(['0:1:3']);
  });

  it('takes away from earlier ranges for +', () => {
    expect(parse('0:0:65000', '+100000:1:1')).toEqual(['0:0:1', '2:2:64998', '100000:1:1']);
    expect(parse('0:0:10', '+5:20:1')).toEqual(['0:0:5', '5:20:1', '6:6:4']);
  });

  it('fills the gaps where only + words are given', () => {
    expect(parse('+100000:1:1')).toEqual(['0:0:1', '1:2:65534', '100000:1:1']);
    expect(parse('+1000:0:1')).toEqual(['0:1:1000', '1000:0:1', '1001:1001:64535']);
  });

  it.each([
    ['', 'expected container-id:from-id'], ['0', 'expected'], ['0:1:0', 'the amount is 0'], ['a:1:1', 'expected'], ['0:-1:1', 'expected'], ['0:1:2:3', 'expected'], ['4294967290:0:100', 'beyond the largest id'], ['0:@5', 'the host id 5 is not among yours'],
  ])('refuses %j', (word, why) => {
    expect(() => parse(word)).toThrow(why);
    expect(() => parse(word)).toThrow('--uidmap');
  });
});
