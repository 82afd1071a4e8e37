/** Names of what is in the store, without reading the objects themselves: for completion, which must answer at once. */
import { namesIn } from '../host/files.ts';
import type { Engine } from './engine.ts';

export function containerNames(engine: Engine): string[] {
  return entries(engine.store.layout.names);
}

export function volumeNames(engine: Engine): string[] {
  return entries(engine.store.layout.volumes);
}

export function secretNames(engine: Engine): string[] {
  return entries(engine.store.layout.secrets);
}

export async function networkNames(engine: Engine): Promise<string[]> {
  const { networkNames: namesOf } = await import('../storage/networks.ts');
  return namesOf(engine.store);
}

export function podNames(engine: Engine): string[] {
  return entries(engine.store.layout.pods);
}

/** Full references and their familiar short forms. */
export async function imageNames(engine: Engine): Promise<string[]> {
  const [{ readIndex }, { familiarName, parseReference }] = await Promise.all([import('../storage/index-file.ts'), import('../oci/reference.ts')]);
  const names = new Set<string>();
  for (const { name } of readIndex(engine.store)) {
    if (name === undefined) continue;
    names.add(familiarName(parseReference(name)).replace(/^localhost\//, ''));
    names.add(name);
  }
  return [...names];
}

function entries(directory: string): string[] {
  return namesIn(directory).filter((name) => !name.startsWith('.'));
}
