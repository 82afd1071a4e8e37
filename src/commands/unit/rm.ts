/** `scull unit rm` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class UnitRm extends ScullCommand {
  static override summary = 'Stop, disable and remove units that scull made';
  static override description = 'The Quadlet files they were made from stay as they are. Prints the names of the units.';
  static override strict = false;
  static override args = { unit: Args.string({ required: true, multiple: true, description: 'Units, with or without .service' }) };
  static override examples = ['scull unit rm web'];

  async run(): Promise<void> {
    const { argv } = await this.parse(UnitRm);
    const { removeUnits } = await import('../../engine/units/install.ts');
    for (const name of await removeUnits(argv as string[])) this.printLine(name);
  }
}
