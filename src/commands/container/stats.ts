/** `scull stats` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';

/** Looks that a graph shows. */
const GRAPH = 20;

export default class Stats extends ScullCommand {
  static override summary = 'Show what containers use: processor, memory, network, disk';
  static override description = [
    'A table that is drawn anew every --interval seconds until it is interrupted; with --no-stream once. On a terminal with a graph of the last looks.',
    'At the first look the processor is counted from the start of the container, then from one look to the next. Where a container has no cgroup of its own, the numbers are those of its processes, and that is said.',
  ].join('\n');
  static override args = { container: Args.string({ description: 'Name or id; all that run unless given', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Those that do not run too' }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}} {{.CPUPerc}} {{.MemUsage}}'", helpValue: 'format' }),
    interval: Flags.integer({ char: 'i', description: 'Seconds between looks (default 5)', helpValue: 'seconds', min: 1, default: 5 }),
    'no-reset': Flags.boolean({ description: 'Do not clear the screen in between' }),
    'no-stream': Flags.boolean({ description: 'One look' }),
    'no-trunc': Flags.boolean({ description: 'Whole ids' }),
    latest: latestFlag,
  };
  static override examples = ['scull stats', { description: 'For a script', command: "scull stats --no-stream --format '{{.Name}} {{.MemPerc}}'" }];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Stats);
    if (flags.all && argv.length > 0) this.usage('--all and names of containers cannot be used together');
    const [{ StatsReader }, { presentStats }] = await Promise.all([import('../../engine/containers/stats.ts'), import('../../cli/present/stats.ts')]);
    const reader = new StatsReader(await this.engine());
    const draws = !flags['no-stream'] && flags.format === undefined && (await this.isTerminal());
    const history = new Map<string, number[]>();
    let warned = false;
    for (;;) {
      const stats = reader.read({ names: argv as string[], stopped: flags.all });
      const estimated = [...new Set(stats.flatMap(({ usage }) => usage?.estimated ?? []))];
      if (estimated.length > 0 && !warned) this.warn(`without a cgroup that tells it, ${estimated.join(', ')} are the sums of what /proc says of the processes; memory that they share is counted for each`);
      warned = true;
      for (const { id, usage } of stats) history.set(id, [...(history.get(id) ?? []), usage?.cpuPercent ?? 0].slice(-GRAPH));
      const text = await presentStats(stats, { format: flags.format, noTrunc: flags['no-trunc'], ...(draws ? { history } : {}) });
      // Home, then each line to its end and what is below: nothing flickers.
      this.print(draws && !flags['no-reset'] ? `\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J` : text);
      if (flags['no-stream']) return;
      await new Promise((resolve) => setTimeout(resolve, flags.interval * 1000));
    }
  }
}
