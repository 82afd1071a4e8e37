/** `scull volume ls` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { timedFilters } from '../../cli/pairs.ts';
import { ScullError } from '../../host/errors.ts';

export default class VolumeLs extends ScullCommand {
  static override summary = 'List volumes';
  static override flags = {
    filter: Flags.string({ char: 'f', description: 'Only volumes that this fits, e.g. dangling=true or label=tier=test', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}} {{.Mountpoint}}'", helpValue: 'format' }),
    quiet: Flags.boolean({ char: 'q', description: 'Names only' }),
    noheading: Flags.boolean({ char: 'n', description: 'No headings' }),
  };
  static override examples = [
    'scull volume ls',
    { description: 'Those that no container uses', command: 'scull volume ls -q --filter dangling=true' },
  ];

  async run(): Promise<void> {
    const { flags } = await this.parse(VolumeLs);
    if (flags.quiet && flags.format !== undefined) throw new ScullError('USAGE', '--quiet and --format cannot be used together');
    const filters = timedFilters(flags.filter, Date.now());
    const { listVolumes } = await import('../../engine/volumes/list.ts');
    const volumes = listVolumes(await this.engine(), { filters });
    const { presentVolumes } = await import('../../cli/present/volumes.ts');
    this.print(await presentVolumes(volumes, { format: flags.format, quiet: flags.quiet, noHeading: flags.noheading }));
  }
}
