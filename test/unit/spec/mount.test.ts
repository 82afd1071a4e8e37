import { describe, expect, it } from 'vitest';
import { parseMount, parseTmpfs, parseVolume } from '../../../src/spec/mount.ts';

const CWD = '/home/u/project';
const bind = (more: object) => ({ type: 'bind', readOnly: false, options: [], recursive: true, chown: false, overlay: false, createSource: false, ...more });
const volume = (more: object) => ({ type: 'volume', readOnly: false, options: [], copy: true, chown: false, ...more });
const tmpfs = (more: object) => ({ type: 'tmpfs', readOnly: false, options: [], copyUp: true, ...more });

describe('parseVolume', () => {
  it.each([
    ['/src:/dst', bind({ source: '/src', target: '/dst' })],
    ['/src/:/dst/', bind({ source: '/src', target: '/dst' })],
    ['/src:/dst:ro', bind({ source: '/src', target: '/dst', readOnly: true })],
    ['/src:/dst:rw', bind({ source: '/src', target: '/dst' })],
    ['./x:/dst', bind({ source: '/home/u/project/x', target: '/dst' })],
    ['../x:/dst', bind({ source: '/home/u/x', target: '/dst' })],
    ['.:/dst', bind({ source: '/home/u/project', target: '/dst' })],
    ['/src:/a/../b//c', bind({ source: '/src', target: '/b/c' })],
    ['/src:/dst:ro,z', bind({ source: '/src', target: '/dst', readOnly: true, relabel: 'shared' })],
    ['/src:/dst:Z,U', bind({ source: '/src', target: '/dst', relabel: 'private', chown: true })],
    ['/src:/dst:O', bind({ source: '/src', target: '/dst', overlay: true })],
    ['/src:/dst:rshared', bind({ source: '/src', target: '/dst', propagation: 'rshared' })],
    ['/src:/dst:slave,nosuid,noexec,nodev', bind({ source: '/src', target: '/dst', propagation: 'slave', options: ['nosuid', 'noexec', 'nodev'] })],
    ['/src:/dst:bind', bind({ source: '/src', target: '/dst', recursive: false })],
    ['/src:/dst:cached', bind({ source: '/src', target: '/dst' })],
    ['/s r c:/d s t', bind({ source: '/s r c', target: '/d s t' })],
    ['/dst', volume({ target: '/dst' })],
    ['data:/dst', volume({ name: 'data', target: '/dst' })],
    ['data:/dst:ro,nocopy', volume({ name: 'data', target: '/dst', readOnly: true, copy: false })],
    ['data:/dst:copy', volume({ name: 'data', target: '/dst' })],
    ['data:/dst:U,noexec', volume({ name: 'data', target: '/dst', chown: true, options: ['noexec'] })],
    ['data:/dst:subpath=a/b', volume({ name: 'data', target: '/dst', subpath: 'a/b' })],
    ['data:/dst:subpath=/a', volume({ name: 'data', target: '/dst', subpath: 'a' })],
    ['data:/dst:O', volume({ name: 'data', target: '/dst', overlay: true })],
    ['data:/dst:nocreate', volume({ name: 'data', target: '/dst', mustExist: true })],
  ])('reads %j', (text, mount) => {
    expect(parseVolume(text, CWD)).toEqual(mount);
  });

  it.each([
    ['', 'the target is empty'],
    [':/dst', 'the source is empty'],
    ['/src:', 'the target is empty'],
    ['dst', 'the target "dst" is not an absolute path in the container'],
    ['/src:dst', 'the target "dst" is not an absolute path'],
    ['/src:ro', '"ro" stands where the target should be'],
    ['/src:/', 'the target cannot be /'],
    ['/src:/..', 'the target cannot be /'],
    ['/a:/b:ro:rw', 'there are more than two colons'],
    ['/a:/b:rr', 'unknown option "rr"'],
    ['/a:/b:', 'an option is empty'],
    ['/a:/b:ro,', 'an option is empty'],
    ['/a:/b:ro,rw', '"ro" and "rw" exclude each other'],
    ['/a:/b:ro,ro', '"ro" is given twice'],
    ['/a:/b:z,Z', '"z" and "Z" exclude each other'],
    ['/a:/b:shared,private', 'exclude each other'],
    ['/a:/b:nocopy', '"nocopy" is no option of a directory of the host'],
    ['/a:/b:size=1m', '"size=1m" is no option of a directory of the host'],
    ['da/ta:/b', 'neither a path, which begins with / or ., nor the name of a volume'],
    ['-data:/b', '"-data" is not the name of a volume'],
    ['~/x:/b', '"~" was not expanded by your shell'],
    ['data:/b:subpath=../x', 'the subpath "../x" may not hold ".."'],
    ['data:/b:subpath=', 'subpath needs a value'],
    ['/a:/b:idmap', 'the option "idmap" is for root'],
    ['/a:/b:ro=1', 'ro takes no value'],
  ])('refuses %j and says which part is wrong', (text, why) => {
    expect(() => parseVolume(text, CWD)).toThrow(why);
  });
});

describe('parseMount', () => {
  it.each([
    ['type=bind,source=/src,target=/dst', bind({ source: '/src', target: '/dst' })],
    ['type=bind,src=./x,dst=/dst,readonly', bind({ source: '/home/u/project/x', target: '/dst', readOnly: true })],
    ['type=bind,src=/s,destination=/dst,ro=true', bind({ source: '/s', target: '/dst', readOnly: true })],
    ['type=bind,src=/s,dest=/dst,readonly=false', bind({ source: '/s', target: '/dst' })],
    ['type=bind,src=/s,dst=/dst,rw=false', bind({ source: '/s', target: '/dst', readOnly: true })],
    ['type=bind,src=/s,dst=/d,bind-propagation=rslave', bind({ source: '/s', target: '/d', propagation: 'rslave' })],
    ['type=bind,src=/s,dst=/d,bind-nonrecursive', bind({ source: '/s', target: '/d', recursive: false })],
    ['type=bind,src=/s,dst=/d,bind-nonrecursive=false', bind({ source: '/s', target: '/d' })],
    ['type=bind,src=/s,dst=/d,relabel=shared,U=true', bind({ source: '/s', target: '/d', relabel: 'shared', chown: true })],
    ['type=bind,src=/s,dst=/d,bind-create-src=true', bind({ source: '/s', target: '/d', createSource: true })],
    ['type=bind,src=/s,dst=/d,consistency=cached', bind({ source: '/s', target: '/d' })],
    ['type=bind,"src=/a,b",dst=/d', bind({ source: '/a,b', target: '/d' })],
    ['type=bind,"src=/a""b",dst=/d', bind({ source: '/a"b', target: '/d' })],
    ['type=bind,src=/a=b,dst=/d', bind({ source: '/a=b', target: '/d' })],
    ['target=/d', volume({ target: '/d' })],
    ['type=volume,source=data,target=/d', volume({ name: 'data', target: '/d' })],
    ['type=volume,src=data,dst=/d,volume-nocopy,readonly', volume({ name: 'data', target: '/d', copy: false, readOnly: true })],
    ['type=volume,src=data,dst=/d,volume-nocopy=false', volume({ name: 'data', target: '/d' })],
    ['type=volume,src=data,dst=/d,volume-subpath=x/y', volume({ name: 'data', target: '/d', subpath: 'x/y' })],
    ['type=volume,src=data,dst=/d,chown=true', volume({ name: 'data', target: '/d', chown: true })],
    ['type=tmpfs,target=/d', tmpfs({ target: '/d' })],
    ['type=tmpfs,dst=/d,tmpfs-size=64m,tmpfs-mode=1777', tmpfs({ target: '/d', size: 67108864, mode: 0o1777 })],
    ['type=tmpfs,dst=/d,notmpcopyup,noexec,ro', tmpfs({ target: '/d', copyUp: false, options: ['noexec'], readOnly: true })],
    ['type=image,source=alpine,target=/d', { type: 'image', image: 'alpine', target: '/d', readOnly: true, options: [] }],
    ['type=image,src=alpine,dst=/d,rw=true,subpath=/etc', { type: 'image', image: 'alpine', target: '/d', readOnly: false, options: [], subpath: 'etc' }],
    ['type=devpts,target=/dev/pts,mode=0620,gid=5', { type: 'devpts', target: '/dev/pts', readOnly: false, options: ['mode=0620', 'gid=5'] }],
  ])('reads %j', (text, mount) => {
    expect(parseMount(text, CWD)).toEqual(mount);
  });

  it.each([
    ['', 'there is nothing between two commas'],
    ['type=bind', 'the source is missing'],
    ['type=bind,src=/s', 'the target is missing'],
    ['type=bind,dst=/d', 'the source is missing'],
    ['type=bind,src=,dst=/d', 'src needs a value'],
    ['type=bind,src=/a,source=/b,dst=/d', 'source is given twice'],
    ['type=bind,src=/a,dst=d', 'the target "d" is not an absolute path'],
    ['type=bind,src=/a,dst=/d,readonly=maybe', 'readonly is true or false, not "maybe"'],
    ['type=bind,src=/a,dst=/d,bind-propagation=foo', 'unknown propagation "foo"'],
    ['type=bind,src=/a,dst=/d,foo=bar', 'unknown key "foo"'],
    ['type=bind,src=/a,dst=/d,,ro', 'nothing between two commas'],
    ['type=bind,"src=/a,dst=/d', 'a double quote is not closed'],
    ['type=bind,src=/a,dst=/d,volume-nocopy', 'volume-nocopy is for type=volume, not for type=bind'],
    ['type=bind,src=/a,dst=/d,tmpfs-size=1m', 'is no option of a directory of the host'],
    ['type=bind,src=~/a,dst=/d', '"~" was not expanded'],
    ['type=volume,src=a/b,dst=/d', 'nor the name of a volume'],
    ['type=volume,src=data,dst=/d,bind-propagation=shared', 'bind-propagation is for type=bind'],
    ['type=volume,src=data,dst=/d,volume-opt=o=x', 'volume-opt is not there yet'],
    ['type=volume,src=data,dst=/d,volume-driver=nfs', 'cannot use the volume driver "nfs"'],
    ['type=tmpfs,src=x,dst=/d', 'a tmpfs has no source'],
    ['type=tmpfs,dst=/d,tmpfs-size=big', 'the size "big" is not a number'],
    ['type=tmpfs,dst=/d,tmpfs-mode=999', 'the mode "999" is not octal'],
    ['type=image,dst=/d', 'the source is missing'],
    ['type=ramfs,dst=/d,src=/x', 'a tmpfs has no source'],
    ['type=glob,src=/a*,dst=/d,subpath=x', '"subpath=x" is no option of a pattern'],
    ['type=nope,dst=/d', 'unknown type "nope"'],
  ])('refuses %j and says which part is wrong', (text, why) => {
    expect(() => parseMount(text, CWD)).toThrow(why);
  });
});

describe('parseTmpfs', () => {
  it.each([
    ['/run', tmpfs({ target: '/run' })],
    ['/run:size=64m,mode=1777', tmpfs({ target: '/run', size: 67108864, mode: 0o1777 })],
    ['/run:rw,noexec,nosuid', tmpfs({ target: '/run', options: ['noexec', 'nosuid'] })],
    ['/run:size=50%,nr_inodes=1k', tmpfs({ target: '/run', options: ['size=50%', 'nr_inodes=1k'] })],
    ['/run:uid=5,gid=6', tmpfs({ target: '/run', uid: 5, gid: 6 })],
    ['/run:notmpcopyup,exec', tmpfs({ target: '/run', copyUp: false, options: ['exec'] })],
  ])('reads %j', (text, mount) => {
    expect(parseTmpfs(text)).toEqual(mount);
  });

  it.each([
    ['', 'the target is empty'], ['run', 'the target "run" is not an absolute path'], ['/', 'the target cannot be /'], ['/run:', 'an option is empty'], ['/run:size=', 'size needs a value'], ['/run:size=-1', 'the size "-1"'], ['/run:nope', 'unknown option "nope"'],
    ['/run:z', '"z" is no option of a tmpfs'], ['/run:uid=root', 'the uid "root" is not a number'], ['/run:mode=rwx', 'the mode "rwx"'], ['/run:mpol=a b', 'holds characters'],
  ])('refuses %j', (text, why) => {
    expect(() => parseTmpfs(text)).toThrow(why);
  });
});
