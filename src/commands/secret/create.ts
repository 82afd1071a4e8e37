/** `scull secret create` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';
import { parsePairs } from '../../cli/pairs.ts';

export default class SecretCreate extends ScullCommand {
  static override summary = 'Keep a password, key or the like, for containers to use';
  static override description = [
    'Reads it from FILE, from standard input (-), or with --env from the variable of that name, and prints its id. Give it to a container with `scull run --secret NAME`.',
    "It is kept in a file that only you can read, and is in no image, record or process list. A container keeps the data that it was made with.",
  ].join('\n');
  static override args = {
    name: Args.string({ required: true, description: 'Name' }),
    file: Args.string({ required: true, description: 'File, or - for standard input; with --env a variable' }),
  };
  static override flags = {
    driver: Flags.string({ char: 'd', description: 'Where it is kept; there is one driver, file', helpValue: 'name', default: 'file' }),
    'driver-opts': Flags.string({ description: 'Options of the driver, only kept', helpValue: 'key=value', multiple: true, delimiter: ',' }),
    env: Flags.boolean({ description: 'FILE is the name of a variable' }),
    ignore: Flags.boolean({ description: 'One of that name is no error; it stays as it is', exclusive: ['replace'] }),
    label: Flags.string({ char: 'l', description: 'Set a label', helpValue: 'key=value', multiple: true }),
    replace: Flags.boolean({ description: 'Change one of that name; containers that exist keep theirs' }),
  };
  static override examples = [
    { description: 'From a password manager', command: 'pass show db | scull secret create db-password -' },
    { description: 'Use it as a file, /run/secrets/db-password', command: 'scull run --secret db-password postgres' },
    { description: 'From a variable, and use it as one', command: 'scull secret create --env token CI_TOKEN && scull run --secret token,type=env,target=TOKEN alpine' },
  ];

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SecretCreate);
    const { readSecretSource } = await import('../../cli/secret-source.ts');
    const data = await readSecretSource(args.file, flags.env);
    const { createSecret } = await import('../../engine/secrets/create.ts');
    const options = { driver: flags.driver, options: parsePairs(flags['driver-opts'], '--driver-opts'), labels: parsePairs(flags.label, '--label') };
    this.printLine(await createSecret(await this.engine(), { name: args.name, data, ...options, replace: flags.replace, ignore: flags.ignore }));
  }
}
