import { describe, expect, it } from 'vitest';
import { parseDevices } from '../../../src/spec/device.ts';

describe('parseDevices of nodes', () => {
  it.each([
    ['/dev/fuse', '/dev/fuse', '/dev/fuse', 'rwm'], ['/dev/a:/dev/b', '/dev/a', '/dev/b', 'rwm'], ['/dev/a:/dev/b:r', '/dev/a', '/dev/b', 'r'], ['/dev/a:rw', '/dev/a', '/dev/a', 'rw'],
    ['/dev/../dev/a', '/dev/a', '/dev/a', 'rwm'], ['/dev/snd', '/dev/snd', '/dev/snd', 'rwm'], ['/dev/a:/dev/b:mrw', '/dev/a', '/dev/b', 'mrw'],
  ])('reads %j', (text, source, target, permissions) => {
    expect(parseDevices([text])).toEqual({ devices: [{ source, target, permissions }] });
  });

  it.each([
    ['', 'the device "" is not an absolute path'], ['fuse', 'the device "fuse"'], ['/dev/a:x', 'the permissions "x"'], ['/dev/a:b:r', 'the path in the container "b"'], ['/dev/a:/dev/b:rr', 'the permissions "rr"'],
    ['/dev/a:/dev/b:', 'the permissions ""'], ['/a:/b:r:w', 'too many parts'], ['vendor.com/gpu', 'the device "vendor.com/gpu"'],
  ])('refuses %j', (text, why) => {
    expect(() => parseDevices([text])).toThrow(why);
  });
});

describe('parseDevices', () => {
  it('tells nodes from names of the Container Device Interface', () => {
    expect(parseDevices(['/dev/fuse', 'nvidia.com/gpu=all'])).toEqual({ devices: [{ source: '/dev/fuse', target: '/dev/fuse', permissions: 'rwm' }], cdiDevices: ['nvidia.com/gpu=all'] });
    expect(parseDevices([])).toEqual({ devices: [] });
  });

  it.each([['all', ['gpu=all']], ['device=0', ['gpu=0']], ['"device=0,GPU-1a2b"', ['gpu=0', 'gpu=GPU-1a2b']], ['device=0,1', ['gpu=0', 'gpu=1']], ['GPU-1a2b', ['gpu=GPU-1a2b']]])('reads --gpus %s', (text, cdiDevices) => {
    expect(parseDevices([], [text])).toEqual({ devices: [], cdiDevices });
  });

  it.each([['2', 'a number of GPUs to Docker'], ['-1', 'a number of GPUs'], ['', 'expected all'], ['all,capabilities=utility', 'expected all'], ['device=', 'expected all']])('refuses --gpus %j', (text, why) => {
    expect(() => parseDevices([], [text])).toThrow(why);
  });
});
