/** `scull secret rm` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { OutcomesCommand } from '../../cli/selection.ts';

export default class SecretRm extends OutcomesCommand {
  static override summary = 'Remove secrets';
  static override description = 'Containers keep the copy that they were made with.';
  static override args = { secret: Args.string({ description: 'Name or id', multiple: true }) };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Remove all secrets' }),
    ignore: Flags.boolean({ char: 'i', description: 'A secret that does not exist is no error' }),
  };
  static override examples = ['scull secret rm db-password', 'scull secret rm --all'];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(SecretRm);
    if (flags.all === argv.length > 0) this.usage('give names of secrets, or --all');
    const { removeSecrets } = await import('../../engine/secrets/remove.ts');
    return this.tell(removeSecrets(await this.engine(), argv as string[], { all: flags.all, ignore: flags.ignore }));
  }
}
