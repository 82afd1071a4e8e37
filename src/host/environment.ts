/** The caller's environment, read here and nowhere else above host. */

/** A copy of what we were started with. */
export function callerEnvironment(): Record<string, string> {
  const copy: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) copy[name] = value;
  return copy;
}
