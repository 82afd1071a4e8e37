/** `scull logs` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { latestFlag } from '../../cli/flags/latest.ts';
import { logFlags, logOptions } from '../../cli/flags/logs.ts';
import { ClosedOutputError, errnoOf } from '../../host/errors.ts';

export default class Logs extends ScullCommand {
  static override summary = 'Print what containers wrote';
  static override description = 'Standard output and standard error of the container go where they went then. A time is 2024-05-31T12:00:00Z, seconds since 1970, or a span such as 10m ago.';
  static override args = { container: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    ...logFlags,
    tail: Flags.string({ char: 'n', aliases: ['lines'], description: 'Only the last n lines', helpValue: 'n', default: 'all' }),
    details: Flags.boolean({ description: 'Accepted for Docker; there are no further details', hidden: true }),
    latest: latestFlag,
  };
  static override examples = [
    { description: 'The last ten lines, and what follows', command: 'scull logs -f --tail 10 web' },
    { description: 'Errors of the last hour', command: 'scull logs --since 1h web 2>&1 >/dev/null' },
  ];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Logs);
    const options = logOptions(flags, Date.now());
    const { streamLogs } = await import('../../engine/containers/logs.ts');
    try {
      await streamLogs(await this.engine(), argv as string[], options, 1, 2);
    } catch (error) {
      if (errnoOf(error) === 'EPIPE') throw new ClosedOutputError();
      throw error;
    }
  }
}
