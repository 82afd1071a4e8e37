export async function helpText(_words: readonly string[]): Promise<string | undefined> { return undefined; }
