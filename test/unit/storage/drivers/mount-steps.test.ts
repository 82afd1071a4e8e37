import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../../../src/oci/digest.ts';
import { isIdentity, type MountRequest, type NestedMaps } from '../../../../src/storage/drivers/driver.ts';
import { fuseStep, mappingOptions } from '../../../../src/storage/drivers/fuse-overlayfs.ts';
import { overlayStep } from '../../../../src/storage/drivers/overlay.ts';
import { shortName } from '../../../../src/storage/layers/links.ts';
import { storeLayout } from '../../../../src/storage/layout.ts';
import type { Store } from '../../../../src/storage/store.ts';
import { sha256 } from '../../../support/digest.ts';
import { scratchDirectory } from '../../../support/extracted.ts';

const low = `sha256:${'1'.repeat(64)}` as Digest;
const high = `sha256:${'2'.repeat(64)}` as Digest;
const keepId: NestedMaps = {
  uids: [{ containerID: 0, hostID: 1, size: 1001 }, { containerID: 1001, hostID: 0, size: 1 }, { containerID: 1002, hostID: 1002, size: 64535 }],
  gids: [{ containerID: 0, hostID: 0, size: 65537 }],
};

function storeIn(name = 'store'): Store {
  const root = join(scratchDirectory(), name);
  mkdirSync(root, { recursive: true });
  return { layout: storeLayout(root, join(root, 'run')), driver: 'auto' };
}

function requestFor(store: Store): MountRequest {
  const place = store.layout.container('c0');
  return { lowers: [low, high], upper: place.upper, work: place.work, target: place.rootfs };
}

describe('overlay', () => {
  test('lower directories come highest first by their short names, everything relative to them', () => {
    const store = storeIn('a,home:with\\marks');
    expect(overlayStep(store, requestFor(store))).toEqual({
      kind: 'overlay',
      directory: store.layout.layerLinks,
      options: `lowerdir=${shortName(high.slice(7))}:${shortName(low.slice(7))},upperdir=../../containers/c0/upper,workdir=../../containers/c0/work,userxattr`,
      target: store.layout.container('c0').rootfs,
    });
  });

  test('read-only: a single layer gets the empty directory it is mounted on for company, since overlay wants two different ones', () => {
    const store = storeIn();
    const name = shortName(low.slice(7));
    expect(overlayStep(store, { lowers: [low], target: '/t' })).toMatchObject({ options: `lowerdir=${name}:/t,userxattr` });
  });

  test('what its user flushes himself is not flushed once more when it is unmounted', () => {
    const store = storeIn();
    expect(overlayStep(store, { ...requestFor(store), flushesItself: true })).toMatchObject({ options: expect.stringMatching(/,userxattr,volatile$/) });
  });

  test('an image without layers, or with more than the kernel takes, is refused', () => {
    const store = storeIn();
    expect(() => overlayStep(store, { lowers: [], target: '/t' })).toThrow(/without layers/);
    const many = Array.from({ length: 400 }, (_, i) => sha256(String(i)));
    expect(() => overlayStep(store, { lowers: many, target: '/t' })).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
  });
});

describe('fuse-overlayfs', () => {
  test('each line of a nested map is a triple disk:shown:length', () => {
    expect(mappingOptions(keepId)).toEqual(['uidmapping=0:1:1001:1001:0:1:1002:1002:64535', 'gidmapping=0:0:65537']);
  });

  test('a map that changes nothing is no reason to use it', () => {
    expect([isIdentity(undefined), isIdentity(keepId), isIdentity({ uids: keepId.gids, gids: keepId.gids })]).toEqual([true, false, true]);
  });

  test('a store in a place whose name it would misread is refused with a remedy', () => {
    const store = storeIn('a,b');
    expect(() => fuseStep(store, requestFor(store))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED', hint: expect.stringContaining('--root') as unknown }));
  });
});
