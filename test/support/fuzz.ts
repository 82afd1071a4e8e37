/** Fuzzing within a test: seconds of it, another seed each time, and the seed in the error where one is found. */
import { randomInt } from 'node:crypto';

export interface Fuzz {
  /** The same for the same seed: a whole number below `below`. */
  random(below: number): number;
  /** One of several. */
  pick<T>(items: readonly T[]): T;
}

/**
 * Calls `round` again and again for a moment (SCULL_FUZZ_SECONDS; a second unless set). It must throw for what is a defect.
 * SCULL_FUZZ_SEED repeats what was found.
 * @throws Error naming the seed and the round
 */
export function fuzz(round: (fuzz: Fuzz) => void): void {
  const seed = Number(process.env['SCULL_FUZZ_SEED'] ?? randomInt(1, 2 ** 31));
  console.info(`fuzz: SCULL_FUZZ_SEED=${seed}`);
  const random = generator(seed);
  const end = Date.now() + Number(process.env['SCULL_FUZZ_SECONDS'] ?? 1) * 1000;
  for (let count = 0; Date.now() < end; count += 1) {
    try {
      round({ random, pick: (items) => items[random(items.length)] as never });
    } catch (cause) {
      throw new Error(`round ${count} of SCULL_FUZZ_SEED=${seed}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** Changes some bytes: at random, to what parsers look at, by copying or by cutting. */
export function mutate(bytes: Buffer, { random, pick }: Fuzz, alphabet: string): Buffer {
  const changed = Buffer.from(bytes);
  for (let count = 1 + random(6); count > 0; count -= 1) {
    const at = random(changed.length);
    switch (random(3)) {
      case 0:
        changed[at] = random(256);
        break;
      case 1:
        changed[at] = pick([...alphabet]).charCodeAt(0);
        break;
      default:
        changed.copyWithin(at, random(changed.length), random(changed.length));
    }
  }
  return random(5) === 0 ? changed.subarray(0, random(changed.length)) : changed;
}

/** xorshift32 */
export function generator(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
