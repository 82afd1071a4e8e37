import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nameOwner, releaseName, reserveName, sweepNames, takeNameAway } from '../../../src/runtime/container-store.ts';
import { storeLayout, type StoreLayout } from '../../../src/storage/layout.ts';
import { emptyRecord } from '../../support/container-record.ts';

const [OLD, NEW] = ['a'.repeat(64), 'b'.repeat(64)] as const;
/** As long as a name can be. */
const LONG = 'n'.repeat(251);

let base: string;
let layout: StoreLayout;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'names-'));
  layout = storeLayout(join(base, 'store'), join(base, 'run'));
  mkdirSync(layout.names, { recursive: true });
});

afterEach(() => rmSync(base, { recursive: true }));

/** As a command leaves it that was killed after it had taken the name. @returns what the link says */
function reservedByDead(name: string, id: string = OLD): string {
  const link = `${id}@1.1.${'0'.repeat(32)}`;
  symlinkSync(link, layout.name(name));
  return link;
}

test('a name that a killed command had taken is taken over, also the longest one', () => {
  for (const name of ['web', LONG]) {
    reservedByDead(name);
    reserveName(layout, name, NEW);
    expect(nameOwner(layout, name)).toBe(NEW);
  }
  expect(readdirSync(layout.names).sort()).toEqual([LONG, 'web']);
});

/** A container that stands under this name. */
function standing(id: string, name: string): void {
  mkdirSync(layout.container(id).directory, { recursive: true });
  writeFileSync(layout.container(id).record, JSON.stringify(emptyRecord(id, name)));
}

test('a name that another has taken anew since it was found to hold nothing stays with that one', () => {
  const found = reservedByDead('web');
  unlinkSync(layout.name('web'));
  reserveName(layout, 'web', NEW);
  const taken = readlinkSync(layout.name('web'));
  takeNameAway(layout, 'web', found);
  expect(readlinkSync(layout.name('web'))).toBe(taken);
  expect(readdirSync(layout.names)).toEqual(['web']);
  takeNameAway(layout, 'web', taken);
  expect(readdirSync(layout.names)).toEqual([]);
});

test('a name that a container is being given is nobody else’s, though the container does not have it yet', () => {
  standing(OLD, 'old');
  // A rename before this one was killed half-way.
  reservedByDead('new', OLD);
  reserveName(layout, 'new', OLD, 'rename');
  expect(() => reserveName(layout, 'new', NEW)).toThrow(/already in use/);
  expect(() => reserveName(layout, 'new', NEW, 'rename')).toThrow(/already in use/);
  expect(nameOwner(layout, 'new')).toBe(OLD);
});

test('a name that a container has no more is free, also while who made it still lives', () => {
  reserveName(layout, 'old', OLD);
  standing(OLD, 'new');
  reserveName(layout, 'old', NEW);
  expect(nameOwner(layout, 'old')).toBe(NEW);
});

test('a sweep takes the names that nobody has, and no other', () => {
  reservedByDead('killed');
  reserveName(layout, 'making', NEW);
  const damaged = 'c'.repeat(64);
  mkdirSync(layout.container(damaged).directory, { recursive: true });
  writeFileSync(layout.container(damaged).record, JSON.stringify({ id: damaged }));
  reservedByDead('damaged', damaged);
  sweepNames(layout);
  expect(readdirSync(layout.names).sort()).toEqual(['damaged', 'making']);
});

test('a name is given back by whom it leads to', () => {
  reserveName(layout, LONG, NEW);
  releaseName(layout, LONG, OLD);
  expect(nameOwner(layout, LONG)).toBe(NEW);
  releaseName(layout, LONG, NEW);
  expect(readdirSync(layout.names)).toEqual([]);
});
