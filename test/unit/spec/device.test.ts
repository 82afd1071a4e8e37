import { describe, expect, it } from 'vitest';
import { parseDevice } from '../../../src/spec/device.ts';

describe('parseDevice', () => {
  it.each([
    ['/dev/fuse', '/dev/fuse', '/dev/fuse', 'rwm'], ['/dev/a:/dev/b', '/dev/a', '/dev/b', 'rwm'], ['/dev/a:/dev/b:r', '/dev/a', '/dev/b', 'r'], ['/dev/a:rw', '/dev/a', '/dev/a', 'rw'],
    ['/dev/../dev/a', '/dev/a', '/dev/a', 'rwm'], ['/dev/snd', '/dev/snd', '/dev/snd', 'rwm'], ['/dev/a:/dev/b:mrw', '/dev/a', '/dev/b', 'mrw'],
  ])('reads %j', (text, source, target, permissions) => {
    expect(parseDevice(text)).toEqual({ source, target, permissions });
  });

  it.each([
    ['', 'the device "" is not an absolute path'], ['fuse', 'the device "fuse"'], ['/dev/a:x', 'the permissions "x"'], ['/dev/a:b:r', 'the path in the container "b"'], ['/dev/a:/dev/b:rr', 'the permissions "rr"'],
    ['/dev/a:/dev/b:', 'the permissions ""'], ['/a:/b:r:w', 'too many parts'], ['vendor.com/gpu=all', 'Container Device Interface'],
  ])('refuses %j', (text, why) => {
    expect(() => parseDevice(text)).toThrow(why);
  });
});
