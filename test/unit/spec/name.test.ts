import { describe, expect, it } from 'vitest';
import { isName, parseName } from '../../../src/spec/name.ts';
import { parseHostname } from '../../../src/spec/hostname.ts';

describe('names of containers and volumes', () => {
  it.each(['a', 'web', 'web-1', 'my_app.db', '0', 'A'.repeat(255)])('accepts %j', (name) => {
    expect(parseName(name, 'container')).toBe(name);
    expect(isName(name)).toBe(true);
  });

  it.each(['', '-a', '.a', '_a', 'a b', 'a/b', '../x', 'a\n', 'ä', 'a:b', 'A'.repeat(256)])('refuses %j', (name) => {
    expect(() => parseName(name, 'volume')).toThrow('invalid volume name');
    expect(isName(name)).toBe(false);
  });
});

describe('parseHostname', () => {
  it.each(['a', 'web-1', 'db.example.org', 'x_y', 'A'.repeat(64)])('accepts %j', (name) => {
    expect(parseHostname(name)).toBe(name);
  });

  it.each(['', '-a', 'a-', 'a b', 'a/b', 'ä', 'A'.repeat(65), 'a\0b'])('refuses %j', (name) => {
    expect(() => parseHostname(name)).toThrow('invalid hostname');
  });
});
