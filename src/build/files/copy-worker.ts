/**
 * A step that changes files without running a program of the image: COPY, ADD, WORKDIR. A process of its own, root of a
 * user + mount namespace in which the stage's file system is mounted, can be written, and nothing else can.
 *
 * It is told its job in a file, and says what comes of it on standard output, a JSON object a line. For sources that only it
 * can see (another stage's files) it first tells their digest, and goes on when a byte comes on descriptor 3.
 */
import { createReadStream, lstatSync, lutimesSync, mkdirSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { isScullError, errnoOf, ScullError, type ErrorCode } from '../../host/errors.ts';
import { explainWriteFailure, writeAllSync } from '../../host/files.ts';
import { DEFAULT_LIMITS, LayerExtractor } from '../../storage/layers/extract.ts';
import { LowerLayers } from '../../storage/layers/lower.ts';
import { applyMarks, planMarks, planTimes } from '../../storage/layers/marks.ts';
import { mappedIds } from '../../storage/layers/owners.ts';
import { TarReader } from '../../storage/layers/tar/reader.ts';
import { isOfLayer, setXattrs, withXattrs, xattrDigest } from './attributes.ts';
import type { Tree } from './confined.ts';
import { contentDigest } from './content-digest.ts';
import { ignoreRules, NOTHING_IGNORED } from './ignore.ts';
import { makeDirectory, placeTree, type PlacedTree } from './place.ts';
import { select, TAKE_ALL, type Selection } from './selection.ts';

export interface FileJob {
  /** Where the stage's file system is mounted. */
  readonly root: string;
  readonly singleId?: boolean;
  /** Seconds since 1970. */
  readonly time?: number | undefined;
  /** WORKDIR. */
  readonly directory?: { readonly path: string; readonly uid: number; readonly gid: number };
  readonly copy?: CopyJob;
  /** Nothing below the root keeps a time later than `time`. */
  readonly clamp?: boolean;
}

export interface CopyJob {
  readonly target: string;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly chmod?: string | undefined;
  /** In an empty directory, where a tree can be made that is new as a whole; it is told with the end, and moved by who started us. */
  readonly aside?: string | undefined;
  /** Looked up already. */
  readonly selections?: readonly Selection[];
  /** To be looked up here, in a mounted tree. */
  readonly from?: { readonly tree: Tree; readonly sources: readonly string[]; readonly parents: boolean; readonly exclude: readonly string[] };
  /** Tars that are not compressed, each with an empty directory to unpack it in. */
  readonly archives?: readonly { readonly file: string; readonly scratch: string }[];
}

export type FileMessage =
  | { readonly kind: 'digest'; readonly digest: string }
  /** `moveTo`: what is aside belongs there, from the root. */
  | { readonly kind: 'done'; readonly moveTo?: string | undefined; /** Extended attributes that could not be set. */ readonly lost?: readonly string[] }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string; readonly hint?: string | undefined; readonly detail?: string | undefined }
  /** Not the user's fault. */
  | { readonly kind: 'bug'; readonly stack: string };

/** @returns 0, or 1 after an error message */
export async function main(args: string[]): Promise<number> {
  process.umask(0);
  const job = JSON.parse(readFileSync(args[0] ?? '', 'utf8')) as FileJob;
  try {
    say({ kind: 'done', ...(await work(job)) });
    return 0;
  } catch (failure) {
    const error = explainWriteFailure(failure, 'the layer');
    if (isScullError(error)) say({ kind: 'error', code: error.code, message: error.message, hint: error.hint, detail: error.detail });
    else if (errnoOf(error) !== undefined) say({ kind: 'error', code: 'TOOL_FAILED', message: (error as Error).message });
    else say({ kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    return 1;
  }
}

async function work(job: FileJob): Promise<Omit<FileMessage & { readonly kind: 'done' }, 'kind'>> {
  const singleId = job.singleId ?? mappedIds().single;
  if (job.directory !== undefined) makeDirectory(job.root, job.directory.path, job.directory, { time: job.time, singleId });
  if (job.clamp === true && job.time !== undefined) clampTimes(Buffer.from(job.root), job.time);
  const { copy } = job;
  if (copy === undefined) return {};
  const selections = [...(copy.selections ?? []), ...(await lookUp(copy))];
  if (copy.from !== undefined) {
    const owner = copy.owner === undefined ? 'keep' : `${copy.owner.uid}:${copy.owner.gid}`;
    say({ kind: 'digest', digest: contentDigest(selections.flatMap((selection) => selection.files), { owner, chmod: copy.chmod }) + xattrDigest(selections) });
    waitForGo();
  }
  const place = (chosen: readonly Selection[], more: { readonly target?: string; readonly keepLinks: boolean; readonly owned: boolean; readonly aside?: string | undefined }): Promise<PlacedTree> => {
    const options = {
      target: more.target ?? copy.target,
      owner: copy.owner ?? (more.owned ? undefined : { uid: 0, gid: 0 }),
      parentOwner: copy.owner ?? { uid: 0, gid: 0 },
      chmod: copy.chmod,
      time: copy.from === undefined ? job.time : undefined,
      keepLinks: more.keepLinks,
      singleId,
    };
    return placeTree(job.root, chosen, options, more.aside);
  };
  let moveTo: string | undefined;
  const lost: string[] = [];
  if (selections.length > 0) {
    // Archives are unpacked upon what was copied before.
    const aside = copy.archives === undefined || copy.archives.length === 0 ? copy.aside : undefined;
    const tree = await place(selections, { keepLinks: copy.from !== undefined, owned: copy.from !== undefined, aside });
    lost.push(...(await setXattrs(tree.root, tree.placed)));
    moveTo = tree.moveTo;
  }
  for (const archive of copy.archives ?? []) {
    await unpackArchive(archive.file, archive.scratch);
    // The target is made like any directory on the way, unless the archive says what its root is like.
    const unpacked = select({ root: archive.scratch, escapes: 'stay' }, '/', TAKE_ALL).map((whole) => ({ ...whole, files: whole.files.filter((file) => file.to !== '') }));
    const { placed } = await place(await layerXattrs(unpacked), { target: copy.target.endsWith('/') ? copy.target : `${copy.target}/`, keepLinks: true, owned: true });
    lost.push(...(await setXattrs(job.root, placed)));
  }
  return { moveTo, lost };
}

function clampTimes(directory: Buffer, seconds: number): void {
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), name]);
    const stat = lstatSync(path, { bigint: true });
    if (stat.isDirectory()) clampTimes(path, seconds);
    // A whiteout has no time in a layer.
    if (stat.mtimeNs > BigInt(seconds) * 1_000_000_000n && !stat.isCharacterDevice()) lutimesSync(path, seconds, seconds);
  }
}

async function lookUp(copy: CopyJob): Promise<readonly Selection[]> {
  if (copy.from === undefined) return [];
  const { tree, sources, parents, exclude } = copy.from;
  const rules = exclude.length === 0 ? NOTHING_IGNORED : await ignoreRules(exclude.join('\n'));
  return layerXattrs(sources.flatMap((source) => select(tree, source, { parents, exclude: rules, ignore: NOTHING_IGNORED })));
}

/** What files of an image or an archive have, capabilities above all, they keep. */
async function layerXattrs(selections: readonly Selection[]): Promise<readonly Selection[]> {
  const found = await withXattrs(selections, isOfLayer);
  if (found === undefined) throw new ScullError('UNSUPPORTED', 'extended attributes can only be copied by scull-layer, one of the native programs, which were not compiled here');
  return found;
}

/** With all the suspicion that a layer gets; `.wh.` names mean nothing here, and are refused. */
async function unpackArchive(file: string, scratch: string): Promise<void> {
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  const layer = new LayerExtractor(scratch, mappedIds(), DEFAULT_LIMITS);
  const reader = new TarReader(layer);
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) reader.feed(chunk);
    reader.finish();
  } finally {
    layer.abort();
  }
  const lower = new LowerLayers([]);
  const planned = planMarks(layer, lower);
  await applyMarks(scratch, planned.marks);
  layer.finishDirectories(() => ({ mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } }));
  await applyMarks(scratch, planTimes(layer, planned));
}

function waitForGo(): void {
  const answer = Buffer.alloc(1);
  for (;;) {
    try {
      if (readSync(3, answer, 0, 1, null) === 1) return;
      process.exit(0); // the same files were copied before: nothing is to be done
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

function say(message: FileMessage): void {
  writeAllSync(1, `${JSON.stringify(message)}\n`);
}
