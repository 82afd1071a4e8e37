import { describe, expect, test } from 'vitest';
import { jsonProgress, showProgress } from '../../../src/cli/progress.ts';
import type { ProgressEvent } from '../../../src/host/progress.ts';

const id = `sha256:${'a1b2c3'.repeat(10)}abcd`;

function watch(terminal: boolean, size: { columns?: number; rows?: number } = {}) {
  let written = '';
  let clock = 0;
  const show = showProgress({ terminal, columns: size.columns ?? 80, rows: size.rows ?? 24, write: (text) => void (written += text), now: () => (clock += 1) });
  return {
    show: (...events: ProgressEvent[]) => events.forEach(show),
    wait: (milliseconds: number) => void (clock += milliseconds),
    get screen() {
      return screenOf(written);
    },
    get text() {
      return written;
    },
  };
}

/** What a terminal would show: understands the three sequences that are used. */
function screenOf(text: string): string[] {
  const screen: string[] = [''];
  let row = 0;
  for (const token of text.match(/\u001b\[\d*[AJ]|\r|\n|[^\r\n\u001b]+/g) ?? []) {
    if (token === '\n') screen[(row += 1)] ??= '';
    else if (token.endsWith('A') && token.startsWith('\u001b')) row -= Number(token.slice(2, -1));
    else if (token === '\u001b[J') screen.splice(row, Infinity, '');
    else if (token !== '\r') screen[row] = token;
  }
  return screen.slice(0, -1);
}

describe('on a terminal', () => {
  test('a layer is one line, from waiting to done', () => {
    const watched = watch(true);
    watched.show({ kind: 'start', id, what: 'layer', total: 4_000_000 });
    expect(watched.screen).toEqual(['layer a1b2c3a1b2c3     waiting']);
    watched.wait(200);
    watched.show({ kind: 'bytes', id, phase: 'download', done: 1_000_000, total: 4_000_000 });
    expect(watched.screen).toEqual(['layer a1b2c3a1b2c3     downloading 1MB / 4MB']);
    watched.wait(200);
    watched.show({ kind: 'bytes', id, phase: 'download', done: 4_000_000 }, { kind: 'bytes', id, phase: 'unpack', done: 2_000_000 });
    watched.wait(200);
    watched.show({ kind: 'bytes', id, phase: 'unpack', done: 3_000_000 });
    expect(watched.screen).toEqual(['layer a1b2c3a1b2c3     unpacking 3MB / 4MB']);
    watched.show({ kind: 'done', id, result: 'ok' });
    expect(watched.screen).toEqual(['layer a1b2c3a1b2c3     done']);
  });

  test('the rate is that of the last seconds, and the time left follows from it', () => {
    const watched = watch(true);
    watched.show({ kind: 'start', id, what: 'layer', total: 50_000_000 });
    // What an earlier attempt has brought is no speed.
    watched.show({ kind: 'bytes', id, phase: 'download', done: 10_000_000, total: 50_000_000 });
    for (let done = 11_000_000; done <= 20_000_000; done += 1_000_000) {
      watched.wait(100);
      watched.show({ kind: 'bytes', id, phase: 'download', done });
    }
    expect(watched.screen[0]).toMatch(/^layer a1b2c3a1b2c3     downloading 20MB \/ 50MB  9\.\d+MB\/s, 3s left$/);
    watched.wait(60_000);
    watched.show({ kind: 'bytes', id, phase: 'download', done: 20_000_001 });
    expect(watched.screen[0]).not.toContain('left');
  });

  test('the unpacking that goes on beside the download is told when all has come', () => {
    const watched = watch(true);
    watched.show({ kind: 'start', id, what: 'layer', total: 4_000_000 });
    watched.wait(200);
    watched.show({ kind: 'bytes', id, phase: 'download', done: 2_000_000 });
    watched.wait(200);
    watched.show({ kind: 'bytes', id, phase: 'unpack', done: 1_000_000 });
    expect(watched.screen).toEqual(['layer a1b2c3a1b2c3     downloading 2MB / 4MB']);
  });

  test('bytes are not drawn more often than ten times a second', () => {
    const watched = watch(true);
    watched.show({ kind: 'start', id, what: 'layer' });
    const before = watched.text.length;
    for (let done = 1; done < 50; done += 1) watched.show({ kind: 'bytes', id, phase: 'download', done });
    expect(watched.text.length).toBe(before);
  });

  test('several layers keep their lines, and a message that comes between is not overwritten', () => {
    const watched = watch(true);
    watched.show({ kind: 'start', id: 'sha256:one', what: 'layer' }, { kind: 'start', id: 'sha256:two', what: 'layer' }, { kind: 'done', id: 'sha256:one', result: 'exists' });
    expect(watched.screen).toEqual([expect.stringMatching(/^layer one +already here$/), expect.stringMatching(/^layer two +waiting$/)]);
    watched.show({ kind: 'message', level: 'warning', text: 'x' }, { kind: 'done', id: 'sha256:two', result: 'ok' });
    expect(watched.screen).toHaveLength(4);
  });

  test('more layers than the terminal has lines show only what is going on', () => {
    const watched = watch(true, { rows: 4 });
    for (let number = 0; number < 9; number += 1) watched.show({ kind: 'start', id: `l${number}`, what: 'layer' });
    expect(watched.screen).toHaveLength(3);
    for (let number = 0; number < 8; number += 1) watched.show({ kind: 'done', id: `l${number}`, result: 'ok' });
    expect(watched.screen).toEqual([expect.stringMatching(/^layer l8/)]);
  });

  test('no line is wider than the terminal', () => {
    const watched = watch(true, { columns: 20 });
    watched.show({ kind: 'start', id, what: 'layer' });
    expect(watched.screen[0]).toHaveLength(19);
  });
});

describe('elsewhere', () => {
  test('one line for what is finished, and no sequences', () => {
    const watched = watch(false);
    watched.show(
      { kind: 'resolved', name: 'debian', reference: 'docker.io/library/debian:latest' },
      { kind: 'start', id, what: 'layer' },
      { kind: 'bytes', id, phase: 'download', done: 5 },
      { kind: 'done', id, result: 'ok' },
      { kind: 'done', id: 'sha256:other', result: 'exists' },
    );
    expect(watched.text).toBe('Using docker.io/library/debian:latest for debian\nlayer a1b2c3a1b2c3     done\nlayer other            already here\n');
  });
});

test('what a registry sends does not steer the terminal', () => {
  const watched = watch(false);
  watched.show({ kind: 'resolved', name: 'x\u001b[2J', reference: 'y\u0007' });
  expect(watched.text).toBe('Using y\\x07 for x\\x1b[2J\n');
});

test('for programs each event is an object on a line of its own, bytes not more often than ten times a second', () => {
  let written = '';
  let clock = 0;
  const tell = jsonProgress((text) => void (written += text), () => (clock += 10));
  tell({ kind: 'start', id, what: 'layer', total: 50 });
  for (let done = 1; done <= 50; done += 1) tell({ kind: 'bytes', id, phase: 'download', done, total: 50 });
  tell({ kind: 'message', level: 'warning', text: 'x\u001b[2J\u009b' });
  tell({ kind: 'done', id, result: 'ok' });
  const lines = written.trimEnd().split('\n').map((line) => JSON.parse(line) as ProgressEvent);
  expect(lines.filter((event) => event.kind === 'bytes').map((event) => event.done)).toEqual([1, 11, 21, 31, 41, 50]);
  expect(lines.at(-1)).toEqual({ kind: 'done', id, result: 'ok' });
  expect(written).not.toMatch(/[\u001b\u009b]/);
});
