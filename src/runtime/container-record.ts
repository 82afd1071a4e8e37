/** The lasting record of a container, containers/ID/container.json: what was asked for and what it was made from. */
import type { Digest } from '../oci/digest.ts';
import type { ContainerSpec, IdRange, NetworkMode, PortRequest, SecretRequest } from '../spec/container-spec.ts';
import type { HealthPlan } from './health-config.ts';

export const CONTAINER_FORMAT = 1;

/** What keeps a pod's namespaces; the native helper and catatonit(1) understand the same word. */
export const PAUSE_COMMAND = ['/pause', '-P'] as const;

export interface ContainerRecord {
  readonly format: typeof CONTAINER_FORMAT;
  /** 64 hex digits. */
  readonly id: string;
  readonly name: string;
  /** RFC 3339 with milliseconds, UTC. */
  readonly created: string;
  /** The wish, as it came. */
  readonly spec: ContainerSpec;
  /** The words by which it was made, `scull run …`; undefined where no command line made it. */
  readonly createCommand?: readonly string[];
  /** Set in a pod, for good: its id; whether this is the container that keeps the pod's namespaces; whether the pod stops with the end of the last of the others. A service container (engine/pods/service.ts) keeps nobody's: its pod is its own id. */
  readonly pod?: { readonly id: string; readonly infra?: true; readonly stops?: true };
  /** Undefined with --rootfs. */
  readonly image?: {
    readonly id: Digest;
    readonly manifestDigest: Digest;
    /** The name to show: as typed where it resolves to that, e.g. `docker.io/library/debian:latest`. */
    readonly name: string;
    /** Hex chain ids, lowest first: the lower directories of the overlay. */
    readonly layers: readonly string[];
  };
  /** Wish + image config + defaults: what the container is made of. */
  readonly config: ContainerConfig;
}

/** Pure result of merging a ContainerSpec with an image's config; all defaults applied, nothing looked up on disk. */
export interface ContainerConfig {
  /** Full argument list: entrypoint + command. */
  readonly args: readonly string[];
  /** For inspect: Path/Args split as Docker has it. */
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** `K=V` in order, without what only the host can tell (HOSTNAME, HOME). */
  readonly env: readonly string[];
  readonly workdir: string;
  /** '' means root. Unresolved names are looked up in the image's passwd at start. */
  readonly user: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  /** Seconds. */
  readonly stopTimeout: number;
  /** `80/tcp` */
  readonly exposedPorts: readonly string[];
  readonly networkMode: NetworkMode;
  /** Host ports chosen at create time where the user left them open are fixed here. */
  readonly ports: readonly PortRequest[];
  /** User mounts with volumes named and made: what inspect shows under Mounts. */
  readonly mounts: readonly ResolvedMount[];
  readonly health?: HealthPlan;
  /** Prepared for systemd as its init. */
  readonly systemd?: true;
  /** Text of the seccomp profile that the image brought, with --seccomp-policy=image. */
  readonly seccompProfile?: string;
  /** What --userns=auto gave it, in ids of the default map. */
  readonly ids?: { readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] };
  /** In the order of the files below the container's secrets/, which hold the data. */
  readonly secrets?: readonly ResolvedSecret[];
}

/** A secret that was there when the container was made. */
export type ResolvedSecret = SecretRequest & { readonly id: string; readonly name: string; readonly target: string };

/** A mount whose source exists by name: a volume, a host path, or a tmpfs. */
export interface ResolvedMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'ramfs' | 'image' | 'devpts';
  /** Volume name where type is volume. */
  readonly name?: string;
  /** Anonymous volumes are removed with `rm -v` and --rm. */
  readonly anonymous?: boolean;
  readonly source: string;
  /** The source is this blob of the store, a content of an artifact. */
  readonly blob?: Digest;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: string;
  readonly options: readonly string[];
  /** Path below source to mount, opened beneath it. */
  readonly subpath?: string;
  /** U */
  readonly chown?: boolean;
  /** O */
  readonly overlay?: boolean;
  readonly copyUp?: boolean;
}

/** Whether what is written over some of its mounts lasts as long as a run: `-v …:O`, images mounted rw. */
export function hasOverlayMounts({ config }: ContainerRecord): boolean {
  return config.mounts.some((mount) => mount.overlay === true || (mount.type === 'image' && !mount.readOnly));
}

/** Status worked out from the kernel on every read; the words are Docker's. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'exited' | 'removing';

export interface ContainerState {
  readonly status: ContainerStatus;
  /** Name of the other machine on which it runs, which shares the home; all that is known of it then is that it was started. */
  readonly host?: string;
  /** 0 unless running or paused. */
  readonly pid: number;
  /** Of the monitor; 0 when it is gone. */
  readonly monitorPid: number;
  /** RFC 3339, '' when never. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** 0 while it has none; 255 where it was lost (power cut, killed monitor). */
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why the last start failed. */
  readonly error: string;
}
