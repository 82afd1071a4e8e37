import { describe, expect, it } from 'vitest';
import { newEntries, resolveGroup, resolveUser, withGroups } from '../../../src/runtime/user.ts';

const PASSWD = [
  '# comment', 'root:x:0:0:root:/root:/bin/bash', 'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin', 'app:x:1000:1001:App,,,:/home/app:/bin/sh',
  '1000:x:0:0:looks like an id:/evil:/bin/sh', 'broken:x:abc:1::/:', 'huge:x:4294967296:0::/:', 'short:x', 'nohome:x:7:7', '',
].join('\n');
const GROUP = ['root:x:0:', 'audio:x:29:app,daemon', 'video:x:44:app', 'app:x:1001:', '44:x:0:', 'bad:x:zz:app', 'root2:x:0:app'].join('\n');
const resolve = (text: string) => resolveUser(text, PASSWD, GROUP);

describe('resolveUser', () => {
  it('takes root where nothing is said', () => {
    expect(resolve('')).toEqual({ uid: 0, gid: 0, additionalGids: [], home: '/root', name: 'root', shell: '/bin/bash' });
  });

  it('takes group, memberships and home of a name', () => {
    expect(resolve('app')).toMatchObject({ uid: 1000, gid: 1001, additionalGids: [0, 29, 44], home: '/home/app', shell: '/bin/sh' });
  });

  it('takes the same for a number that has an entry', () => {
    expect(resolve('1000')).toMatchObject({ uid: 1000, gid: 1001, additionalGids: [0, 29, 44], home: '/home/app' });
  });

  it('never takes digits for a name (CVE-2016-3697)', () => {
    expect(resolve('1000').uid).toBe(1000);
    expect(resolveGroup('44', GROUP)).toBe(44);
  });

  it('takes a number without an entry as it is', () => {
    expect(resolve('4711')).toEqual({ uid: 4711, gid: 0, additionalGids: [], home: '/' });
  });

  it.each([['app:audio', 1000, 29], ['app:5', 1000, 5], ['7:audio', 7, 29], [':audio', 0, 29], ['app:', 1000, 1001]])('reads %j, without memberships', (text, uid, gid) => {
    expect(resolve(text)).toMatchObject({ uid, gid, additionalGids: [] });
  });

  it('works without the files', () => {
    expect(resolveUser('', '', '')).toEqual({ uid: 0, gid: 0, additionalGids: [], home: '/' });
    expect(resolveUser('5:6', '', '')).toEqual({ uid: 5, gid: 6, additionalGids: [], home: '/' });
  });

  it('has the root as home where the entry is cut short', () => {
    expect(resolve('nohome')).toMatchObject({ uid: 7, home: '/' });
  });

  it.each([
    ['nobody', 'no user "nobody" in the image\'s /etc/passwd'], ['app:nogroup', 'no group "nogroup" in the image\'s /etc/group'], ['a:b:c', 'expected user[:group]'], [':', 'expected user[:group]'], ['2147483648', 'invalid user id'],
    ['99999999999999999999', 'invalid user id'], ['0:4294967296', 'invalid group id'], ['-1', 'no user "-1"'], ['+5', 'no user "+5"'], ['0x0', 'no user "0x0"'], ['broken', 'no user "broken"'], ['huge', 'no user "huge"'], ['short', 'no user "short"'], ['#', 'no user "#"'],
  ])('refuses %j', (text, why) => {
    expect(() => resolve(text)).toThrow(why);
  });

  it('survives a million lines of nonsense', () => {
    expect(() => resolveUser('nobody', ':::\n'.repeat(200_000), '')).toThrow('no user');
  });
});

describe('withGroups', () => {
  it('adds names and numbers, each once, without the primary group', () => {
    expect(withGroups(resolve('1000'), ['video', '29', '77', '1001'], GROUP).additionalGids).toEqual([0, 29, 44, 77]);
  });

  it('refuses groups that the image does not have', () => {
    expect(() => withGroups(resolve(''), ['wheel'], GROUP)).toThrow('no group "wheel"');
  });
});

describe('newEntries', () => {
  const user = { uid: 5000, gid: 5000, name: 'app', home: '/home/me' };

  it('adds a user that the image does not know, under a free name', () => {
    const { passwd, group } = newEntries([user], PASSWD, GROUP);
    expect(passwd).toBe('app1:*:5000:5000::/home/me:/bin/sh\n');
    expect(group).toMatch(/^\n?app1?:x:5000:app1\n$/);
    expect(resolveUser('5000', PASSWD + passwd!, GROUP + group!)).toMatchObject({ uid: 5000, gid: 5000, home: '/home/me', name: 'app1' });
  });

  it('adds nothing where the image knows the ids', () => {
    expect(newEntries([{ ...user, uid: 1000, gid: 1001 }], PASSWD, GROUP)).toEqual({});
  });

  it('names two users differently, and one id once', () => {
    const { passwd } = newEntries([user, { ...user, name: 'other' }, { ...user, uid: 6000 }], PASSWD, GROUP);
    expect(passwd).toBe('app1:*:5000:5000::/home/me:/bin/sh\napp2:*:6000:5000::/home/me:/bin/sh\n');
  });

  it('ends a last line that the image left open', () => {
    expect(newEntries([user], 'root:x:0:0::/:/bin/sh', '').passwd).toBe('\napp:*:5000:5000::/home/me:/bin/sh\n');
  });

  it('fills in the lines that were wished for, and leaves other dollars alone', () => {
    const templates = { passwd: '$USERNAME:*:$UID:$GID:$NAME of $PLACE:$HOME:/bin/zsh', group: '$GROUPNAME:x:$GID:$USERLIST,root' };
    expect(newEntries([{ ...user, comment: 'A: B' }], '', '', templates)).toEqual({ passwd: 'app:*:5000:5000:A  B of $PLACE:/home/me:/bin/zsh\n', group: 'app:x:5000:app,root\n' });
  });

  it('lets no name or home break the lines', () => {
    const { passwd } = newEntries([{ ...user, name: 'a:0:0\nroot2', home: '/x:y\nz' }], '', '');
    expect(passwd).toBe('user:*:5000:5000::/:/bin/sh\n');
  });
});
