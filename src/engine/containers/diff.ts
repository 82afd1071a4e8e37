/** What changed: in a container since it was made, in an image's top layer, or between any two of them. */
import { isScullError } from '../../host/errors.ts';
import { digestHex } from '../../oci/digest.ts';
import { findContainer } from '../../runtime/container-store.ts';
import { ensureLayers } from '../../storage/admit.ts';
import { lookUpImage } from '../../storage/image-lookup.ts';
import { treeChanges, type Change } from '../../storage/layers/changes.ts';
import type { TreeOptions, TreeView } from '../../storage/layers/tree-program.ts';
import type { Engine } from '../engine.ts';
import { byAlias } from '../images/by-alias.ts';
import { changedView, mountPlaces, wholeView } from './tree-view.ts';

export type { Change } from '../../storage/layers/changes.ts';

/** What names may mean; a container comes before an image of the same name. */
export type DiffKind = 'container' | 'image' | 'any';

/**
 * The changes of `name`: against what it was made from, or against `other`.
 * @throws ScullError NO_SUCH_CONTAINER, NO_SUCH_IMAGE, AMBIGUOUS; UNSUPPORTED for a container of a plain directory
 */
export async function* diff(engine: Engine, name: string, other: string | undefined, kind: DiffKind): AsyncGenerator<Change[]> {
  const subject = await find(engine, name, kind);
  if (other === undefined) {
    const view = await subject.changes();
    if (view !== undefined) yield* treeChanges(view, subject.options);
    return;
  }
  const [layers, below] = [await subject.layers(), await (await find(engine, other, kind)).layers()];
  const [top, ...rest] = layers;
  // One layer more than the other: then what is in it are the changes, and nothing needs to be compared.
  const view: TreeView = top !== undefined && rest.join('\0') === below.join('\0') ? { kind: 'upper', upper: top, below } : { kind: 'compare', layers, below };
  yield* treeChanges(view, subject.options);
}

interface Subject {
  /** Undefined for an image without layers. */
  changes(): Promise<TreeView | undefined>;
  layers(): Promise<readonly string[]>;
  readonly options: TreeOptions;
}

async function find(engine: Engine, name: string, kind: DiffKind): Promise<Subject> {
  if (kind === 'image') return byAlias(name, (meant) => imageSubject(engine, meant));
  try {
    const record = findContainer(engine.store.layout, name);
    return { changes: () => changedView(engine, record), layers: async () => (await wholeView(engine, record)).layers, options: { leaveOut: mountPlaces(record) } };
  } catch (error) {
    if (kind === 'container' || !isScullError(error, 'NO_SUCH_CONTAINER')) throw error;
    return byAlias(name, (meant) => imageSubject(engine, meant));
  }
}

function imageSubject(engine: Engine, name: string): Subject {
  const { image } = lookUpImage(engine.store, name);
  const layers = async (): Promise<string[]> => {
    await ensureLayers(engine.store, image, engine.progress);
    return [...image.layers].reverse().map((layer) => engine.store.layout.layer(digestHex(layer.chainId)).diff);
  };
  const changes = async (): Promise<TreeView | undefined> => {
    const [upper, ...below] = await layers();
    return upper === undefined ? undefined : { kind: 'upper', upper, below };
  };
  return { changes, layers, options: {} };
}
