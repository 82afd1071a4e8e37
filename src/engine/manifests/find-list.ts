import { lookUpList, type ImageList } from '../../storage/image-lists.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from '../images/by-alias.ts';

/** A list by what was typed, and the name or id by which it is here. @throws ScullError NO_SUCH_IMAGE, AMBIGUOUS, CORRUPT; INVALID for what is no list */
export async function findList(engine: Engine, typed: string): Promise<{ readonly name: string; readonly list: ImageList }> {
  return byAlias(typed, (name) => ({ name, list: lookUpList(engine.store, name) }));
}
