import { closeSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { showLife } from '../../../src/host/fifo.ts';
import { bootId, machineId, ownIdentity, pidNamespace } from '../../../src/host/identity.ts';
import { hostNames, isOver, otherHost, otherHosts, ownerMayLive, registerHost } from '../../../src/storage/hosts.ts';
import { storeLayout, type StoreLayout } from '../../../src/storage/layout.ts';
import { scratchDirectory } from '../../support/extracted.ts';

const theirs = 'd'.repeat(32);

function layoutWith(hosts: Readonly<Record<string, string>> = {}): StoreLayout {
  const root = scratchDirectory();
  const layout = storeLayout(root, join(root, 'run'));
  mkdirSync(layout.hosts);
  for (const [name, text] of Object.entries(hosts)) writeFileSync(join(layout.hosts, name), text);
  return layout;
}

test('a machine says once a boot in which boot it is', () => {
  const layout = layoutWith();
  registerHost(layout);
  registerHost(layout);
  // The tests themselves may run in a container.
  const namespace = pidNamespace();
  const name = namespace === undefined ? machineId() : `${machineId()}.${namespace}`;
  expect(hostNames(layout)).toEqual([name]);
  expect(JSON.parse(readFileSync(join(layout.hosts, name), 'utf8'))).toMatchObject({ bootId: bootId() });
  expect(otherHosts(layout)).toEqual([]);
});

test('processes of this boot live or do not, those of another machine may, those of any other boot do not', () => {
  const layout = layoutWith({ ['f'.repeat(32)]: JSON.stringify({ bootId: theirs, name: 'alpha' }), ['e'.repeat(32)]: 'garbage' });
  expect(ownerMayLive(layout, ownIdentity())).toBe(true);
  expect(ownerMayLive(layout, { ...ownIdentity(), startTime: 1 })).toBe(false);
  expect(ownerMayLive(layout, { pid: 1, startTime: 1, bootId: theirs })).toBe(true);
  expect(ownerMayLive(layout, { pid: 1, startTime: 1, bootId: 'c'.repeat(32) })).toBe(false);
  expect(otherHost(layout, theirs)).toEqual({ bootId: theirs, name: 'alpha' });
  expect(otherHost(layout, bootId())).toBeUndefined();
});

test('of this kernel, another PID namespace may live as long as it shows a sign of life; one of an earlier boot of this machine does not', async () => {
  const boot = `${bootId().slice(0, 24)}00000001`;
  const layout = layoutWith({ [`${machineId()}.00000001`]: JSON.stringify({ bootId: boot, name: 'box' }), [`${machineId()}.00000002`]: JSON.stringify({ bootId: theirs, name: 'box' }) });
  const owner = { pid: 1, startTime: 1, bootId: boot };
  expect(ownerMayLive(layout, owner), 'nobody shows any').toBe(false);
  const sign = showLife(join(layout.hosts, `_${boot}`));
  expect(ownerMayLive(layout, owner)).toBe(true);
  expect(otherHosts(layout)).toEqual([{ bootId: boot, name: 'box', here: true }]);
  expect([isOver(layout, boot), isOver(layout, bootId()), isOver(layout, theirs)]).toEqual([false, false, true]);
  closeSync(sign);
  expect(ownerMayLive(layout, owner)).toBe(false);
  registerHost(layout);
  expect(readdirSync(layout.hosts).filter((name) => name.endsWith('.00000002')), 'the earlier boot is forgotten').toEqual([]);
});
