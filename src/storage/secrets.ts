/**
 * Secrets on disk: one file each, secrets/<name>, 0600, with what describes it and its data in base64. It comes into being by
 * link(2), which fails where the name is taken, and is replaced by rename(2): there is never half of one.
 */
import { linkSync, renameSync, unlinkSync } from 'node:fs';
import { crashPoint } from '../host/crash-point.ts';
import { errnoOf, ScullError } from '../host/errors.ts';
import { ensurePrivateDirectory, explainWriteFailure, namesIn, readJson, syncDirectory, writeJsonAtomic } from '../host/files.ts';
import { createStaging } from './staging.ts';
import type { Store } from './store.ts';

export const SECRET_FORMAT = 1;

/** Podman's limit, bytes. */
export const SECRET_MAX_SIZE = 512_000;

export interface SecretRecord {
  readonly format: typeof SECRET_FORMAT;
  /** 25 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: 'file';
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly updated: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As given with --driver-opts. */
  readonly options: Readonly<Record<string, string>>;
  /** base64 */
  readonly data: string;
}

/** @throws ScullError INVALID */
function checkSecretName(name: string): void {
  if (isSecretName(name)) return;
  throw new ScullError('INVALID', `${JSON.stringify(name.slice(0, 200))} is not a valid secret name`, { hint: 'a name starts with a letter or digit and goes on with letters, digits, "_", "." and "-"' });
}

function isSecretName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/.test(name);
}

/** @param replace an existing one of this name goes @throws ScullError NAME_TAKEN, NO_SPACE, PERMISSION */
export async function writeSecret(store: Store, record: SecretRecord, replace: boolean): Promise<void> {
  checkSecretName(record.name);
  const path = store.layout.secret(record.name);
  ensurePrivateDirectory(store.layout.secrets);
  const staging = createStaging(store);
  try {
    const file = staging.path('secret');
    writeJsonAtomic(file, record);
    crashPoint('secret:written');
    if (replace) renameSync(file, path);
    else linkSync(file, path);
    syncDirectory(store.layout.secrets);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new ScullError('NAME_TAKEN', `secret ${JSON.stringify(record.name)} already exists`, { hint: `give --replace to change it, or remove it with \`scull secret rm ${record.name}\`` });
    throw explainWriteFailure(error, path);
  } finally {
    await staging.remove();
  }
}

/** Names of all secrets, sorted. */
export function secretNames(store: Store): string[] {
  return namesIn(store.layout.secrets).filter(isSecretName).sort();
}

/** @returns undefined when there is no such secret @throws ScullError CORRUPT naming the file */
export function readSecret(store: Store, name: string): SecretRecord | undefined {
  if (!isSecretName(name)) return undefined;
  const path = store.layout.secret(name);
  const value = readJson(path);
  if (value === undefined) return undefined;
  const record = (typeof value === 'object' ? value : null) as Partial<SecretRecord> | null;
  if (record === null || record.name !== name || typeof record.id !== 'string' || typeof record.data !== 'string' || typeof record.created !== 'string' || typeof record.updated !== 'string') {
    throw new ScullError('CORRUPT', `the record ${path} is damaged: it does not describe the secret`, { hint: `remove it with \`scull secret rm ${name}\`` });
  }
  if (record.format !== SECRET_FORMAT) throw new ScullError('UNSUPPORTED', `the secret ${JSON.stringify(name)} was made by a newer scull (format ${String(record.format)})`);
  return { ...record, labels: record.labels ?? {}, options: record.options ?? {} } as SecretRecord;
}

/** @returns false when it was not there */
export function removeSecretFile(store: Store, name: string): boolean {
  try {
    unlinkSync(store.layout.secret(name));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw explainWriteFailure(error, store.layout.secret(name));
  }
}
