/** `scull pod create` */
import * as Args from '@oclif/core/args';
import { ScullCommand } from '../../cli/command.ts';
import { createCommandOf } from '../../cli/create-command.ts';
import { podFlags } from '../../cli/flags/pod.ts';

export default class PodCreate extends ScullCommand {
  static override summary = 'Make a pod: containers that share a network, a host name, and more';
  static override description = [
    'Prints its id. `scull run --pod NAME` puts a container into it. Containers of a pod reach each other on localhost; ports are published, and the network is chosen, for the pod as a whole.',
    'A small infra container keeps what they share. It starts before the first of them and takes next to nothing.',
  ].join('\n');
  static override examples = [
    { description: 'A server and its cache, reachable on port 8080', command: 'scull pod create -p 8080:80 shop && scull run -d --pod shop redis && scull run -d --pod shop nginx' },
    { description: 'Containers see the processes of each other; the pod stops with the last of them', command: 'scull pod create --share +pid --exit-policy stop --name jobs' },
  ];
  static override args = { name: Args.string({ description: 'Name of the pod, as --name' }) };
  static override flags = podFlags;

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(PodCreate);
    const [{ podRequest }, { createPod }] = await Promise.all([import('../../cli/pod-options.ts'), import('../../engine/pods/create.ts')]);
    const request = await podRequest(flags, argv as string[], this.tokens);
    const pod = await createPod(await this.engine(), request, {
      replace: flags.replace ?? false,
      idFile: flags['pod-id-file'],
      createCommand: createCommandOf(this.typed, this.argv, argv.length),
    });
    this.printLine(pod.id);
  }
}
