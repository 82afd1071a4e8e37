/** `scull auto-update` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../cli/command.ts';
import { registryChoices, registryFlags } from '../cli/flags/registry.ts';

export default class AutoUpdate extends ScullCommand {
  static override summary = 'Restart units whose images have a newer version';
  static override description = [
    'Looks at the running containers of units that carry the label io.containers.autoupdate: with registry a newer image of the same name is pulled, with local the one that is here counts. The units are then restarted. If one does not come up, it gets the old image back and is restarted once more.',
    '',
    'AutoUpdate=registry in a Quadlet file sets the label. The exit status is 125 if an update failed.',
  ].join('\n');
  static override flags = {
    'dry-run': Flags.boolean({ description: 'Only tell what would be updated' }),
    rollback: Flags.boolean({ description: 'Go back to the old image where the unit does not come up (default true)', default: true, allowNo: true }),
    format: Flags.string({ description: "json, or a Go template, e.g. '{{.Unit}} {{.Updated}}'", helpValue: 'format' }),
    ...registryFlags,
  };
  static override examples = ['scull auto-update --dry-run', { description: 'Every night', command: 'systemd-run --user --on-calendar=daily scull auto-update' }];

  async run(): Promise<number> {
    const { flags } = await this.parse(AutoUpdate);
    const [{ autoUpdate }, { presentAutoUpdates }] = await Promise.all([import('../engine/system/auto-update.ts'), import('../cli/present/units.ts')]);
    const updates = await autoUpdate(await this.engine(), { dryRun: flags['dry-run'], rollback: flags.rollback, registry: (await registryChoices(flags)) ?? {} });
    this.print(await presentAutoUpdates(updates, flags.format));
    let status = 0;
    for (const { error } of updates) if (error !== undefined) status = await this.report(error);
    return status;
  }
}
