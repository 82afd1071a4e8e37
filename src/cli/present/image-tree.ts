/** `image tree`, drawn as Podman draws it. */
import type { ImageTree, TreeLayer, TreeNode } from '../../engine/images/tree.ts';
import { humanSize, shortId } from './humanize.ts';

/** A line with what hangs on it. */
interface Branch {
  readonly text: string;
  readonly branches: Branch[];
}

/** Text for standard output. @param options.whatRequires what stands on the image instead of what it stands on */
export function presentImageTree(tree: ImageTree, options: { readonly whatRequires: boolean }): string {
  const { image } = tree;
  const head = [`Image ID: ${shortId(image.id)}`, `Tags:     [${image.names.join(' ')}]`, `Size:     ${humanSize(image.size, 4)}`, tree.top === undefined ? 'No Image Layers' : 'Image Layers'];
  const branches: Branch[] = [];
  if (!options.whatRequires) branches.push(...tree.layers.map((layer) => ({ text: layerLine(layer), branches: [] })));
  else if (tree.top !== undefined) grow(tree.top, branches, false);
  return [...head, ...draw(branches, ''), ''].join('\n');
}

/** Where layers part, each gets branches of its own; the rest is one line below the other. */
function grow(node: TreeNode, into: Branch[], parted: boolean): void {
  const branch: Branch = { text: layerLine(node), branches: [] };
  into.push(branch);
  for (const child of node.children) grow(child, parted ? branch.branches : into, node.children.length > 1);
}

function layerLine(layer: TreeLayer): string {
  const names = layer.topOf.length === 0 ? '' : ` Top Layer of: [${layer.topOf.join(' ')}]`;
  return `ID: ${shortId(layer.id)} Size: ${humanSize(layer.size, 4).padStart(7)}${names}`;
}

function draw(branches: readonly Branch[], indent: string): string[] {
  return branches.flatMap((branch, index) => {
    const last = index === branches.length - 1;
    return [`${indent}${last ? '└── ' : '├── '}${branch.text}`, ...draw(branch.branches, `${indent}${last ? '    ' : '│   '}`)];
  });
}
