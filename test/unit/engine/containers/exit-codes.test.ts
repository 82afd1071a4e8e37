import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { answerExitCode, askForExitCode, keepExitCode, keptExitCode } from '../../../../src/engine/containers/exit-codes.ts';
import { storeLayout, type StoreLayout } from '../../../../src/storage/layout.ts';

const id = 'a'.repeat(64);
let folder: string;
let layout: StoreLayout;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exit-codes-'));
  layout = storeLayout(join(folder, 'store'), join(folder, 'run'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function exited(code: number): void {
  const { exitFile, exitDirectory } = layout.container(id);
  mkdirSync(exitDirectory, { recursive: true });
  writeFileSync(exitFile, String(code));
}

test('who asks before a container is removed learns its code', () => {
  exited(9);
  askForExitCode(layout, id);
  expect(keptExitCode(layout, id)).toBeUndefined();
  answerExitCode(layout, id);
  expect(keptExitCode(layout, id)).toBe(9);
});

test('nothing is written where nobody asked', () => {
  exited(9);
  answerExitCode(layout, id);
  expect(keptExitCode(layout, id)).toBeUndefined();
});

test('a container that did not run has no code to answer with', () => {
  askForExitCode(layout, id);
  answerExitCode(layout, id);
  expect(keptExitCode(layout, id)).toBeUndefined();
});

test('codes are forgotten after minutes, questions with their container', () => {
  const old = new Date(Date.now() - 3600_000);
  const [answered, running, gone] = ['b', 'c', 'd'].map((digit) => digit.repeat(64)) as [string, string, string];
  keepExitCode(layout, answered, 3);
  askForExitCode(layout, running);
  askForExitCode(layout, gone);
  mkdirSync(layout.container(running).directory, { recursive: true });
  for (const name of [answered, running, gone]) utimesSync(join(layout.exits, name), old, old);
  keepExitCode(layout, id, 0);
  expect(readdirSync(layout.exits).sort()).toEqual([id, running].sort());
});
