/** Flags that the commands on lists of images share, with Podman's names. */
import * as Flags from '@oclif/core/flags';
import type { RegistryChoices } from '../../engine/images/registry-choices.ts';
import { ScullError } from '../../host/errors.ts';
import type { InstanceNotes } from '../../oci/index-edit.ts';
import { list, text, toggle } from './declare.ts';

const INSTANCE = 'image';
const ARTIFACT = 'artifact';

/** What a list says of an image in it. For add and annotate. */
export const instanceFlags = {
  annotation: list(INSTANCE, 'key=value', 'Annotation'),
  arch: text(INSTANCE, 'name', 'Processor the image is for'),
  os: text(INSTANCE, 'name', 'Operating system the image is for'),
  'os-version': text(INSTANCE, 'version', 'Version of the operating system'),
  variant: text(INSTANCE, 'name', 'Variant of the processor'),
  features: Flags.string({ description: 'Features of the processor that the image needs', helpGroup: INSTANCE, helpValue: 'feature', multiple: true, delimiter: ',' }),
};

/** Docker's spelling of --tls-verify=false. */
export const insecureFlag = { insecure: Flags.boolean({ description: 'The same as --tls-verify=false', hidden: true, exclusive: ['tls-verify'] }) };

/** What files become. For add. */
export const artifactFlags = {
  artifact: toggle(ARTIFACT, 'The words are files: make an artifact of them and add it'),
  'artifact-type': text(ARTIFACT, 'media type', 'What the artifact is'),
  'artifact-config': text(ARTIFACT, 'file', 'Configuration of the artifact (default an empty one)'),
  'artifact-config-type': text(ARTIFACT, 'media type', 'What the configuration is'),
  'artifact-layer-type': text(ARTIFACT, 'media type', 'What the files are (default by their names)'),
  'artifact-exclude-titles': toggle(ARTIFACT, 'Do not note the names of the files'),
  'artifact-subject': text(ARTIFACT, 'image', 'The image that the artifact belongs to'),
};

export interface InstanceFlagValues {
  readonly annotation?: readonly string[] | undefined;
  readonly arch?: string | undefined;
  readonly os?: string | undefined;
  readonly 'os-version'?: string | undefined;
  readonly 'os-features'?: readonly string[] | undefined;
  readonly variant?: string | undefined;
  readonly features?: readonly string[] | undefined;
}

/** The values in the engine's terms. @throws ScullError USAGE */
export function instanceNotes(flags: InstanceFlagValues): InstanceNotes {
  return {
    annotations: listAnnotations(flags.annotation),
    os: flags.os,
    architecture: flags.arch,
    variant: flags.variant,
    osVersion: flags['os-version'],
    osFeatures: flags['os-features'],
    features: flags.features,
  };
}

/** @throws ScullError USAGE for an annotation without value */
export function listAnnotations(given: readonly string[] | undefined): Readonly<Record<string, string>> | undefined {
  if (given === undefined) return undefined;
  return Object.fromEntries(
    given.map((annotation) => {
      const equals = annotation.indexOf('=');
      if (equals <= 0) throw new ScullError('USAGE', `invalid --annotation ${JSON.stringify(annotation)}: it is key=value`);
      return [annotation.slice(0, equals), annotation.slice(equals + 1)];
    }),
  );
}

/** Adds what --insecure says. */
export function trust(choices: RegistryChoices, flags: { readonly insecure?: boolean | undefined }): RegistryChoices {
  return flags.insecure === undefined ? choices : { ...choices, tlsVerify: !flags.insecure };
}

export interface ArtifactFlagValues {
  readonly artifact?: boolean | undefined;
  readonly 'artifact-type'?: string | undefined;
  readonly 'artifact-config'?: string | undefined;
  readonly 'artifact-config-type'?: string | undefined;
  readonly 'artifact-layer-type'?: string | undefined;
  readonly 'artifact-exclude-titles'?: boolean | undefined;
  readonly 'artifact-subject'?: string | undefined;
}

/** @returns undefined where no artifact is wanted @throws ScullError USAGE for flags that need --artifact */
export function artifactOptions(flags: ArtifactFlagValues) {
  if (flags.artifact !== true) {
    const [stray] = Object.keys(artifactFlags).filter((name) => name !== 'artifact' && flags[name as keyof ArtifactFlagValues] !== undefined);
    if (stray !== undefined) throw new ScullError('USAGE', `--${stray} goes only with --artifact`);
    return undefined;
  }
  return {
    type: flags['artifact-type'],
    config: flags['artifact-config'],
    configType: flags['artifact-config-type'],
    layerType: flags['artifact-layer-type'],
    titles: flags['artifact-exclude-titles'] !== true,
    subject: flags['artifact-subject'],
  };
}
