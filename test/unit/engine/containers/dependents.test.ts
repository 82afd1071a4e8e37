import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withDependents } from '../../../../src/engine/containers/dependents.ts';
import { openEngine, type Engine } from '../../../../src/engine/engine.ts';
import { reserveName } from '../../../../src/runtime/container-store.ts';
import { EMPTY_CONTAINER_SPEC, type ContainerSpec } from '../../../../src/spec/container-spec.ts';
import { emptyRecord } from '../../../support/container-record.ts';

let folder: string;
let engine: Engine;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scull-dependents-'));
  engine = openEngine({ root: join(folder, 'root'), runRoot: join(folder, 'run') });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function container(name: string, spec: Partial<ContainerSpec> = {}): string {
  const id = Buffer.from(name.padEnd(32)).toString('hex');
  const paths = engine.store.layout.container(id);
  mkdirSync(paths.directory, { recursive: true });
  reserveName(engine.store.layout, name, id);
  writeFileSync(paths.record, JSON.stringify({ ...emptyRecord(id, name), spec: { ...EMPTY_CONTAINER_SPEC, ...spec } }));
  return id;
}

it('puts whatever shares namespaces or volumes with a container before it', () => {
  container('a');
  const b = container('b', { network: { ...EMPTY_CONTAINER_SPEC.network, mode: { mode: 'container', container: 'a' } } });
  const c = container('c', { namespaces: { ...EMPTY_CONTAINER_SPEC.namespaces, pid: { mode: 'container', container: 'b' } } });
  const d = container('d', { volumesFrom: ['a:ro'] });
  container('alone');
  const order = withDependents(engine, ['a']);
  expect([...order].sort()).toEqual(['a', b, c, d].sort());
  expect(order.indexOf(c)).toBeLessThan(order.indexOf(b));
  expect(order.at(-1)).toBe('a');
  expect(withDependents(engine, ['alone', 'nothing'])).toEqual(['alone', 'nothing']);
});

it('ends where containers depend on each other in a circle', () => {
  container('a', { volumesFrom: ['b'] });
  const b = container('b', { volumesFrom: ['a'] });
  expect(withDependents(engine, ['a'])).toEqual([b, 'a']);
});
