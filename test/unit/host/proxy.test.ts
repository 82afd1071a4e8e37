import { describe, expect, test } from 'vitest';
import { isLoopbackHost, proxyFor, proxyIsSet } from '../../../src/host/proxy.ts';

const PROXY = { HTTPS_PROXY: 'http://proxy.example:3128', HTTP_PROXY: 'http://plain.example:8080' };

describe('a request goes', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['https://registry.example/v2/', {}, undefined],
    ['https://registry.example/v2/', PROXY, 'http://proxy.example:3128/'],
    ['http://registry.example/v2/', PROXY, 'http://plain.example:8080/'],
    ['https://registry.example/v2/', { ...PROXY, https_proxy: 'lower.example:1' }, 'http://lower.example:1/'],
    ['https://registry.example/v2/', { HTTPS_PROXY: '' }, undefined],
    ['https://localhost:5000/', PROXY, undefined],
    ['https://127.0.0.9/', PROXY, undefined],
    ['https://[::1]:5000/', PROXY, undefined],
    ['https://registry.example/', { ...PROXY, NO_PROXY: 'registry.example' }, undefined],
    ['https://a.registry.example/', { ...PROXY, NO_PROXY: 'other, registry.example' }, undefined],
    ['https://a.registry.example/', { ...PROXY, NO_PROXY: '.registry.example' }, undefined],
    ['https://a.registry.example/', { ...PROXY, NO_PROXY: '*.registry.example' }, undefined],
    ['https://notregistry.example/', { ...PROXY, NO_PROXY: 'registry.example' }, 'http://proxy.example:3128/'],
    ['https://registry.example:5000/', { ...PROXY, NO_PROXY: 'registry.example:5000' }, undefined],
    ['https://registry.example:5001/', { ...PROXY, NO_PROXY: 'registry.example:5000' }, 'http://proxy.example:3128/'],
    ['https://registry.example/', { ...PROXY, no_proxy: '*' }, undefined],
    ['https://10.1.2.3/', { ...PROXY, NO_PROXY: '10.0.0.0/8' }, undefined],
    ['https://11.1.2.3/', { ...PROXY, NO_PROXY: '10.0.0.0/8' }, 'http://proxy.example:3128/'],
    ['https://10.1.2.3/', { ...PROXY, NO_PROXY: '10.0.0.0/99' }, 'http://proxy.example:3128/'],
  ])('%s with %j through %s', (url, environment, proxy) => {
    expect(proxyFor(new URL(url), environment)?.href).toBe(proxy);
  });
});

test('a proxy that can not be used is an error that does not repeat its password', () => {
  expect(() => proxyFor(new URL('https://x.example/'), { HTTPS_PROXY: 'socks5://me:pw@proxy' })).toThrow(/socks5 proxy; only http/);
  expect(() => proxyFor(new URL('https://x.example/'), { HTTPS_PROXY: 'http://me:pw@' })).toThrow(/^the environment variable https_proxy is not a proxy's address$/);
});

test('only this machine itself counts as loopback', () => {
  expect(['localhost', 'LOCALHOST', 'x.localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'].every(isLoopbackHost)).toBe(true);
  expect(['localhost.example', '127.0.0.1.example', '128.0.0.1', '0.0.0.0', '::2', '127.0.0'].some(isLoopbackHost)).toBe(false);
});

test.each([
  [{}, false],
  [{ HTTP_PROXY: '', no_proxy: '*' }, false],
  [{ no_proxy: '*', https_proxy: 'http://p.example' }, true],
  [{ http_proxy: 'http://p.example' }, true],
  [{ HTTP_PROXY: 'http://p.example', NO_PROXY: '*' }, true],
  [{ ALL_PROXY: 'http://p.example' }, true],
])('%j names a proxy that somebody else might take: %j', (environment, expected) => {
  expect(proxyIsSet(environment)).toBe(expected);
});
