/** `scull secret ls` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parseFilters } from '../../cli/filters.ts';

export default class SecretLs extends ScullCommand {
  static override summary = 'List secrets';
  static override flags = {
    filter: Flags.string({ char: 'f', description: 'Only those that match: name (a part of it), id', helpValue: 'key=value', multiple: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}}'", helpValue: 'format' }),
    noheading: Flags.boolean({ char: 'n', description: 'No headings' }),
    quiet: Flags.boolean({ char: 'q', description: 'Ids only' }),
  };
  static override examples = ['scull secret ls', { description: 'Names only', command: "scull secret ls --format '{{.Name}}'" }];

  async run(): Promise<void> {
    const { flags } = await this.parse(SecretLs);
    const { listSecrets } = await import('../../engine/secrets/list.ts');
    const secrets = listSecrets(await this.engine(), parseFilters(flags.filter, ['name', 'id']));
    const { presentSecrets } = await import('../../cli/present/secrets.ts');
    this.print(await presentSecrets(secrets, { format: flags.format, quiet: flags.quiet, noHeading: flags.noheading, now: Date.now() }));
  }
}
