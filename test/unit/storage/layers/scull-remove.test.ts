/** native/scull-remove by itself, on directories that anybody can make. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const program = join(dirname(fileURLToPath(import.meta.url)), '../../../../dist/scull-remove');

describe.skipIf(!existsSync(program))('scull-remove', () => {
  let base: string;
  beforeEach(() => (base = mkdtempSync(join(tmpdir(), 'scull-remove-'))));
  afterEach(() => rmSync(base, { recursive: true, force: true }));
  const remove = (...paths: string[]) => spawnSync(program, paths, { encoding: 'utf8' });

  test('removes several trees, wide and deep, with names of every kind', () => {
    const trees = ['a', 'b'].map((name) => join(base, name));
    for (const tree of trees) {
      for (let folder = 0; folder < 40; folder++) {
        mkdirSync(join(tree, `folder ${folder}`, 'x\n\t'), { recursive: true });
        for (let file = 0; file < 20; file++) writeFileSync(join(tree, `folder ${folder}`, `file\u0001${file}`), '');
      }
      let deep = tree;
      for (let level = 0; level < 400; level++) mkdirSync((deep = join(deep, 'd')));
      symlinkSync('nowhere', join(deep, 'link'));
    }
    expect(remove(...trees)).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(base)).toEqual([]);
  });

  test('follows no link, neither in a tree nor as one', () => {
    mkdirSync(join(base, 'kept'));
    writeFileSync(join(base, 'kept', 'file'), '');
    mkdirSync(join(base, 'tree'));
    symlinkSync(join(base, 'kept'), join(base, 'tree', 'link'));
    symlinkSync(join(base, 'kept'), join(base, 'alias'));
    expect(remove(join(base, 'tree')).status).toBe(0);
    expect(remove(join(base, 'alias')).status).toBe(1);
    expect(readdirSync(join(base, 'kept'))).toEqual(['file']);
    expect(existsSync(join(base, 'tree'))).toBe(false);
  });

  test('says what it could not remove, and removes the rest', () => {
    writeFileSync(join(base, 'file'), '');
    mkdirSync(join(base, 'tree', 'below'), { recursive: true });
    const result = remove(join(base, 'file'), join(base, 'tree'), join(base, 'not there'));
    expect([result.status, result.stderr]).toEqual([1, `scull-remove: cannot remove ${join(base, 'file')}: Not a directory\n`]);
    expect(readdirSync(base)).toEqual(['file']);
  });
});
