/** secret create: podman-secret-create(1). */
import { isScullError, ScullError } from '../../host/errors.ts';
import { randomHex } from '../../host/identity.ts';
import { readSecret, SECRET_FORMAT, SECRET_MAX_SIZE, writeSecret } from '../../storage/secrets.ts';
import type { Engine } from '../engine.ts';
import { recordEvent } from '../events/record.ts';

export interface CreateSecretOptions {
  readonly name: string;
  readonly data: Uint8Array;
  readonly driver?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** One of that name gets the new data; containers that exist keep theirs. */
  readonly replace?: boolean;
  /** One of that name stays, and its id is returned. */
  readonly ignore?: boolean;
}

/** @returns its id @throws ScullError NAME_TAKEN, INVALID, UNSUPPORTED, NO_SPACE */
export async function createSecret(engine: Engine, options: CreateSecretOptions): Promise<string> {
  if (options.driver !== undefined && options.driver !== 'file') {
    throw new ScullError('UNSUPPORTED', `there is no secret driver ${JSON.stringify(options.driver)}`, { hint: 'scull has one driver: file' });
  }
  if (options.data.length === 0 || options.data.length > SECRET_MAX_SIZE) {
    throw new ScullError('INVALID', `a secret has between 1 and ${SECRET_MAX_SIZE} bytes, not ${options.data.length}`);
  }
  const now = new Date().toISOString();
  const record = {
    format: SECRET_FORMAT,
    id: randomHex(13).slice(0, 25),
    name: options.name,
    driver: 'file',
    created: now,
    updated: now,
    labels: options.labels ?? {},
    options: options.options ?? {},
    data: Buffer.from(options.data).toString('base64'),
  } as const;
  try {
    await writeSecret(engine.store, record, options.replace === true);
    recordEvent(engine, { type: 'secret', status: 'create', id: record.id, name: record.name });
    return record.id;
  } catch (error) {
    if (options.ignore !== true || !isScullError(error, 'NAME_TAKEN')) throw error;
    return readSecret(engine.store, options.name)?.id ?? record.id;
  }
}
