import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { appendEvent, EventReader, eventsIn, type EventRecord } from '../../../src/storage/event-log.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import type { Store } from '../../../src/storage/store.ts';

const base = mkdtempSync(join(tmpdir(), 'events-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let count = 0;
let store: Store;
beforeEach(() => {
  count += 1;
  store = { layout: storeLayout(join(base, String(count)), join(base, `run${count}`)), driver: 'auto' };
});

const event = (name: string, more: Partial<EventRecord> = {}): EventRecord => ({ time: '2026-01-02T03:04:05.678Z', type: 'container', status: 'start', id: 'a'.repeat(64), name, ...more });
const names = (events: readonly EventRecord[]) => events.map(({ name }) => name);

describe('the event log', () => {
  test('has one line of JSON for each, readable by its owner alone', () => {
    appendEvent(store, event('one'));
    appendEvent(store, event('two'));
    const text = readFileSync(store.layout.events.log, 'utf8');
    expect(text.trimEnd().split('\n').map((line) => JSON.parse(line))).toEqual([event('one'), event('two')]);
    expect(statSync(store.layout.events.log).mode & 0o777).toBe(0o600);
  });

  test('is read on from where the last reading ended', () => {
    const reader = new EventReader(store);
    expect(reader.read()).toEqual([]);
    appendEvent(store, event('one'));
    expect(names(reader.read())).toEqual(['one']);
    expect(reader.read()).toEqual([]);
    appendEvent(store, event('two'));
    appendEvent(store, event('three'));
    expect(names(reader.read())).toEqual(['two', 'three']);
    reader.close();
  });

  test('can be read from its end on', () => {
    appendEvent(store, event('before'));
    const reader = new EventReader(store);
    reader.skipToEnd();
    appendEvent(store, event('after'));
    expect(names(reader.read())).toEqual(['after']);
    reader.close();
  });

  test('waits for the end of a line that is half written', () => {
    mkdirSync(store.layout.events.directory, { recursive: true });
    const line = `${JSON.stringify(event('whole'))}\n`;
    writeFileSync(store.layout.events.log, line.slice(0, 40));
    const reader = new EventReader(store);
    expect(reader.read()).toEqual([]);
    appendFileSync(store.layout.events.log, line.slice(40));
    expect(names(reader.read())).toEqual(['whole']);
    reader.close();
  });

  test('a torn line costs itself and not the one that follows it on the same line', () => {
    appendEvent(store, event('one'));
    appendFileSync(store.layout.events.log, JSON.stringify(event('torn', { attributes: { 'x{"time":"': 'y' } })).slice(0, -9));
    appendEvent(store, event('two'));
    appendFileSync(store.layout.events.log, 'rubbish\n\0\0\0\n{"time":"x"}\n{"time":5}\n');
    appendEvent(store, event('three'));
    const reader = new EventReader(store);
    expect(names(reader.read())).toEqual(['one', 'two', 'three']);
    reader.close();
  });

  test('what a name holds is no beginning of a record', () => {
    expect(names(eventsIn(`${JSON.stringify(event('{"time":"2026'))}\n`))).toEqual(['{"time":"2026']);
  });

  test('begins a new file when it has grown, and a reader misses nothing of either', () => {
    const reader = new EventReader(store);
    const long = 'x'.repeat(100_000);
    const seen: string[] = [];
    for (let n = 0; n < 50; n += 1) {
      appendEvent(store, event(`${n}`, { image: long }));
      if (n % 7 === 0) seen.push(...names(reader.read()));
    }
    seen.push(...names(reader.read()));
    expect(seen).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
    expect(existsSync(store.layout.events.old)).toBe(true);
    expect(statSync(store.layout.events.log).size).toBeLessThan(2_200_000);
    const late = new EventReader(store);
    expect(names(late.read()).at(-1)).toBe('49');
    expect(names(late.read())).toEqual([]);
    reader.close();
    late.close();
  });

  test('is begun anew also after one was killed while doing so', () => {
    appendEvent(store, event('one'));
    truncateSync(store.layout.events.log, 3 << 20);
    symlinkSync(`1.1.${'0'.repeat(32)}.${'0'.repeat(16)}`, store.layout.events.rotator);
    appendEvent(store, event('two'));
    expect(existsSync(store.layout.events.old)).toBe(false);
    appendEvent(store, event('three'));
    expect(existsSync(store.layout.events.old)).toBe(true);
  });
});
