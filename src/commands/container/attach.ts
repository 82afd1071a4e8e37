/** `scull attach` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { detachKeysFlag, sigProxyFlag } from '../../cli/flags/attach.ts';
import { toggle } from '../../cli/flags/declare.ts';
import { latestFlag } from '../../cli/flags/latest.ts';

export default class Attach extends ScullCommand {
  static override summary = 'Connect the terminal to a running container';
  static override description = 'Shows what the container prints from now on, and gives it what is typed if it was started with -i. Ends with the container, with its exit status; ctrl-p ctrl-q detaches and leaves it running.';
  static override examples = [
    { description: 'Go on where `run -d -it` left off', command: 'scull attach shell' },
    { description: 'Watch only', command: 'scull attach --no-stdin --sig-proxy=false web' },
  ];
  static override args = { container: Args.string({ required: true, description: 'Name or id' }) };
  static override flags = {
    'no-stdin': toggle('attach', 'Pass no input on'),
    'detach-keys': detachKeysFlag,
    'sig-proxy': sigProxyFlag,
    latest: latestFlag,
  };

  async run(): Promise<number> {
    const { args, flags } = await this.parse(Attach);
    const { attachContainer } = await import('../../engine/containers/attach.ts');
    return attachContainer(await this.engine(), args.container, {
      stdin: flags['no-stdin'] !== true,
      sigProxy: flags['sig-proxy'] ?? true,
      detachKeys: flags['detach-keys'],
    });
  }
}
