/** `scull system check` */
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class SystemCheck extends ScullCommand {
  static override summary = 'Check that everything in the store is as it was written';
  static override description =
    'Every blob against its digest, every file of every layer against what was unpacked, every record against its form. Prints what is damaged and what that breaks. With --repair, what a registry or a blob still has is fetched or unpacked again; what can be had nowhere is put into quarantine, unless a container stands on it; nothing is guessed. Exit status 0 when all is well in the end, otherwise 125.';
  static override flags = {
    quick: Flags.boolean({ char: 'q', description: 'Names, sizes and records only; contents are not read' }),
    repair: Flags.boolean({ char: 'r', description: 'Repair what can be repaired, and say what was done' }),
    'repair-lossy': Flags.boolean({ description: 'The same as --repair', hidden: true }),
    force: Flags.boolean({ char: 'f', description: 'The same as --repair', hidden: true }),
    max: Flags.string({ char: 'm', description: 'Does nothing: what is unused is removed by `scull system prune`', hidden: true }),
    format: Flags.string({ description: 'json is all there is', helpValue: 'format', options: ['json'] }),
  };
  static override examples = ['scull system check', { description: 'In a second, also with many images', command: 'scull system check --quick' }, { description: 'After a disk fault', command: 'scull system check --repair' }];

  async run(): Promise<void> {
    const { flags } = await this.parse(SystemCheck);
    const { checkStore, damageError } = await import('../../engine/system/check.ts');
    const report = await checkStore(await this.engine(), { quick: flags.quick === true, repair: flags.repair === true || flags['repair-lossy'] === true || flags.force === true });
    const { presentCheck } = await import('../../cli/present/check.ts');
    this.print(presentCheck(report, { json: flags.format === 'json' }));
    const error = damageError(report);
    if (error !== undefined) throw error;
  }
}
