import { expect, test } from 'vitest';
import { describeErrno, machineFailure } from '../../../src/host/errno.ts';

const failed = (code: string, more: object = {}) => Object.assign(new Error(`${code}: as libuv says it`), { code, ...more });

test('common failures are said in words, others as they come', () => {
  expect(describeErrno(failed('EACCES'))).toBe('permission denied');
  expect(describeErrno(failed('ENOENT'))).toBe('no such file or directory');
  expect(describeErrno(failed('EXDEV'))).toBe('EXDEV: as libuv says it');
  expect(describeErrno(new Error('something'))).toBe('something');
});

test('only a system call that the machine refuses is its failure', () => {
  expect(machineFailure(failed('ENOSPC', { syscall: 'write' }))).toBe('cannot write: no space left on the device');
  expect(machineFailure(failed('EROFS', { syscall: 'open', path: '/a\nb' }))).toBe('cannot open "/a\\nb": the file system is read-only');
  expect(machineFailure(failed('EISDIR', { syscall: 'rename', path: '/a' }))).toBe('cannot rename "/a": it is a directory');
  expect(machineFailure(failed('ENOTDIR', { syscall: 'scandir', path: '/a' }))).toBe('cannot scandir "/a": a part of the path is no directory');
  for (const other of [failed('ENOENT', { syscall: 'open' }), failed('EACCES'), new TypeError('x'), undefined, 'EACCES']) expect(machineFailure(other)).toBe(undefined);
});
