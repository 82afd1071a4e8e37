/** `metadata` of a document. */
import type { Fields } from './fields.ts';

export interface Metadata {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** @throws ScullError INVALID where there is no name */
export function metadataOf(fields: Fields, annotations: Readonly<Record<string, string>> = {}): Metadata {
  const metadata = fields.fields('metadata');
  metadata?.passOver('namespace', 'creationTimestamp', 'uid', 'resourceVersion', 'generation', 'managedFields', 'generateName', 'ownerReferences', 'finalizers', 'selfLink');
  if (metadata === undefined) throw fields.wrong('metadata', 'there, and so there is no name');
  return { name: metadata.required('name'), labels: metadata.map('labels'), annotations: { ...metadata.map('annotations'), ...annotations } };
}
