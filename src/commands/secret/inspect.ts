/** `scull secret inspect` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { inspectEach } from '../../cli/inspection.ts';

export default class SecretInspect extends ScullCommand {
  static override summary = 'Show what is known of secrets';
  static override args = { secret: Args.string({ required: true, description: 'Name or id', multiple: true }) };
  static override flags = {
    format: Flags.string({ char: 'f', description: "json (default), or a Go template, e.g. '{{.Spec.Name}}'", helpValue: 'format' }),
    pretty: Flags.boolean({ description: 'For people to read' }),
    showsecret: Flags.boolean({ description: 'Show the data too' }),
  };
  static override examples = ['scull secret inspect db-password', { description: 'The data itself', command: "scull secret inspect --showsecret -f '{{.SecretData}}' db-password" }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(SecretInspect);
    const { inspectSecret } = await import('../../engine/secrets/list.ts');
    const engine = await this.engine();
    const found: ReturnType<typeof inspectSecret>[] = [];
    const { errors } = await inspectEach(argv as string[], (name) => {
      const secret = inspectSecret(engine, name, flags.showsecret);
      found.push(secret);
      return secret;
    });
    if (flags.pretty) this.print((await import('../../cli/present/secrets.ts')).prettySecrets(found));
    else this.print((await import('../../cli/present/inspect.ts')).presentInspect(found, flags.format));
    let status = 0;
    for (const error of errors) status = await this.report(error);
    return status;
  }
}
