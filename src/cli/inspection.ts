/** Looking up several objects for `inspect`: what is found is printed, each failure is told. */
import { isScullError, type ScullError } from '../host/errors.ts';

export interface Inspection {
  readonly objects: readonly object[];
  readonly errors: readonly ScullError[];
}

/** @param inspect throws a ScullError for what is not there */
export async function inspectEach(names: readonly string[], inspect: (name: string) => object | Promise<object>): Promise<Inspection> {
  const objects: object[] = [];
  const errors: ScullError[] = [];
  for (const name of names) {
    try {
      objects.push(await inspect(name));
    } catch (error) {
      if (!isScullError(error)) throw error;
      errors.push(error);
    }
  }
  return { objects, errors };
}
