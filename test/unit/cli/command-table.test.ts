import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ALIASES, allSpellings, COMMANDS, findCommand, nouns } from '../../../src/cli/command-table.ts';
import { ScullCommand } from '../../../src/cli/command.ts';

const folder = new URL('../../../src/commands/', import.meta.url);

test('every file under src/commands is in the table under its own path, and nothing else is', () => {
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
  expect(files.map((name) => name.slice(0, -'.ts'.length).replaceAll('/', ' ')).sort()).toEqual(Object.keys(COMMANDS).sort());
});

test('the table is sorted, so that two people adding a command do not collide', () => {
  expect(Object.keys(COMMANDS)).toEqual(Object.keys(COMMANDS).toSorted());
});

test('no spelling hides a command', () => {
  for (const alias of Object.keys(ALIASES)) expect(COMMANDS).not.toHaveProperty([alias]);
});

describe.each(Object.keys(COMMANDS))('%s', (id) => {
  test('is a command whose help is worth reading: a summary of one line, examples, and words on every flag and argument shown', async () => {
    const { default: command } = await (COMMANDS[id] as (typeof COMMANDS)[string])();
    expect(command.prototype).toBeInstanceOf(ScullCommand);
    const described = command as unknown as typeof ScullCommand;
    expect(described.summary).toMatch(/^[A-Z][^\n]{8,90}[^.\n]$/);
    expect(described.examples?.length ?? 0).toBeGreaterThan(0);
    for (const [name, flag] of Object.entries(described.flags ?? {})) {
      if (flag.hidden !== true) expect(flag.description ?? flag.summary, `--${name}`).toBeTruthy();
    }
  });

  test('has no two flags of the same name or shorthand', async () => {
    const { default: command } = await (COMMANDS[id] as (typeof COMMANDS)[string])();
    const described = command as unknown as typeof ScullCommand;
    const names = Object.entries({ ...described.baseFlags, ...described.flags }).flatMap(([name, flag]) => [name, ...(flag.aliases ?? []), ...(flag.char === undefined ? [] : [flag.char]), ...(flag.charAliases ?? [])]);
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });
});

test('the same command is found at the top and below its noun', () => {
  expect(findCommand(['run', 'img', 'run'])).toMatchObject({ id: 'container run', typed: 'run', count: 1 });
  expect(findCommand(['container', 'run', 'img'])).toMatchObject({ id: 'container run', typed: 'container run', count: 2 });
});

test('words that are no commands find none, also those every object has', () => {
  for (const words of [[], ['constructor'], ['__proto__'], ['toString', 'x'], ['container'], ['container', 'toString'], ['']]) expect(findCommand(words)).toBeUndefined();
});

test('every spelling leads to a command, and each noun has some', () => {
  for (const spelling of allSpellings()) expect(findCommand(spelling.split(' '))?.typed, spelling).toBe(spelling);
  for (const noun of nouns()) expect(allSpellings().some((spelling) => spelling.startsWith(`${noun} `))).toBe(true);
});
