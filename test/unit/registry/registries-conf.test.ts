import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContainersConfig } from '../../../src/host/containers-config.ts';
import { formatReference, parseReference } from '../../../src/oci/reference.ts';
import { isInsecure, pullLocations, resolveName } from '../../../src/registry/locations.ts';
import { loadRegistriesConf, readRegistriesConf } from '../../../src/registry/registries-conf.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const read = (text: string) => readRegistriesConf(text, 'registries.conf');
const names = (text: string, name: string): string[] => resolveName(read(text), name).map(formatReference);
const places = (text: string, name: string): string[] =>
  pullLocations(read(text), parseReference(name)).map((place) => `${formatReference(place.reference)}${place.insecure ? ' insecure' : ''}${place.mirror ? ' mirror' : ''}`);

describe('a short name', () => {
  test.each<[string, string, string[]]>([
    ['', 'debian:12', ['docker.io/library/debian:12']],
    ['unqualified-search-registries = ["quay.io", "docker.io"]', 'debian:12', ['quay.io/debian:12', 'docker.io/library/debian:12']],
    ['unqualified-search-registries = ["quay.io"]', 'team/app', ['quay.io/team/app:latest']],
    ['unqualified-search-registries = ["quay.io"]', 'r.example/app', ['r.example/app:latest']],
    ['[aliases]\nfedora = "registry.example/fedora"', 'fedora:40', ['registry.example/fedora:40']],
    ['[aliases]\nfedora = "registry.example/fedora"', `fedora@${DIGEST}`, [`registry.example/fedora@${DIGEST}`]],
    ['[aliases]\nfedora = "registry.example/fedora"', 'team/fedora', ['docker.io/team/fedora:latest']],
    ['unqualified-search-registries = ["quay.io"]\n[aliases]\n"team/app" = "r.example/app"', 'team/app:1', ['r.example/app:1']],
  ])('under %j: %s is %j', (conf, name, expected) => {
    expect(names(conf, name)).toEqual(expected);
  });

  test('means nothing where the list is empty on purpose', () => {
    expect(() => names('unqualified-search-registries = []', 'debian')).toThrow(/empty list of registries/);
  });
});

describe('a name is fetched from', () => {
  const MIRRORED = `
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example:5000/hub"
insecure = true
[[registry.mirror]]
location = "digests.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tags.example"
pull-from-mirror = "tag-only"
`;
  test.each<[string, string, string[]]>([
    ['', 'debian', ['docker.io/library/debian:latest']],
    [MIRRORED, 'debian', ['mirror.example:5000/hub/library/debian:latest insecure mirror', 'tags.example/library/debian:latest mirror', 'docker.io/library/debian:latest']],
    [MIRRORED, `debian@${DIGEST}`, [`mirror.example:5000/hub/library/debian@${DIGEST} insecure mirror`, `digests.example/library/debian@${DIGEST} mirror`, `docker.io/library/debian@${DIGEST}`]],
    [MIRRORED, 'quay.io/debian', ['quay.io/debian:latest']],
    ['[[registry]]\nlocation = "r.example"\ninsecure = true', 'r.example/a', ['r.example/a:latest insecure']],
    ['[[registry]]\nlocation = "r.example"\ninsecure = true', 'r.example.org/a', ['r.example.org/a:latest']],
    ['[[registry]]\nprefix = "a.example/team"\nlocation = "b.example/other"', 'a.example/team/app:1', ['b.example/other/app:1 mirror']],
    ['[[registry]]\nprefix = "a.example/team"\nlocation = "b.example/other"', 'a.example/teamwork/app:1', ['a.example/teamwork/app:1']],
    ['[[registry]]\nprefix = "a.example/app"\nlocation = "b.example/x"', 'a.example/app:1', ['b.example/x:1 mirror']],
    ['[[registry]]\nprefix = "*.example"\ninsecure = true', 'a.b.example/app', ['a.b.example/app:latest insecure']],
    ['[[registry]]\nprefix = "*.example"\nlocation = "proxy.test/all"', 'a.example:5000/app', ['proxy.test/all/app:latest mirror']],
    ['[[registry]]\nlocation = "r.example"\n[[registry]]\nlocation = "r.example/team"\ninsecure = true', 'r.example/team/a', ['r.example/team/a:latest insecure']],
  ])('under %j: %s: %j', (conf, name, expected) => {
    expect(places(conf, name)).toEqual(expected);
  });

  test('nowhere when it is blocked', () => {
    expect(() => places('[[registry]]\nlocation = "bad.example"\nblocked = true', 'bad.example/a')).toThrow(/registries\.conf blocks bad\.example/);
    expect(isInsecure(read('[[registry]]\nlocation = "r.example"\ninsecure = true'), parseReference('r.example/x'))).toBe(true);
  });
});

describe('a mistake in the file is named', () => {
  test.each([
    ['unqualified-search-registries = "docker.io"', /not a list of strings/],
    ['[[registry]]\nblocked = true', /needs a location/],
    ['[[registry]]\nlocation = "https://r.example"', /without http/],
    ['[[registry]]\nlocation = "r.example"\ninsecure = "yes"', /insecure is not true or false/],
    ['[[registry]]\nprefix = "*.r.example/x"\nlocation = "y.example"', /only be \*\. and a domain/],
    ['[registry]\nlocation = "r.example"', /written as \[\[registry\]\]/],
    ['[registries.search]\nregistries = ["docker.io"]', /version 1/],
    ['[[registry]]\nlocation = "r.example"\n[[registry.mirror]]\ninsecure = true', /mirror\]\] needs a location/],
    ['nonsense', /registries\.conf, line 1/],
  ])('%j', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  test('also a location that names no registry', () => {
    expect(() => places('[[registry]]\nprefix = "a.example"\nlocation = "team"', 'a.example/app')).toThrow(/does not begin with a registry/);
  });
});

describe('of several files', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'scull-conf-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const config = (more: Partial<ContainersConfig> = {}): ContainersConfig => ({
    userFolder: join(folder, 'user'),
    systemFolder: join(folder, 'system'),
    dockerFolder: join(folder, 'docker'),
    authFile: undefined,
    runtimeAuthFile: undefined,
    registriesConf: undefined,
    ...more,
  });
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };

  test('drop-ins add to the system\'s, the user\'s last', () => {
    write('system/registries.conf', 'unqualified-search-registries = ["system.example"]\n[[registry]]\nlocation = "s.example"');
    write('system/registries.conf.d/10-a.conf', '[[registry]]\nlocation = "r.example"\n[aliases]\na = "r.example/system"\nb = "r.example/b"');
    write('system/registries.conf.d/ignored.txt', 'nonsense');
    write('user/registries.conf.d/10-a.conf', '[[registry]]\nlocation = "r.example"\nblocked = true\n[aliases]\na = "r.example/user"\nb = ""');
    const conf = loadRegistriesConf({ config: config() });
    expect(conf.searchRegistries).toEqual(['system.example']);
    expect(conf.registries.filter((entry) => entry.file.startsWith(folder)).map((entry) => [entry.prefix, entry.blocked])).toEqual([['s.example', false], ['r.example', true]]);
    expect(conf.aliases.get('a')).toBe('r.example/user');
    expect(conf.aliases.has('b')).toBe(false);
  });

  test('the user\'s replaces the system\'s, and all that was added to that', () => {
    write('system/registries.conf', 'unqualified-search-registries = ["system.example"]\n[[registry]]\nlocation = "gone.example"');
    write('system/registries.conf.d/10-a.conf', '[aliases]\na = "r.example/system"');
    write('user/registries.conf', 'unqualified-search-registries = ["user.example"]');
    write('user/registries.conf.d/10-a.conf', '[aliases]\nb = "r.example/b"');
    expect(loadRegistriesConf({ config: config() })).toEqual({ searchRegistries: ['user.example'], aliases: new Map([['b', 'r.example/b']]), registries: [] });
  });

  test('those of nothing but aliases are not looked into for a full name', () => {
    write('user/registries.conf', '# a file of remarks\n'.repeat(1000));
    write('user/registries.conf.d/10-a.conf', '# short names\n\n[aliases]\na = nonsense');
    write('user/registries.conf.d/20-b.conf', '[aliases]\n"b" = "r.example/b"\n\n[[registry]]\nlocation = "r.example"\ninsecure = true');
    expect(() => loadRegistriesConf({ config: config() })).toThrow(/10-a\.conf, line 4/);
    const conf = loadRegistriesConf({ config: config(), aliases: false });
    expect(conf.registries.filter((entry) => entry.file.startsWith(folder)).map((entry) => [entry.prefix, entry.insecure])).toEqual([['r.example', true]]);
  });

  test('one named by the environment stands alone', () => {
    write('user/registries.conf', 'unqualified-search-registries = ["user.example"]');
    write('mine.conf', 'unqualified-search-registries = ["mine.example"]');
    expect(loadRegistriesConf({ config: config({ registriesConf: join(folder, 'mine.conf') }) }).searchRegistries).toEqual(['mine.example']);
  });
});
