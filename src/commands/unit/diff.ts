/** `scull unit diff` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitDiff extends ScullCommand {
  static override summary = 'Show what installing again would change';
  static override description = [
    'Compares units that scull made with what their Quadlet files stand for now: lines with - are in the unit, lines with + would be.',
    '',
    'The exit status is 1 if there is a difference, as with diff(1).',
  ].join('\n');
  static override strict = false;
  static override args = { unit: Args.string({ multiple: true, description: 'Units, with or without .service (default: all)' }) };
  static override examples = ['scull unit diff', 'scull unit diff web'];

  async run(): Promise<number> {
    const { argv } = await this.parse(UnitDiff);
    const [{ diffUnits }, { presentDifferences }] = await Promise.all([import('../../engine/units/list.ts'), import('../../cli/present/units.ts')]);
    const differences = diffUnits(argv as string[]);
    this.print(presentDifferences(differences));
    return differences.length > 0 ? 1 : 0;
  }
}
