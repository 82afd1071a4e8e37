/** `scull secret exists` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';

export default class SecretExists extends ScullCommand {
  static override summary = 'Tell by exit status whether a secret exists';
  static override description = 'Exit status 0: it does, 1: it does not, 125: that could not be found out. Nothing is printed.';
  static override args = { secret: Args.string({ required: true, description: 'Name or id' }) };
  static override examples = ['scull secret exists token || scull secret create --env token CI_TOKEN'];

  async run(): Promise<number> {
    const { args } = await this.parse(SecretExists);
    const { secretExists } = await import('../../engine/secrets/find.ts');
    return secretExists(await this.engine(), args.secret) ? 0 : 1;
  }
}
