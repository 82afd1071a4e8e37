/** `scull unit list` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitLs extends ScullCommand {
  static override summary = 'List units that scull made of Quadlet files';
  static override description = 'STATE tells whether the file was changed since: install it again then. ACTIVE is what systemd says.';
  static override flags = {
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Name}} {{.State}}'", helpValue: 'format' }),
    quiet: Flags.boolean({ char: 'q', description: 'Names only' }),
    noheading: Flags.boolean({ char: 'n', description: 'No headings' }),
  };
  static override examples = ['scull unit list', { description: 'Those whose files were changed', command: "scull unit list --format '{{.State}} {{.Path}}' | grep ^changed" }];

  async run(): Promise<void> {
    const { flags } = await this.parse(UnitLs);
    if (flags.quiet && flags.format !== undefined) this.usage('--quiet and --format cannot be used together');
    const [{ listUnits }, { presentUnits }] = await Promise.all([import('../../engine/units/list.ts'), import('../../cli/present/units.ts')]);
    this.print(await presentUnits(await listUnits(), { format: flags.format, quiet: flags.quiet, noHeading: flags.noheading }));
  }
}
