// `npm test`: brings about everything the tests need, then runs all of them as an unprivileged user.
//
//   npm test                                    everything
//   npm test -- --project e2e test/e2e/exec     arguments go to vitest
//
// Containers without root can only be tested by somebody who is not root. So root prepares the machine, copies the
// built tree to where the unprivileged user can read it (a clone below /root is out of that user's reach), and runs
// the tests there as that user. Anybody else runs them in place.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = dirname(dirname(fileURLToPath(import.meta.url)));
const report = join('.cache', 'test-report.json');

process.chdir(top);
mkdirSync('.cache', { recursive: true });
rmSync(report, { force: true });

const user = prepareMachine();
installDependencies();
must('npm', ['run', '--silent', 'build']);
must('npm', ['run', '--silent', 'typecheck']);
process.exitCode = process.getuid() === 0 ? testAsUser(user) : runVitest(top, []);

/** Packages, device nodes and the user. @returns the name of who runs the tests */
function prepareMachine() {
  heading('preparing the machine');
  const result = spawnSync('bash', ['scripts/setup-host.sh', '--for-tests'], { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });
  const name = /^user (.+)$/m.exec(result.stdout ?? '')?.[1];
  if (result.status !== 0 || name === undefined) process.exit(result.status || 1);
  return name;
}

function installDependencies() {
  const installed = join('node_modules', '.package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync('package-lock.json').mtimeMs) return;
  heading('installing dependencies');
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** Root's part: a copy of the tree that belongs to `name`, the tests run there, the report brought back. */
function testAsUser(name) {
  const home = must('getent', ['passwd', name], 'pipe').split(':')[5];
  const copy = join(home, '.cache', 'scull-tests', 'checkout');
  heading(`running the tests as ${name}, from a copy in ${copy}`);
  const asUser = ['-u', name, '--', 'env', '-i', ...userEnvironment(name, home)];
  const script = 'rm -rf "$1" && mkdir -p "$1" && tar -x -f - -C "$1"';
  const tar = `tar -c -f - --exclude=./.git --exclude=./.cache -C "$0" . | runuser "$@"`;
  must('bash', ['-o', 'pipefail', '-c', tar, top, ...asUser, 'sh', '-c', script, 'sh', copy]);
  const status = runVitest(copy, ['runuser', ...asUser]);
  if (existsSync(join(copy, report))) copyFileSync(join(copy, report), report);
  return status;
}

/** What a login would give the user, and what of ours decides how tests run. Nothing else of root's crosses over. */
function userEnvironment(name, home) {
  const runtimeDirectory = `/run/user/${must('id', ['-u', name], 'pipe').trim()}`;
  const environment = { HOME: home, USER: name, LOGNAME: name, SHELL: '/bin/bash', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' };
  if (existsSync(runtimeDirectory)) environment.XDG_RUNTIME_DIR = runtimeDirectory;
  // SCULL_TEST_SEED and the like: how long and with which numbers suites try.
  const forTests = Object.keys(process.env).filter((name) => /^SCULL_TEST_/.test(name) && name !== 'SCULL_TEST_PRODUCT');
  for (const inherited of ['CI', 'TERM', 'NO_COLOR', 'FORCE_COLOR', ...forTests]) {
    if (process.env[inherited] !== undefined) environment[inherited] = process.env[inherited];
  }
  return Object.entries(environment).map(([key, value]) => `${key}=${value}`);
}

/** @param prefix words that start a program as the testing user, empty for ourselves */
function runVitest(directory, prefix) {
  const node = testNode(directory);
  const vitest = [node, join(directory, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const [file, ...args] = [...prefix, ...vitest, ...process.argv.slice(2)];
  const { status } = spawnSync(file, args, { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] });
  return status ?? 1;
}

/** A Node the product supports: our own if PATH's is too old for it (or may be out of the testing user's reach). */
function testNode(directory) {
  const ours = join(directory, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  return existsSync(ours) ? ours : process.execPath;
}

function must(file, args, stdout = 'inherit') {
  const result = spawnSync(file, args, { stdio: ['ignore', stdout, 'inherit'], encoding: 'utf8' });
  if (result.status !== 0) {
    console.error(`Error: ${file} ${args[0]} failed`);
    process.exit(result.status || 1);
  }
  return result.stdout;
}

function heading(text) {
  console.error(`\n==> ${text}`);
}
