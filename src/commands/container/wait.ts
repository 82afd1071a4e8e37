/** `scull wait` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullError } from '../../host/errors.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { OutcomesCommand, readSelection } from '../../cli/selection.ts';
import { parseDuration } from '../../cli/time.ts';

export default class Wait extends OutcomesCommand {
  static override summary = 'Wait until containers have ended and print their exit codes';
  static override description = 'One line per container, in the order given; -1 for a condition that is no end.';
  static override args = { container: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    condition: Flags.string({ description: 'What to wait for: stopped (default), running, healthy, unhealthy, paused, created, removed …; any of several', helpValue: 'state', multiple: true, delimiter: ',' }),
    interval: Flags.string({ char: 'i', description: 'Time between looks, where looking is needed', helpValue: 'span', default: '250ms' }),
    'return-on-first': Flags.boolean({ description: 'Wait for the first of them only, and print its code', aliases: ['exit-first-match'] }),
    ignore: Flags.boolean({ description: 'A container that does not exist is no error; its code is -1' }),
    latest: latestFlag,
  };
  static override examples = [
    { description: "A job's exit code", command: 'code=$(scull wait job)' },
    { description: 'Until it runs', command: 'scull wait --condition running web' },
    { description: 'Until its health check has succeeded', command: 'scull wait --condition healthy database' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(Wait);
    const interval = parseDuration(/^\d+$/.test(flags.interval) ? `${flags.interval}ms` : flags.interval);
    if (interval === undefined || interval <= 0) throw new ScullError('USAGE', `invalid --interval ${JSON.stringify(flags.interval)}: it is a span such as 250ms or 2s`);
    const { names = [] } = readSelection(argv as string[], {}, Date.now());
    const { waitContainers } = await import('../../engine/containers/wait.ts');
    const outcomes = await waitContainers(await this.engine(), { names, conditions: flags.condition, interval, first: flags['return-on-first'] });
    let status = 0;
    // Scripts read the n-th line as the n-th container's.
    for (const { error, exitCode } of outcomes.toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))) {
      if (error === undefined) this.printLine(String(exitCode ?? -1));
      else if (flags.ignore && error.code === 'NO_SUCH_CONTAINER') this.printLine('-1');
      else status = await this.report(error);
    }
    return status;
  }
}
