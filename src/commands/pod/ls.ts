/** `scull pod ps`, `scull pod ls` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parseFilters } from '../../cli/filters.ts';
import { parseTime } from '../../cli/time.ts';
import { ScullError } from '../../host/errors.ts';

export default class PodLs extends ScullCommand {
  static override summary = 'List pods and their states';
  static override description = 'Running or not, the oldest first. A pod is degraded when only some of its containers run.';
  static override flags = {
    'ctr-ids': Flags.boolean({ description: 'Ids of their containers' }),
    'ctr-names': Flags.boolean({ description: 'Names of their containers' }),
    'ctr-status': Flags.boolean({ description: 'States of their containers' }),
    filter: Flags.string({ char: 'f', description: 'Only pods that this fits, e.g. status=running or label=tier=front', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}} {{.Status}}'", helpValue: 'format' }),
    latest: Flags.boolean({ char: 'l', description: 'The pod made last' }),
    'no-trunc': Flags.boolean({ description: 'Whole ids' }),
    noheading: Flags.boolean({ char: 'n', description: 'No headings' }),
    quiet: Flags.boolean({ char: 'q', description: 'Ids only' }),
    sort: Flags.string({ description: 'created (default), id, name, number or status', helpValue: 'key' }),
  };
  static override examples = ['scull pod ps', { description: 'With the names of their containers', command: 'scull pod ps --ctr-names' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(PodLs);
    if (flags.quiet && flags.format !== undefined) throw new ScullError('USAGE', '--quiet and --format cannot be used together');
    const now = Date.now();
    const { listPods, POD_FILTERS } = await import('../../engine/pods/list.ts');
    const filters = parseFilters(flags.filter, POD_FILTERS);
    if (filters['until'] !== undefined) filters['until'] = filters['until'].map((text) => String(parseTime(text, '--filter until', { now, spans: 'past' }) / 1000));
    const pods = listPods(await this.engine(), filters);
    const { presentPods } = await import('../../cli/present/pods.ts');
    this.print(
      await presentPods(flags.latest ? pods.slice(-1) : pods, {
        format: flags.format,
        quiet: flags.quiet,
        noTrunc: flags['no-trunc'],
        noHeading: flags.noheading,
        containerIds: flags['ctr-ids'],
        containerNames: flags['ctr-names'],
        containerStatuses: flags['ctr-status'],
        sort: flags.sort,
        now,
      }),
    );
  }
}
