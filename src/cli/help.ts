/**
 * Help. The overview and the list of a noun's commands are made here; the help of one command is oclif's CommandHelp
 * over the manifest's description, with Docker's way of writing a usage line.
 */
import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';
import type { Interfaces } from '@oclif/core';
import { VERSION } from '../host/version.ts';
import { ALIASES, findCommand, nouns } from './command-table.ts';
import { readManifest, type ManifestCommand } from './manifest.ts';
import { isTerminal } from './output.ts';

/** Headings of the overview, by noun, in order; commands without a noun come last. */
const HEADINGS: readonly (readonly [noun: string, heading: string])[] = [
  ['container', 'CONTAINERS'],
  ['image', 'IMAGES'],
  ['volume', 'VOLUMES'],
  ['network', 'NETWORKS'],
  ['pod', 'PODS'],
  ['secret', 'SECRETS'],
  ['manifest', 'LISTS OF IMAGES'],
  ['unit', 'UNITS OF SYSTEMD'],
  ['', 'SYSTEM'],
];

/** What most people look for first, in the order they need it; the rest follows by the alphabet. */
const FIRST = ['run', 'ps', 'logs', 'exec', 'stop', 'start', 'rm', 'create', 'images', 'pull', 'rmi'];

/**
 * Help for the words, e.g. [] for the overview, ['volume'] for a noun, ['container', 'run'] for a command.
 * @returns undefined where the words name nothing
 */
export async function helpText(words: readonly string[]): Promise<string | undefined> {
  const commands = await readManifest();
  if (words.length === 0) return overview(commands);
  const found = findCommand(words);
  if (found !== undefined) {
    const command = commands.get(found.id);
    return command === undefined ? undefined : commandHelp(command, found.typed);
  }
  const [noun = ''] = words;
  return words.length === 1 && nouns().includes(noun) ? nounHelp(noun, commands) : undefined;
}

function overview(commands: ReadonlyMap<string, ManifestCommand>): string {
  const sections = HEADINGS.map(([noun, heading]) => {
    const rows: (readonly [string, string])[] = [];
    for (const [id, command] of commands) {
      const own = id.includes(' ') ? id.slice(0, id.indexOf(' ')) : '';
      // `system prune` stands with `info` and `doctor`.
      if (command.hidden !== true && (own === noun || (noun === '' && own === 'system'))) rows.push([shortest(id), command.summary ?? '']);
    }
    rows.sort(byUse);
    return rows.length === 0 ? '' : `${heading}\n${table(rows)}\n`;
  });
  return `${[
    `scull ${VERSION}: containers without root and without a daemon\n`,
    `USAGE\n  $ scull [GLOBAL FLAGS] COMMAND …\n`,
    ...sections.filter((section) => section !== ''),
    `HELP\n${table([
      ['scull COMMAND --help', 'flags and examples of a command'],
      ['scull NOUN --help', `all commands for one of: ${nouns().join(', ')}`],
      ['scull doctor', 'what this machine can do, and how to get what is missing'],
    ])}`,
  ].join('\n')}\n`;
}

function nounHelp(noun: string, commands: ReadonlyMap<string, ManifestCommand>): string {
  const rows: (readonly [string, string])[] = [];
  for (const [id, command] of commands) {
    if (command.hidden !== true && id.startsWith(`${noun} `)) rows.push([id, command.summary ?? '']);
  }
  for (const alias of Object.keys(ALIASES)) {
    const id = ALIASES[alias] as string;
    if (alias.startsWith(`${noun} `) && !id.startsWith(`${noun} `) && commands.has(id)) rows.push([alias, commands.get(id)?.summary ?? '']);
  }
  rows.sort(([a], [b]) => (a < b ? -1 : 1));
  return `USAGE\n  $ scull ${noun} COMMAND …\n\nCOMMANDS\n${table(rows)}\n\nscull ${noun} COMMAND --help tells more about a command.\n`;
}

/** `ps` for `container ls`: the shortest spelling that has no noun, else the own words. */
function shortest(id: string): string {
  const single = Object.keys(ALIASES).filter((alias) => ALIASES[alias] === id && !alias.includes(' '));
  return single.sort((a, b) => a.length - b.length)[0] ?? id;
}

function byUse([a]: readonly [string, string], [b]: readonly [string, string]): number {
  const rank = (word: string): number => (FIRST.includes(word) ? FIRST.indexOf(word) : FIRST.length);
  return rank(a) - rank(b) || (a < b ? -1 : 1);
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join('\n');
}

async function commandHelp(command: ManifestCommand, typed: string): Promise<string> {
  const { CommandHelp } = await import('@oclif/core/help');
  const colour = await isTerminal(1);
  const maxWidth = Math.min(Math.max(colour ? (process.stdout.columns ?? 80) : 100, 60), 120);
  const config = { bin: 'scull', topicSeparator: ' ', version: VERSION, platform: 'linux', shell: 'sh' } as unknown as Interfaces.Config;
  const options = { docopts: false, stripAnsi: !colour, maxWidth, flagSortOrder: 'none', hideCommandSummaryInDescription: false } as const;

  class ScullCommandHelp extends CommandHelp {
    protected override aliases(): string | undefined {
      const others = [command.id.replaceAll(':', ' '), ...command.aliases].filter((words) => words !== typed);
      return others.length === 0 ? undefined : others.map((words) => `$ scull ${words}`).join('\n');
    }

    protected override defaultUsage(): string {
      return `${typed} [FLAGS]${usageArgs(command)}`;
    }

    /** Flags with a shorthand first: oclif would cut the indentation of a first one without. */
    protected override flags(flags: Parameters<InstanceType<typeof CommandHelp>['flags']>[0]) {
      return super.flags([...flags.filter((flag) => flag.char !== undefined), ...flags.filter((flag) => flag.char === undefined)]);
    }

    /** The flags of all commands come last. */
    protected override groupFlags(flags: Parameters<InstanceType<typeof CommandHelp>['groupFlags']>[0]) {
      const groups = super.groupFlags(flags);
      const { GLOBAL, ...others } = groups.flagGroups as Record<string, typeof flags>;
      return { ...groups, flagGroups: GLOBAL === undefined ? others : { ...others, GLOBAL } };
    }
  }

  const described = { ...structuredClone(command), id: typed, summary: undefined };
  const help = new ScullCommandHelp(described as unknown as Command.Loadable, config as Config, options);
  return `${command.summary ?? ''}\n\n${help.generate()}\n`;
}

function usageArgs(command: ManifestCommand): string {
  return Object.values(command.args)
    .map((arg) => {
      const name = `${arg.name.toUpperCase()}${arg.multiple === true ? '...' : ''}`;
      return arg.required === true ? ` ${name}` : ` [${name}]`;
    })
    .join('');
}
