/** Numbers from 0 to 1 that come again with the same seed. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** SCULL_TEST_SEED, to see again what a run has seen; else one that no other run had. */
export function testSeed(): number {
  return Number(process.env['SCULL_TEST_SEED'] ?? Date.now() % 1_000_000);
}
