/**
 * Variables as users write them: `K=V`, `K` (the caller's value), `K*` (all of the caller's that begin so), and files of
 * such lines. The caller's environment is handed in.
 */
import { ScullError } from '../host/errors.ts';

export type CallerEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * One -e value.
 * @returns `K=V` entries; none where the caller has no such variable
 * @throws ScullError INVALID
 */
export function parseEnvironment(text: string, caller: CallerEnvironment): string[] {
  return entries(text, caller, `invalid variable ${JSON.stringify(text.slice(0, 100))} for --env`);
}

/**
 * The text of an --env-file. Leading white space, empty lines and lines beginning with `#` do not count; quotes and
 * everything else after `=` are taken as they are.
 * @param path named in errors
 */
export function parseEnvironmentFile(text: string, path: string, caller: CallerEnvironment): string[] {
  const result: string[] = [];
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  for (const [index, line] of lines.entries()) {
    const trimmed = line.replace(/\r$/, '').trimStart();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    result.push(...entries(trimmed, caller, `invalid variable in line ${index + 1} of ${path}`));
  }
  return result;
}

/** Of an entry `K=V`. */
export function variableName(entry: string): string {
  return entry.split('=', 1)[0] as string;
}

/** `K=V` entries with some replaced or added, in order. */
export function withVariables(env: readonly string[], entries: readonly string[]): string[] {
  return [...new Map([...env, ...entries].map((entry) => [variableName(entry), entry])).values()];
}

/** --env-merge: `K=V`, both sides required. */
export function parseEnvironmentMerge(text: string): string {
  if (text.indexOf('=') > 0) return text;
  throw new ScullError('INVALID', `invalid --env-merge ${JSON.stringify(text.slice(0, 100))}: expected name=value, where the value may hold \${NAME}`);
}

function entries(text: string, caller: CallerEnvironment, problem: string): string[] {
  const equals = text.indexOf('=');
  const name = equals === -1 ? text : text.slice(0, equals);
  if (name === '') throw new ScullError('INVALID', `${problem}: the name is empty, expected name=value or name`);
  if (text.includes('\0')) throw new ScullError('INVALID', `${problem}: it holds a NUL character`);
  if (/\s/.test(name)) throw new ScullError('INVALID', `${problem}: the name ${JSON.stringify(name.slice(0, 100))} holds white space`);
  if (equals !== -1) return [text];
  if (name.endsWith('*')) {
    const prefix = name.slice(0, -1);
    return Object.entries(caller).flatMap(([key, value]) => (key.startsWith(prefix) && value !== undefined ? [`${key}=${value}`] : []));
  }
  const value = caller[name];
  return value === undefined ? [] : [`${name}=${value}`];
}
