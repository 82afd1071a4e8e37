import { chmodSync, lstatSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { describe, expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();
const uid = process.getuid?.() as number;
const gid = process.getgid?.() as number;

interface Case {
  readonly name: string;
  readonly args: readonly string[];
  readonly id: RegExp;
}

const cases: readonly Case[] = [
  { name: 'root by default', args: [], id: /^uid=0\(root\) gid=0\(root\)/ },
  { name: 'a user by name, with the groups it is a member of', args: ['-u', 'app'], id: /^uid=1500\(app\) gid=1500\(app\) groups=10\(wheel\),1500\(app\)|^uid=1500\(app\) gid=1500\(app\) groups=1500\(app\),10\(wheel\)/ },
  { name: 'a user by number, with the group of passwd', args: ['-u', '1500'], id: /^uid=1500\(app\) gid=1500\(app\)/ },
  { name: 'a number that passwd does not know', args: ['-u', '4321'], id: /^uid=4321\(4321\) gid=0\(root\)/ },
  { name: 'user and group by name', args: ['-u', 'app:audio'], id: /^uid=1500\(app\) gid=29\(audio\)/ },
  { name: 'user and group by number', args: ['-u', '7:8'], id: /^uid=7\(\w+\) gid=8\(\w+\)/ },
  { name: 'more groups by name and number', args: ['-u', 'app', '--group-add', 'audio', '--group-add', '4242'], id: /groups=.*29\(audio\).*4242|groups=.*4242.*29\(audio\)/ },
];

test.each(cases)('-u: $name', async ({ args, id }) => {
  expect(await s.ok(['run', '--rm', ...args, 'busybox', 'id'])).toMatch(id);
});

test('who runs is entered in passwd and group as it was wished, or not at all', async () => {
  const wishes = ['--passwd-entry', 'me:x:$UID:$GID::/here:/bin/sh', '--group-entry', 'mine:x:$GID:'];
  const show = ['busybox', 'sh', '-c', 'id -un; tail -n 1 /etc/passwd; tail -n 1 /etc/group; echo "$HOME"'];
  expect(await s.ok(['run', '--rm', '-u', '4321:99', ...wishes, ...show])).toBe('me\nme:x:4321:99::/here:/bin/sh\nmine:x:99:\n/here');
  expect(await s.ok(['run', '--rm', '-u', '4321', '--passwd=false', 'busybox', 'sh', '-c', 'grep -c 4321 /etc/passwd; true'])).toBe('0');
});

test('a user of the host can be made known', async () => {
  const { username } = userInfo();
  expect(await s.ok(['run', '--rm', '--hostuser', username, '-u', username, 'busybox', 'id', '-u'])).toBe(String(uid));
});

test.runIf(process.arch === 'x64')('with --personality=LINUX32 the kernel calls itself i686', async () => {
  expect(await s.ok(['run', '--rm', '--personality', 'LINUX32', 'busybox', 'uname', '-m'])).toBe('i686');
});

test.each(['create', 'run'])('%s refuses a user whom the host does not know, and leaves nothing', async (command) => {
  await s.fails([command, '--name', 'nobodys', '--hostuser', 'no-such-user', 'busybox', 'true'], 125, /--hostuser "no-such-user": this machine's \/etc\/passwd has no such user/);
  expect(await s.scull(['container', 'exists', 'nobodys'])).toMatchObject({ status: 1 });
});

test('groups of the caller do not come along', async () => {
  expect(await s.ok(['run', '--rm', 'busybox', 'sh', '-c', 'grep ^Groups: /proc/self/status'])).toMatch(/^Groups:\s*(0\s*)?$/);
});

test.each([
  ['nosuch', /nosuch/],
  ['app:nosuch', /nosuch/],
  ['4294967296', /4294967296/],
  ['-5', /-5/],
])('-u %s is refused', async (user, message) => {
  await s.fails(['run', '--rm', `--user=${user}`, 'busybox', 'true'], 125, message);
});

test('an id outside of the map is refused before anything starts, with the reason', async () => {
  await s.fails(['run', '--rm', '-u', '200000', 'busybox', 'true'], 125, /200000/);
});

test('a file in a bind mount made by root inside belongs to the caller', async () => {
  const directory = s.directory('shared');
  await s.ok(['run', '--rm', '-v', `${directory}:/shared`, 'busybox', 'touch', '/shared/made']);
  expect(lstatSync(`${directory}/made`)).toMatchObject({ uid, gid });
});

test('--userns=keep-id: the caller’s own number inside, a file made by it belongs to the caller', async () => {
  const directory = s.directory('kept');
  const output = await s.ok(['run', '--rm', '--userns=keep-id', '-v', `${directory}:/kept`, 'busybox', 'sh', '-c', 'id -u; id -g; touch /kept/made']);
  expect(output).toBe(`${uid}\n${gid}`);
  expect(lstatSync(`${directory}/made`)).toMatchObject({ uid, gid });
});

test('keep-id: files of the image keep their owners as the image has them', async () => {
  const output = await s.ok(['run', '--rm', '--userns=keep-id', '--user', 'root', 'busybox', 'sh', '-c', 'stat -c %u:%g /bin/busybox /home/app/note']);
  expect(output).toBe('0:0\n1500:1500');
});

test('keep-id starts at once, not after a copy of the image', async () => {
  await s.ok(['run', '--rm', 'busybox', 'true']);
  const begun = Date.now();
  await s.ok(['run', '--rm', '--userns=keep-id', 'busybox', 'true']);
  expect(Date.now() - begun).toBeLessThan(5000);
});

test('keep-id:uid=,gid= shows the caller as somebody else', async () => {
  const directory = s.directory('as-app');
  const output = await s.ok(['run', '--rm', '--userns=keep-id:uid=1500,gid=1500', '-v', `${directory}:/d`, 'busybox', 'sh', '-c', 'id -u; touch /d/made; stat -c %u /d/made']);
  expect(output).toBe('1500\n1500');
  expect(lstatSync(`${directory}/made`)).toMatchObject({ uid, gid });
});

test('keep-id: what the container writes is stored with the owners that every other container sees', async () => {
  const id = await s.ok(['run', '-d', '--name', 'writer', '--userns=keep-id', '--user', 'root', 'busybox', 'sh', '-c', 'touch /five && chown 5:5 /five && sleep 1000']);
  await expect.poll(async () => (await s.scull(['exec', 'writer', 'stat', '-c', '%u:%g', '/five'])).stdout).toBe('5:5\n');
  // The store as the namespace with the default map sees it, which is what other containers, commit and copy use.
  expect(await s.ok(['unshare', 'stat', '-c', '%u:%g', `${s.storeRoot}/containers/${id}/upper/five`])).toBe('5:5');
});

/** The id map of a running container as the host sees it: lines of inside, outside, length. */
async function mapOf(name: string): Promise<number[][]> {
  const text = readFileSync(`/proc/${(await s.inspect(name)).State.Pid}/uid_map`, 'utf8');
  return text.trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number));
}

test('--userns=nomap leaves the caller out of the map', async () => {
  await s.ok(['run', '-d', '--name', 'nomap', '--userns=nomap', 'busybox', 'sleep', '1000']);
  for (const [, outside, length] of (await mapOf('nomap')) as [number, number, number][]) {
    expect(uid >= outside && uid < outside + length).toBe(false);
  }
});

test('explicit maps hold', async () => {
  // As rootless Podman counts: 0 is the caller, 1 the first subordinate id.
  await s.ok(['run', '-d', '--name', 'explicit', '--uidmap', '0:1:1000', '--gidmap', '0:1:1000', 'busybox', 'sleep', '1000']);
  const [[inside, outside, length]] = (await mapOf('explicit')) as [[number, number, number]];
  expect({ inside, length }).toEqual({ inside: 0, length: 1000 });
  expect(readFileSync('/etc/subuid', 'utf8')).toContain(`:${outside}:`);
});

/** The lines of a uid_map: first id inside, first id of the namespace around it (there 0 is the caller), how many. */
function ranges(map: string): number[][] {
  return map.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
}

test('--userns=nomap: everything is there all the same', async () => {
  const directory = s.directory('unmapped');
  s.file('unmapped/open', 'readable\n');
  const command = 'cat /proc/self/uid_map; echo --; id -u; stat -c %u /bin/busybox /home/app/note /new; touch /new/made /made; cat /d/open; grep -c localhost /etc/hosts';
  const output = await s.ok(['run', '--rm', '--userns=nomap', '-v', 'new:/new', '-v', `${directory}:/d`, 'busybox', 'sh', '-c', command]);
  const [map = '', rest] = output.split('\n--\n');
  for (const [, outside] of ranges(map)) expect(outside).toBeGreaterThan(0);
  expect(rest?.split('\n').slice(0, 5)).toEqual(['0', '0', '1500', '0', 'readable']);
  expect(await s.ok(['run', '--rm', '-v', 'new:/new', 'busybox', 'stat', '-c', '%u:%g', '/new/made'])).toBe('1:1');
});

test('explicit maps with and without the caller, seen from inside', async () => {
  const run = async (...maps: string[]): Promise<number[][]> => ranges(await s.ok(['run', '--rm', ...maps, 'busybox', 'sh', '-c', 'test "$(stat -c %u /bin/busybox)" = 0 && cat /proc/self/uid_map']));
  expect(await run('--uidmap', '0:1:1000', '--gidmap', '0:1:1000')).toEqual([[0, 1, 1000]]);
  expect(await run('--uidmap', '0:0:1', '--uidmap', '1:5:10', '--gidmap', '0:0:20')).toEqual([[0, 0, 1], [1, 5, 10]]);
  expect(await run('--uidmap', '0:0:20', '--gidmap', '0:0:20')).toEqual([[0, 0, 1], [1, 1, 19]]);
});

test('a user of a new volume owns it, also where ids are mapped in another way', async () => {
  await s.ok(['run', '--rm', '--userns=keep-id', '-v', 'mine:/v', 'busybox', 'touch', '/v/made']);
  expect(await s.ok(['run', '--rm', '-v', 'mine:/v', 'busybox', 'stat', '-c', '%u', '/v/made'])).toBe('0');
});

test('a container that shares a user namespace sees the same owners', async () => {
  for (const mode of ['keep-id', 'nomap']) {
    await s.ok(['run', '-d', '--name', `shares-${mode}`, `--userns=${mode}`, 'busybox', 'sleep', '1000']);
    const output = await s.ok(['run', '--rm', '--userns', `container:shares-${mode}`, 'busybox', 'sh', '-c', 'cat /proc/self/uid_map; stat -c %u /bin/busybox /home/app/note']);
    const theirs = await s.ok(['exec', '-u', '0', `shares-${mode}`, 'cat', '/proc/self/uid_map']);
    expect(output.trimEnd()).toBe(`${theirs.trimEnd()}\n0\n1500`);
  }
});

test('--subuidname maps what /etc/subuid gives to a name', async () => {
  const name = userInfo().username;
  const count = (await s.ok(['unshare', 'cat', '/proc/self/uid_map'])).trim().split(/\s+/).at(-1);
  expect((await s.ok(['run', '--rm', '--subuidname', name, 'busybox', 'cat', '/proc/self/uid_map'])).trim().split(/\s+/)).toEqual(['0', '1', count]);
  await s.fails(['run', '--rm', '--subuidname', 'nobody-of-that-name', 'busybox', 'true'], 125, /\/etc\/subuid gives no ids/);
  await s.fails(['run', '--rm', '--subuidname', name, '--userns', 'keep-id', 'busybox', 'true'], 125, /cannot be used together/);
});

/** The ids that a container has for itself, counted in the namespace around it: the first, and the one after the last. */
async function autoRange(name: string): Promise<{ from: number; to: number }> {
  const [[, from, size]] = ranges(await s.ok(['exec', name, 'cat', '/proc/self/uid_map'])) as [[number, number, number]];
  return { from, to: from + size };
}

describe('--userns=auto', () => {
  test('gives each container ids of its own, which it keeps until it is removed', async () => {
    for (const name of ['auto-1', 'auto-2']) await s.ok(['run', '-d', '--name', name, '--userns=auto', 'busybox', 'sleep', '1000']);
    const first = await autoRange('auto-1');
    const second = await autoRange('auto-2');
    expect(first.from).toBeGreaterThan(0);
    expect(second.from >= first.to || second.to <= first.from).toBe(true);
    await s.ok(['restart', '-t', '0', 'auto-1']);
    expect(await autoRange('auto-1')).toEqual(first);
    expect((await s.inspect('auto-1')).HostConfig).toMatchObject({ UsernsMode: 'auto', IDMappings: { UidMap: [`0:${first.from}:${first.to - first.from}`] } });
    await s.ok(['rm', '-f', '-t', '0', 'auto-1']);
    await s.ok(['run', '-d', '--name', 'auto-3', '--userns=auto', 'busybox', 'sleep', '1000']);
    expect(await autoRange('auto-3')).toEqual(first);
    await s.ok(['rm', '-f', '-t', '0', 'auto-2', 'auto-3']);
  });

  test('has every user of the image, shown as the image has them, and the caller is none of them', async () => {
    const directory = s.directory('of-the-caller');
    const output = await s.ok(['run', '--rm', '--userns=auto', '-v', `${directory}:/d`, '-v', 'autos:/home/app', 'busybox', 'sh', '-c', 'id -u; stat -c %u:%g /bin/busybox /home/app/note /d; touch /made && chown 1500 /made && stat -c %u /made']);
    expect(output).toBe('0\n0:0\n1500:1500\n65534:65534\n1500');
    expect(await s.ok(['run', '--rm', '--userns=auto', '-u', '7000', 'busybox', 'id', '-u'])).toBe('7000');
    await s.ok(['volume', 'rm', 'autos']);
  });

  test('the options: size, and maps by hand for users and groups', async () => {
    const words = ['--userns=auto:size=2000,uidmapping=5:@' + uid + ':1,gidmapping=7:0:1'];
    const directory = s.directory('mapped-by-hand');
    const output = await s.ok(['run', '--rm', ...words, '-v', `${directory}:/d`, 'busybox', 'sh', '-c', 'cat /proc/self/uid_map; echo --; stat -c %u:%g /d']);
    const [map = '', owner] = output.split('\n--\n');
    expect(ranges(map).reduce((sum, [, , length]) => sum + (length ?? 0), 0)).toBe(2000);
    expect(owner).toBe('5:7');
    await s.fails(['run', '--rm', '--userns=auto:size=100', '-u', '5000', 'busybox', 'true'], 125, /user id 5000 does not exist in the container/);
  });

  test('U gives a mount to the container', async () => {
    const directory = s.directory('given');
    expect(await s.ok(['run', '--rm', '--userns=auto', '-v', `${directory}:/d:U`, 'busybox', 'stat', '-c', '%u:%g', '/d'])).toBe('0:0');
    expect(lstatSync(directory).uid).not.toBe(uid);
    await s.ok(['run', '--rm', '-v', `${directory}:/d:U`, 'busybox', 'true']);
    expect(lstatSync(directory).uid).toBe(uid);
  });

  test('when the ids are used up, it is said, and nothing is left', async () => {
    const all = ranges((await s.ok(['unshare', 'cat', '/proc/self/uid_map'])).trim()).slice(1).reduce((sum, [, , length]) => sum + (length ?? 0), 0);
    await s.ok(['create', '--name', 'most', `--userns=auto:size=${all - 3000}`, 'busybox', 'true']);
    await s.fails(['create', '--name', 'more', '--userns=auto:size=4000', 'busybox', 'true'], 125, /needs 4000 user ids for itself, and only \d+ of your \d+ subordinate ones are free/);
    await s.fails(['create', '--userns=auto:size=99999999', 'busybox', 'true'], 125, /and you have \d+ subordinate ones/);
    await s.fails(['container', 'inspect', 'more'], 125, /no such container/);
    await s.ok(['rm', 'most']);
  });

  test('of many at once no two get the same', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `crowd-${index}`);
    await Promise.all(names.map((name) => s.ok(['create', '--name', name, '--userns=auto', 'busybox', 'true'])));
    const maps = await Promise.all(names.map(async (name) => (await s.inspect(name)).HostConfig.IDMappings.UidMap[0] as string));
    expect(new Set(maps).size).toBe(names.length);
    await s.ok(['rm', ...names]);
  });
});

test('--userns with nonsense is refused', async () => {
  await s.fails(['run', '--rm', '--userns=sideways', 'busybox', 'true'], 125, /sideways/);
  await s.fails(['run', '--rm', '--userns=keep-id:colour=1', 'busybox', 'true'], 125, /colour/);
});

test('a home directory that only the caller may enter can be shared', async () => {
  const directory = s.directory('private');
  chmodSync(directory, 0o700);
  s.file('private/secret', 'readable\n');
  expect(await s.ok(['run', '--rm', '-v', `${directory}:/p:ro`, 'busybox', 'cat', '/p/secret'])).toBe('readable');
});

test('keep-id makes the caller known by name, with the working directory for a home', async () => {
  const output = await s.ok(['run', '--rm', '--userns=keep-id', '-w', '/tmp', 'busybox', 'sh', '-c', 'whoami; id -gn; echo $HOME; echo ~']);
  expect(output).toBe(`${userInfo().username}\n${userInfo().username}\n/tmp\n/tmp`);
});

test('keep-id makes the caller known where root runs too, and a restart adds nothing', async () => {
  await s.ok(['run', '--name', 'twice', '--userns=keep-id', '--user', 'root', 'busybox', 'sh', '-c', `grep -c ':${uid}:' /etc/passwd; echo $HOME`]);
  await s.ok(['start', '-a', 'twice']);
  expect(await s.ok(['logs', 'twice'])).toBe('1\n/root\n1\n/root');
});

test('passwd stays a file that can be replaced, and a user’s own is left alone', async () => {
  await s.ok(['run', '--rm', '-u', '0:0', '--userns=keep-id', 'busybox', 'sh', '-c', 'cp /etc/passwd /etc/passwd.new && mv /etc/passwd.new /etc/passwd']);
  const passwd = s.file('passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  expect(await s.ok(['run', '--rm', '-u', '4321', '-v', `${passwd}:/etc/passwd:ro`, 'busybox', 'grep', '-c', '', '/etc/passwd'])).toBe('1');
  expect(readFileSync(passwd, 'utf8').split('\n')).toHaveLength(2);
});

test('a user unknown to a read-only container has a name too', async () => {
  expect(await s.ok(['run', '--rm', '--read-only', '-u', '4321', 'busybox', 'whoami'])).toBe('4321');
});
