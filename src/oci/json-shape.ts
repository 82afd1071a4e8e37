/** Reading JSON of unknown origin into typed values: each reader checks one shape and names the place that is wrong. */
import { ScullError } from '../host/errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Where in a document a value stands, for the error: `config.Env[3]` of the image configuration. */
export interface Place {
  /** What to call the document, e.g. `the image configuration`. */
  readonly document: string;
  /** Undefined for the document itself. Spelled out only when something is wrong: documents have thousands of values. */
  readonly parent?: Place;
  readonly key?: string | number;
}

export function within(place: Place, key: string | number): Place {
  return { document: place.document, parent: place, key };
}

export function malformed(place: Place, expected: string): ScullError {
  return new ScullError('INVALID', `${place.document} is malformed: ${pathOf(place) || 'it'} is not ${expected}`);
}

function pathOf(place: Place): string {
  const { parent, key } = place;
  if (parent === undefined || key === undefined) return '';
  const above = pathOf(parent);
  if (typeof key === 'number') return `${above}[${key}]`;
  const step = /^[A-Za-z0-9_]{1,60}$/.test(key) ? key : JSON.stringify(key.slice(0, 60));
  return above === '' ? step : `${above}.${step}`;
}

let decoder: InstanceType<typeof TextDecoder> | undefined;

/** Parses a document of at most `limit` bytes that must be a JSON object. @throws ScullError INVALID */
export function parseJsonObject(bytes: Uint8Array, document: string, limit: number): JsonObject {
  if (bytes.length > limit) throw new ScullError('INVALID', `${document} is too large: ${bytes.length} bytes, at most ${limit} are read`);
  let value: unknown;
  try {
    value = JSON.parse((decoder ??= new TextDecoder('utf-8', { fatal: true })).decode(bytes)) as unknown;
  } catch (cause) {
    // The parser's own message quotes the content, which came from outside: left to `cause`.
    throw new ScullError('INVALID', `${document} is not JSON`, { cause });
  }
  return readObject(value, { document });
}

export function readObject(value: unknown, place: Place): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(place, 'an object');
  return value as JsonObject;
}

export function readString(value: unknown, place: Place): string {
  if (typeof value !== 'string') throw malformed(place, 'a string');
  return value;
}

/** A whole number from 0 on that JavaScript holds exactly. */
export function readCount(value: unknown, place: Place): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed(place, 'a whole number from 0 on');
  return value;
}

export function readNumber(value: unknown, place: Place): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw malformed(place, 'a number');
  return value;
}

export function readArray<T>(value: unknown, place: Place, item: (value: unknown, place: Place) => T, limit = Infinity): readonly T[] {
  if (!Array.isArray(value)) throw malformed(place, 'a list');
  if (value.length > limit) throw malformed(place, `a list of at most ${limit} entries`);
  return value.map((entry, index) => item(entry, within(place, index)));
}

export function readStrings(value: unknown, place: Place): readonly string[] {
  return readArray(value, place, readString);
}

export function readStringMap(value: unknown, place: Place): Readonly<Record<string, string>> {
  // Object.entries and fromEntries keep a key such as `__proto__` an ordinary one.
  return Object.fromEntries(Object.entries(readObject(value, place)).map(([key, entry]) => [key, readString(entry, within(place, key))]));
}

/** A set as Go writes it: an object whose values say nothing. */
export function readKeySet(value: unknown, place: Place): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.keys(readObject(value, place)).map((key) => [key, {}]));
}

const NOTHING = Object.freeze({});

/** Sets `key` where the document has it; `null`, which Go writes for empty lists and maps, counts as absent. */
export function optional<T>(source: JsonObject, key: string, place: Place, read: (value: unknown, place: Place) => T): Record<string, T> {
  const value = source[key];
  return value === undefined || value === null ? NOTHING : { [key]: read(value, within(place, key)) };
}
