/** Waiting for facts instead of sleeping. */

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Asks until the answer is neither undefined, null, false nor an exception, and returns it.
 * @param what named in the error when `timeout` milliseconds have passed
 */
export async function eventually<T>(what: string, ask: () => T | Promise<T>, timeout = 30_000): Promise<NonNullable<T>> {
  const end = Date.now() + timeout;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<T>;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`not within ${timeout} ms: ${what} (last: ${last instanceof Error ? last.message : String(last)})`);
    await sleep(20);
  }
}
