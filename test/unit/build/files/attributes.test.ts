import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { select, TAKE_ALL } from '../../../../src/build/files/selection.ts';
import { checkoutDirectory, runFromCheckout } from '../../../support/checkout.ts';

let attributes: typeof import('../../../../src/build/files/attributes.ts');
let base: string;
const program = join(checkoutDirectory, 'dist/scull-layer');

beforeAll(async () => {
  if (!existsSync(program)) throw new Error('dist/scull-layer is not there: run `npm run build` first');
  runFromCheckout();
  vi.resetModules();
  attributes = await import('../../../../src/build/files/attributes.ts');
});
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'attributes-'));
  mkdirSync(join(base, 'd'));
  for (const name of ['a', 'b \n c', 'ä']) writeFileSync(join(base, 'd', name), name);
  symlinkSync('a', join(base, 'd/link'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function set(path: string, name: string, value: string): void {
  execFileSync(program, { cwd: base, input: `x\0${path}\0${name}\0${Buffer.from(value).toString('hex')}\0` });
}

async function found(wanted = attributes.isOfContext, list?: string) {
  const selections = select({ root: base, escapes: 'refuse' }, 'd', TAKE_ALL);
  const [whole] = (await attributes.withXattrs(selections, wanted, list)) ?? [];
  return Object.fromEntries(whole!.files.flatMap(({ to, xattrs }) => (xattrs === undefined ? [] : [[to, xattrs.map(({ name, value }) => `${name}=${Buffer.from(value, 'hex').toString()}`)]])));
}

test('attributes are found, in the order of their names, whatever the files are called', async () => {
  expect(await found()).toEqual({});
  set('d', 'user.dir', 'x');
  set('d/a', 'user.z', 'last');
  set('d/a', 'user.b', 'first');
  set('d/b \n c', 'user.empty', '');
  set('d/ä', 'user.ü', 'ä');
  const all = { '': ['user.dir=x'], a: ['user.b=first', 'user.z=last'], 'b \n c': ['user.empty='], 'ä': [`${Buffer.from('user.ü').toString('latin1')}=ä`] };
  expect(await found()).toEqual(all);
  expect(await found(attributes.isOfContext, join(base, 'list'))).toEqual(all);
});

test('attributes by which a driver steers a file system are not', async () => {
  for (const name of ['user.overlay.opaque', 'user.fuseoverlayfs.origin', 'user.containers.override_stat']) set('d/a', name, 'y');
  expect(await found(attributes.isOfLayer)).toEqual({});
});

test('they are part of the digest where there are any, and only there', async () => {
  const selections = select({ root: base, escapes: 'refuse' }, 'd', TAKE_ALL);
  const digest = async (): Promise<string> => attributes.xattrDigest((await attributes.withXattrs(selections, attributes.isOfContext)) ?? []);
  expect(await digest()).toBe('');
  set('d/a', 'user.a', '1');
  const first = await digest();
  set('d/a', 'user.a', '2');
  expect(new Set(['', first, await digest()]).size).toBe(3);
});

test('what was found is set elsewhere', async () => {
  set('d/ä', 'user.ü', 'ä');
  set('d', 'user.dir', 'x');
  const [whole] = (await attributes.withXattrs(select({ root: base, escapes: 'refuse' }, 'd', TAKE_ALL), attributes.isOfContext)) ?? [];
  const copy = join(base, 'copy');
  mkdirSync(join(copy, 'd'), { recursive: true });
  writeFileSync(join(copy, 'd/ä'), '');
  const placed = whole!.files.flatMap(({ to, xattrs }) => (xattrs === undefined ? [] : [{ to: join('d', to), xattrs }]));
  expect(await attributes.setXattrs(copy, placed)).toEqual([]);
  const [again] = (await attributes.withXattrs(select({ root: copy, escapes: 'refuse' }, 'd', TAKE_ALL), attributes.isOfContext)) ?? [];
  expect(again!.files.map(({ to, xattrs }) => [to, xattrs])).toEqual([['', [{ name: 'user.dir', value: '78' }]], ['ä', [{ name: Buffer.from('user.ü').toString('latin1'), value: Buffer.from('ä').toString('hex') }]]]);
});
