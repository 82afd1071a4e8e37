/** --label, --annotation and label files. */
import { ScullError } from '../host/errors.ts';

/**
 * `key=value`; without `=` the value is empty.
 * @param option `--label`, named in errors
 * @throws ScullError INVALID for an empty key
 */
export function parseLabel(text: string, option = '--label'): readonly [key: string, value: string] {
  const equals = text.indexOf('=');
  const key = equals === -1 ? text : text.slice(0, equals);
  if (key === '') throw new ScullError('INVALID', `invalid ${option} ${JSON.stringify(text.slice(0, 100))}: the key is empty, expected key=value`);
  return [key, equals === -1 ? '' : text.slice(equals + 1)];
}

/** `key=value` lines; empty lines and those beginning with `#` are passed over. @param path named in errors */
export function parseLabelFile(text: string, path: string): (readonly [key: string, value: string])[] {
  const labels: (readonly [string, string])[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.replace(/\r$/, '').trimStart();
    if (trimmed !== '' && !trimmed.startsWith('#')) labels.push(parseLabel(trimmed, `label in line ${index + 1} of ${path}`));
  }
  return labels;
}
