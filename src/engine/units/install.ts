/** Quadlet files → units in the user's own unit folder, which systemctl then enables and starts like any other. */
import { userRuntimeDirectory } from '../../host/directories.ts';
import { ScullError } from '../../host/errors.ts';
import { WAIT_FOR_NETWORK } from '../../systemd/quadlet/convert.ts';
import { systemctl, userManagerRuns } from '../../systemd/systemctl.ts';
import { waitForNetworkUnit } from '../../systemd/wait-for-network.ts';
import type { Problem } from '../../systemd/unit-file.ts';
import { installedText, readInstalled, removeInstalled, userUnitFolder, writeInstalled, type InstalledUnit } from './installed.ts';
import { readUnits, type ReadUnit } from './read.ts';

export interface InstallOptions {
  /** Tell systemd to read its units again; by default where it runs. */
  readonly reload?: boolean;
  /** Enable them, so that they start with the user's manager. */
  readonly enable?: boolean;
  /** Start them, too. */
  readonly now?: boolean;
}

export interface Installed {
  readonly name: string;
  readonly path: string;
  /** False where the unit was there with the same text. */
  readonly changed: boolean;
}

/**
 * All or nothing: no unit is written unless every file is right.
 * @returns what was installed: the units of the files named, and those they need
 * @throws ScullError INVALID with every problem, NAME_TAKEN
 */
export async function installUnits(paths: readonly string[], options: InstallOptions = {}): Promise<{ readonly installed: Installed[]; readonly warnings: Problem[] }> {
  const { asked, needed } = readUnits(paths);
  const units = [...needed, ...asked];
  const problems = units.flatMap((unit) => unit.problems);
  refuseErrors(problems);
  const installed = units.map((unit) => install(unit.unitName, installedText(unit.source.file.path, unit.text)));
  if (units.some((unit) => unit.text.includes(WAIT_FOR_NETWORK))) install(WAIT_FOR_NETWORK, installedText('nothing but itself', waitForNetworkUnit()));
  await tellSystemd(asked, options);
  return { installed, warnings: problems };
}

function refuseErrors(problems: readonly Problem[]): void {
  const errors = problems.filter((problem) => problem.severity === 'error');
  if (errors.length > 0) throw new ScullError('INVALID', `nothing was installed: ${errors.map(describeProblem).join('; ')}`, { hint: 'scull unit check says the same, a line for each' });
}

/** `/home/me/web.container:7: unknown key Imag= in [Container]` */
export function describeProblem(problem: Problem): string {
  return `${problem.path}:${problem.line === undefined ? '' : `${problem.line}:`} ${problem.message}`;
}

function install(name: string, text: string): Installed {
  const before = readInstalled(name);
  if (before?.text !== text) writeInstalled(name, text);
  return { name, path: `${userUnitFolder()}/${name}`, changed: before?.text !== text };
}

async function tellSystemd(units: readonly ReadUnit[], options: InstallOptions): Promise<void> {
  const runs = userManagerRuns(userRuntimeDirectory());
  if (!runs && (options.reload === true || options.enable === true || options.now === true)) {
    throw new ScullError('UNSUPPORTED', 'the units were installed, but no systemd of yours runs here that could be told', { hint: 'log in on a machine with systemd, or let an administrator `loginctl enable-linger` you' });
  }
  if (!runs || options.reload === false) return;
  await systemctl('daemon-reload');
  const names = units.map((unit) => unit.unitName);
  if (options.enable === true) {
    const enabled = units.filter((unit) => /^\[Install\]$/m.test(unit.text)).map((unit) => unit.unitName);
    if (enabled.length < names.length && enabled.length === 0) throw new ScullError('INVALID', 'none of the files has an [Install] section, so there is nothing to enable', { hint: 'add [Install] with WantedBy=default.target' });
    await systemctl('enable', ...enabled);
  }
  if (options.now === true) await systemctl('start', ...names.filter((name) => !name.includes('@')));
}

/**
 * Stops and removes units that scull made.
 * @param names with or without `.service`
 * @throws ScullError NOT_FOUND
 */
export async function removeUnits(names: readonly string[]): Promise<string[]> {
  const units = names.map(installedNamed);
  const runs = userManagerRuns(userRuntimeDirectory());
  if (runs) await systemctl('disable', '--now', ...units.map((unit) => unit.name));
  for (const unit of units) removeInstalled(unit);
  if (runs) await systemctl('daemon-reload');
  return units.map((unit) => unit.name);
}

export function installedNamed(name: string): InstalledUnit {
  const full = name.endsWith('.service') ? name : `${name}.service`;
  const unit = /^[^/]+$/.test(full) ? readInstalled(full) : undefined;
  if (unit === undefined) throw new ScullError('NOT_FOUND', `there is no unit ${JSON.stringify(full)} made by scull in ${userUnitFolder()}`, { hint: 'scull unit list shows those there are' });
  return unit;
}
