/** `scull unshare` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../cli/command.ts';

export default class Unshare extends ScullCommand {
  static override summary = 'Run a command as root of the user namespace that containers use';
  static override description =
    'Files look and can be changed as from within a container: what belongs to a user of a container shows under its id there. Without a command your shell is started.';
  static override args = { command: Args.string({ description: 'Command and its arguments', multiple: true }) };
  static override stopAtFirstWord = true;
  static override examples = [
    { description: 'See how ids are mapped', command: 'scull unshare cat /proc/self/uid_map' },
    { description: 'Remove what a container left behind under another id', command: 'scull unshare rm -r ./data' },
  ];

  async run(): Promise<number> {
    const { argv } = await this.parse(Unshare);
    const { unshare } = await import('../engine/system/unshare.ts');
    return unshare(await this.engine(), argv as string[]);
  }
}
