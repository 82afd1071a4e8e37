/**
 * boot install: has `scull boot` called when the machine starts, by what the machine has: systemd's user manager, else cron, else the
 * first login after a boot. All are the user's own; nothing needs root.
 */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { configDirectory, userRuntimeDirectory } from '../../host/directories.ts';
import { environmentVariable } from '../../host/environment.ts';
import { ScullError } from '../../host/errors.ts';
import { readTextIfPresent, writeFileAtomic } from '../../host/files.ts';
import { run } from '../../host/process.ts';
import { scull } from '../../runtime/keeper.ts';
import { lingers } from '../../host/linger.ts';
import { userName } from '../../userns/id-maps.ts';
import type { Engine } from '../engine.ts';

export type BootMeans = 'systemd' | 'cron' | 'login';

export interface BootSetUp {
  readonly means: BootMeans;
  /** What was written: a file, or the line in the user's crontab. */
  readonly place: string;
  /** What still keeps it from working, and the command that changes it. */
  readonly missing?: string;
}

const UNIT = 'scull-boot.service';
const MARK = '# scull boot';

/** @param means chosen by looking unless given @throws ScullError TOOL_FAILED */
export async function installBoot(engine: Engine, means?: BootMeans): Promise<BootSetUp> {
  const chosen = means ?? available();
  if (chosen === 'systemd') return installUnit(engine);
  return chosen === 'cron' ? installCron(engine) : installLogin(engine);
}

/** Takes away what {@link installBoot} has set up, by whichever means. @returns what was there */
export async function uninstallBoot(): Promise<string[]> {
  const removed: string[] = [];
  const unit = unitPath();
  if (existsSync(unit)) {
    if (hasSystemd()) await systemctl('disable', UNIT);
    rmSync(unit, { force: true });
    removed.push(unit);
  }
  const crontab = hasCrontab() ? await readCrontab() : '';
  if (crontab.includes(MARK)) {
    await writeCrontab(withoutOurs(crontab));
    removed.push('the line in your crontab');
  }
  for (const file of PROFILES.map((name) => join(homedir(), name))) {
    const text = readTextIfPresent(file) ?? '';
    if (!text.includes(MARK)) continue;
    writeFileSync(file, withoutOurs(text));
    removed.push(`the line in ${file}`);
  }
  return removed;
}

function available(): BootMeans {
  return hasSystemd() ? 'systemd' : hasCrontab() ? 'cron' : 'login';
}

/** A user manager that can be talked to, not just a program of that name. */
function hasSystemd(): boolean {
  const runtime = userRuntimeDirectory() ?? `/run/user/${process.getuid?.() ?? 0}`;
  return existsSync('/run/systemd/system') && existsSync(join(runtime, 'systemd', 'private'));
}

function hasCrontab(): boolean {
  return ['/usr/bin/crontab', '/bin/crontab', '/usr/local/bin/crontab'].some((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

function unitPath(): string {
  return join(configDirectory(), 'systemd', 'user', UNIT);
}

async function installUnit(engine: Engine): Promise<BootSetUp> {
  const path = unitPath();
  mkdirSync(dirname(path), { recursive: true });
  writeFileAtomic(path, bootUnit(unitLine(engine, 'boot'), unitLine(engine, 'boot', 'stop')), { mode: 0o644 });
  await systemctl('daemon-reload');
  await systemctl('enable', UNIT);
  const user = userName();
  return { means: 'systemd', place: path, ...(lingers(user) ? {} : { missing: `without lingering, user services start at login only: loginctl enable-linger ${user}` }) };
}

/** The unit's text. Stopping it, as a shutdown does, stops the containers in their own way. */
function bootUnit(start: string, stop: string): string {
  return `# Made by \`scull boot install\`; \`scull boot uninstall\` removes it.
[Unit]
Description=Containers that run from boot on
Documentation=man:scull(1)

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${start}
ExecStop=${stop}
Delegate=yes
TimeoutStartSec=infinity
TimeoutStopSec=2min

[Install]
WantedBy=default.target
`;
}

async function systemctl(...words: readonly string[]): Promise<void> {
  const result = await run('systemctl', ['--user', ...words], { timeout: 30_000 });
  if (result.status !== 0) throw new ScullError('TOOL_FAILED', `systemctl --user ${words.join(' ')} failed: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
}

async function installCron(engine: Engine): Promise<BootSetUp> {
  const line = `@reboot ${shellLine(engine, 'boot').replaceAll('%', '\\%')} ${MARK}`;
  await writeCrontab(withOurs(await readCrontab(), line));
  return { means: 'cron', place: line };
}

/** Where login shells look. */
const PROFILES = ['.bash_profile', '.bash_login', '.zprofile', '.profile'];

/** bash(1), "INVOCATION": it reads the first of three; other shells read ~/.profile, zsh its own. */
function profile(): string {
  const shell = basename(environmentVariable('SHELL') ?? 'sh');
  const read = shell === 'zsh' ? ['.zprofile'] : shell === 'bash' ? ['.bash_profile', '.bash_login', '.profile'] : ['.profile'];
  return join(homedir(), read.find((name) => existsSync(join(homedir(), name))) ?? (read.at(-1) as string));
}

/** In the background, and without a word: nobody who logs in is to wait for it. */
function installLogin(engine: Engine): BootSetUp {
  const file = profile();
  const line = `(${shellLine(engine, 'boot', '--once')} < /dev/null > /dev/null 2>&1 &) ${MARK}`;
  // Not by rename: it may be a link into a folder of such files.
  writeFileSync(file, withOurs(readTextIfPresent(file) ?? '', line));
  return { means: 'login', place: file, missing: 'here is neither a systemd user manager nor cron, so containers start with your first login after a boot' };
}

/** The lines of others, and ours at the end. */
function withOurs(text: string, line: string): string {
  const others = withoutOurs(text);
  return `${others}${others === '' || others.endsWith('\n') ? '' : '\n'}${line}\n`;
}

/** No crontab yet is an empty one. @throws ScullError TOOL_FAILED rather than to write over one that cannot be read */
async function readCrontab(): Promise<string> {
  const result = await run('crontab', ['-l'], { timeout: 10_000 });
  if (result.status === 0) return result.stdout;
  if (/no crontab/i.test(result.stderr) || result.stderr.trim() === '') return '';
  throw new ScullError('TOOL_FAILED', `crontab -l failed: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
}

async function writeCrontab(text: string): Promise<void> {
  const result = await run('crontab', ['-'], { input: text, timeout: 10_000 });
  if (result.status !== 0) throw new ScullError('TOOL_FAILED', `crontab refused: ${result.stderr.trim().split('\n')[0] ?? ''}`, { detail: result.stderr.trim() });
}

function withoutOurs(text: string): string {
  return text.split('\n').filter((line) => !line.endsWith(MARK)).join('\n');
}

/** For a shell. Cron has hardly any PATH: programs are looked for in the administrator's folders too, by ourselves. */
function shellLine(engine: Engine, ...words: readonly string[]): string {
  const { file, args } = bootCommand(engine, words);
  return [file, ...args].map((word) => (/^[\w./:=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

/** For ExecStart=, systemd.service(5), "Command lines". */
function unitLine(engine: Engine, ...words: readonly string[]): string {
  const { file, args } = bootCommand(engine, words);
  return [file, ...args].map((word) => (/^[\w./:=@-]+$/.test(word) ? word : `"${word.replaceAll(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`)).join(' ');
}

/** The runtime folder is left to that boot; a store elsewhere is named. */
function bootCommand(engine: Engine, words: readonly string[]): { file: string; args: readonly string[] } {
  const command = scull(engine.store.layout, ...words);
  const runroot = command.args.indexOf('--runroot');
  return { file: command.file, args: command.args.filter((_, index) => index !== runroot && index !== runroot + 1) };
}
