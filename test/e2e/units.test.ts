/** Quadlet files where no systemd runs; what systemd does with the units is tried in test/vm. */
import { chmodSync, existsSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useScull } from '../support/scull.ts';

const s = useScull({ empty: true });
const unitFolder = () => join(s.home, '.config', 'systemd', 'user');

function quadlets(name: string, files: Record<string, string>): string {
  const folder = s.directory(name);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

test('unit check names each mistake by file and line, and ends with 1', async () => {
  const folder = quadlets('wrong', { 'web.container': '[Container]\nImage=x\nimage=y\nNetwork=no.network\nnonsense\n', 'fine.volume': '[Volume]\n' });
  const { status, stdout } = await s.scull(['unit', 'check', folder]);
  expect(status).toBe(1);
  expect(stdout.split('\n')).toEqual([
    `error: ${folder}/web.container:5: "nonsense" is neither a comment, a [Section] nor Key=value`,
    `error: ${folder}/web.container:3: unknown key image= in [Container]: it is spelled Image=`,
    `error: ${folder}/web.container:4: Network=no.network: there is no no.network beside this file`,
    '',
  ]);
  expect(await s.ok(['unit', 'check', join(folder, 'fine.volume')])).toBe('');
});

test('unit check refuses what is no Quadlet file', async () => {
  await s.fails(['unit', 'check', s.file('x.service', '')], 125, /is no Quadlet file/);
  await s.fails(['unit', 'check', join(s.base, 'absent.container')], 125, /does not exist/);
  await s.fails(['unit', 'check', s.directory('nothing')], 125, /holds no Quadlet files/);
});

test("Podman's .artifact files are refused with what does the same, alone and among others", async () => {
  const folder = quadlets('artifact', { 'web.container': '[Container]\nImage=x\n', 'site.artifact': '[Artifact]\nArtifact=quay.io/some/site\n' });
  for (const path of [folder, join(folder, 'site.artifact')]) await s.fails(['unit', 'install', path], 125, /site\.artifact: no units are made of \.artifact files\n.*ExecStartPre=scull pull/);
  expect(existsSync(unitFolder())).toBe(false);
});

test('unit print shows the unit and writes nothing', async () => {
  const folder = quadlets('printed', { 'web.container': '[Container]\nImage=x\nExec=a "b c"\n' });
  expect(await s.ok(['unit', 'print', join(folder, 'web.container')])).toMatch(/^ExecStart=\S+.* run --name systemd-%N --replace --rm --sdnotify conmon -d --cgroups split x a "b c"$/m);
  expect(existsSync(unitFolder())).toBe(false);
});

test('drop-ins of a Quadlet file count', async () => {
  const folder = quadlets('dropped', { 'web.container': '[Container]\nImage=x\n' });
  s.directory('dropped/web.container.d');
  writeFileSync(join(folder, 'web.container.d', '10-memory.conf'), '[Container]\nMemory=10m\n');
  expect(await s.ok(['unit', 'print', folder])).toContain('--memory 10m');
});

test('drop-ins of a template and of all files of a kind count, the most specific of a name; mistakes in them are named by their own lines', async () => {
  const folder = quadlets('dropped-more', { 'web-front@.container': '[Container]\nImage=x\n' });
  symlinkSync('web-front@.container', join(folder, 'web-front@1.container'));
  const dropIn = (name: string, file: string, text: string): void => {
    s.directory(`dropped-more/${name}`);
    writeFileSync(join(folder, name, file), text);
  };
  dropIn('container.d', '10-memory.conf', '[Container]\nMemory=10m\n');
  dropIn('web-@.container.d', '10-memory.conf', '[Container]\nMemory=20m\n');
  dropIn('web-front@.container.d', '20-host.conf', '[Container]\nHostName=any\n');
  dropIn('web-front@1.container.d', '30-host.conf', '[Container]\nHostName=one\n');
  expect(await s.ok(['unit', 'print', join(folder, 'web-front@1.container')])).toMatch(/--hostname one .*--memory 20m/);
  expect(await s.ok(['unit', 'print', join(folder, 'web-front@.container')])).toMatch(/--hostname any .*--memory 20m/);
  dropIn('web-front@1.container.d', '40-wrong.conf', '[Container]\n\nMemori=1\n');
  const { status, stdout, stderr } = await s.scull(['unit', 'check', join(folder, 'web-front@1.container')]);
  expect({ status, said: stdout + stderr }).toEqual({ status: 1, said: expect.stringContaining('web-front@1.container.d/40-wrong.conf:3: unknown key Memori=') });
});

test('units are installed with what they need, listed, compared after a change, and removed', async () => {
  const folder = quadlets('life', { 'web.container': '[Container]\nImage=x\nVolume=data.volume:/data\n', 'data.volume': '[Volume]\n', 'other.volume': '[Volume]\n' });
  expect(await s.ok(['unit', 'install', join(folder, 'web.container')])).toBe('data-volume.service\nweb.service');
  expect(readFileSync(join(unitFolder(), 'web.service'), 'utf8')).toContain('Requires=data-volume.service');
  expect(existsSync(join(unitFolder(), 'scull-wait-for-network.service'))).toBe(true);
  expect(await s.ok(['unit', 'list', '--format', '{{.Name}} {{.State}} {{.Active}}'])).toBe('data-volume.service current unknown\nweb.service current unknown');
  expect(await s.ok(['unit', 'diff'])).toBe('');

  writeFileSync(join(folder, 'web.container'), '[Container]\nImage=x\nMemory=10m\nVolume=data.volume:/data\n');
  expect(await s.ok(['unit', 'list', '--format', '{{.Name}} {{.State}}'])).toContain('web.service changed');
  const difference = await s.scull(['unit', 'diff', 'web']);
  expect(difference.status).toBe(1);
  expect(difference.stdout).toMatch(/^web\.service\n- ExecStart=.*\n\+ ExecStart=.* --memory 10m .*\n\+ Memory=10m\n$/);
  await s.ok(['unit', 'install', folder]);
  expect(await s.ok(['unit', 'diff'])).toBe('');

  expect(await s.ok(['unit', 'rm', 'web', 'data-volume.service', 'other-volume'])).toBe('web.service\ndata-volume.service\nother-volume.service');
  expect(await s.ok(['unit', 'list', '-q'])).toBe('');
  await s.fails(['unit', 'rm', 'web'], 125, /no unit "web.service" made by scull/);
});

test('nothing is installed when one file is wrong, and no unit of others is replaced', async () => {
  const folder = quadlets('half', { 'a.volume': '[Volume]\n', 'b.volume': '[Volume]\nNope=1\n' });
  await s.fails(['unit', 'install', folder], 125, /nothing was installed: .*b\.volume:2: unknown key Nope=/);
  expect(await s.ok(['unit', 'list', '-q'])).toBe('');
  const own = quadlets('own', { 'mine.container': '[Container]\nImage=x\n' });
  await s.ok(['unit', 'install', own]);
  writeFileSync(join(unitFolder(), 'mine.service'), '[Service]\nExecStart=/bin/true\n');
  await s.fails(['unit', 'install', own], 125, /mine\.service is there already and was not made by scull/);
  await s.fails(['unit', 'install', '--now', quadlets('later', { 'c.volume': '[Volume]\n' })], 125, /no systemd of yours runs here/);
});

test('the generator makes units and the links that enabling would make, and leaves wrong files out', async () => {
  const folder = join(s.home, '.config', 'containers', 'systemd');
  s.directory('h/.config/containers/systemd');
  writeFileSync(join(folder, 'web.container'), '[Container]\nImage=x\n[Install]\nWantedBy=default.target\n');
  writeFileSync(join(folder, 'bad.container'), '[Container]\n');
  const target = s.directory('generated');
  const { status, stderr } = await s.scull(['unit', 'generator', target, target, target]);
  expect(status).toBe(1);
  expect(stderr).toMatch(/bad\.container: \[Container\] has neither Image= nor Rootfs=/);
  expect(readFileSync(join(target, 'default.target.wants', 'web.service'), 'utf8')).toContain('run --name systemd-%N');
  expect(existsSync(join(target, 'bad.service'))).toBe(false);
});

test('the generator looks in the folders of the runtime directory first, and in those below; a template is enabled by its default instance', async () => {
  const runtime = s.directory('generator-runtime');
  const own = s.directory('generator-config/containers/systemd');
  const env = { XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: s.directory('generator-config') };
  const first = s.directory('generator-runtime/containers/systemd/deep/deeper');
  symlinkSync(own, join(own, 'round'));
  writeFileSync(join(first, 'web.container'), '[Container]\nImage=first\nVolume=data.volume:/data\n');
  writeFileSync(join(own, 'web.container'), '[Container]\nImage=second\n');
  writeFileSync(join(own, 'data.volume'), '[Volume]\n');
  writeFileSync(join(own, 'many@.container'), '[Container]\nImage=x\n[Install]\nWantedBy=default.target\nDefaultInstance=1\n');
  const target = s.directory('generator-units');
  await s.ok(['unit', 'generator', target], { env });
  expect(readFileSync(join(target, 'web.service'), 'utf8')).toMatch(/Requires=data-volume\.service[^]* -v systemd-data:\/data first$/m);
  expect(existsSync(join(target, 'data-volume.service'))).toBe(true);
  expect(readlinkSync(join(target, 'default.target.wants', 'many@1.service'))).toBe('../many@.service');
});

test('a folder that cannot be read is said to be so', async () => {
  const folder = quadlets('closed', { 'a.volume': '[Volume]\n' });
  chmodSync(folder, 0o000);
  await s.fails(['unit', 'check', folder], 125, /cannot read .*closed/);
  chmodSync(folder, 0o755);
});
