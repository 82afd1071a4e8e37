/** `scull network ls` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { timedFilters } from '../../cli/pairs.ts';
import { ScullError } from '../../host/errors.ts';

export default class NetworkLs extends ScullCommand {
  static override summary = 'List networks';
  static override flags = {
    filter: Flags.string({ char: 'f', description: 'Only networks that this fits, e.g. dangling=true or label=tier=test', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}} {{.Subnets}}'", helpValue: 'format' }),
    quiet: Flags.boolean({ char: 'q', description: 'Names only' }),
    noheading: Flags.boolean({ char: 'n', description: 'No headings' }),
    'no-trunc': Flags.boolean({ description: 'Ids in full' }),
  };
  static override examples = ['scull network ls', { description: 'Those that no container is on', command: 'scull network ls -q --filter dangling=true' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(NetworkLs);
    if (flags.quiet && flags.format !== undefined) throw new ScullError('USAGE', '--quiet and --format cannot be used together');
    const filters = timedFilters(flags.filter, Date.now());
    const { listNetworks } = await import('../../engine/networks/list.ts');
    const networks = listNetworks(await this.engine(), filters);
    const { presentNetworks } = await import('../../cli/present/networks.ts');
    this.print(await presentNetworks(networks, { format: flags.format, quiet: flags.quiet, noHeading: flags.noheading, full: flags['no-trunc'] }));
  }
}
