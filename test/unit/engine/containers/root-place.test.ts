import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { canEnterOurFolders, openFolder } from '../../../../src/engine/containers/root-place.ts';

describe('openFolder', () => {
  let top: string;

  beforeEach(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'scull-place-')));
    chmodSync(top, 0o755);
    for (const name of ['a', 'b']) mkdirSync(join(top, name), { mode: 0o755 });
  });

  afterEach(() => rmSync(top, { recursive: true }));

  const open = (used: string[] = []): string => openFolder(used, ['missing', 'a', 'b'].map((name) => join(top, name)));

  test('takes the first that is there', () => {
    expect(open()).toBe(join(top, 'a'));
  });

  test('passes over one in which something must stay visible', () => {
    expect(open([join(top, 'a')])).toBe(join(top, 'b'));
    expect(open([join(top, 'a/data')])).toBe(join(top, 'b'));
    expect(open([join(top, 'a-other')])).toBe(join(top, 'a'));
  });

  test('sees where links lead', () => {
    mkdirSync(join(top, 'a/data'));
    symlinkSync('a/data', join(top, 'link'));
    expect(open([join(top, 'link')])).toBe(join(top, 'b'));
  });

  test('passes over one that not everybody can enter', () => {
    chmodSync(join(top, 'a'), 0o750);
    expect(open()).toBe(join(top, 'b'));
  });

  test('says so where there is none', () => {
    chmodSync(top, 0o700);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});

describe('canEnterOurFolders', () => {
  const all = [{ containerID: 0, hostID: 0, size: 10 }];
  const others = [{ containerID: 0, hostID: 1, size: 10 }];

  test('only where user and group of ours are mapped', () => {
    expect(canEnterOurFolders(undefined)).toBe(true);
    expect(canEnterOurFolders({ kind: 'maps', uids: all, gids: all })).toBe(true);
    expect(canEnterOurFolders({ kind: 'maps', uids: others, gids: all })).toBe(false);
    expect(canEnterOurFolders({ kind: 'maps', uids: all, gids: others })).toBe(false);
  });
});
