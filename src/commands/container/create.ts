/** `scull create` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { createCommandOf } from '../../cli/create-command.ts';
import { attachFlags } from '../../cli/flags/attach.ts';
import { containerFlags } from '../../cli/flags/container.ts';
import { registryChoices } from '../../cli/flags/registry.ts';

export default class Create extends ScullCommand {
  static override summary = 'Make a new container without starting it';
  static override description = 'Takes the same flags as `scull run` and prints the id. `scull start` starts the container.';
  static override examples = [
    { description: 'Prepare now, run later', command: 'scull create --name job -v data:/data debian backup /data' },
    { description: 'Start it and see what it prints', command: 'scull start --attach job' },
  ];
  static override stopAtFirstWord = true;
  static override args = {
    image: Args.string({ required: true, description: 'Name or id of an image; with --rootfs a directory' }),
    command: Args.string({ multiple: true, description: 'Command and arguments' }),
  };
  static override flags = { ...containerFlags, ...attachFlags };

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(Create);
    const [{ containerSpec }, { createContainer }] = await Promise.all([
      import('../../cli/container-spec-flags.ts'),
      import('../../engine/containers/create.ts'),
    ]);
    const spec = await containerSpec(flags, argv as string[], this.tokens);
    const registry = await registryChoices(flags);
    const record = await createContainer(await this.engine({ quiet: flags.quiet }), spec, {
      createCommand: createCommandOf(this.typed, this.argv, argv.length),
      replace: flags.replace ?? false,
      registry,
    });
    this.printLine(record.id);
  }
}
