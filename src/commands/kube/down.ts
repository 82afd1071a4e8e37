/** `scull kube down` */
import * as Flags from '@oclif/core/flags';
import { kubeArgs, KubeCommand } from '../../cli/kube-command.ts';

export default class KubeDown extends KubeCommand {
  static override summary = 'Stop and remove what `kube play` made of a file';
  static override description = 'Pods by their names in it, with their containers, and its secrets. Volumes of its PersistentVolumeClaims stay unless --force is given. What is not there is no error.';
  static override args = kubeArgs;
  static override flags = { force: Flags.boolean({ description: 'Remove the volumes of PersistentVolumeClaims too' }) };
  static override examples = ['scull kube down shop.yaml', { description: 'With its data', command: 'scull kube down --force shop.yaml' }];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(KubeDown);
    const { documents } = await this.documents(argv as string[]);
    const { downKube } = await import('../../engine/kube/down.ts');
    return this.tellDown(await downKube(await this.engine(), documents, flags.force));
  }
}
