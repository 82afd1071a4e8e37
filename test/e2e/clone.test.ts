/** Another container like one that is there: podman-container-clone(1). */
import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull();

test('a clone is wished for as the original was, and is a container of its own', async () => {
  await s.ok(['create', '--name', 'original', '-e', 'WHO=it', '-w', '/etc', '-v', 'shared:/data', '--cidfile', `${s.base}/cid`, 'busybox', 'sh', '-c', 'echo $WHO in $PWD; touch /data/seen']);
  const id = await s.ok(['container', 'clone', 'original']);
  const [clone, original] = [await s.inspect(id), await s.inspect('original')];
  expect(clone).toMatchObject({ Name: '/original-clone', Image: original.Image, Config: { Cmd: original.Config.Cmd } });
  expect(clone.Id).not.toBe(original.Id);
  expect(await s.ok(['start', '-a', 'original-clone'])).toBe('it in /etc');
  expect(await s.ok(['run', '--rm', '-v', 'shared:/data', 'busybox', 'ls', '/data'])).toBe('seen');
  await s.ok(['container', 'clone', 'original']);
  await s.ok(['container', 'clone', 'original-clone']);
  expect((await s.ok(['ps', '-a', '--filter', 'name=original', '--format', '{{.Names}}'])).split('\n').sort()).toEqual(['original', 'original-clone', 'original-clone1', 'original-clone2']);
  await s.ok(['rm', '-a']);
});

test('name and image can be others', async () => {
  await s.ok(['tag', 'busybox', 'other:1']);
  await s.ok(['create', '--name', 'first', 'busybox', 'true']);
  expect((await s.inspect(await s.ok(['container', 'clone', 'first', 'second', 'other:1']))).Name).toBe('/second');
  expect((await s.inspect('second')).Config.Image).toBe('localhost/other:1');
  await s.fails(['container', 'clone', '--name', 'first', 'second'], 125, /first/);
  await s.fails(['container', 'clone', 'absent'], 125, /absent/);
  await s.ok(['rm', 'first', 'second']);
});

test('the image stays the one that the original was made from, whatever its name has come to mean', async () => {
  await s.ok(['tag', 'busybox', 'moving:1']);
  await s.ok(['create', '--name', 'still', 'moving:1', 'true']);
  await s.load({ tags: ['moving:1'], layers: [[{ path: 'marker', content: 'new' }]] });
  await s.ok(['container', 'clone', 'still']);
  expect((await s.inspect('still-clone')).Image).toBe((await s.inspect('still')).Image);
  await s.ok(['rm', 'still', 'still-clone']);
});

test('--run --destroy puts it in the place of the original, which must not run without --force', async () => {
  await s.ok(['run', '-d', '--name', 'server', 'busybox', 'sleep', '1000']);
  await s.fails(['container', 'clone', '--destroy', '--run', 'server'], 125, /server.*running/);
  expect(await s.scull(['container', 'exists', 'server-clone'])).toMatchObject({ status: 1 });
  const id = await s.ok(['container', 'clone', '--destroy', '--force', '--run', 'server']);
  expect(await s.ok(['ps', '--no-trunc', '--format', '{{.ID}} {{.Names}}'])).toBe(`${id} server-clone`);
  await s.fails(['container', 'clone', '--force', 'server-clone'], 125, /--force only makes sense with --destroy/);
  await s.ok(['rm', '-f', '-t', '0', 'server-clone']);
});

test('the clone of a container in a pod lives in the pod too', async () => {
  await s.ok(['pod', 'create', '--replace', '--name', 'crew', '--network', 'none']);
  await s.ok(['run', '-d', '--pod', 'crew', '--name', 'mate', 'busybox', 'sleep', '1000']);
  await s.ok(['container', 'clone', '--run', 'mate']);
  const namespace = (name: string): Promise<string> => s.ok(['exec', name, 'readlink', '/proc/self/ns/ipc']);
  expect(await namespace('mate-clone')).toBe(await namespace('mate'));
  expect((await s.inspect('mate-clone')).Pod).toBe((await s.inspect('mate')).Pod);
  await s.ok(['create', '--name', 'loner', '--hostname', 'alone', '-p', '8080', 'busybox', 'hostname']);
  await s.ok(['container', 'clone', '--pod', 'crew', 'loner', 'joined']);
  expect(await s.ok(['start', '-a', 'joined'])).toBe('crew');
  await s.ok(['pod', 'rm', '-f', '-t', '0', 'crew']);
});
