/** The caller's environment, read here and nowhere else above host. */

/** One variable of the caller's; an empty one counts as not set. */
export function environmentVariable(name: string): string | undefined {
  const value = process.env[name];
  return value === '' ? undefined : value;
}

/** A copy of what we were started with. */
export function callerEnvironment(): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) copy[name] = value;
  return copy;
}
