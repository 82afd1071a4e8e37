/** `metadata` of a document. */
import type { Fields } from './fields.ts';

export interface Metadata {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What the cluster notes of an object. */
export const NOTES_OF_CLUSTERS = ['namespace', 'creationTimestamp', 'uid', 'resourceVersion', 'managedFields', 'generateName', 'ownerReferences', 'selfLink'] as const;

/** @throws ScullError INVALID where there is no name */
export function metadataOf(fields: Fields, annotations: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = fields.fields('metadata');
  metadata?.passOver(...NOTES_OF_CLUSTERS, 'generation', 'finalizers');
  if (metadata === undefined) throw fields.wrong('metadata', 'there, and so there is no name');
  return { name: metadata.required('name'), labels: metadata.map('labels'), annotations: { ...metadata.map('annotations'), ...annotations } };
}
