import { describe, expect, it } from 'vitest';
import { apparmorRemedy } from '../../../src/host/remedies.ts';
import { explainMapRefusal, explainNamespaceRefusal, isWithoutCapabilities, namespaceRefusal, type NamespaceSettings } from '../../../src/userns/preflight.ts';

const FREE: NamespaceSettings = { unprivilegedClone: '1', maxUserNamespaces: '95000', apparmorRestricts: '0', seccompMode: '0' };

describe('a refused user namespace', () => {
  it.each<[Partial<NamespaceSettings>, string, string]>([
    [{ unprivilegedClone: '0' }, 'kernel.unprivileged_userns_clone is 0', 'sudo sysctl kernel.unprivileged_userns_clone=1'],
    [{ maxUserNamespaces: '0' }, 'user.max_user_namespaces is 0', 'sudo sysctl user.max_user_namespaces=28633'],
    [{ apparmorRestricts: '1' }, 'AppArmor', 'kernel.apparmor_restrict_unprivileged_userns=0'],
    [{ seccompMode: '2' }, 'system call filter', 'seccomp profile'],
    [{}, 'CONFIG_USER_NS', 'user namespaces'],
  ])('with %j is explained, with a remedy', (settings, reason, remedy) => {
    const error = explainNamespaceRefusal('unshare: Operation not permitted', { ...FREE, ...settings });
    expect(error).toMatchObject({ code: 'UNSUPPORTED', detail: 'unshare: Operation not permitted' });
    expect(error.message).toContain(reason);
    expect(error.hint).toContain(remedy);
  });
  it('names the setting that switches everything off before one that only restricts', () => {
    expect(namespaceRefusal({ ...FREE, unprivilegedClone: '0', apparmorRestricts: '1' }).reason).toContain('unprivileged_userns_clone');
  });
});

describe('a namespace whose capabilities AppArmor denies', () => {
  const restricted = { ...FREE, apparmorRestricts: '1' };
  it.each([
    'cannot drop supplementary groups: Operation not permitted',
    'cannot write /proc/self/uid_map: Operation not permitted',
    'cannot make mounts private: Permission denied',
    'warning: beforehand\nscull-helper: cannot drop supplementary groups: Operation not permitted',
  ])('is known by what fails in it first: %s', (said) => {
    expect(isWithoutCapabilities(said, restricted)).toBe(true);
    expect(isWithoutCapabilities(said, FREE)).toBe(false);
    expect(isWithoutCapabilities(said, { ...FREE, apparmorRestricts: undefined })).toBe(false);
  });
  it.each(['cannot mount the overlay: Permission denied', 'cannot make mounts private: No such file or directory', 'cannot map ids'])('is not taken for the cause of another failure: %s', (said) => {
    expect(isWithoutCapabilities(said, restricted)).toBe(false);
  });
  it('gets a profile for the one program that makes namespaces, where that is one that a shell and AppArmor take as it is', () => {
    expect(apparmorRemedy('/usr/local/lib/scull/scull-helper')).toMatch(/^echo 'abi <abi\/4\.0>, profile scull-helper \/usr\/local\/lib\/scull\/scull-helper flags=\(unconfined\) \{ userns, \}' \| sudo tee (\S+) && sudo apparmor_parser -r \1 \(or, /);
    expect(apparmorRemedy("/home/o'neil/scull-helper")).toBe('sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0');
    expect(apparmorRemedy(undefined)).toBe('sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0');
  });
});

describe('refused id maps', () => {
  it('name the file that does not grant the range', () => {
    const error = explainMapRefusal('newuidmap: uid range [1-65537) -> [200000-265536) not allowed\nscull-helper: cannot map ids', 'ann');
    // Where newuidmap is not installed at all, that is the reason.
    expect(error.message).toMatch(/\/etc\/subuid does not grant ann the range \[1-65537\) -> \[200000-265536\)|newuidmap is not installed/);
    expect(error.hint).toMatch(/--add-subuids|uidmap|shadow/);
  });
});
