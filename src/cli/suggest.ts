/** "Did you mean": the nearest command for words that name none. */
import { allSpellings } from './command-table.ts';
import { nearest } from './parse.ts';

/** A hint naming the nearest command, or undefined where none is near. */
export function didYouMean(typed: string): string | undefined {
  const spellings = allSpellings();
  const near = nearest(typed, spellings) ?? nearest(typed.split(' ').at(-1) ?? '', spellings);
  return near === undefined ? undefined : `did you mean \`scull ${near}\`? \`scull --help\` lists all commands`;
}
