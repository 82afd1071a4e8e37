import { expect, test } from 'vitest';
import { commonJsModule } from '../../../scripts/build/lazy-modules.mjs';

/** Runs modules as the bundle does: each when it is first required. */
async function load(sources: Readonly<Record<string, string>>, first: string): Promise<{ exports: Record<string, unknown>; order: string[] }> {
  const order: string[] = [];
  const loaded = new Map<string, { exports: Record<string, unknown> }>();
  const texts = new Map<string, string>();
  for (const [name, source] of Object.entries(sources)) texts.set(name, await commonJsModule(source, name, {}));
  const require = (name: string): Record<string, unknown> => {
    const known = loaded.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} as Record<string, unknown> };
    loaded.set(name, module);
    order.push(name);
    new Function('module', 'require', texts.get(name) ?? `module.exports = require("${name}")`)(module, require);
    return module.exports;
  };
  return { exports: require(first), order };
}

test('a module runs when it is first asked for', async () => {
  const { exports, order } = await load({ './a.ts': "export const later = async (): Promise<number> => (await import('./b.ts')).value;", './b.ts': 'export const value: number = 7;' }, './a.ts');
  expect(order).toEqual(['./a.ts']);
  expect(await (exports['later'] as () => Promise<number>)()).toBe(7);
  expect(order).toEqual(['./a.ts', './b.ts']);
});

test('whatever a module exports is there under its name', async () => {
  const sources = {
    './a.ts': "import { twice } from './b.ts'; export const four: number = twice(2); export async function own(): Promise<number> { return four; } export default class A {} export { twice as again } from './b.ts'; export type T = string;",
    './b.ts': 'export function twice(n: number): number { return n * 2; }',
  };
  const { exports } = await load(sources, './a.ts');
  expect(Object.keys(exports).sort()).toEqual(['again', 'default', 'four', 'own']);
  expect(exports['four']).toBe(4);
  expect((exports['again'] as (n: number) => number)(4)).toBe(8);
});

test('what the plugin cannot do stops the build', async () => {
  for (const source of ["export * from './b.ts';", 'export let changes = 1;']) await expect(commonJsModule(source, 'a.ts', {})).rejects.toThrow(/lazy-modules: a.ts/);
});
