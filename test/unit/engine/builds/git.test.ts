import { describe, expect, test } from 'vitest';
import { checkCommit, gitSource } from '../../../../src/engine/builds/git.ts';

describe('where a repository is, and what of it is meant', () => {
  test.each([
    ['https://host/a.git', { url: 'https://host/a.git' }],
    ['https://host/a.git#v1:dir/in', { url: 'https://host/a.git', ref: 'v1', directory: 'dir/in' }],
    ['git@host:a/b#:dir', { url: 'git@host:a/b', directory: 'dir' }],
    ['https://host/a.git?branch=b&subdir=dir', { url: 'https://host/a.git', ref: 'refs/heads/b', directory: 'dir' }],
    ['ssh://host/a?tag=v1&commit=abc#:dir', { url: 'ssh://host/a', ref: 'refs/tags/v1', checksum: 'abc', directory: 'dir' }],
    ['git://host/a?ref=refs/pull/1/head&keep-git-dir&submodules=0', { url: 'git://host/a', ref: 'refs/pull/1/head', keepGitDir: true, submodules: false }],
    ['git://host/a?ref=b#b', { url: 'git://host/a', ref: 'b' }],
  ])('%s', (text, source) => expect(gitSource(text, false)).toEqual(source));

  test('a host without a scheme is one for a context alone', () => {
    expect(gitSource('github.com/a/b#main', true)).toEqual({ url: 'https://github.com/a/b', ref: 'main' });
    expect(gitSource('github.com/a/b#main', false)).toBeUndefined();
  });

  test.each(['https://host/a.tar.gz', 'https://host/a?x=.git', 'directory', './a.git'])('%s is none', (text) => expect(gitSource(text, true)).toBeUndefined());

  test.each([
    ['git://host/a?brnach=b', /there is no "brnach"/],
    ['git://host/a?branch=b#c', /both "c" and "refs\/heads\/b"/],
    ['git://host/a?branch=b&tag=c', /both/],
    ['git://host/a?subdir=', /the subdir is empty/],
    ['git://host/a?submodules=maybe', /submodules is true or false/],
  ])('%s means nothing', (text, problem) => expect(() => gitSource(text, true)).toThrow(problem));
});

test('a checksum is a commit, or how it begins', () => {
  const source = { url: 'git://host/a' };
  const commit = '0123456789'.repeat(4);
  checkCommit(source, commit, commit);
  checkCommit(source, commit, '01234567');
  expect(() => checkCommit(source, commit, '1234')).toThrow(/"git:\/\/host\/a" is at commit 0123.*, not 1234/);
  expect(() => checkCommit(source, commit, '')).toThrow(/not/);
});
