/** --entrypoint: a program, or a JSON list of a program and its first arguments; '' clears the image's. */
import { ScullError } from '../host/errors.ts';

/** @throws ScullError INVALID for what begins like a JSON list of strings and is none */
export function parseEntrypoint(text: string): string[] {
  if (text === '') return [];
  if (!text.trimStart().startsWith('[')) return [text];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [text]; // a program whose name begins with a bracket: test(1) has one
  }
  if (Array.isArray(value) && value.every((word) => typeof word === 'string')) return value as string[];
  throw new ScullError('INVALID', `invalid --entrypoint ${JSON.stringify(text.slice(0, 100))}: expected a program or a JSON list of strings`);
}

/** --umask: octal. @throws ScullError INVALID */
export function parseUmask(text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8);
  throw new ScullError('INVALID', `invalid --umask ${JSON.stringify(text.slice(0, 60))}: expected up to four octal digits, for example 0022`);
}
