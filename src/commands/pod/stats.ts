/** `scull pod stats` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

const SECONDS = 5;

export default class PodStats extends ScullCommand {
  static override summary = 'Show what the containers of pods use: processor, memory, network, disk';
  static override description = 'A table that is drawn anew every five seconds until it is interrupted; with --no-stream once. Numbers are those of `scull stats`.';
  static override args = { pod: Args.string({ description: 'Name or id; all that run unless given', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'All pods, which is so anyway unless some are named' }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Pod}} {{.Name}} {{.CPU}}'", helpValue: 'format' }),
    latest: Flags.boolean({ char: 'l', description: 'The pod made last' }),
    'no-reset': Flags.boolean({ description: 'Do not clear the screen in between' }),
    'no-stream': Flags.boolean({ description: 'One look' }),
  };
  static override examples = ['scull pod stats', { description: 'For a script', command: "scull pod stats --no-stream --format '{{.Name}} {{.MemUsage}}' shop" }];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(PodStats);
    const [{ StatsReader }, { runningMembers }, { presentPodStats }, { latestPod }] = await Promise.all([
      import('../../engine/containers/stats.ts'),
      import('../../engine/pods/observe.ts'),
      import('../../cli/present/stats.ts'),
      import('../../engine/pods/selection.ts'),
    ]);
    const engine = await this.engine();
    const names = flags.latest ? [latestPod(engine).id] : (argv as string[]);
    const reader = new StatsReader(engine);
    const draws = !flags['no-stream'] && !flags['no-reset'] && flags.format === undefined && (await this.isTerminal());
    for (;;) {
      const { containers, pods } = runningMembers(engine, names);
      const text = await presentPodStats(containers.length === 0 ? [] : reader.read({ names: containers }), pods, flags.format);
      // Home, then each line to its end and what is below: nothing flickers.
      this.print(draws ? `\x1b[H${text.replaceAll('\n', '\x1b[K\n')}\x1b[J` : text);
      if (flags['no-stream']) return;
      await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    }
  }
}
