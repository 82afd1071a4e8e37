/** A unit for a container that is there: podman-generate-systemd(1). Text from facts. */
import { formatUnitFile, type UnitEntry } from './unit-file.ts';
import { joinWords } from './words.ts';

export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  /** Seconds between the stop signal and SIGKILL. */
  readonly stopTimeout: number;
  /** The words by which it was made, `scull run …`; undefined where they are not known. */
  readonly createCommand: readonly string[] | undefined;
}

export interface GenerateOptions {
  /** Make the container anew with every start, and remove it with every stop. */
  readonly new: boolean;
  /** In the unit's file name and in commands: the name, not the id. */
  readonly useName: boolean;
  readonly prefix: string;
  readonly separator: string;
  readonly restart: string;
  readonly restartSeconds?: number | undefined;
  readonly startTimeout?: number | undefined;
  readonly stopTimeout?: number | undefined;
  /** `web@.service`, whose instances get their name for %i. */
  readonly template: boolean;
  readonly wants: readonly string[];
  readonly after: readonly string[];
  readonly requires: readonly string[];
  readonly env: readonly string[];
  readonly header: boolean;
}

/** @returns the name of the unit with `.service`, and its text */
export function generateUnit(facts: ContainerFacts, options: GenerateOptions, scull: readonly string[]): { readonly name: string; readonly text: string } {
  const container = options.useName || options.new ? facts.name : facts.id;
  const base = [options.prefix, options.useName ? facts.name : facts.id].filter((part) => part !== '').join(options.separator);
  const name = `${base}${options.template ? '@' : ''}.service`;
  const subject = options.template ? `${container}-%i` : container;
  const stop = options.stopTimeout ?? facts.stopTimeout;
  const service: Entry[] = [
    ['Environment', 'PODMAN_SYSTEMD_UNIT=%n'],
    ...options.env.map((pair): Entry => ['Environment', pair]),
    ['Restart', options.restart],
    ...(options.restartSeconds === undefined ? [] : ([['RestartSec', String(options.restartSeconds)]] as Entry[])),
    ...(options.startTimeout === undefined ? [] : ([['TimeoutStartSec', String(options.startTimeout)]] as Entry[])),
    ['TimeoutStopSec', String(stop + 60)],
    ['Type', 'notify'],
    ['NotifyAccess', 'all'],
    ['KillMode', 'mixed'],
    ...commands(facts, options, scull, subject, stop),
  ];
  const unit: Entry[] = [
    ['Description', `Scull ${name}`],
    ...(['Wants', 'After', 'Requires'] as const).flatMap((key) => options[key.toLowerCase() as 'wants' | 'after' | 'requires'].map((value): Entry => [key, value])),
  ];
  const text = formatUnitFile([section('Unit', unit), section('Service', service), section('Install', [['WantedBy', 'default.target']])]);
  return { name, text: options.header ? `# ${name}, made by \`scull generate systemd\`.\n\n${text}` : text };
}

type Entry = readonly [key: string, value: string];

function section(name: string, entries: readonly Entry[]): { name: string; entries: UnitEntry[] } {
  return { name, entries: entries.map(([key, value]) => ({ key, value, line: 0 })) };
}

function commands(facts: ContainerFacts, options: GenerateOptions, scull: readonly string[], subject: string, stop: number): Entry[] {
  const line = (words: readonly string[], prefix = ''): string => prefix + joinWords([...scull, ...words]);
  if (!options.new || facts.createCommand === undefined) {
    // Whoever made the container asked for no word to systemd; its unit does.
    return [['Environment', 'SCULL_SDNOTIFY=conmon'], ['ExecStart', line(['start', subject])], ['ExecStop', line(['stop', '-t', String(stop), subject])]];
  }
  const given = wordsOfRun(facts.createCommand).map((word) => word.replaceAll('%', '%%').replaceAll('$', '$$$$'));
  // Ours come first: what was typed has the last word.
  const run = ['run', '--name', subject, '--cgroups', 'no-conmon', '--rm', '--sdnotify', 'conmon', '--replace', '-d', ...given];
  if (options.template) run.splice(-given.length, given.length, ...withoutName(given));
  return [
    ['ExecStart', line(run)],
    ['ExecStop', line(['stop', '--ignore', '-t', String(stop), subject])],
    ['ExecStopPost', line(['rm', '-f', '--ignore', '-t', String(stop), subject], '-')],
  ];
}

/** Without `scull container create` or however it was typed. */
function wordsOfRun(command: readonly string[]): readonly string[] {
  return command.slice(command.findIndex((word) => word === 'run' || word === 'create') + 1);
}

/** Instances of a template need names of their own. */
function withoutName(words: readonly string[]): string[] {
  const at = words.indexOf('--name');
  const rest = at < 0 ? [...words] : [...words.slice(0, at), ...words.slice(at + 2)];
  return rest.filter((word) => !word.startsWith('--name='));
}
