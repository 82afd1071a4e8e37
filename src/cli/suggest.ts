/** "Did you mean": the nearest command for words that name none. */
import { allSpellings } from './command-table.ts';
import { nearest } from './parse.ts';

/** Podman's commands that there are none of here, and what does it instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  artifact: 'artifacts have the commands of images: `scull pull`, `push`, `images`, `inspect`, `rmi`; `scull manifest add --artifact` makes one of a list',
  'image scp': 'send an image from machine to machine with `scull save IMAGE | ssh HOST scull load`',
  'image sign': 'scull signs nothing; cosign and skopeo do',
  'image trust': 'whom to trust is written in policy.json, see containers-policy.json(5): ~/.config/containers/policy.json, else /etc/containers/policy.json',
};

/** A hint naming what does it here, or the nearest command; undefined where none is near. */
export function didYouMean(typed: string): string | undefined {
  if (Object.hasOwn(INSTEAD, typed)) return INSTEAD[typed];
  const spellings = allSpellings();
  const near = nearest(typed, spellings) ?? nearest(typed.split(' ').at(-1) ?? '', spellings);
  return near === undefined ? undefined : `did you mean \`scull ${near}\`? \`scull --help\` lists all commands`;
}
