/** Where `secret create` takes its data from. */
import { readFileSync } from 'node:fs';
import { describeErrno } from '../host/errno.ts';
import { environmentVariable } from '../host/environment.ts';
import { ScullError } from '../host/errors.ts';
import { inputStream } from './input.ts';

/** What is longer is refused by the engine; nobody needs to read all of /dev/zero for that. */
const ENOUGH = 1 << 20;

/** @param source a path, `-` for standard input, or the name of a variable @throws ScullError NOT_FOUND, INVALID */
export async function readSecretSource(source: string, isVariable: boolean): Promise<Uint8Array> {
  if (isVariable) {
    const value = environmentVariable(source);
    if (value === undefined) throw new ScullError('NOT_FOUND', `the variable ${JSON.stringify(source)} is not set or empty`);
    return Buffer.from(value);
  }
  if (source !== '-') {
    try {
      return readFileSync(source);
    } catch (cause) {
      throw new ScullError('NOT_FOUND', `cannot read ${JSON.stringify(source)}: ${describeErrno(cause)}`, { cause });
    }
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of await inputStream()) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > ENOUGH) break;
  }
  return Buffer.concat(chunks);
}
