/** `scull container exists` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

export default class ContainerExists extends ScullCommand {
  static override summary = 'Tell by exit status whether a container exists';
  static override description = 'Exit status 0: it does, 1: it does not, 125: that could not be found out. Nothing is printed.';
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = { external: Flags.boolean({ description: 'Accepted for Podman; there are no containers of others here', hidden: true }) };
  static override examples = ['scull container exists web || scull run -d --name web nginx'];

  async run(): Promise<number> {
    const { args } = await this.parse(ContainerExists);
    const { containerExists } = await import('../../engine/containers/exists.ts');
    return containerExists(await this.engine(), args.container) ? 0 : 1;
  }
}
