/**
 * Puts layers on top of each other in a directory: `scull __worker vfs-copy JOB`, run as root of a user + mount namespace
 * in which only the target can be written. Copying itself is cp(1)'s, which knows reflinks and attributes.
 */
import { lstatSync, readdirSync, rmdirSync, rmSync, type Stats } from 'node:fs';
import { errnoOf } from '../../host/errors.ts';
import { runOrThrow } from '../../host/process.ts';
import type { LayerPaths } from '../layout.ts';
import { isWhiteout } from '../layers/lower.ts';
import { readLayerRecord } from '../layers/record.ts';

export interface CopyJob {
  /** Lowest first. */
  readonly layers: readonly LayerPaths[];
  readonly target: string;
}

export async function main(args: string[]): Promise<void> {
  const job = JSON.parse(args[0] ?? '') as CopyJob;
  for (const layer of job.layers) {
    const opaque = new Set(readLayerRecord(layer.record)?.opaque ?? []);
    const whiteouts: Buffer[] = [];
    clearPlaces(bytes(layer.diff), bytes(job.target), '', opaque, whiteouts);
    // Every place is now free or a true directory: cp has no link to write through.
    await runOrThrow('cp', ['-a', '--reflink=auto', '-T', '--', layer.diff, job.target]);
    for (const place of whiteouts) rmSync(place);
  }
}

/** Removes from the target what the layer replaces or hides, so that copying it over cannot collide. */
function clearPlaces(from: Buffer, to: Buffer, path: string, opaque: ReadonlySet<string>, whiteouts: Buffer[]): void {
  for (const name of readdirSync(from, { encoding: 'buffer' })) {
    const source = join(from, name);
    const place = join(to, name);
    const below = path === '' ? name.toString('latin1') : `${path}/${name.toString('latin1')}`;
    const stat = lstatSync(source);
    const existing = lstatIfPresent(place);
    if (isWhiteout(stat)) whiteouts.push(place);
    const merges = stat.isDirectory() && existing?.isDirectory() === true && !opaque.has(below);
    if (existing !== undefined && !merges) removeAll(place, existing);
    if (stat.isDirectory()) clearPlaces(source, place, below, opaque, whiteouts);
  }
}

/** Node's own recursive removal takes no names that are not text on every version. */
function removeAll(path: Buffer, stat: Stats): void {
  if (!stat.isDirectory()) return rmSync(path);
  for (const name of readdirSync(path, { encoding: 'buffer' })) {
    const below = join(path, name);
    removeAll(below, lstatSync(below));
  }
  rmdirSync(path);
}

function bytes(path: string): Buffer {
  return Buffer.from(path);
}

function join(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name]);
}

const SLASH = Buffer.from('/');

function lstatIfPresent(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
