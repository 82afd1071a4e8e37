import { describe, expect, it } from 'vitest';
import type { ResolvedMount } from '../../../src/runtime/container-record.ts';
import { containerUsers, type ContainerUsers } from '../../../src/runtime/container-users.ts';
import type { NewUser } from '../../../src/runtime/user.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec, type UserNamespaceSpec } from '../../../src/spec/container-spec.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n';
const GROUP = 'root:x:0:\nstaff:x:50:app\napp:x:1000:\n';
const MOUNT: ResolvedMount = { type: 'bind', source: '/home/me', target: '/home/me', readOnly: false, propagation: '', options: [] };

function users(user: string, wish: { namespace?: UserNamespaceSpec; mounts?: ResolvedMount[]; passwd?: string; groupAdd?: string[]; hostUsers?: NewUser[]; spec?: Partial<ContainerSpec> } = {}): ContainerUsers {
  const spec = { ...EMPTY_CONTAINER_SPEC, groupAdd: wish.groupAdd ?? [], namespaces: { ...EMPTY_CONTAINER_SPEC.namespaces, user: wish.namespace ?? ({ mode: 'host' } as const) }, ...wish.spec };
  return containerUsers(spec, { user, workdir: '/src', mounts: wish.mounts ?? [] }, { callerUid: 1001, callerGid: 1002, callerName: 'me', callerHome: '/home/me', passwd: wish.passwd ?? PASSWD, group: GROUP, hostUsers: wish.hostUsers ?? [] });
}

describe('containerUsers', () => {
  it('makes nobody known where the image knows everybody', () => {
    expect(users('').entries).toEqual({});
    expect(users('app').entries).toEqual({});
    expect(users('1000:50').entries).toEqual({});
    expect(users('app')).toMatchObject({ user: { uid: 1000, home: '/home/app', additionalGids: [50] } });
  });

  it('gives a number that the image does not know a name, and the working directory for a home', () => {
    expect(users('4321:99')).toEqual({
      user: { uid: 4321, gid: 99, additionalGids: [], home: '/src', name: '4321', shell: '/bin/sh' },
      entries: { passwd: '4321:*:4321:99::/src:/bin/sh\n', group: '99:x:99:4321\n' },
    });
  });

  it('leaves the group alone where only a user was named', () => {
    expect(users('4321').entries).toEqual({ passwd: '4321:*:4321:0::/src:/bin/sh\n' });
  });

  it('keeps groups that were added', () => {
    expect(users('4321', { groupAdd: ['staff', 'keep-groups', '7'] }).user.additionalGids).toEqual([7, 50]);
  });

  it('knows the caller by name under keep-id', () => {
    const { user, entries } = users('1001:1002', { namespace: { mode: 'keep-id' } });
    expect(entries).toEqual({ passwd: 'me:*:1001:1002::/src:/bin/sh\n', group: 'me:x:1002:me\n' });
    expect(user).toMatchObject({ name: 'me', home: '/src' });
  });

  it('knows the caller under keep-id also where another user runs', () => {
    const { user, entries } = users('root', { namespace: { mode: 'keep-id' } });
    expect(entries.passwd).toBe('me:*:1001:1002::/src:/bin/sh\n');
    expect(user).toMatchObject({ uid: 0, home: '/root' });
  });

  it('knows the caller by the number that keep-id:uid= says, unless the image has it', () => {
    expect(users('1000:1000', { namespace: { mode: 'keep-id', uid: 1000, gid: 1000 } }).entries).toEqual({});
    expect(users('7:7', { namespace: { mode: 'keep-id', uid: 7, gid: 7 } }).entries.passwd).toBe('me:*:7:7::/src:/bin/sh\n');
  });

  it('takes the caller’s own home where it is mounted', () => {
    expect(users('1001:1002', { namespace: { mode: 'keep-id' }, mounts: [MOUNT] }).user.home).toBe('/home/me');
    expect(users('1001:1002', { namespace: { mode: 'keep-id' }, mounts: [{ ...MOUNT, target: '/home' }] }).user.home).toBe('/home/me');
    expect(users('1001:1002', { namespace: { mode: 'keep-id' }, mounts: [{ ...MOUNT, target: '/home/m' }] }).user.home).toBe('/src');
  });

  it('knows users of the host who were asked for, with their home where that is mounted', () => {
    const hostUsers = [{ uid: 2000, gid: 2000, name: 'guest', comment: 'A guest', home: '/home/me/guest' }, { uid: 1000, gid: 1000, name: 'host', home: '/' }];
    expect(users('', { hostUsers }).entries).toEqual({ passwd: 'guest:*:2000:2000:A guest:/src:/bin/sh\n', group: 'guest:x:2000:guest\n' });
    expect(users('', { hostUsers, mounts: [MOUNT] }).entries.passwd).toContain(':/home/me/guest:');
    for (const user of ['guest', '2000']) expect(users(user, { hostUsers }).user).toMatchObject({ uid: 2000, name: 'guest', home: '/src' });
    expect(users('7:8', { hostUsers }).entries.passwd).toBe('guest:*:2000:2000:A guest:/src:/bin/sh\n7:*:7:8::/src:/bin/sh\n');
  });

  it('makes nobody known with --passwd=false', () => {
    expect(users('4321', { spec: { passwd: false } })).toEqual({ user: { uid: 4321, gid: 0, additionalGids: [], home: '/' }, entries: {} });
  });

  it('enters the lines that were wished for', () => {
    const { user, entries } = users('4321:99', { spec: { passwdEntry: 'me:x:$UID:$GID::/here:/bin/ash', groupEntry: 'mine:x:$GID:$USERLIST' } });
    expect(entries).toEqual({ passwd: 'me:x:4321:99::/here:/bin/ash\n', group: 'mine:x:99:4321\n' });
    expect(user).toMatchObject({ name: 'me', home: '/here', shell: '/bin/ash' });
  });

  it('works for an image without any users', () => {
    expect(users('5:5', { passwd: '' })).toMatchObject({ user: { uid: 5, gid: 5, home: '/src' } });
  });
});
