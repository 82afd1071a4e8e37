import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SeccompSpec } from '../../../../../src/oci/runtime-spec.ts';
import { DEFAULT_CAPABILITIES } from '../../../../../src/runtime/oci-spec/capabilities.ts';
import { defaultSeccompProfile } from '../../../../../src/runtime/oci-spec/seccomp/default-profile.ts';
import { ALLOWED, BY_CAPABILITY, REFUSED } from '../../../../../src/runtime/oci-spec/seccomp/default-syscalls.ts';
import { parseSeccompProfile } from '../../../../../src/runtime/oci-spec/seccomp/profile-file.ts';
import { CAPABILITIES } from '../../../../../src/spec/capability.ts';

/** What a profile answers to a call whatever its arguments: `allow`, an errno, or `args` where it depends on them. */
function answer(profile: SeccompSpec, name: string): string {
  const rules = profile.syscalls.filter((rule) => rule.names.includes(name));
  if (rules.length === 0) return String(profile.defaultErrnoRet);
  if (rules.some((rule) => rule.args !== undefined)) return 'args';
  return rules[0]!.action === 'SCMP_ACT_ALLOW' ? 'allow' : String(rules[0]!.errnoRet);
}

describe('the default seccomp profile', () => {
  const plain = defaultSeccompProfile(DEFAULT_CAPABILITIES, 'x64');

  it.each([
    ['read', 'allow'], ['openat2', 'allow'], ['clone3', 'allow'], ['unshare', 'allow'], ['mount', 'allow'], ['chroot', 'allow'], ['kexec_load', '1'], ['userfaultfd', '1'], ['swapon', '1'], ['init_module', '1'], ['bpf', '1'], ['perf_event_open', '1'],
    ['settimeofday', '1'], ['open_by_handle_at', '1'], ['io_uring_setup', '38'], ['add_key', '38'], ['no_such_call', '38'], ['personality', 'args'], ['socket', 'args'], ['arch_prctl', 'allow'], ['cacheflush', '38'],
  ])('answers %s with %s', (name, expected) => {
    expect(answer(plain, name)).toBe(expected);
  });

  it.each([['CAP_SYS_MODULE', 'init_module'], ['CAP_SYS_ADMIN', 'bpf'], ['CAP_BPF', 'bpf'], ['CAP_PERFMON', 'perf_event_open'], ['CAP_SYS_TIME', 'settimeofday'], ['CAP_DAC_READ_SEARCH', 'open_by_handle_at']])('opens with %s what it is for', (capability, name) => {
    expect(answer(defaultSeccompProfile([...DEFAULT_CAPABILITIES, capability], 'x64'), name)).toBe('allow');
  });

  it('refuses chroot without its capability', () => {
    expect(answer(defaultSeccompProfile([], 'x64'), 'chroot')).toBe('1');
  });

  it('names every call once', () => {
    const names = [...ALLOWED, REFUSED, ...BY_CAPABILITY.map((rule) => rule.names)].flatMap((text) => text.split(/\s+/));
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.every((name) => /^[a-z0-9_]+$/.test(name))).toBe(true);
  });

  it('never allows a vsock', () => {
    for (const capabilities of [[], ['CAP_AUDIT_WRITE'], CAPABILITIES]) {
      const rules = defaultSeccompProfile(capabilities, 'x64').syscalls.filter((rule) => rule.names.includes('socket'));
      expect(rules[0]).toMatchObject({ action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 40, op: 'SCMP_CMP_EQ' }] });
    }
  });

  it('knows the architectures', () => {
    expect(defaultSeccompProfile([], 'arm64').architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    expect(answer(defaultSeccompProfile([], 'arm64'), 'cacheflush')).toBe('allow');
    expect(defaultSeccompProfile([], 'loong64').architectures).toBeUndefined();
  });

  it('takes well under a millisecond', () => {
    // The best of many: others use the machine, too.
    const times = Array.from({ length: 100 }, () => {
      const start = performance.now();
      JSON.stringify(defaultSeccompProfile(DEFAULT_CAPABILITIES, 'x64'));
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(1);
  });

  // The machine's own copy of the profile that Podman uses, where it has one: it may be older than ours, never stricter on what it allows unconditionally.
  const installed = '/usr/share/containers/seccomp.json';
  it.runIf(existsSync(installed))('allows all but a few long-dead calls of the profile that the distribution ships', () => {
    const theirs = parseSeccompProfile(readFileSync(installed, 'utf8'), { bounding: DEFAULT_CAPABILITIES, architecture: 'x64' });
    const allowed = theirs.syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW' && rule.args === undefined).flatMap((rule) => rule.names);
    const missing = allowed.filter((name) => answer(plain, name) !== 'allow');
    const dead = ['readdir', 'sigaction', 'sigpending', 'sigsuspend', 'syscall', 'timerfd'];
    expect(missing.filter((name) => !dead.includes(name))).toEqual([]);
  });
});
