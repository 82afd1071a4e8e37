/** `scull logs` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { ClosedOutputError, errnoOf } from '../../host/errors.ts';
import { parseTime } from '../../cli/time.ts';

export default class Logs extends ScullCommand {
  static override summary = 'Print what containers wrote';
  static override description = 'Standard output and standard error of the container go where they went then. A time is 2024-05-31T12:00:00Z, seconds since 1970, or a span such as 10m ago.';
  static override args = { container: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    follow: Flags.boolean({ char: 'f', description: 'Go on until the container ends' }),
    tail: Flags.string({ char: 'n', aliases: ['lines'], description: 'Only the last n lines', helpValue: 'n', default: 'all' }),
    since: Flags.string({ description: 'Only what was written from this time on', helpValue: 'time' }),
    until: Flags.string({ description: 'Only what was written up to this time; with --follow a span is from now on', helpValue: 'time' }),
    timestamps: Flags.boolean({ char: 't', description: 'Begin each line with its time' }),
    names: Flags.boolean({ description: 'Begin each line with the name of the container; always done for several' }),
    color: Flags.boolean({ description: 'Accepted for Podman; names are not coloured', hidden: true }),
    details: Flags.boolean({ description: 'Accepted for Docker; there are no further details', hidden: true }),
  };
  static override examples = [
    { description: 'The last ten lines, and what follows', command: 'scull logs -f --tail 10 web' },
    { description: 'Errors of the last hour', command: 'scull logs --since 1h web 2>&1 >/dev/null' },
  ];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Logs);
    const now = Date.now();
    const options = {
      follow: flags.follow,
      tail: this.lines(flags.tail),
      since: flags.since === undefined ? undefined : parseTime(flags.since, '--since', { now, spans: 'past' }),
      until: flags.until === undefined ? undefined : parseTime(flags.until, '--until', { now, spans: flags.follow ? 'future' : 'past' }),
      timestamps: flags.timestamps,
      ...(flags.names ? { names: true } : {}),
    };
    const { streamLogs } = await import('../../engine/containers/logs.ts');
    try {
      await streamLogs(await this.engine(), argv as string[], options, 1, 2);
    } catch (error) {
      if (errnoOf(error) === 'EPIPE') throw new ClosedOutputError();
      throw error;
    }
  }

  private lines(text: string): number | undefined {
    if (text === 'all') return undefined;
    if (!/^-?\d+$/.test(text)) this.usage(`invalid --tail ${JSON.stringify(text)}: it is a number of lines, or all`);
    return Number(text) < 0 ? undefined : Number(text);
  }
}
