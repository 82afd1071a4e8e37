/** What a build is asked for, and what it tells. */
import type { Platform } from '../../oci/platform.ts';
import type { ContainerSpec, PullPolicy } from '../../spec/container-spec.ts';
import type { RegistryChoices } from '../images/registry-choices.ts';

/** What containers of steps are made of, for those who look at them: no name that an image could have. */
export const STEP_IMAGE = '<build>';

export interface BuildOptions {
  /** Directory, `-` (a tar, or with `file: '-'` nothing), http or git URL. */
  readonly context: string;
  /** Path of the Containerfile, `-` for standard input; Containerfile or Dockerfile of the context unless given. */
  readonly file?: string | undefined;
  /** Standard input, for `-`. */
  readonly input?: NodeJS.ReadableStream | undefined;
  readonly ignoreFile?: string | undefined;
  /** As typed; a short one becomes localhost/NAME. */
  readonly tags: readonly string[];
  readonly target?: string | undefined;
  readonly from?: string | undefined;
  readonly args: ReadonlyMap<string, string>;
  /** This machine's where there is none. */
  readonly platforms: readonly Platform[];
  /** --manifest: the list that the images are added to, as typed. */
  readonly manifest?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly env: readonly string[];
  readonly unsetEnv: readonly string[];
  readonly unsetLabels: readonly string[];
  /** false: those of base images are left out. */
  readonly inheritLabels: boolean;
  readonly omitHistory: boolean;
  readonly pull: PullPolicy;
  readonly registry: RegistryChoices;
  readonly noCache: boolean;
  /** Stages whose steps are executed anew. */
  readonly noCacheFilter: readonly string[];
  /** Milliseconds: older results of steps do not count. */
  readonly cacheTtl?: number | undefined;
  readonly cacheFrom: readonly CachePlace[];
  readonly cacheTo: readonly CachePlace[];
  readonly jobs?: number | undefined;
  /** false: one layer for all steps, nothing kept for the cache. */
  readonly layers: boolean;
  readonly squash: 'no' | 'new' | 'all';
  readonly format: 'oci' | 'docker';
  /** Seconds since 1970: time of image, history and files. */
  readonly timestamp?: number | undefined;
  readonly namedContexts: ReadonlyMap<string, string>;
  readonly outputs: readonly BuildOutput[];
  /** To the registries of the names. */
  readonly push: boolean;
  /** id → where its content is. */
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** id → socket of an agent, or private keys. */
  readonly ssh: ReadonlyMap<string, readonly string[]>;
  /** What RUN steps get of a container's wish: networks, limits, mounts. */
  readonly run: RunChoices;
  /** --allow security.insecure */
  readonly allowInsecure: boolean;
  readonly abort: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
}

/** Where results of steps are kept for other machines. */
export type CachePlace =
  | { readonly kind: 'directory'; readonly path: string; readonly ignoreErrors: boolean }
  /** `perStep`: an artifact for each step, tagged with its key, instead of one that has all. */
  | { readonly kind: 'registry'; readonly reference: string; readonly perStep: boolean; readonly ignoreErrors: boolean };

/** --output: where the result goes besides, or instead of, the store. */
export type BuildOutput =
  | { readonly kind: 'image' }
  /** The files of the last stage, as the caller's. */
  | { readonly kind: 'local'; readonly directory: string }
  /** A tar of them; '-' is standard output. */
  | { readonly kind: 'tar'; readonly path: string }
  /** An archive of the image, as `save` makes it. */
  | { readonly kind: 'archive'; readonly format: 'docker-archive' | 'oci-archive'; readonly path: string };

export type SecretSource = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'env'; readonly variable: string };

export type RunChoices = Partial<Pick<ContainerSpec, 'ulimits' | 'shmSize' | 'resources' | 'security' | 'capAdd' | 'capDrop' | 'mounts' | 'devices' | 'cdiDevices'>> & { readonly network: ContainerSpec['network'] };

/** A step as progress knows it: `id` is unique in the build. */
export interface StepLabel {
  readonly id: number;
  /** `build`, or the stage's number. */
  readonly stage: string;
  /** Of the stage: `2/5`. */
  readonly number: string;
  readonly title: string;
}

export type BuildEvent =
  | { readonly kind: 'start'; readonly step: StepLabel }
  | { readonly kind: 'output'; readonly step: StepLabel; readonly stream: 'stdout' | 'stderr'; readonly chunk: Uint8Array }
  | { readonly kind: 'done'; readonly step: StepLabel; readonly result: 'cached' | 'ok' }
  | { readonly kind: 'failed'; readonly step: StepLabel; readonly message: string }
  /** Another step failed, or the user gave up. */
  | { readonly kind: 'canceled'; readonly step: StepLabel }
  | { readonly kind: 'warning'; readonly text: string };
