import { describe, expect, it } from 'vitest';
import { parseEntrypoint, parseUmask } from '../../../src/spec/command.ts';
import { parseLabel, parseLabelFile } from '../../../src/spec/label.ts';
import { parseSysctl } from '../../../src/spec/sysctl.ts';

describe('labels', () => {
  it.each([['a=b', ['a', 'b']], ['a', ['a', '']], ['a=', ['a', '']], ['a=b=c', ['a', 'b=c']], ['org.x/y=z', ['org.x/y', 'z']]])('reads %j', (text, label) => {
    expect(parseLabel(text)).toEqual(label);
  });

  it('refuses an empty key', () => {
    expect(() => parseLabel('=x')).toThrow('invalid --label "=x": the key is empty');
    expect(() => parseLabel('', '--annotation')).toThrow('invalid --annotation');
  });

  it('reads files of them', () => {
    expect(parseLabelFile('# c\na=1\r\n\n b=2\n', 'f')).toEqual([['a', '1'], ['b', '2']]);
    expect(() => parseLabelFile('a=1\n=2', 'f')).toThrow('line 2 of f');
  });
});

describe('parseSysctl', () => {
  it.each([['net.core.somaxconn=1024', 'net.core.somaxconn', '1024'], ['kernel.sem=1 2 3 4', 'kernel.sem', '1 2 3 4'], ['net/ipv4/ip_forward=1', 'net.ipv4.ip_forward', '1'], ['net.ipv4.conf.eth0/1.rp_filter=0', 'net.ipv4.conf.eth0/1.rp_filter', '0']])('reads %j', (text, name, value) => {
    expect(parseSysctl(text)).toEqual({ name, value });
  });

  it.each(['', 'net', 'net=1', '=1', 'net..x=1', '../x=1', 'net.core.somaxconn'])('refuses %j', (text) => {
    expect(() => parseSysctl(text)).toThrow('invalid sysctl');
  });
});

describe('parseEntrypoint', () => {
  it.each([['', []], ['/bin/sh', ['/bin/sh']], ['["a","b c"]', ['a', 'b c']], ['[', ['[']], ['a b', ['a b']]])('reads %j', (text, words) => {
    expect(parseEntrypoint(text)).toEqual(words);
  });

  it('refuses a list of anything but strings', () => {
    expect(() => parseEntrypoint('[1]')).toThrow('--entrypoint');
  });
});

describe('parseUmask', () => {
  it.each([['022', 0o22], ['0077', 0o77], ['0', 0]])('reads %j', (text, value) => {
    expect(parseUmask(text)).toBe(value);
  });

  it.each(['', '8', '00777', '-1', 'rwx'])('refuses %j', (text) => {
    expect(() => parseUmask(text)).toThrow('--umask');
  });
});
