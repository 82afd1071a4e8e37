import { expect, test } from 'vitest';
import { jsonBuild, plainBuild, quietBuild, terminalBuild, type BuildPresenter, type BuildScreen } from '../../../../src/cli/present/build.ts';
import type { BuildEvent, StepLabel } from '../../../../src/engine/builds/options.ts';

const make: StepLabel = { id: 1, stage: 'build', number: '1/2', title: 'RUN make' };
const copy: StepLabel = { id: 2, stage: 'stage-1', number: '1/1', title: 'COPY \u001b[31mred /' };

function output(step: StepLabel, text: string): BuildEvent {
  return { kind: 'output', step, stream: 'stdout', chunk: Buffer.from(text) };
}

function shown(present: (screen: BuildScreen) => BuildPresenter, events: readonly BuildEvent[]): string {
  let text = '';
  let now = 0;
  const presenter = present({ write: (part) => (text += part), now: () => (now += 500), columns: 60, rows: 10 });
  events.forEach((event) => presenter.show(event));
  presenter.finish();
  return text;
}

const events: readonly BuildEvent[] = [
  { kind: 'start', step: make },
  output(make, 'one\ntw'),
  { kind: 'start', step: copy },
  output(make, 'o\nlast'),
  { kind: 'done', step: copy, result: 'cached' },
  { kind: 'failed', step: make, message: 'it failed' },
  { kind: 'warning', text: 'careful' },
];

test('plain: a line for each thing that happens, with the number of its step; nothing steers the terminal', () => {
  expect(shown(plainBuild, events).replace(/\d+\.\d+/g, 'N')).toBe(
    ['#1 [build 1/2] RUN make', '#1 N one', '#2 [stage-1 1/1] COPY \\x1b[31mred /', '#1 N two', '#2 CACHED', '#1 N last', '#1 ERROR: it failed', 'WARNING: careful', ''].join('\n'),
  );
});

test('quiet: only what a failing step has said, and warnings', () => {
  expect(shown(quietBuild, events)).toBe('one\ntwo\nlastWARNING: careful\n');
  expect(shown(quietBuild, [events[0]!, output(make, 'noise\n'), { kind: 'done', step: make, result: 'ok' }])).toBe('');
});

test('a tab in what a command says is no danger; steps that end because another failed are not errors', () => {
  const canceled: readonly BuildEvent[] = [events[0]!, output(make, 'a\tb\u001b[31m\n'), { kind: 'canceled', step: make }];
  expect(shown(plainBuild, canceled).replace(/\d+\.\d+/g, 'N')).toBe('#1 [build 1/2] RUN make\n#1 N a\tb\\x1b[31m\n#1 CANCELED\n');
  expect(shown(quietBuild, canceled)).toBe('');
  const picture = shown(terminalBuild, canceled);
  expect(picture).toContain('✗ CANCELED [build 1/2] RUN make');
  expect(picture).toContain('    a    b\\x1b[31m\n');
});

test('json: an object a line', () => {
  const lines = shown(jsonBuild, events).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ kind }) => kind)).toEqual(events.map(({ kind }) => kind));
  expect(lines[1]).toMatchObject({ step: { id: 1, number: '1/2' }, text: 'one\ntw' });
});

test('on a terminal finished steps stand above, running ones below with the last of their output', () => {
  const text = shown(terminalBuild, events);
  expect(text).toContain('✓ CACHED [stage-1 1/1] COPY \\x1b[31mred /');
  expect(text).toContain('… [build 1/2] RUN make');
  expect(text).toContain('✗ ERROR [build 1/2] RUN make');
  expect(text).toContain('    two\n');
  // Whatever was drawn for a while is taken away in the end.
  expect(text.endsWith('\u001b[J')).toBe(true);
});
