/** The command line by which a container is made, to be kept with it. */

/**
 * @param typed the words of the command, such as `container run`
 * @param argv what followed them; `words` of it, at the end, are the image and the container's command
 * @returns without a password for a registry (--creds), which no record may hold
 */
export function createCommandOf(typed: string, argv: readonly string[], words: number): string[] {
  const flags = argv.slice(0, argv.length - words);
  const kept = flags.filter((word, index) => !/^--creds(=|$)/.test(word) && flags[index - 1] !== '--creds');
  return ['scull', ...typed.split(' '), ...kept, ...argv.slice(argv.length - words)];
}
