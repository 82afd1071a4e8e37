import { describe, expect, test } from 'vitest';
import { ScullError } from '../../../src/host/errors.ts';
import {
  candidateReferences,
  digestReference,
  familiarName,
  formatReference,
  isShortName,
  localReference,
  parseReference,
  parseSource,
  qualifiedReference,
} from '../../../src/oci/reference.ts';
import { parseDigest } from '../../../src/oci/digest.ts';

const HEX = 'a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4';
const DIGEST = `sha256:${HEX}`;

describe('a name that people write means', () => {
  test.each([
    ['debian', 'docker.io/library/debian:latest', 'debian:latest'],
    ['debian:12', 'docker.io/library/debian:12', 'debian:12'],
    ['team/app', 'docker.io/team/app:latest', 'team/app:latest'],
    ['library/debian', 'docker.io/library/debian:latest', 'debian:latest'],
    ['a/b/c', 'docker.io/a/b/c:latest', 'a/b/c:latest'],
    ['docker.io/debian', 'docker.io/library/debian:latest', 'debian:latest'],
    ['index.docker.io/debian', 'docker.io/library/debian:latest', 'debian:latest'],
    ['registry-1.docker.io/team/app', 'docker.io/team/app:latest', 'team/app:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000/app:latest'],
    ['127.0.0.1:5000/team/app:v1', '127.0.0.1:5000/team/app:v1', '127.0.0.1:5000/team/app:v1'],
    ['[::1]:5000/app', '[::1]:5000/app:latest', '[::1]:5000/app:latest'],
    ['registry.example/app', 'registry.example/app:latest', 'registry.example/app:latest'],
    ['Registry/app', 'Registry/app:latest', 'Registry/app:latest'],
    ['quay.io/a/b/c/d:1.0-rc_1', 'quay.io/a/b/c/d:1.0-rc_1', 'quay.io/a/b/c/d:1.0-rc_1'],
    [`debian@${DIGEST}`, `docker.io/library/debian@${DIGEST}`, `debian@${DIGEST}`],
    [`debian:12@${DIGEST}`, `docker.io/library/debian:12@${DIGEST}`, `debian:12@${DIGEST}`],
    ['a__b/c--d.e_f', 'docker.io/a__b/c--d.e_f:latest', 'a__b/c--d.e_f:latest'],
    ['app:V1', 'docker.io/library/app:V1', 'app:V1'],
    ['app:_', 'docker.io/library/app:_', 'app:_'],
    ['docker:24-dind', 'docker.io/library/docker:24-dind', 'docker:24-dind'],
    ['docker.io/a.b/c', 'docker.io/a.b/c:latest', 'docker.io/a.b/c:latest'],
    ['docker.io/library/a.b/c', 'docker.io/library/a.b/c:latest', 'docker.io/library/a.b/c:latest'],
  ])('%s', (text, full, familiar) => {
    const reference = parseReference(text);
    expect(formatReference(reference)).toBe(full);
    expect(familiarName(reference)).toBe(familiar);
    expect(parseReference(full)).toEqual(reference);
    expect(parseReference(familiar)).toEqual(reference);
  });
});

describe('a malformed name is refused, saying which part is wrong', () => {
  test.each([
    ['', /missing/],
    [':latest', /repository is empty/],
    ['debian:', /tag after : is empty/],
    ['debian:.x', /a tag is/],
    ['debian:-x', /a tag is/],
    [`debian:${'x'.repeat(129)}`, /a tag is/],
    ['debian:a:b', /not a part of a repository/],
    ['Debian', /lower case/],
    ['docker.io/Debian', /lower case/],
    ['debian@', /what follows @/],
    ['debian@sha256:abc', /what follows @/],
    [`debian@sha256:${HEX.toUpperCase()}`, /what follows @/],
    [`debian@md5:${HEX}`, /what follows @/],
    [`debian@${DIGEST}@${DIGEST}`, /what follows @/],
    [HEX, /image id/],
    ['a//b', /not a part of a repository/],
    ['/a', /not a part of a repository/],
    ['a/', /not a part of a repository/],
    ['a/../b', /not a registry|not a part/],
    ['../b', /not a registry/],
    ['registry.example/../../etc/passwd', /not a part of a repository/],
    ['registry.example/a/.b', /not a part of a repository/],
    ['a___b', /not a part of a repository/],
    ['a..b/c', /not a registry/],
    ['-a', /not a part of a repository/],
    ['-host.example/a', /not a registry/],
    ['host:99999/a', /not a registry/],
    ['host:port/a', /not a registry/],
    ['user@host.example/a', /what follows @/],
    ['https://host.example/a', /not a registry/],
    ['deb ian', /not a part of a repository/],
    ['debian\n', /not a part of a repository/],
    ['deb\u0000ian', /not a part of a repository/],
    ['débian', /not a part of a repository/],
    [`${'a'.repeat(256)}`, /longer than 255/],
    [`host.example/${'a/'.repeat(128)}a`, /longer than 255/],
    ['a'.repeat(100_000), /longer than/],
    [`${'a.'.repeat(50_000)}/a`, /longer than/],
  ])('%j', (text, why) => {
    let error: unknown;
    try {
      parseReference(text);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ScullError);
    expect((error as ScullError).code).toBe('INVALID');
    expect((error as ScullError).message).toMatch(why);
    expect((error as ScullError).message.length).toBeLessThan(600);
    expect((error as ScullError).message).not.toMatch(/[\u0000-\u001f]/);
  });
});

test('random text never makes the parser do anything but return or throw INVALID', () => {
  const alphabet = ['a', 'B', '0', '.', '-', '_', '/', ':', '@', '[', ']', ' ', '\0', '\n', 'é', 'sha256', 'localhost'];
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 20_000; i++) {
    let text = '';
    for (let length = random(12); length > 0; length--) text += alphabet[random(alphabet.length)] ?? '';
    try {
      const full = formatReference(parseReference(text));
      expect(formatReference(parseReference(full))).toBe(full);
    } catch (error) {
      expect((error as ScullError).code).toBe('INVALID');
    }
  }
});

test('a long almost-name is refused at once, without backtracking', () => {
  const started = performance.now();
  for (const text of [`${'a'.repeat(254)}!`, `${'a-'.repeat(120)}!`, `${'a-'.repeat(120)}!.x/y`, `h.x/${'a__b'.repeat(60)}_`]) {
    expect(() => parseReference(text)).toThrow(ScullError);
  }
  expect(performance.now() - started).toBeLessThan(200);
});

test('what is made here is named after localhost unless the name says a registry', () => {
  expect(formatReference(localReference('app'))).toBe('localhost/app:latest');
  expect(formatReference(localReference('team/app:1'))).toBe('localhost/team/app:1');
  expect(formatReference(localReference('docker.io/app'))).toBe('docker.io/library/app:latest');
  expect(() => localReference(`app@${DIGEST}`)).toThrow(/cannot hold a digest/);
});

test('a short name has two candidates in the store, a full one only itself', () => {
  expect(candidateReferences('app').map(formatReference)).toEqual(['localhost/app:latest', 'docker.io/library/app:latest']);
  expect(candidateReferences('quay.io/app').map(formatReference)).toEqual(['quay.io/app:latest']);
  expect(isShortName('team/app:1')).toBe(true);
  expect(isShortName('team.example/app:1')).toBe(false);
});

test('a short name can be completed with another registry', () => {
  expect(formatReference(qualifiedReference('app:1', 'registry.example:5000'))).toBe('registry.example:5000/app:1');
  expect(formatReference(qualifiedReference('quay.io/app', 'registry.example'))).toBe('quay.io/app:latest');
  expect(() => qualifiedReference('app', 'no/registry')).toThrow(/not a registry/);
});

test('a digest reference leaves the tag out', () => {
  expect(digestReference(parseReference('debian:12'), parseDigest(DIGEST))).toBe(`docker.io/library/debian@${DIGEST}`);
});

describe('a name with a transport points to', () => {
  test.each([
    ['docker://debian', { transport: 'docker', reference: parseReference('debian') }],
    ['debian', { transport: 'docker', reference: parseReference('debian') }],
    ['docker:24', { transport: 'docker', reference: parseReference('docker:24') }],
    ['docker-archive:/a.tar', { transport: 'docker-archive', path: '/a.tar' }],
    ['docker-archive:a.tar:debian:12', { transport: 'docker-archive', path: 'a.tar', name: 'debian:12' }],
    ['docker-archive:a.tar:@1', { transport: 'docker-archive', path: 'a.tar', index: 1 }],
    ['oci:dir', { transport: 'oci', path: 'dir' }],
    ['oci:dir:name', { transport: 'oci', path: 'dir', name: 'name' }],
    ['oci-archive:/a.tar:x/y:1', { transport: 'oci-archive', path: '/a.tar', name: 'x/y:1' }],
    ['dir:/a:b', { transport: 'dir', path: '/a:b' }],
  ])('%s', (text, location) => {
    expect(parseSource(text)).toEqual(location);
  });

  test('nothing when the path is missing or the transport is another engine\'s', () => {
    expect(() => parseSource('oci:')).toThrow(/a path must follow/);
    expect(() => parseSource('dir:')).toThrow(/a path must follow/);
    expect(() => parseSource('docker-archive:a:@x')).toThrow(/number of an image/);
    expect(() => parseSource('docker-daemon:debian:12')).toThrow(/not supported/);
  });
});
