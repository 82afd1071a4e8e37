/** A real Debian root file system with Python, made once by mmdebstrap from this machine's own package source. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface DebianRoot {
  /** A tar of the root file system. */
  readonly archive: string;
  readonly release: string;
}

/** Besides what apt itself needs. */
const PACKAGES = ['python3-minimal', 'passwd'];

/** Takes about half a minute the first time; the archive is kept in the cache directory of the testing user. */
export function debianRoot(packages: readonly string[] = PACKAGES): DebianRoot {
  const { source, release } = packageSource();
  const directory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'scull-tests');
  const archive = join(directory, `debian-${release}-${packages.join('-')}.tar`);
  if (existsSync(archive)) return { archive, release };
  mkdirSync(directory, { recursive: true });
  const unfinished = join(directory, `unfinished-${process.pid}.tar`);
  makeDebian(['--variant=apt', `--include=${packages.join(',')}`, release, unfinished, source]);
  renameSync(unfinished, archive);
  return { archive, release };
}

/** mmdebstrap(1), which is patient with a package source that is away for a moment. */
export function makeDebian(args: readonly string[]): void {
  execFileSync('mmdebstrap', ['--quiet', '--aptopt=Acquire::Retries "5"', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** What apt on this machine takes packages from. @param release another one than the machine's own */
export function packageSource(release?: string): { source: string; release: string } {
  const targets = execFileSync('apt-get', ['indextargets', '--format', '$(LABEL) $(REPO_URI) $(CODENAME) $(COMPONENT)'], { encoding: 'utf8' });
  const match = /^(?:Debian|Ubuntu) (\S+) (\w+) main$/m.exec(targets);
  if (match === null) throw new Error('apt knows no package source of Debian or Ubuntu: run apt-get update');
  const [, uri, own] = match as unknown as [string, string, string];
  return { source: `deb ${uri} ${release ?? own} main`, release: release ?? own };
}
