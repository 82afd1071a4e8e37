/** Bytes a container adds, and bytes of all it shows. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../../host/errors.ts';
import type { ContainerRecord } from '../../runtime/container-record.ts';
import { readJson } from '../../host/files.ts';
import { runInUserNamespace } from '../../userns/launch.ts';
import type { Engine } from '../engine.ts';

export interface ContainerSize {
  readonly rw: number;
  readonly rootFs: number;
}

export async function containerSize(engine: Engine, record: ContainerRecord): Promise<ContainerSize> {
  const rw = await treeSize(engine.store.layout.container(record.id).upper);
  const layers = (record.image?.layers ?? []).map((id) => layerSize(engine, id));
  return { rw, rootFs: rw + layers.reduce((sum, size) => sum + size, 0) };
}

function layerSize(engine: Engine, id: string): number {
  const layer = readJson(engine.store.layout.layer(id).record) as { size?: unknown; bytes?: unknown } | undefined;
  const size = layer?.size ?? layer?.bytes;
  return typeof size === 'number' ? size : 0;
}

/** Sum of file sizes; where a folder belongs to another id, inside the user namespace that owns it. */
async function treeSize(path: string): Promise<number> {
  try {
    return sumTree(path);
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
    const result = await runInUserNamespace('du', ['-sb', '--', path]);
    return Number.parseInt(result.stdout, 10);
  }
}

function sumTree(path: string): number {
  let sum = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) sum += sumTree(child);
    else if (entry.isFile()) sum += lstatSync(child).size;
  }
  return sum;
}
