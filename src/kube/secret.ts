/** Secrets of Kubernetes: several keys under one name. */
import { ScullError } from '../host/errors.ts';
import { Fields } from './fields.ts';
import { metadataOf } from './metadata.ts';

export interface KubeSecret {
  readonly name: string;
  readonly immutable: boolean;
  readonly data: Readonly<Record<string, Buffer>>;
}

/** What `kube play` keeps of a Secret document as a secret, and reads again: JSON, which is YAML too. */
export function secretText({ name, data }: KubeSecret): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, value.toString('base64')])) });
}

/** @param value a Secret document, or (of old versions of Podman) its data alone @throws ScullError INVALID */
export function readSecretValue(value: unknown, name: string): KubeSecret {
  const fields = new Fields(value, `secret ${name}:`);
  if (fields.text('kind') === undefined) return { name, immutable: false, data: decoded(new Fields({ data: value }, `secret ${name}:`).map('data'), `secret ${name}`) };
  return { ...readSecretDocument(fields), name };
}

/** @throws ScullError INVALID */
export function readSecretDocument(fields: Fields): KubeSecret {
  fields.passOver('type');
  const { name } = metadataOf(fields);
  const plain = Object.entries(fields.map('stringData')).map(([key, value]) => [key, Buffer.from(value)] as const);
  return { name, immutable: fields.boolean('immutable') ?? false, data: { ...decoded(fields.map('data'), `Secret ${name}: data`), ...Object.fromEntries(plain) } };
}

/** base64 → bytes, value by value. @throws ScullError INVALID */
export function decoded(values: Readonly<Record<string, string>>, place: string): Record<string, Buffer> {
  return Object.fromEntries(
    Object.entries(values).map(([key, text]) => {
      const plain = text.replace(/\s/g, '');
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(plain) || plain.length % 4 !== 0) throw new ScullError('INVALID', `${place}.${key.slice(0, 100)} is not base64`);
      return [key, Buffer.from(plain, 'base64')];
    }),
  );
}
