import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ContainerRecord } from '../../../src/runtime/container-record.ts';
import { lateFailure } from '../../../src/runtime/late-failure.ts';
import { storeLayout, type ContainerPaths } from '../../../src/storage/layout.ts';

const sentence = 'exec container process `/p`: Exec format error';
let folder: string;
let paths: ContainerPaths;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'late-failure-'));
  paths = storeLayout(folder, folder).container('a'.repeat(64));
  mkdirSync(dirname(paths.log), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function logged(text: string, code = 1, driver = 'k8s-file') {
  writeFileSync(paths.log, text);
  return lateFailure({ spec: { log: { driver } } } as ContainerRecord, paths, code);
}

test.each(['stderr', 'stdout'])('the one sentence of crun on %s is a command that cannot be executed', (stream) => {
  expect(logged(`2026-01-01T00:00:00.000000000+00:00 ${stream} F ${sentence}\n`)).toMatchObject({ code: 'COMMAND_NOT_EXECUTABLE', message: expect.stringContaining('"/p"') });
  expect(logged(`2026-01-01T00:00:00.000000000+00:00 ${stream} F ${sentence}\r\n`)).toMatchObject({ code: 'COMMAND_NOT_EXECUTABLE' });
});

test('another status, more output, or none are the program’s own', () => {
  const line = `2026-01-01T00:00:00.000000000+00:00 stderr F ${sentence}\n`;
  expect(logged(line, 2)).toBeUndefined();
  expect(logged(line + line)).toBeUndefined();
  expect(logged('')).toBeUndefined();
  expect(logged(line, 1, 'none')).toBeUndefined();
  expect(logged('2026-01-01T00:00:00.000000000+00:00 stderr F something else\n')).toBeUndefined();
});

test('a log that is not there tells nothing', () => {
  expect(lateFailure({ spec: { log: { driver: 'k8s-file' } } } as ContainerRecord, paths, 1)).toBeUndefined();
});
