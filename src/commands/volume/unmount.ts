/** `scull volume unmount` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class VolumeUnmount extends ScullCommand {
  static override summary = 'The counterpart of `volume mount`: prints the name, as there is nothing to undo';
  static override args = { volume: Args.string({ required: true, description: 'Name', multiple: true }) };
  static override examples = ['scull volume unmount data'];

  async run(): Promise<number> {
    const { argv } = await this.parse(VolumeUnmount);
    const [{ findVolumeName }, engine] = await Promise.all([import('../../engine/volumes/find.ts'), this.engine()]);
    return this.forEachName(argv as string[], (name) => this.printLine(findVolumeName(engine, name)));
  }
}
