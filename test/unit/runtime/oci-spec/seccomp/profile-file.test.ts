import { describe, expect, it } from 'vitest';
import { parseSeccompProfile } from '../../../../../src/runtime/oci-spec/seccomp/profile-file.ts';

const facts = { bounding: ['CAP_CHOWN'], architecture: 'x64', kernel: '6.1.0-13-amd64' };
const parse = (profile: unknown) => parseSeccompProfile(JSON.stringify(profile), facts);
const rule = (more: object) => ({ names: ['read'], action: 'SCMP_ACT_ALLOW', ...more });
const kept = (more: object) => parse({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [rule(more)] }).syscalls.length === 1;

describe('parseSeccompProfile', () => {
  it('takes the runtime\'s own form as it is', () => {
    const profile = { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38, architectures: ['SCMP_ARCH_X86_64'], flags: ['SECCOMP_FILTER_FLAG_LOG'], syscalls: [rule({ errnoRet: 1, args: [{ index: 0, value: 8, valueTwo: 1, op: 'SCMP_CMP_MASKED_EQ' }] })] };
    expect(parse(profile)).toEqual(profile);
  });

  it('decides conditions by capability, architecture and kernel', () => {
    expect(kept({ includes: { caps: ['CAP_CHOWN'] } })).toBe(true);
    expect(kept({ includes: { caps: ['CAP_CHOWN', 'CAP_BPF'] } })).toBe(false);
    expect(kept({ excludes: { caps: ['CAP_BPF', 'CAP_CHOWN'] } })).toBe(false);
    expect(kept({ includes: { arches: ['amd64'] } })).toBe(true);
    expect(kept({ includes: { arches: ['arm64'] } })).toBe(false);
    expect(kept({ excludes: { arches: ['amd64'] } })).toBe(false);
    expect(kept({ includes: { minKernel: '4.8' } })).toBe(true);
    expect(kept({ includes: { minKernel: '6.2' } })).toBe(false);
    expect(kept({ excludes: { minKernel: '6.1' } })).toBe(false);
    expect(kept({ includes: null, excludes: {}, args: null, comment: '' })).toBe(true);
  });

  it('reads errno by name or number, and one name in the old way', () => {
    expect(parse({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrno: 'ENOSYS', syscalls: [{ name: 'x', action: 'SCMP_ACT_ERRNO', errno: 'EPERM', errnoRet: 7 }] })).toMatchObject({ defaultErrnoRet: 38, syscalls: [{ names: ['x'], errnoRet: 1 }] });
  });

  it('has no rules where there are none', () => {
    expect(parse({ defaultAction: 'SCMP_ACT_ALLOW' })).toEqual({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [] });
  });

  it.each([
    ['', 'is not JSON'], ['[]', 'the profile is not an object'], ['null', 'the profile is not an object'], ['{}', 'defaultAction is missing'], ['{"defaultAction":"ALLOW"}', 'defaultAction is "ALLOW"'], ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}', 'syscalls is not a list'],
    ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[1]}', 'syscalls[0] is not an object'], ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[1]}]}', 'holds something that is not a string'],
    ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"action":"SCMP_ACT_ALLOW"}]}', 'syscalls[0] names no system call'], ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}', "both 'name' and 'names'"],
    ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"op":"SCMP_CMP_EQ"}]}]}', 'args[0].index is not a number from 0 to 5'],
    ['{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errno":"ENOPE"}]}', 'unknown errno "ENOPE"'], ['{"defaultAction":"SCMP_ACT_ALLOW","architectures":["a"],"archMap":[{}]}', 'exclude each other'],
  ])('refuses %s', (text, why) => {
    expect(() => parseSeccompProfile(text, facts)).toThrow(why);
  });
});
