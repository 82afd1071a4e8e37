/**
 * A mapping of a Kubernetes document, read field by field. It knows which of its fields were asked for: the others are told afterwards,
 * so that a typo, or a wish that nobody here fulfils, does not pass in silence.
 */
import { ScullError } from '../host/errors.ts';

export class Fields {
  private readonly value: Readonly<Record<string, unknown>>;
  private readonly path: string;
  private readonly asked = new Set<string>();
  private readonly below: Fields[] = [];

  /** @param path for messages, such as `Pod shop:` or `Pod shop: spec.containers[0]` @throws ScullError INVALID for what is no mapping */
  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ScullError('INVALID', `${path} is not a mapping`);
    this.value = value as Readonly<Record<string, unknown>>;
    this.path = path;
  }

  /** @returns undefined where it is absent or null */
  fields(key: string): Fields | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    return this.child(value, this.pathOf(key));
  }

  list(key: string): Fields[] {
    return this.items(key).map((value, index) => this.child(value, `${this.pathOf(key)}[${index}]`));
  }

  /** A plain scalar is text too: `value: 8080` is meant as it is written. @throws ScullError INVALID */
  text(key: string): string | undefined {
    const value = this.take(key);
    return value === undefined ? undefined : this.asText(value, this.pathOf(key));
  }

  /** @throws ScullError INVALID also where it is empty or absent */
  required(key: string): string {
    const text = this.text(key);
    if (text === undefined || text === '') throw new ScullError('INVALID', `${this.pathOf(key)} is missing`);
    return text;
  }

  texts(key: string): string[] {
    return this.items(key).map((value, index) => this.asText(value, `${this.pathOf(key)}[${index}]`));
  }

  map(key: string): Record<string, string> {
    const value = this.take(key);
    if (value === undefined) return {};
    const { value: entries, path } = new Fields(value, this.pathOf(key));
    return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, entry === null ? '' : this.asText(entry, `${path}.${name}`)]));
  }

  boolean(key: string): boolean | undefined {
    const value = this.take(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false');
  }

  /** A whole number. @throws ScullError INVALID */
  integer(key: string, range: { readonly min: number; readonly max: number } = { min: 0, max: Number.MAX_SAFE_INTEGER }): number | undefined {
    const value = this.take(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= range.min && value <= range.max) return value;
    throw this.wrong(key, range.max === Number.MAX_SAFE_INTEGER ? `a whole number from ${range.min} on` : `a whole number from ${range.min} to ${range.max}`);
  }

  /** Fields that mean nothing on one machine, or nothing for what runs: not worth a word. */
  passOver(...keys: readonly string[]): void {
    for (const key of keys) this.asked.add(key);
  }

  /** Paths of the fields that nobody asked for, here and below. */
  unread(): string[] {
    const own = Object.keys(this.value).filter((key) => !this.asked.has(key) && this.value[key] !== null).map((key) => this.pathOf(key));
    return [...own, ...this.below.flatMap((child) => child.unread())];
  }

  wrong(key: string, expected: string): ScullError {
    return new ScullError('INVALID', `${this.pathOf(key)} is not ${expected}`);
  }

  private take(key: string): unknown {
    this.asked.add(key);
    const value = Object.hasOwn(this.value, key) ? this.value[key] : undefined;
    return value === null ? undefined : value;
  }

  private items(key: string): unknown[] {
    const value = this.take(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.wrong(key, 'a list');
    return value;
  }

  private child(value: unknown, path: string): Fields {
    const child = new Fields(value, path);
    this.below.push(child);
    return child;
  }

  private asText(value: unknown, path: string): string {
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
    throw new ScullError('INVALID', `${path} is not a text`);
  }

  private pathOf(key: string): string {
    const name = /^[\w./-]{1,100}$/.test(key) ? key : JSON.stringify(key.slice(0, 100));
    return `${this.path}${this.path.endsWith(':') ? ' ' : '.'}${name}`;
  }
}
