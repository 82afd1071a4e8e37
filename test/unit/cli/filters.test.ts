import { describe, expect, it } from 'vitest';
import { parseFilters } from '../../../src/cli/filters.ts';

describe('filters', () => {
  it('are key=value, gathered by key, values keeping their own =', () => {
    expect({ ...parseFilters(['label=a=b', 'label=c', 'status=exited'], ['label', 'status']) }).toEqual({ label: ['a=b', 'c'], status: ['exited'] });
    expect({ ...parseFilters(undefined) }).toEqual({});
    expect({ ...parseFilters(['label!=x'], ['label', 'label!']) }).toEqual({ 'label!': ['x'] });
  });
  it('take no key from Object', () => {
    expect(parseFilters(['__proto__=x'])['__proto__']).toEqual(['x']);
  });
  it.each([
    ['nonsense', 'invalid filter "nonsense": it is key=value, e.g. label=tier=front'],
    ['=x', 'invalid filter "=x": it is key=value, e.g. label=tier=front'],
    ['color=red', 'invalid filter "color=red": there is no filter "color"'],
  ])('%s is refused', (filter, message) => {
    expect(() => parseFilters([filter], ['label'])).toThrow(message);
  });
});
