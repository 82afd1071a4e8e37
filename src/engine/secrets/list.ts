/** secret ls and secret inspect: secrets in Podman's shape. The data is told only to who asks for it by name. */
import { ScullError } from '../../host/errors.ts';
import type { SecretRecord } from '../../storage/secrets.ts';
import type { Engine } from '../engine.ts';
import { findSecret, readSecrets } from './find.ts';

/** As `secret inspect` prints it. */
export interface SecretDescription {
  readonly ID: string;
  readonly CreatedAt: string;
  readonly UpdatedAt: string;
  readonly Spec: {
    readonly Name: string;
    readonly Driver: { readonly Name: string; readonly Options: Readonly<Record<string, string>> };
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly SecretData?: string;
}

export type SecretFilters = Readonly<Record<string, readonly string[]>>;

/** Sorted by name. Values of one filter are alternatives. @throws ScullError INVALID */
export function listSecrets(engine: Engine, filters: SecretFilters = {}): SecretDescription[] {
  const matchers = Object.entries(filters).map(([key, values]) => {
    if (key === 'name') return ({ name }: SecretRecord) => values.some((value) => name.includes(value));
    if (key === 'id') return ({ id }: SecretRecord) => values.some((value) => id.startsWith(value));
    throw new ScullError('INVALID', `unknown filter ${JSON.stringify(key)}`, { hint: 'filters of secrets are name and id' });
  });
  return readSecrets(engine).filter((record) => matchers.every((matches) => matches(record))).map((record) => describe(record, false));
}

/** @param showSecret its data too @throws ScullError NO_SUCH_SECRET, AMBIGUOUS, CORRUPT */
export function inspectSecret(engine: Engine, typed: string, showSecret: boolean): SecretDescription {
  return describe(findSecret(engine, typed), showSecret);
}

function describe(record: SecretRecord, showSecret: boolean): SecretDescription {
  return {
    ID: record.id,
    CreatedAt: record.created,
    UpdatedAt: record.updated,
    Spec: { Name: record.name, Driver: { Name: record.driver, Options: record.options }, Labels: record.labels },
    ...(showSecret ? { SecretData: Buffer.from(record.data, 'base64').toString() } : {}),
  };
}
