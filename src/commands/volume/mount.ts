/** `scull volume mount` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class VolumeMount extends ScullCommand {
  static override summary = 'Print where the files of volumes are, inside `scull unshare`';
  static override description = 'A volume is a directory: nothing has to be mounted. In the user namespace of `scull unshare` its files show the owners that containers see.';
  static override args = { volume: Args.string({ required: true, description: 'Name', multiple: true }) };
  static override examples = [{ description: 'Look into one', command: "scull unshare sh -c 'ls -l \"$(scull volume mount data)\"'" }];

  async run(): Promise<number> {
    const { argv } = await this.parse(VolumeMount);
    const [{ requireUnshare }, { volumeDirectory }, engine] = await Promise.all([import('../../engine/system/mounts.ts'), import('../../engine/volumes/archive.ts'), this.engine()]);
    requireUnshare(`scull volume mount ${String(argv[0])}`);
    return this.forEachName(argv as string[], (name) => this.printLine(volumeDirectory(engine, name)));
  }
}
