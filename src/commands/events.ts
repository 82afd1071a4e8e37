/** `scull events`, `scull system events` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';
import { parseFilters } from '../cli/filters.ts';
import { parseTime } from '../cli/time.ts';
import { readerGone } from '../host/output-reader.ts';

export default class Events extends ScullCommand {
  static override summary = 'Show what happens to containers, images, volumes and the rest';
  static override description = [
    'As it happens, until it is interrupted or --until has come. With --since also what happened, with --no-stream only that.',
    'Events are: of containers create, start, died, stop, kill, remove, pause, unpause, restart, rename, attach, exec, exec_died, health_status, update; of images pull, push, build, tag, untag, remove, save, loadFromArchive, import; of volumes, networks and secrets create and remove.',
  ].join('\n');
  static override flags = {
    filter: Flags.string({ char: 'f', description: 'Only those that match: container=, event=, image=, volume=, network=, secret=, label=, type=', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Status}} {{.Name}}'; '{{json .}}' is in Docker's shape", helpValue: 'format' }),
    since: Flags.string({ description: 'From this time on: RFC 3339, seconds since 1970, or a span such as 10m', helpValue: 'time' }),
    until: Flags.string({ description: 'Up to this time', helpValue: 'time' }),
    stream: Flags.boolean({ description: 'Wait for more (default true)', default: true, allowNo: true }),
    'no-trunc': Flags.boolean({ description: 'Whole ids (default true)', default: true }),
  };
  static override examples = [
    'scull events',
    { description: 'How the containers of today ended', command: "scull events --no-stream --since 24h --filter event=died --format '{{.Name}} {{.ContainerExitCode}}'" },
    { description: 'For a program, in the shape of the Docker API', command: "scull events --format '{{json .}}' --filter type=container" },
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(Events);
    const now = Date.now();
    const time = (text: string | undefined, flag: string) => (text === undefined ? undefined : parseTime(text, flag, { now, spans: 'past' }));
    const [{ EVENT_FILTERS, followEvents, pastEvents }, { eventPresenter }] = await Promise.all([import('../engine/events/read.ts'), import('../cli/present/events.ts')]);
    const options = { signal: flags.stream ? readerGone(1) : undefined, since: time(flags.since, '--since'), until: time(flags.until, '--until'), filters: parseFilters(flags.filter, EVENT_FILTERS) };
    const show = eventPresenter({ format: flags.format, noTrunc: flags['no-trunc'] });
    const engine = await this.engine();
    if (!flags.stream) return this.print(pastEvents(engine, options).map(show).join(''));
    // A time that has passed: everything up to it, and nothing to wait for.
    const past = options.until !== undefined && options.until <= now;
    for await (const event of followEvents(engine, past ? { ...options, since: options.since ?? Number.NEGATIVE_INFINITY } : options)) this.print(show(event));
  }
}
