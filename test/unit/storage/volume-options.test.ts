import { describe, expect, it } from 'vitest';
import { parseId, parseVolumeOptions } from '../../../src/storage/volume-options.ts';

describe('options of the local driver', () => {
  it.each<[Record<string, string>, unknown]>([
    [{}, { source: { kind: 'directory', mountOptions: [] }, copy: true }],
    [{ o: 'nocopy' }, { source: { kind: 'directory', mountOptions: [] }, copy: false }],
    [{ o: 'uid=1000,gid=7,noexec' }, { source: { kind: 'directory', mountOptions: ['noexec'] }, uid: 1000, gid: 7, copy: true }],
    [{ type: 'none', o: 'bind', device: '/srv/data' }, { source: { kind: 'bind', device: '/srv/data', mountOptions: [] }, copy: true }],
    [{ o: 'rbind,ro', device: '/srv/data' }, { source: { kind: 'bind', device: '/srv/data', mountOptions: ['ro'] }, copy: true }],
    [{ type: 'tmpfs', device: 'tmpfs', o: 'size=2M,nodev,uid=1000' }, { source: { kind: 'tmpfs', mountOptions: ['size=2M', 'nodev', 'uid=1000'] }, copy: true }],
  ])('%j', (options, expected) => {
    expect(parseVolumeOptions(options)).toEqual(expected);
  });
  it.each<[Record<string, string>, string, string]>([
    [{ type: 'nfs', device: ':/x', o: 'addr=1.2.3.4' }, 'INVALID', 'addr=1.2.3.4'],
    [{ type: 'ext4', device: '/dev/sda1' }, 'UNSUPPORTED', '"ext4"'],
    [{ o: 'size=10G' }, 'UNSUPPORTED', 'size=10G'],
    [{ o: 'bind', device: 'relative' }, 'INVALID', 'absolute'],
    [{ device: '/srv' }, 'INVALID', '"/srv"'],
    [{ o: 'uid=root' }, 'INVALID', 'uid=root'],
    [{ o: 'uid=4294967295' }, 'INVALID', 'uid=4294967295'],
    [{ color: 'red' }, 'INVALID', '"color"'],
  ])('%j is refused as %s', (options, code, message) => {
    expect(() => parseVolumeOptions(options)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });
  it('knows which numbers are ids', () => {
    expect([parseId('0'), parseId('4294967294'), parseId('4294967295'), parseId('-1'), parseId('1e3'), parseId('')]).toEqual([0, 4294967294, undefined, undefined, undefined, undefined]);
  });
});
