import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ContainerRecord } from '../../../src/runtime/container-record.ts';
import { knownToRuntime } from '../../../src/runtime/lifecycle.ts';
import { Listing } from '../../../src/runtime/listing.ts';
import { storeLayout, type StoreLayout } from '../../../src/storage/layout.ts';
import { untilTheClockTicks } from '../../support/clock.ts';

const COUNT = 100;
const LATER = 10_000;

let base: string;
let layout: StoreLayout;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'listing-'));
  layout = storeLayout(join(base, 'store'), join(base, 'run'));
  mkdirSync(layout.claims, { recursive: true });
  for (let number = 0; number < COUNT; number += 1) makeContainer(number);
});

afterEach(() => rmSync(base, { recursive: true }));

function idOf(number: number): string {
  return String(number).padStart(64, '0');
}

function recordOf(number: number): object {
  return { id: idOf(number), name: `c${number}`, spec: { network: { mode: { mode: 'none' } } }, config: { args: ['true'], networkMode: { mode: 'none' } } };
}

function makeContainer(number: number): void {
  const paths = layout.container(idOf(number));
  mkdirSync(paths.exitDirectory, { recursive: true });
  writeFileSync(paths.record, JSON.stringify(recordOf(number)));
  writeFileSync(paths.startedFile, '{}');
  writeFileSync(paths.exitFile, '3');
}

/** One `ps -a`. @returns the containers, and the ids of those that were read from their own files */
function list(options: { readonly layout?: StoreLayout; readonly now?: number } = {}): { states: Map<string, string>; read: string[] } {
  const place = options.layout ?? layout;
  const listing = new Listing(place, COUNT, options.now ?? Date.now() + LATER);
  const read: string[] = [];
  const states = new Map<string, string>();
  for (let number = 0; number < COUNT; number += 1) {
    const id = idOf(number);
    const found = listing.find(id, () => {
      read.push(id);
      const { record } = place.container(id);
      return existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as ContainerRecord) : undefined;
    });
    if (found !== undefined) states.set(found.record.name, `${found.state.status} ${found.state.exitCode}`);
  }
  listing.save();
  return { states, read };
}

test('what has not changed is not read a second time', () => {
  const first = list();
  expect(first.read).toHaveLength(COUNT);
  const second = list();
  expect(second.read).toEqual([]);
  expect(second.states).toEqual(first.states);
  expect(second.states.get('c7')).toBe('exited 3');
});

test('a record that was replaced, changed in place or removed is seen', () => {
  list();
  untilTheClockTicks(base);
  const { record } = layout.container(idOf(1));
  unlinkSync(record);
  writeFileSync(record, JSON.stringify({ ...recordOf(1), name: 'renamed' }));
  appendFileSync(layout.container(idOf(2)).record, '\n');
  rmSync(layout.container(idOf(3)).directory, { recursive: true });
  const { states, read } = list();
  expect(read).toEqual([idOf(1), idOf(2), idOf(3)]);
  expect(states.has('renamed')).toBe(true);
  expect(states.has('c1')).toBe(false);
  expect(states.has('c3')).toBe(false);
});

test('a container that has run again, or ended otherwise, is seen', () => {
  list();
  untilTheClockTicks(base);
  const [again, never, memory] = [1, 2, 3].map((number) => layout.container(idOf(number)));
  unlinkSync(again!.exitFile);
  writeFileSync(again!.exitFile, '9');
  unlinkSync(never!.exitFile);
  unlinkSync(never!.startedFile);
  writeFileSync(memory!.oomFile, '');
  const { states, read } = list();
  expect(read).toHaveLength(3);
  expect(states.get('c1')).toBe('exited 9');
  expect(states.get('c2')).toBe('created 0');
});

test('what was changed a moment ago is not kept: a change after it could look the same', () => {
  // As if asked when the first was made, however long making the others has taken.
  list({ now: statSync(layout.container(idOf(0)).startedFile).ctimeMs });
  expect(existsSync(layout.listing)).toBe(false);
});

test('a container whose exit code was lost is not kept: whether it runs elsewhere is not told by its folder', () => {
  unlinkSync(layout.container(idOf(5)).exitFile);
  list();
  expect(list().read).toEqual([idOf(5)]);
});

test.each([
  ['cut off', (text: string) => text.slice(0, -100)],
  ['changed within', (text: string) => text.replace('"c5"', '"d5"')],
  ['empty', () => ''],
  ['no JSON', () => 'x\n'],
])('a file that is %s is not believed', (_, damage) => {
  list();
  writeFileSync(layout.listing, damage(readFileSync(layout.listing, 'utf8')));
  const { states, read } = list();
  expect(read).toHaveLength(COUNT);
  expect(states.has('c5')).toBe(true);
  expect(list().read).toEqual([]);
});

test('a folder that is there and cannot be read is an error: without it a container would look as if it had never been started, or would not be shown', () => {
  const { exitDirectory } = layout.container(idOf(7));
  rmSync(exitDirectory, { recursive: true });
  expect(list().states.get('c7')).toBe('created 0');
  symlinkSync(exitDirectory, exitDirectory);
  expect(() => list()).toThrow(/ELOOP.*exit/);
  expect(knownToRuntime(layout)).toEqual(new Set());
  symlinkSync(layout.runtimeRoot, layout.runtimeRoot);
  expect(() => knownToRuntime(layout)).toThrow(/ELOOP.*crun/);
});

test('what another store kept in the same runtime directory is not ours', () => {
  list();
  const other = storeLayout(join(base, 'other'), join(base, 'run'));
  expect(list({ layout: other }).states.size).toBe(0);
});

test('few changes are not worth a new file; without a runtime directory nothing is kept', () => {
  list();
  const { mtimeMs } = statSync(layout.listing);
  makeContainer(1);
  list();
  expect(statSync(layout.listing).mtimeMs).toBe(mtimeMs);
  rmSync(layout.runRoot, { recursive: true });
  expect(list().read).toHaveLength(COUNT);
  expect(existsSync(layout.runRoot)).toBe(false);
});
