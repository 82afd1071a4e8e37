/** Holding unpacked layers against what was unpacked: the caller's side of check-worker.ts. */
import type { Readable, Writable } from 'node:stream';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { once } from 'node:events';
import { errnoOf, isScullError, ScullError } from '../../host/errors.ts';
import { exitStatus } from '../../host/process.ts';
import { selfCommand } from '../../host/self.ts';
import { digestHex, type Digest } from '../../oci/digest.ts';
import { launchFailure, startInUserNamespace } from '../../userns/launch.ts';
import type { Store } from '../store.ts';
import type { LayerCheckJob, LayerCheckResult } from './check-worker.ts';
import type { LayerRecord } from './record.ts';
import { layerPaths, readLayer } from './store.ts';

/** What is wrong with a layer: the file, and why. */
export interface LayerDamage {
  readonly file: string;
  readonly what: string;
}

/** Its record and what has to be beside it; reads nothing of its files. @returns undefined where it is sound */
export function checkLayerRecord(store: Store, chainId: Digest): LayerDamage | undefined {
  const paths = layerPaths(store, chainId);
  let record: LayerRecord;
  try {
    record = readLayer(store, chainId);
  } catch (error) {
    if (isScullError(error, 'CORRUPT')) return { file: paths.record, what: error.message };
    throw error;
  }
  if (record.chainId !== chainId) return { file: paths.record, what: `it is about the layer ${record.chainId}` };
  if (!existsSync(paths.diff)) return { file: paths.diff, what: 'it is missing' };
  if (record.contents !== undefined && !existsSync(paths.contents)) return { file: paths.contents, what: 'it is missing' };
  return undefined;
}

export interface CheckedLayer extends LayerCheckResult {
  readonly damage: readonly LayerDamage[];
}

/** A process that checks layers one after the other. */
export interface LayerChecker {
  /** Every file of a layer whose record is sound; undefined where it was unpacked before files were recorded. */
  check(chainId: Digest): Promise<CheckedLayer | undefined>;
  close(): Promise<void>;
}

/** @throws ScullError where no user namespace can be made */
export function startLayerChecker(store: Store): LayerChecker {
  const self = selfCommand('__worker', 'check-layers');
  const child = startInUserNamespace(self.file, self.args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
  const ended = once(child, 'close').then(([code, signal]) => exitStatus(code as number | null, signal as NodeJS.Signals | null));
  ended.catch(() => undefined); // told by the answer that does not come
  const input = child.stdin as Writable;
  input.on('error', () => undefined); // it ended early: the answer does not come
  const answers = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
  const ask = async (job: LayerCheckJob): Promise<LayerCheckResult> => {
    input.write(`${JSON.stringify(job)}\n`);
    const { value, done } = await answers.next();
    if (done !== true) return JSON.parse(value) as LayerCheckResult;
    const status = await ended;
    throw launchFailure(status, stderr) ?? new ScullError('TOOL_FAILED', `checking layers ended with status ${status}`, { detail: stderr.trim() });
  };
  return {
    async check(chainId) {
      const paths = layerPaths(store, chainId);
      const { contents } = readLayer(store, chainId);
      if (contents === undefined) return undefined;
      const found = await hashFile(paths.contents);
      if (found !== digestHex(contents)) return { files: 0, bytes: 0, problems: [], count: 1, damage: [{ file: paths.contents, what: 'it is not what was written when the layer was unpacked' }] };
      const result = await ask({ diff: paths.diff, contents: paths.contents });
      const damage = result.problems.map(({ path, what }) => ({ file: path === '.' ? paths.diff : `${paths.diff}/${path}`, what }));
      return { ...result, damage };
    },
    async close() {
      input.end();
      await ended;
    },
  };
}

/** SHA-256 in hex; '' for a file that is not there or can't be read. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return '';
  }
  return hash.digest('hex');
}
