/** Where a push goes, and what came of it. */
import { ScullError } from '../../host/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import { digestReference, formatReference, LOCAL_REGISTRY, parseReference, parseSource, type Reference } from '../../oci/reference.ts';

export interface Pushed {
  /** Undefined for a file. */
  readonly reference?: string;
  readonly digest: Digest;
}

/** By what exactly this is known there: `repository@digest`; in a file the digest alone. */
export function pushedName({ reference, digest }: Pushed): string {
  return reference === undefined ? digest : digestReference(parseReference(reference), digest);
}

/** In which registry an image or a list is to be pushed where. @throws ScullError INVALID; UNSUPPORTED for other transports */
export function destinationOf(nameOrId: string, found: string | undefined, destination: string | undefined): Reference {
  const text = destination ?? found;
  if (text === undefined) throw new ScullError('INVALID', `${JSON.stringify(nameOrId)} is an image id, which does not say where to push to`, { hint: 'give a destination: `scull push IMAGE REGISTRY/REPOSITORY:TAG`' });
  const source = parseSource(text);
  if (source.transport !== 'docker') throw new ScullError('UNSUPPORTED', `${JSON.stringify(text)} is not in a registry`);
  const { reference } = source;
  if (reference.registry === LOCAL_REGISTRY && destination === undefined) {
    throw new ScullError('INVALID', `${formatReference(reference)} was made here, and its name does not say where to push to`, {
      hint: `give a destination: \`scull push ${nameOrId} REGISTRY/REPOSITORY:TAG\`, or a name with \`scull tag\``,
    });
  }
  return reference;
}
