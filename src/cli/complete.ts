export async function complete(_words: readonly string[]): Promise<number> { return 0; }
