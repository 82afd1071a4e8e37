import { expect, test } from 'vitest';
import { recordFault } from '../../../src/spec/container-shape.ts';
import { emptyRecord } from '../../support/container-record.ts';

const sound = { ...emptyRecord('ab'.repeat(32), 'web'), image: { id: 'sha256:1', manifestDigest: 'sha256:2', name: 'busybox', layers: ['3'] } };

test('a record as it is written is sound, with fields of later versions too', () => {
  expect(recordFault(sound)).toBeUndefined();
  expect(recordFault({ ...sound, later: 1, config: { ...sound.config, later: [] } })).toBeUndefined();
});

test.each([
  [{ ...sound, config: {} }, 'config.args is not a list of texts'],
  [{ ...sound, config: [] }, 'config is not an object'],
  [{ ...sound, spec: undefined }, 'spec is not an object'],
  [{ ...sound, created: 5 }, 'created is not a text'],
  [{ ...sound, image: {} }, 'image.id is not a text'],
  [{ ...sound, config: { ...sound.config, labels: { a: 1 } } }, 'config.labels is not a map of texts'],
  [{ ...sound, config: { ...sound.config, mounts: [{ type: 'bind' }] } }, 'config.mounts[0].target is not a text'],
  [{ ...sound, spec: { ...sound.spec, namespaces: null } }, 'spec.namespaces is not an object'],
])('what is wrong is told by its place: %#', (value, fault) => {
  expect(recordFault(value)).toBe(fault);
});
