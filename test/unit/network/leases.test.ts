import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { giveBackAddress, sweepLeases, takeAddress, takeAnyAddress } from '../../../src/network/leases.ts';

let top: string;
beforeEach(() => void (top = mkdtempSync(join(tmpdir(), 'scull-leases-'))));
afterEach(() => rmSync(top, { recursive: true, force: true }));

const subnet = { subnet: '10.89.0.0/29', gateway: '10.89.0.1' };
const by = (owner: string) => ({ directory: join(top, 'net'), owner });

test('each container gets the lowest free address, never the gateway, the subnet’s own or its broadcast address', () => {
  const got = ['a', 'b', 'c', 'd', 'e', 'f'].map((owner) => takeAnyAddress(by(owner), subnet));
  expect(got).toEqual(['10.89.0.2', '10.89.0.3', '10.89.0.4', '10.89.0.5', '10.89.0.6', undefined]);
});

test('what was given back is given again', () => {
  takeAnyAddress(by('a'), subnet);
  giveBackAddress(by('b'), '10.89.0.2'); // not b's
  expect(takeAnyAddress(by('b'), subnet)).toBe('10.89.0.3');
  giveBackAddress(by('a'), '10.89.0.2');
  expect(takeAnyAddress(by('c'), subnet)).toBe('10.89.0.2');
});

test('a wish is granted, or says who has it', () => {
  expect(takeAddress(by('a'), subnet, '10.89.0.5', 'net')).toBeUndefined();
  expect(takeAddress(by('a'), subnet, '10.89.0.5', 'net')).toBeUndefined();
  expect(takeAddress(by('b'), subnet, '10.89.0.5', 'net')).toBe('a');
});

test.each([['10.89.1.5', 'is not in the subnet'], ['10.89.0.1', 'is the gateway'], ['10.89.0.0', 'stands for the whole subnet'], ['10.89.0.7', 'stands for the whole subnet']])('%s can’t be had', (address, why) => {
  expect(() => takeAddress(by('a'), subnet, address, 'net')).toThrow(why);
});

test('IPv6 addresses are one however they are spelt', () => {
  const six = { subnet: 'fd00::/64', gateway: 'fd00::1' };
  takeAddress(by('a'), six, 'fd00:0::0009', 'net');
  expect(takeAddress(by('b'), six, 'fd00::9', 'net')).toBe('a');
});

test('a range keeps those without a wish within it', () => {
  const narrow = { ...subnet, range: { first: '10.89.0.4', last: '10.89.0.5' } };
  expect(['a', 'b', 'c'].map((owner) => takeAnyAddress(by(owner), narrow))).toEqual(['10.89.0.4', '10.89.0.5', undefined]);
});

test('sweeping frees what nobody holds, and removes what is empty', () => {
  takeAnyAddress(by('dead'), subnet);
  takeAnyAddress(by('alive'), subnet);
  sweepLeases(top, (owner) => owner === 'alive');
  expect(takeAnyAddress(by('next'), subnet)).toBe('10.89.0.2');
  sweepLeases(top, () => false);
  expect(existsSync(join(top, 'net'))).toBe(false);
});
