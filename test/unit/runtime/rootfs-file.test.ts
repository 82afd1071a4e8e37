import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRootfsFile, resolveInRootfs } from '../../../src/runtime/rootfs-file.ts';

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'scull-rootfs-'));
  writeFileSync(join(base, 'secret'), 'of the host');
});

afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

/** A layer from path → content; `->x` is a symbolic link, `/` at the end a directory. */
function layer(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(base, name);
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    mkdirSync(dirname(full), { recursive: true });
    if (path.endsWith('/')) mkdirSync(full, { recursive: true });
    else if (content.startsWith('->')) symlinkSync(content.slice(2), full);
    else writeFileSync(full, content);
  }
  return root;
}

describe('readRootfsFile', () => {
  it('reads the highest layer that has the file', () => {
    const lower = layer('lower', { 'etc/passwd': 'lower', 'etc/group': 'group' });
    const upper = layer('upper', { 'etc/passwd': 'upper' });
    expect(readRootfsFile([upper, lower], '/etc/passwd')).toBe('upper');
    expect(readRootfsFile([upper, lower], '/etc/group')).toBe('group');
    expect(readRootfsFile([upper, lower], 'etc/./group')).toBe('group');
  });

  it('has no answer where there is no such file, directory or layer', () => {
    const one = layer('one', { 'etc/hosts': '' });
    expect(readRootfsFile([one], '/etc/passwd')).toBeUndefined();
    expect(readRootfsFile([one], '/no/passwd')).toBeUndefined();
    expect(readRootfsFile([one], '/etc/hosts/x')).toBeUndefined();
    expect(readRootfsFile([join(base, 'gone')], '/etc/passwd')).toBeUndefined();
    expect(readRootfsFile([], '/etc/passwd')).toBeUndefined();
    expect(readRootfsFile([one], '/etc/hosts')).toBe('');
  });

  it('follows links inside the root, across layers', () => {
    const lower = layer('lower', { 'usr/lib/passwd': 'found' });
    const upper = layer('upper', { 'etc/passwd': '->../usr/lib/passwd', abs: '->/etc/passwd', 'var/x': '->/abs', lib: '->usr/lib' });
    for (const path of ['/etc/passwd', '/abs', '/var/x', '/lib/passwd']) expect(readRootfsFile([upper, lower], path)).toBe('found');
  });

  it('does not leave the root by links or dots (CVE-2024-9676)', () => {
    const root = layer('root', { 'etc/passwd': `->${base}/secret`, up: '->../secret', far: '->../../../../../../../../etc/hostname', dir: `->${base}` });
    expect(readRootfsFile([root], '/etc/passwd')).toBeUndefined();
    expect(readRootfsFile([root], '/up')).toBeUndefined();
    expect(readRootfsFile([root], '/far')).toBeUndefined();
    expect(readRootfsFile([root], '/dir/secret')).toBeUndefined();
    expect(readRootfsFile([root], '/../secret')).toBeUndefined();
    expect(readRootfsFile([root], '/etc/../../secret')).toBeUndefined();
  });

  it('sees whiteouts of both kinds and opaque directories', () => {
    const lower = layer('lower', { 'etc/passwd': 'old', 'a/x': 'old', 'b/x': 'old', 'c/x': 'old' });
    const upper = layer('upper', { '.wh.a': '', 'b/.wh..wh..opq': '', 'c/y': 'new' });
    expect(readRootfsFile([upper, lower], '/a/x')).toBeUndefined();
    expect(readRootfsFile([upper, lower], '/b/x')).toBeUndefined();
    expect(readRootfsFile([upper, lower], '/c/x')).toBe('old');
    expect(readRootfsFile([upper, lower], '/c/x', { isOpaque: (directory) => directory === join(upper, 'c') })).toBeUndefined();
    expect(readRootfsFile([upper, lower], '/etc/passwd')).toBe('old');
  });

  it('sees whiteout devices', () => {
    const lower = layer('lower', { 'etc/passwd': 'old' });
    const upper = layer('upper', { 'etc/': '' });
    execFileSync('mknod', [join(upper, 'etc/passwd'), 'c', '0', '0']);
    expect(readRootfsFile([upper, lower], '/etc/passwd')).toBeUndefined();
  });

  it('lets a file hide a directory below it, and a directory a file', () => {
    const lower = layer('lower', { 'etc/passwd': 'old', x: 'file' });
    const upper = layer('upper', { etc: 'a file', 'x/y': 'new' });
    expect(readRootfsFile([upper, lower], '/etc/passwd')).toBeUndefined();
    expect(readRootfsFile([upper, lower], '/x/y')).toBe('new');
  });

  it('refuses loops, directories, FIFOs and files too large, and keeps no descriptor', () => {
    const before = readdirSync('/proc/self/fd').length;
    const root = layer('root', { a: '->b', b: '->a', 'etc/passwd/': '', big: 'x'.repeat(2000) });
    execFileSync('mkfifo', [join(root, 'pipe')]);
    expect(() => readRootfsFile([root], '/a')).toThrow('too many symbolic links on the way to /a');
    expect(() => readRootfsFile([root], '/etc/passwd')).toThrow('is a directory, not a file');
    expect(() => readRootfsFile([root], '/pipe')).toThrow('not a regular file');
    expect(() => readRootfsFile([root], '/big', { limit: 1999 })).toThrow('too large: 2000 bytes');
    expect(readRootfsFile([root], '/big', { limit: 2000 })).toHaveLength(2000);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('says so where the owner of a directory does not let us in', () => {
    const root = layer('root', { 'etc/passwd': 'x' });
    chmodSync(join(root, 'etc'), 0);
    asNobody(() => expect(() => readRootfsFile([root], '/etc/passwd')).toThrow('its owner does not let us'));
    chmodSync(join(root, 'etc'), 0o700);
  });
});

/** Root is let in everywhere, so for a moment be somebody else. */
function asNobody(action: () => void): void {
  if (process.geteuid?.() !== 0) {
    action();
    return;
  }
  chmodSync(base, 0o755);
  process.seteuid?.(65534);
  try {
    action();
  } finally {
    process.seteuid?.(0);
  }
}

describe('resolveInRootfs', () => {
  it('follows links inside of the root, / being its own', () => {
    const lower = layer('lower', { 'real/deep/file': '', 'absolute': `->${'/real'}`, 'up': '->../../../real/deep', 'hidden/x': '->/real' });
    const upper = layer('upper', { 'real/more': '->deep/./file', 'hidden/y': '' });
    const of = (path: string): string | undefined => resolveInRootfs([upper, lower], path, { isOpaque: (directory) => directory === join(upper, 'hidden') });
    expect(['/', '/absolute', '/absolute/deep/../more', '/up/file', '/real//deep/'].map(of)).toEqual(['', 'real', 'real/deep/file', 'real/deep/file', 'real/deep']);
    expect(['/gone', '/absolute/gone', '/up/file/x', '/hidden/x'].map(of)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
