/** kube play: documents become secrets, volumes and pods, one after the other; what the pods' containers refer to is made before them. */
import { availableParallelism, totalmem } from 'node:os';
import { isScullError, ScullError } from '../../host/errors.ts';
import { randomId } from '../../host/identity.ts';
import { notifySocket } from '../../host/service-manager.ts';
import type { KubeContainer } from '../../kube/container.ts';
import type { ConfigMap, KubeDocuments } from '../../kube/documents.ts';
import { containerWish, DEFAULT_NETWORK, podWish, sharedNamespaces, type ContainerContext, type PodWishes } from '../../kube/plan.ts';
import type { KubePod } from '../../kube/pod.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readContainerState } from '../../runtime/lifecycle.ts';
import { EMPTY_CONTAINER_SPEC } from '../../spec/container-spec.ts';
import type { PodRecord } from '../../storage/pods.ts';
import { createContainer } from '../containers/create.ts';
import { startContainer } from '../containers/launch.ts';
import { removeContainer } from '../containers/removal.ts';
import { keepPatient, untilHealthy } from '../containers/service-manager.ts';
import { startContainers } from '../containers/start.ts';
import { waitForEnd } from '../containers/stop.ts';
import type { Engine } from '../engine.ts';
import { ensureImage } from '../images/ensure.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';
import { createPod } from '../pods/create.ts';
import { removePod } from '../pods/remove.ts';
import { startService } from '../pods/service.ts';
import { keepSecret, secretsOf } from './secrets.ts';
import { discardVolumes, keepClaim, prepareVolumes } from './volumes.ts';

export interface PlayOptions {
  /** For the pod of that number, counted from 0. @throws ScullError INVALID */
  readonly wishes: (index: number) => PodWishes;
  /** --configmap */
  readonly configMaps: readonly ConfigMap[];
  readonly registry: RegistryChoices;
  /** Images just built: no registry is asked for them. */
  readonly built: ReadonlySet<string>;
  readonly start: boolean;
  /** Labels of every container. */
  readonly labels: Readonly<Record<string, string>>;
  readonly createCommand: readonly string[];
  /** A service container is wanted, of this name. */
  readonly service?: { readonly name: string; readonly exitCode: 'none' | 'any' | 'all' };
}

export interface PlayedPod {
  readonly id: string;
  readonly containers: readonly string[];
  /** Containers that could not be started. */
  readonly errors: readonly ScullError[];
}

export interface PlayReport {
  readonly volumes: readonly string[];
  readonly secrets: readonly string[];
  readonly pods: readonly PlayedPod[];
  /** Id of the service container, where one was wanted and anything runs. */
  readonly service?: string;
}

/**
 * podman-kube-play(1). Whatever is wrong with a pod is found before anything of it is made; a pod that fails halfway is removed again.
 * @throws ScullError NAME_TAKEN, INVALID, NO_SUCH_IMAGE …
 */
export async function playKube(engine: Engine, documents: KubeDocuments, options: PlayOptions): Promise<PlayReport> {
  if (documents.pods.length + documents.claims.length + documents.secrets.length === 0) {
    throw new ScullError('INVALID', documents.configMaps.length > 0 ? 'a ConfigMap alone is nothing: it must be used by a container' : 'there is nothing in it that can be played');
  }
  const patience = keepPatient(EMPTY_CONTAINER_SPEC, engine.progress);
  const patient = { ...engine, progress: patience.progress };
  try {
    const configMaps = allConfigMaps(documents, options);
    const serviceId = options.service === undefined || documents.pods.length === 0 ? undefined : randomId();
    const secrets: string[] = [];
    for (const secret of documents.secrets) secrets.push(await keepSecret(patient, secret));
    const volumes: string[] = [];
    for (const claim of documents.claims) volumes.push(await keepClaim(patient, claim));
    const pods: PlayedPod[] = [];
    for (const [index, pod] of documents.pods.entries()) pods.push(await new Player(patient, pod, options, configMaps, options.wishes(index)).play(serviceId, patience.say));
    const runs = pods.some(({ containers, errors }) => containers.length === 0 || errors.length < containers.length);
    if (serviceId === undefined || !runs) return { volumes, secrets, pods };
    const monitor = await startService(patient, serviceId, options.service?.name ?? '');
    await tellManager(documents, monitor);
    return { volumes, secrets, pods, service: serviceId };
  } finally {
    patience.stop();
  }
}

function allConfigMaps(documents: KubeDocuments, { configMaps }: PlayOptions): ReadonlyMap<string, ConfigMap> {
  const twice = configMaps.find(({ name }) => documents.configMaps.some((other) => other.name === name));
  if (twice !== undefined) throw new ScullError('INVALID', `the ConfigMap ${twice.name} is both in the file and in one of --configmap`);
  return new Map([...documents.configMaps, ...configMaps].map((each) => [each.name, each]));
}

const NOTIFY = 'io.containers.sdnotify';

type NotifyMode = 'conmon' | 'container' | 'healthy' | 'ignore';

/** Which container of which pod the service manager waits for: Podman's annotation, of one or of all. */
function notifyMode({ annotations }: KubePod, { name }: KubeContainer): NotifyMode {
  const mode = annotations[`${NOTIFY}/${name}`] ?? annotations[NOTIFY] ?? 'ignore';
  if (mode === 'conmon' || mode === 'container' || mode === 'healthy' || mode === 'ignore') return mode;
  throw new ScullError('INVALID', `the annotation ${NOTIFY} is ${JSON.stringify(mode)}: it is one of conmon, container, healthy, ignore`);
}

/** A container that is to say itself that it is ready has done so, or will. */
async function tellManager({ pods }: KubeDocuments, monitor: number): Promise<void> {
  const socket = notifySocket();
  if (socket === undefined || monitor === 0) return;
  const speaks = pods.some((pod) => pod.containers.some((container) => notifyMode(pod, container) === 'container'));
  const { notify } = await import('../../systemd/notify.ts');
  await notify(socket, [`MAINPID=${monitor}`, ...(speaks ? [] : ['READY=1', 'STATUS=running'])]);
}

/** One pod, from its plan to its start. */
class Player {
  private readonly engine: Engine;
  private readonly pod: KubePod;
  private readonly options: PlayOptions;
  private readonly configMaps: ReadonlyMap<string, ConfigMap>;
  private readonly wishes: PodWishes;

  constructor(engine: Engine, pod: KubePod, options: PlayOptions, configMaps: ReadonlyMap<string, ConfigMap>, wishes: PodWishes) {
    this.engine = engine;
    this.pod = pod;
    this.options = options;
    this.configMaps = configMaps;
    this.wishes = wishes;
  }

  async play(service: string | undefined, say: (status: string) => void): Promise<PlayedPod> {
    const { engine, pod, options } = this;
    const spec = podWish(pod, this.wishes);
    const secrets = await secretsOf(engine, pod);
    const all = [...pod.initContainers, ...pod.containers];
    for (const container of all) containerWish(pod, container, this.context(container, secrets, '', []));
    const images = new Map<string, readonly string[]>();
    for (const { image, spec: { pull } } of all) images.set(image, (await ensureImage(engine, image, { ...options.registry, pull: options.built.has(image) ? 'never' : pull })).config.config?.Env ?? []);
    await this.makeNetwork(spec.network.mode);
    const infraName = pod.annotations['io.podman.annotations.infra.name'];
    const record = await createPod(engine, {
      name: pod.name,
      infra: true,
      ...(infraName === undefined ? {} : { infraName }),
      share: sharedNamespaces(pod, this.wishes),
      exitPolicy: 'stop',
      ...(service === undefined ? {} : { service: { id: service, exitCode: options.service?.exitCode ?? 'none' } }),
      spec,
    }, { createCommand: options.createCommand });
    const make = (container: KubeContainer, beforeOthers: boolean): Promise<ContainerRecord> => {
      const wish = containerWish(pod, container, this.context(container, secrets, record.id, images.get(container.image) ?? []));
      // The image is here by now: it is asked for once.
      return createContainer(engine, { ...wish, pull: 'missing', ...(notifyMode(pod, container) === 'container' ? { sdNotify: 'container' } : {}) }, { beforeOthers });
    };
    let made: ContainerRecord[];
    let first: ContainerRecord[];
    try {
      await prepareVolumes(engine, pod, (volume) => (volume.type === 'configMap' ? this.configMap(volume.source) : volume.type === 'secret' ? secrets.get(volume.source) : undefined));
      first = [];
      for (const container of pod.initContainers) first.push(await make(container, true));
      made = [];
      for (const container of pod.containers) made.push(await make(container, false));
    } catch (error) {
      await this.takeBack(record);
      throw error;
    }
    const errors = options.start ? await this.start(first, made, say) : [];
    return { id: record.id, containers: made.map(({ id }) => id), errors };
  }

  /** Nothing of it ran. */
  private async takeBack(record: PodRecord): Promise<void> {
    await removePod(this.engine, record, { force: true, timeout: 0 });
    await discardVolumes(this.engine, this.pod);
  }

  private async start(first: readonly ContainerRecord[], made: readonly ContainerRecord[], say: (status: string) => void): Promise<ScullError[]> {
    const { engine, pod } = this;
    try {
      for (const record of first) await this.runBefore(record, say);
    } catch (error) {
      if (!isScullError(error)) throw error;
      return made.map(() => error);
    }
    const outcomes = await startContainers(engine, { names: made.map(({ id }) => id) });
    const errors = outcomes.flatMap(({ error }) => error ?? []);
    if (notifySocket() === undefined || errors.length > 0) return errors;
    const awaited = made.filter((_record, index) => notifyMode(pod, pod.containers[index] as KubeContainer) === 'healthy');
    try {
      for (const record of awaited) await untilHealthy(engine, record, say);
    } catch (error) {
      if (!isScullError(error)) throw error;
      errors.push(error);
    }
    return errors;
  }

  /** Kubernetes' init containers: one after the other, each to its good end. */
  private async runBefore(record: ContainerRecord, say: (status: string) => void): Promise<void> {
    const { engine } = this;
    say(`waiting for the end of ${record.name}`);
    await startContainer(engine, record);
    await waitForEnd(engine, record.id, Number.POSITIVE_INFINITY);
    const { exitCode } = readContainerState(engine.store.layout.container(record.id));
    if (exitCode !== 0) throw new ScullError('WRONG_STATE', `the init container ${record.name} ended with exit code ${exitCode}, so the others of its pod were not started`, { hint: `see \`scull logs ${record.name}\`` });
    await removeContainer(engine, record, { volumes: false });
  }

  private context(container: KubeContainer, secrets: ReadonlyMap<string, Readonly<Record<string, Buffer>>>, id: string, imageEnvironment: readonly string[]): ContainerContext {
    const { name, labels, annotations } = this.pod;
    return {
      wishes: this.wishes,
      imageEnvironment,
      labels: this.options.labels,
      cwd: process.cwd(),
      pod: { name, id, labels, annotations },
      resources: container.resources,
      machine: { memory: totalmem(), cpus: availableParallelism() },
      configMap: (wanted) => this.configMaps.get(wanted)?.data,
      secret: (wanted) => secrets.get(wanted),
    };
  }

  private configMap(name: string): Readonly<Record<string, Buffer>> | undefined {
    const found = this.configMaps.get(name);
    if (found === undefined) return undefined;
    return { ...Object.fromEntries(Object.entries(found.data).map(([key, value]) => [key, Buffer.from(value)])), ...found.binaryData };
  }

  /** The one of all played pods is made with the first. */
  private async makeNetwork(mode: ReturnType<typeof podWish>['network']['mode']): Promise<void> {
    if (mode.mode !== 'networks' || !mode.networks.some(({ name }) => name === DEFAULT_NETWORK)) return;
    const { createNetwork } = await import('../networks/create.ts');
    await createNetwork(this.engine, { name: DEFAULT_NETWORK, ignore: true });
  }
}
