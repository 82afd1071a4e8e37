/** `scull kube generate` */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { ScullCommand } from '../../cli/command.ts';

const HEAD = `# Save the output of this file and use kubectl create -f to import
# it into Kubernetes, or scull kube play to make it here again.
`;

export default class KubeGenerate extends ScullCommand {
  static override summary = 'Write Kubernetes YAML of pods, containers and volumes';
  static override description = 'Containers in no pod become one pod together, called after the first. Volumes become PersistentVolumeClaims, paths of the host hostPath volumes. Secrets are not in it.';
  static override args = { name: Args.string({ required: true, multiple: true, description: 'Pods, containers or volumes' }) };
  static override flags = {
    filename: Flags.string({ char: 'f', description: 'Write to this new file instead of standard output', helpValue: 'file' }),
    replicas: Flags.integer({ char: 'r', description: 'Replicas of a Deployment', helpValue: 'n', min: 0 }),
    service: Flags.boolean({ char: 's', description: 'A Service for published ports, too' }),
    type: Flags.option({ options: ['pod', 'deployment', 'daemonset', 'job'] as const })({ char: 't', description: 'Kind to write', helpValue: 'kind', default: 'pod' }),
    'podman-only': Flags.boolean({ hidden: true, description: 'Accepted: nothing is written that only Podman reads' }),
  };
  static override examples = ['scull kube generate shop > shop.yaml', { description: 'For a cluster', command: 'scull kube generate --service --type deployment --replicas 3 -f shop.yaml shop' }];

  async run(): Promise<void> {
    const { flags, argv } = await this.parse(KubeGenerate);
    if (flags.replicas !== undefined && flags.type !== 'deployment') this.usage('--replicas is for --type deployment');
    const { generateKube } = await import('../../engine/kube/generate.ts');
    const text = HEAD + (await generateKube(await this.engine(), argv as string[], { kind: flags.type, replicas: flags.replicas, service: flags.service }));
    if (flags.filename === undefined) return this.print(text);
    const { writeNewUserFile } = await import('../../cli/user-file.ts');
    writeNewUserFile(flags.filename, text, '--filename');
  }
}
