/** What went wrong in builds elsewhere, by the advisories: a build of a hostile file or image must not reach the host. */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { busyboxEntries } from '../support/images.ts';
import { useScull } from '../support/scull.ts';

const s = useScull();
let contexts = 0;

function context(lines: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  const directory = s.directory(`hostile-${++contexts}`);
  for (const [path, content] of Object.entries({ Containerfile: `${lines.join('\n')}\n`, ...files })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  return directory;
}

const build = (directory: string, ...args: string[]): Promise<string> => s.ok(['build', '-q', ...args, directory]);
const said = (image: string, ...command: string[]): Promise<string> => s.ok(['run', '--rm', '--network=none', image, ...command]);

test('CVE-2020-10696: a link in the image leads COPY and WORKDIR nowhere but into the image', async () => {
  const host = s.directory('host-of-links');
  const image = await build(context(['FROM busybox', `RUN mkdir -p ${host} && ln -s ${host} /out && ln -s ../../../../../../..${host} /up`, 'COPY f /out/', 'COPY f /up/g', 'WORKDIR /out/work'], { f: 'f' }));
  expect(readdirSync(host)).toEqual([]);
  expect(await said(image, 'ls', host)).toBe('f\ng\nwork');
});

test('CVE-2021-3602, CVE-2020-14370: the environment of who builds stays outside, also by names in an image', async () => {
  await s.load({ tags: ['greedy:1'], layers: [busyboxEntries()], settings: { Env: ['PATH=/bin', 'STOLEN', '*'] } });
  const image = await s.ok(['build', '-q', context(['FROM greedy:1', 'ARG ALSO', 'RUN env > /env'])], { env: { STOLEN: 'caller', ALSO: 'caller' } });
  expect(await said(image, 'cat', '/env')).not.toContain('caller');
});

test('CVE-2024-1753: the source of a bind is looked up inside of the stage, whose own / its links begin at', async () => {
  const host = s.directory('host-of-binds');
  writeFileSync(join(host, 'secret'), 'of the host');
  const nowhere = context(['FROM busybox AS evil', `RUN ln -s ${host} /out`, 'FROM busybox', 'RUN --mount=type=bind,from=evil,source=/out,target=/m cat /m/secret']);
  await s.fails(['build', nowhere], 125, /Containerfile:4:1: "\/out" is not in "evil"/);
  for (const link of ['out', 'up', 'in']) {
    const directory = context(['FROM busybox AS evil', `RUN ln -s ${host} /out && ln -s ../../../../..${host} /up && ln -s .${host} /in && mkdir -p ${host} && echo inner > ${host}/secret`, 'FROM busybox', `RUN --mount=type=bind,from=evil,source=/${link},target=/m cat /m/secret > /seen`]);
    expect(await said(await build(directory), 'cat', '/seen')).toBe('inner');
  }
});

test('CVE-2024-9407, CVE-2024-9675: no option of a mount is passed on unknown, and no id of a cache is a path', async () => {
  for (const option of ['bind-propagation=shared', 'relabel=shared', 'z', 'upperdir=/tmp']) {
    await s.fails(['build', context(['FROM busybox', `RUN --mount=type=bind,target=/x,${option} true`])], 125, /Containerfile:2:1: a bind mount has no option/);
  }
  const outside = join(s.base, 'reached');
  await build(context(['FROM busybox', `RUN --mount=type=cache,id=../../../../../../../..${outside},target=/c echo x > /c/x`]));
  expect(existsSync(outside)).toBe(false);
  expect(readdirSync(join(s.storeRoot, 'build/mounts')).every((name) => /^[0-9a-f]{64}(\.\d+)?$/.test(name))).toBe(true);
});

test('CVE-2024-9341, CVE-2024-9676: /etc/passwd of an image that is a link shows no file of the host, and one without an end is not read', async () => {
  const passwd = s.file('host-passwd', 'intruder:x:4242:4242::/:/bin/sh\n');
  await s.fails(['build', context(['FROM busybox', `RUN rm -f /etc/passwd && ln -s ${passwd} /etc/passwd`, 'COPY --chown=intruder f /'], { f: 'f' })], 125, /Containerfile:3:\d+: .*intruder/);
  await s.fails(['build', context(['FROM busybox', 'RUN rm -f /etc/passwd && mkfifo /etc/passwd', 'COPY --chown=nobody-of-this-name f /'], { f: 'f' })], 125, /Containerfile:3:\d+: /);
});

test('CVE-2024-11218: a stage sees others as they were when they were done, whoever writes into them at the same time', async () => {
  const directory = context([
    'FROM busybox AS shared', 'RUN mkdir /s && echo original > /s/f',
    'FROM busybox AS writer', 'RUN --mount=type=bind,from=shared,source=/s,target=/s,rw for i in 1 2 3 4 5; do echo written > /s/f; ln -sf /etc/passwd /s/link; sleep 0.1; done; cat /s/f > /out',
    'FROM busybox AS reader', 'RUN --mount=type=bind,from=shared,source=/s,target=/s for i in 1 2 3 4 5; do cat /s/f; ls /s; sleep 0.1; done > /out',
    'FROM busybox', 'COPY --from=writer /out /writer', 'COPY --from=reader /out /reader', 'COPY --from=shared /s /s',
  ]);
  expect(await said(await build(directory, '--jobs', '4'), 'sh', '-c', 'cat /writer; sort -u /reader; ls /s; cat /s/f')).toBe('written\nf\noriginal\nf\noriginal');
});

test.each([
  ['nothing but flags', ['FROM busybox', 'RUN --mount --network']],
  ['an empty mount', ['FROM busybox', 'RUN --mount= true']],
  ['values without names', ['FROM busybox', 'RUN --mount=type=cache,=,target true']],
  ['a name of a stage that is a number beyond all', ['FROM busybox', 'COPY --from=99999999999999999999 a /']],
  ['bytes that are no text', ['FROM busybox', 'COPY \u0000 /\u0000']],
  ['an exec form that is other JSON', ['FROM busybox', 'CMD [{"a": [1, null]}]', 'ENTRYPOINT [[]]', 'COPY [null] /']],
  ['a here-document without an end', ['FROM busybox', 'RUN <<EOF', 'true']],
  ['variables without an end', ['FROM busybox', `ENV A=${'${A:-'.repeat(2000)}`]],
  ['numbers out of range', ['FROM busybox', 'EXPOSE 99999999999', 'COPY --chown=99999999999 . /']],
  ['a trigger that is none', ['FROM busybox AS a', 'ONBUILD COPY', 'FROM a']],
])('CVE-2024-23650: bad input is an error with its place and no crash: %s', async (_what, lines) => {
  const result = await s.scull(['build', '-q', context(lines)]);
  expect(result.stderr).not.toMatch(/^\s+at .+:\d+|TypeError|RangeError/m);
  if (result.status !== 0) expect([result.status, result.stderr]).toEqual([125, expect.stringMatching(/^Error: .*:\d+:\d+: /)]);
});

test('CVE-2024-23651: what a cache mount is filled from is looked up inside of the stage', async () => {
  const host = s.directory('host-of-caches');
  writeFileSync(join(host, 'secret'), 'of the host');
  const directory = (link: string): string => context(['FROM busybox AS evil', `RUN mkdir -p ${host} && echo inner > ${host}/secret && ln -s ${host} /out && ln -s .${host} /in`, 'FROM busybox', `RUN --mount=type=cache,id=${link},from=evil,source=/${link},target=/c cat /c/secret > /seen; ln -s ${host} /c/link`, `RUN --mount=type=cache,id=${link},target=/c cat /c/link/secret >> /seen; true`]);
  expect(await said(await build(directory('in')), 'cat', '/seen')).toBe('inner');
  await s.fails(['build', directory('out')], 125, /Containerfile:4:1: a cache mount can't be filled from "\/out"/);
});

test('CVE-2024-23652: what was made to mount upon is removed in the layer, and nowhere that a link leads', async () => {
  const host = s.directory('host-of-mounts');
  mkdirSync(join(host, 'm/empty'), { recursive: true });
  writeFileSync(join(host, 'm/file'), '');
  const directory = context(['FROM busybox', `RUN --mount=type=tmpfs,target=/a/m/empty --mount=type=bind,target=/a/m/file,source=Containerfile mv /a /moved && ln -s ${host} /a`, 'RUN readlink /a > /seen']);
  expect(await said(await build(directory), 'cat', '/seen')).toBe(host);
  expect([readdirSync(join(host, 'm')).sort(), readFileSync(join(host, 'm/file'), 'utf8')]).toEqual([['empty', 'file'], '']);
});

test('CVE-2024-23653: no file alone gets more rights, or the network of the host by another name', async () => {
  await s.fails(['build', context(['FROM busybox', 'RUN --security=insecure true'])], 125, /Containerfile:2:1: RUN --security=insecure is not allowed/);
  const image = await build(context(['FROM busybox', 'RUN grep CapEff /proc/self/status > /capabilities; mount -t tmpfs x /mnt 2>/dev/null && echo mounted >> /capabilities; true']));
  expect(await said(image, 'cat', '/capabilities')).toMatch(/^CapEff:\t00000000800405fb$/);
});

test('CVE-2024-24557: an image that claims to be the result of a step is not taken for it', async () => {
  const layers = [busyboxEntries(), [{ path: 'poison', content: 'poison' }]];
  await s.load({ tags: ['crafted:1'], layers, settings: { Cmd: ['sh'] } });
  const image = await build(context(['FROM busybox', 'RUN echo poison > /made']));
  expect(await said(image, 'sh', '-c', 'cat /made; test -e /poison || echo clean')).toBe('poison\nclean');
});

test('CVE-2025-4953: what a step writes into its context is gone', async () => {
  const directory = context(['FROM busybox', 'RUN --mount=type=bind,target=/c,rw echo changed > /c/file && echo new > /c/new && rm /c/Containerfile'], { file: 'as it was' });
  await build(directory);
  expect([readFileSync(join(directory, 'file'), 'utf8'), readdirSync(directory).sort()]).toEqual(['as it was', ['Containerfile', 'file']]);
});
