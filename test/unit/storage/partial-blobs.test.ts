/** Blobs in part, with owners that live, have died, or have given up. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bootId, identityOf } from '../../../src/host/identity.ts';
import { commitBlob, storeBlob } from '../../../src/storage/blobs.ts';
import { collectGarbage } from '../../../src/storage/garbage.ts';
import { GrowingFile } from '../../../src/storage/growing-file.ts';
import { storeLayout } from '../../../src/storage/layout.ts';
import { partialSize, takePartialBlob, type PartialBlob } from '../../../src/storage/partial-blobs.ts';
import { createStaging, type Staging } from '../../../src/storage/staging.ts';
import type { Store } from '../../../src/storage/store.ts';
import { sha256 } from '../../support/digest.ts';
import { sleep } from '../../support/eventually.ts';

let root: string;
let store: Store;
let staging: Staging;
const children: ChildProcess[] = [];

const content = Buffer.from('the whole content of a blob');
const blob = { mediaType: 'application/octet-stream', digest: sha256(content), size: content.length };

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'scull-partial-'));
  store = { layout: storeLayout(join(root, 'store'), join(root, 'run')), driver: 'vfs' };
  staging = createStaging(store);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

const directory = (): string => store.layout.partialBlob(blob.digest);
const take = async (waiting: (done: number) => void = () => undefined): Promise<PartialBlob> => {
  const taken = await takePartialBlob(store, staging, blob, waiting);
  if (taken === undefined) throw new Error('it is there');
  return taken;
};
const fetchInto = (into: PartialBlob, from: Buffer = content): Promise<void> => storeBlob(store, staging, blob, async (offset) => Readable.from([from.subarray(offset)]), { into, resumable: true });

/** What a process has brought that lives until it is killed. */
function broughtByAnother(bytes: Buffer): ChildProcess {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  children.push(child);
  const identity = identityOf(child.pid as number);
  mkdirSync(directory(), { recursive: true });
  writeFileSync(join(directory(), `${child.pid}.${identity?.startTime}.${bootId()}.0123456789abcdef`), bytes);
  return child;
}

test('a blob that is whole takes its name, and leaves nothing', async () => {
  const taken = await take();
  expect(taken.kept).toBe(0);
  await fetchInto(taken);
  taken.finish();
  expect(readFileSync(store.layout.blob(blob.digest))).toEqual(content);
  expect(readdirSync(store.layout.partial)).toEqual([]);
  expect(await takePartialBlob(store, staging, blob, () => undefined)).toBeUndefined();
});

test('an unpacker that fails over what an earlier attempt has brought is what the error tells of', async () => {
  const first = await take();
  writeFileSync(first.path, content.subarray(0, 9));
  first.release();
  const second = await take();
  const growing = new GrowingFile(second.path);
  growing.refused(new Error('cannot unpack'));
  await expect(storeBlob(store, staging, blob, async (offset) => Readable.from([content.subarray(offset)]), { into: second, resumable: true, growing })).rejects.toThrow('cannot unpack');
  // A stream that was lent the descriptor would close it a moment later, whoever has the number by then.
  const others = openSync(second.path, 'r');
  await sleep(50);
  closeSync(others);
  second.release();
  await fetchInto(await take());
  expect(readFileSync(store.layout.blob(blob.digest))).toEqual(content);
});

test('what was given up is continued at its end, and the digest is that of the whole', async () => {
  const first = await take();
  writeFileSync(first.path, content.subarray(0, 9));
  first.release();
  expect(partialSize(store, blob.digest)).toBe(9);
  const asked: number[] = [];
  const second = await take();
  expect(second.kept).toBe(9);
  await storeBlob(store, staging, blob, async (offset) => (asked.push(offset), Readable.from([content.subarray(offset)])), { into: second, resumable: true });
  expect(asked).toEqual([9]);
  expect(readFileSync(store.layout.blob(blob.digest))).toEqual(content);
});

test('a beginning that is damaged is told by the digest', async () => {
  const first = await take();
  writeFileSync(first.path, 'nonsense!');
  first.release();
  await expect(fetchInto(await take())).rejects.toMatchObject({ code: 'INVALID', message: expect.stringContaining('its digest is') });
  expect(existsSync(store.layout.blob(blob.digest))).toBe(false);
});

test('more than the blob can have is thrown away', async () => {
  const first = await take();
  writeFileSync(first.path, Buffer.concat([content, content]));
  first.release();
  expect((await take()).kept).toBe(0);
});

describe('while another process has it', () => {
  test('one waits, hears how far it is, and takes over the moment it dies', async () => {
    const other = broughtByAnother(content.subarray(0, 5));
    const heard: number[] = [];
    const taken = await take((done) => {
      heard.push(done);
      if (heard.length === 3) other.kill('SIGKILL');
    });
    expect(taken.kept).toBe(5);
    expect(new Set(heard)).toEqual(new Set([5]));
    await fetchInto(taken);
    expect(readFileSync(store.layout.blob(blob.digest))).toEqual(content);
  });

  test('one that sees it done has nothing to do', async () => {
    const first = await take();
    const waiting = takePartialBlob(store, staging, blob, () => undefined);
    await fetchInto(first);
    first.finish();
    expect(await waiting).toBeUndefined();
  });

  test('of many that begin at once one gets it; when it gives up, the next does', async () => {
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        const taken = await take();
        holders += 1;
        most = Math.max(most, holders);
        await sleep(5);
        holders -= 1;
        taken.release();
      }),
    );
    expect(most).toBe(1);
  });
});

describe('while a process of another machine has it', () => {
  const theirs = 'd'.repeat(32);
  const file = (): string => join(directory(), `77.1.${theirs}.0123456789abcdef`);
  beforeEach(() => {
    mkdirSync(store.layout.hosts, { recursive: true });
    writeFileSync(join(store.layout.hosts, 'f'.repeat(32)), JSON.stringify({ bootId: theirs, name: 'alpha' }));
    mkdirSync(directory(), { recursive: true });
    writeFileSync(file(), content.subarray(0, 3));
  });

  test('one waits as long as bytes come', async () => {
    let size = 3;
    const waiting = takePartialBlob(store, staging, blob, () => writeFileSync(file(), content.subarray(0, size < 12 ? ++size : size)), 400);
    expect((await waiting)?.kept).toBe(0);
    expect(size).toBe(12);
  });

  test('one begins anew when nothing has come for long, and does not touch its file', async () => {
    const taken = await takePartialBlob(store, staging, blob, () => undefined, 100);
    if (taken === undefined) throw new Error('it is there');
    expect([taken.kept, existsSync(file())]).toEqual([0, false]);
    await fetchInto(taken);
    taken.finish();
    expect(readFileSync(store.layout.blob(blob.digest))).toEqual(content);
  });

  test('the one that comes back late says what happened', async () => {
    const late = await takePartialBlob(store, staging, blob, () => undefined, 100);
    if (late === undefined) throw new Error('it is there');
    late.discard();
    expect(() => commitBlob(store, late.path, blob.digest)).toThrow(/another machine/);
  });
});

describe('the garbage collection', () => {
  test('takes what nobody is fetching', async () => {
    const first = await take();
    writeFileSync(first.path, content.subarray(0, 9));
    first.release();
    await collectGarbage(store);
    expect(readdirSync(store.layout.partial)).toEqual([]);
    expect((await take()).kept).toBe(0);
  });

  test('spares what another process is fetching, until that is dead', async () => {
    const other = broughtByAnother(content.subarray(0, 5));
    await collectGarbage(store);
    expect(partialSize(store, blob.digest)).toBe(5);
    const ended = new Promise((resolve) => other.once('close', resolve));
    other.kill('SIGKILL');
    await ended;
    await collectGarbage(store);
    expect(partialSize(store, blob.digest)).toBe(0);
  });
});
