import { describe, expect, it } from 'vitest';
import { decodeCdiSpec } from '../../../src/oci/cdi.ts';
import { parseCdiName } from '../../../src/oci/cdi-name.ts';

const FILE = '/etc/cdi/acme.json';
const spec = (edits: object, more: object = {}) => ({ cdiVersion: '0.6.0', kind: 'acme.example/gpu', devices: [{ name: '0', containerEdits: edits }], ...more });
const editsOf = (edits: object) => decodeCdiSpec(spec(edits), FILE).devices.get('0');

describe('parseCdiName', () => {
  it.each([['nvidia.com/gpu=all', 'nvidia.com/gpu', 'all'], ['amd.com/gpu=0', 'amd.com/gpu', '0'], ['v/c_1.x-y=GPU-12:0', 'v/c_1.x-y', 'GPU-12:0']])('reads %j', (text, kind, device) => {
    expect(parseCdiName(text)).toEqual({ kind, device });
  });

  it.each(['/dev/x=y', 'gpu=all', 'vendor/gpu', 'vendor/gpu=', 'vendor/=a', 'vendor/gpu/x=a', '1vendor/gpu=a', 'vendor/gpu=a/b', 'vendor/gpu=-a', 'vendor/gpu=a b', ''])('takes %j for none', (text) => {
    expect(parseCdiName(text)).toBeUndefined();
  });
});

describe('decodeCdiSpec', () => {
  it('reads the edits of devices, and of all of them', () => {
    const { kind, devices, edits } = decodeCdiSpec(
      spec(
        { deviceNodes: [{ path: '/dev/a', hostPath: '/dev/b', permissions: 'rw', major: 1, fileMode: 438 }, { path: '/dev/c' }, { path: '/dev/d', permissions: 'none' }], additionalGids: [0, 44] },
        { annotations: { any: 'thing' }, containerEdits: { env: ['A=b=c'], mounts: [{ hostPath: '/l', containerPath: '/m', options: ['ro'] }], hooks: [{ hookName: 'createContainer', path: '/h', args: ['h', 'x'], timeout: 3 }] } },
      ),
      FILE,
    );
    expect(kind).toBe('acme.example/gpu');
    expect(devices.get('0')).toEqual({
      env: [], mounts: [], hooks: [], additionalGids: [0, 44],
      deviceNodes: [{ path: '/dev/a', hostPath: '/dev/b', permissions: 'rw' }, { path: '/dev/c', hostPath: '/dev/c', permissions: 'rwm' }, { path: '/dev/d', hostPath: '/dev/d', permissions: '' }],
    });
    expect(edits).toEqual({
      env: ['A=b=c'], deviceNodes: [], additionalGids: [],
      mounts: [{ hostPath: '/l', containerPath: '/m', options: ['ro'] }],
      hooks: [{ stage: 'createContainer', hook: { path: '/h', args: ['h', 'x'], timeout: 3 } }],
    });
  });

  it.each([
    ['a list', [], 'it is not an object'],
    ['no version', { ...spec({}), cdiVersion: undefined }, 'cdiVersion is not a string'],
    ['a version to come', { ...spec({}), cdiVersion: '1.2.0' }, 'is of version "1.2.0"'],
    ['a kind without a vendor', { ...spec({}), kind: 'gpu' }, 'kind is not of the form'],
    ['a field that is not known', { ...spec({}), more: 1 }, 'asks for "more"'],
    ['no devices', { ...spec({}), devices: undefined }, 'devices is not a list'],
    ['a device of an impossible name', { ...spec({}), devices: [{ name: 'a/b' }] }, 'devices[0].name is not the name of a device'],
  ])('refuses %s', (_, value, why) => {
    expect(() => decodeCdiSpec(value, FILE)).toThrow(why);
    expect(() => decodeCdiSpec(value, FILE)).toThrow(FILE);
  });

  it.each([
    [{ env: ['NAME'] }, 'env[0] is not of the form NAME=VALUE'],
    [{ deviceNodes: [{ path: 'dev/a' }] }, 'deviceNodes[0].path is not an absolute path'],
    [{ deviceNodes: [{ path: '/dev/a', permissions: 'x' }] }, 'deviceNodes[0].permissions is not made of'],
    [{ mounts: [{ hostPath: '/a' }] }, 'mounts[0].containerPath is not a string'],
    [{ hooks: [{ hookName: 'poststop', path: '/a' }] }, 'a hook for "poststop"'],
    [{ hooks: [{ hookName: 'createRuntime', path: 'a' }] }, 'hooks[0].path is not an absolute path'],
    [{ additionalGids: [-1] }, 'additionalGids[0] is not a whole number'],
    [{ netDevices: [{ hostInterfaceName: 'eth0', name: 'eth1' }] }, 'asks for "netDevices"'],
    [{ intelRdt: { closID: 'x' } }, 'asks for "intelRdt"'],
  ])('refuses edits %j', (edits, why) => {
    expect(() => editsOf(edits)).toThrow(why);
  });
});
