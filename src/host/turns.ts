/** A bound on how many do something at a time; who comes first goes first. */
export class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#free = most;
  }

  /** Waits until it is one's turn, which is to be ended. */
  async take(): Promise<Turn> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let ended = false;
    return {
      end: () => {
        if (ended) return;
        ended = true;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free += 1;
        else next();
      },
    };
  }

  /** Does `work` in a turn of its own. */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    const turn = await this.take();
    try {
      return await work();
    } finally {
      turn.end();
    }
  }
}

export interface Turn {
  /** The next one's turn begins. Once is enough. */
  end(): void;
}
