/** `scull kube play` */
import { createCommandOf } from '../../cli/create-command.ts';
import { kubePlayFlags } from '../../cli/flags/kube.ts';
import { registryChoices } from '../../cli/flags/registry.ts';
import { kubeArgs, KubeCommand } from '../../cli/kube-command.ts';
import { parsePairs } from '../../cli/pairs.ts';
import type { Engine } from '../../engine/engine.ts';
import type { PlayReport } from '../../engine/kube/play.ts';
import type { KubeDocuments } from '../../kube/documents.ts';

export default class KubePlay extends KubeCommand {
  static override summary = 'Make pods, containers and volumes of Kubernetes YAML';
  static override description = [
    'Of Pods, and of the template of Deployments, DaemonSets and Jobs one pod each; of PersistentVolumeClaims volumes, of Secrets secrets; ConfigMaps are read by the containers. Other kinds are passed over with a warning, and so are fields that mean nothing here.',
    'Pods are on a network of their own, where they find each other by name. Containers are called POD-NAME, and are restarted as restartPolicy says (Always unless given).',
    'An image that is not here, and of which there is a folder with a Containerfile beside the file (for quay.io/me/web:1 the folder web), is built.',
  ].join('\n');
  static override args = kubeArgs;
  static override flags = kubePlayFlags;
  static override examples = [
    'scull kube play shop.yaml',
    { description: 'Again, after a change', command: 'scull kube play --replace shop.yaml' },
    { description: 'In the foreground, and nothing is left of it', command: 'generate | scull kube play --wait -' },
    { description: 'With its images built anew from the folders beside it', command: 'scull kube play --build --replace shop.yaml' },
    { description: 'As a unit: a file shop.kube with [Kube] and Yaml=shop.yaml', command: 'scull unit install --enable --now shop.kube' },
  ];

  async run(): Promise<number> {
    const { flags, argv } = await this.parse(KubePlay);
    if (flags.force === true && flags.down !== true) this.usage('--force is for --down');
    if (flags.start === false && (flags['service-container'] === true || flags.wait === true)) this.usage('--start=false leaves nothing to wait for');
    const { hash, documents } = await this.documents(argv as string[], parsePairs(flags.annotation, '--annotation'));
    const engine = await this.engine({ quiet: flags.quiet });
    if (flags.down === true) return this.down(engine, documents, flags.force ?? false);
    for (const warning of documents.warnings) this.warn(warning);
    const [{ podWishes, exitCodePropagation, readConfigMapFiles }, { buildKubeImages }, { playKube }, { unitLabel }] = await Promise.all([
      import('../../cli/kube-options.ts'),
      import('../../cli/kube-build.ts'),
      import('../../engine/kube/play.ts'),
      import('../../cli/container-spec-flags.ts'),
    ]);
    const registry = await registryChoices(flags);
    const built = await buildKubeImages(documents, { engine, registry, files: argv as string[], context: flags['context-dir'], build: flags.build, quiet: flags.quiet ?? false, terminalOutput: await this.isTerminal(2) });
    if (built === undefined) return 125;
    const options = {
      wishes: podWishes(flags),
      configMaps: await readConfigMapFiles(flags.configmap ?? []),
      registry,
      built,
      start: flags.start ?? true,
      labels: unitLabel(),
      createCommand: createCommandOf(this.typed, this.argv, argv.length),
      ...(flags['service-container'] === true || flags.wait === true ? { service: { name: `${hash}-service`, exitCode: exitCodePropagation(flags['service-exit-code-propagation']) } } : {}),
    };
    if (flags.replace === true) await this.down(engine, documents, false);
    if (flags.wait === true) this.printLine('Use ctrl+c to clean up or wait for pods to exit');
    const report = await playKube(engine, documents, options);
    const failed = await this.tell(report);
    if (flags.wait === true) return this.stay(engine, documents, report);
    return failed === 0 ? 0 : this.failure(failed);
  }

  private async down(engine: Engine, documents: KubeDocuments, force: boolean): Promise<number> {
    const { downKube } = await import('../../engine/kube/down.ts');
    return this.tellDown(await downKube(engine, documents, force));
  }

  /** @returns how many containers were not started */
  private async tell({ volumes, secrets, pods }: PlayReport): Promise<number> {
    const tell = (title: string, lines: readonly string[]): void => [title, ...lines].forEach((line) => this.printLine(line));
    if (volumes.length > 0) tell('Volumes:', volumes);
    if (secrets.length > 0) tell('Secrets:', secrets);
    for (const { id, containers, errors } of pods) {
      tell('Pod:', [id]);
      if (containers.length === 0) continue;
      tell(containers.length === 1 ? 'Container:' : 'Containers:', containers);
      this.printLine();
      for (const error of new Set(errors)) await this.report(error);
    }
    return pods.reduce((sum, { errors }) => sum + errors.length, 0);
  }

  private failure(count: number): number {
    this.warn(`${count} ${count === 1 ? 'container was' : 'containers were'} not started; the pods are left as they are`);
    return 125;
  }

  /** Until the last container has ended, or we are told to go. */
  private async stay(engine: Engine, documents: KubeDocuments, { service }: PlayReport): Promise<number> {
    const { waitForEnd } = await import('../../engine/containers/stop.ts');
    const told = new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
    });
    if (service !== undefined) await Promise.race([waitForEnd(engine, service, Number.POSITIVE_INFINITY), told]);
    this.printLine('Cleaning up containers, pods, and volumes...');
    return this.down(engine, documents, true);
  }
}
