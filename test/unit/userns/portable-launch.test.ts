import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LaunchRequest } from '../../../src/userns/launch-request.ts';
import { portableLaunchCommand } from '../../../src/userns/portable-launch.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scull-launch-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

const own = (id: number | undefined) => [{ inside: 0, outside: id ?? 0, size: 1 }];
/** No subordinate ids are needed for what is tried here. */
const maps = { uids: own(process.getuid?.()), gids: own(process.getgid?.()), single: 'a test' };

function launch(program: readonly string[], steps: readonly string[] = [], request: Partial<LaunchRequest> = {}) {
  const { file, args } = portableLaunchCommand({ maps, program, ...request }, steps);
  return spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', 'pipe'], timeout: 20_000, cwd: directory });
}

test('the program is root of a namespace of its own, in the same directory, with its words as they are', () => {
  const { stdout, stderr, status } = launch(['sh', '-c', 'id -u; pwd; printf "[%s]" "$@"; exit 5', 'sh', 'a  b', '$HOME', "it's", '']);
  expect({ stdout, stderr, status }).toEqual({ stdout: `0\n${directory}\n[a  b][$HOME][it's][]`, stderr: '', status: 5 });
});

test('the program has the pid that was started', () => {
  const result = launch(['sh', '-c', 'echo $$']);
  expect(Number(result.stdout)).toBe(result.pid);
});

test('nothing but the standard streams and what is kept reaches the program', () => {
  const show = ['sh', '-c', 'for fd in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; true'];
  expect(launch(show).stdout).toBe('');
  expect(launch(show, [], { keepFds: [3] }).stdout).toBe('3\n');
});

test('the ready descriptor says that the namespaces stand', () => {
  const { output } = launch(['sh', '-c', 'echo more >&3'], [], { readyFd: 3, keepFds: [3] });
  expect(output[3]).toBe('n\nmore\n');
});

test('a program that does not exist is told with the status of a failed set-up', () => {
  expect(launch(['no-such-program'])).toMatchObject({ status: 119, stderr: 'scull-helper: cannot start no-such-program: No such file or directory\n' });
});

test('a descriptor that a shell can not name is refused', () => {
  expect(() => portableLaunchCommand({ maps, program: ['true'], keepFds: [12] }, [])).toThrow(/descriptor 12/);
});

test('only what is named can be written', () => {
  const [open, closed] = [join(directory, 'open  place'), join(directory, 'closed')];
  mkdirSync(open);
  mkdirSync(closed);
  const { status } = launch(['sh', '-c', 'echo x >"$1/x"; ! echo x >"$2/x"', 'sh', open, closed], [], { writable: [open] });
  expect(status).toBe(0);
  expect([existsSync(join(open, 'x')), existsSync(join(closed, 'x'))]).toEqual([true, false]);
});

describe('steps', () => {
  let root: string;

  beforeEach(() => {
    root = join(directory, 'root');
    for (const folder of ['root/etc', 'root/data', 'volume']) mkdirSync(join(directory, folder), { recursive: true });
    writeFileSync(join(root, 'data/x'), 'x');
    writeFileSync(join(root, 'etc/passwd'), 'root\n');
    writeFileSync(join(directory, 'outside'), 'outside\n');
    symlinkSync('/data', join(root, 'absolute'));
    symlinkSync('../../../../data', join(root, 'climbing'));
    symlinkSync('loop', join(root, 'loop'));
    symlinkSync(join(directory, 'outside'), join(root, 'escape'));
    symlinkSync('/etc/passwd', join(root, 'link'));
  });

  const volume = () => join(directory, 'volume');

  test.each(['data', '/data', 'absolute', 'climbing', 'etc/../data/.', '../data'])('fill finds %s inside the root', (path) => {
    expect(launch(['ls', volume()], ['fill', root, path, volume()])).toMatchObject({ status: 0, stdout: 'x\n' });
  });

  test.each(['loop', 'missing', 'data/x', 'missing/../../..', 'escape'])('fill finds nothing at %s', (path) => {
    expect(launch(['ls', volume()], ['fill', root, path, volume()])).toMatchObject({ status: 0, stdout: '' });
  });

  test('append follows links inside the root only', () => {
    const text = 'added: %s \\n "$HOME"\n';
    for (const path of ['link', 'escape', 'loop', 'data', 'new']) expect(launch(['true'], ['append', root, path, text])).toMatchObject({ status: 0 });
    expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).toBe(`root\n${text}`);
    expect(readFileSync(join(root, 'new'), 'utf8')).toBe(text);
    expect(readFileSync(join(directory, 'outside'), 'utf8')).toBe('outside\n');
  });

  test('a subpath is bound, a file or a directory', () => {
    const target = join(directory, 'target');
    expect(launch(['ls', target], ['beneath', root, 'data', target])).toMatchObject({ status: 0, stdout: 'x\n' });
    const file = join(directory, 'file');
    expect(launch(['cat', file], ['beneath', root, 'data/x', file])).toMatchObject({ status: 0, stdout: 'x' });
  });

  test.each(['absolute', '..', 'escape', 'data/../../volume', 'missing'])('a subpath %s is refused', (path) => {
    const { status, stderr } = launch(['true'], ['beneath', root, path, join(directory, 'target')]);
    expect({ status, stderr }).toEqual({ status: 119, stderr: expect.stringContaining(`cannot open the subpath ${path} of ${root}`) });
  });

  test('a bind shows another place', () => {
    expect(launch(['ls', volume()], ['bind', join(root, 'data'), volume()])).toMatchObject({ status: 0, stdout: 'x\n' });
    expect(existsSync(join(volume(), 'x'))).toBe(false);
  });

  test('a mount that fails is told with its reason', () => {
    const { status, stderr } = launch(['true'], ['bind', join(directory, 'none'), volume()]);
    expect(status).toBe(119);
    expect(stderr).toMatch(/^scull-helper: cannot bind .*none on .*volume: .+/m);
  });
});
