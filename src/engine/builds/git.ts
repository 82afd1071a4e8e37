/** Git repositories as contexts and as sources of ADD, by the git program. docker-build(1), "Git repositories". */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { callerEnvironment } from '../../host/environment.ts';
import { isScullError, ScullError } from '../../host/errors.ts';
import { minimalEnvironment, run } from '../../host/process.ts';
import { requireTool } from '../../host/tools.ts';

export interface GitSource {
  readonly url: string;
  /** Branch, tag or commit; the default branch unless given. */
  readonly ref?: string;
  readonly directory?: string;
  /** How the commit must begin, or what it is. */
  readonly checksum?: string;
  readonly keepGitDir?: boolean;
  /** Unless it is false. */
  readonly submodules?: boolean;
}

/**
 * `https://host/repo.git#ref:dir`, `…?branch=b&subdir=dir`, `git@host:repo`, `ssh://…`, `git://…`; and for a context `github.com/…`.
 * @returns undefined for what is none
 * @throws ScullError INVALID for a query that means nothing
 */
export function gitSource(text: string, isContext: boolean): GitSource | undefined {
  const [address, fragment = ''] = splitOnce(text, '#');
  const [base, query] = splitOnce(address, '?');
  const isUrl = /^(?:https?:\/\/[^?#]+\.git|git:\/\/.+|ssh:\/\/.+|[\w.-]+@[\w.-]+:.+|file:\/\/.+\.git)$/.test(base);
  const isShort = isContext && /^github\.com\/.+/.test(base);
  if (!isUrl && !isShort) return undefined;
  const [ref, directory] = splitOnce(fragment, ':');
  const named = { ...(ref === '' ? {} : { ref }), ...(directory === undefined || directory === '' ? {} : { directory }) };
  return { url: isShort ? `https://${base}` : base, ...(query === undefined ? named : withQuery(text, named, new URLSearchParams(query))) };
}

/** docker.com, "Build context", "URL queries". */
function withQuery(text: string, named: Pick<GitSource, 'ref' | 'directory'>, query: URLSearchParams): Omit<GitSource, 'url'> {
  const invalid = (problem: string): ScullError => new ScullError('INVALID', `invalid git URL ${JSON.stringify(text)}: ${problem}`);
  const found: { -readonly [Key in keyof GitSource]?: GitSource[Key] } = { ...named };
  const set = (key: 'ref' | 'directory' | 'checksum', value: string): void => {
    if (value === '') throw invalid(`the ${key === 'directory' ? 'subdir' : key} is empty`);
    if (found[key] !== undefined && found[key] !== value) throw invalid(`it names both ${JSON.stringify(found[key])} and ${JSON.stringify(value)}`);
    found[key] = value;
  };
  const isOn = (key: string, value: string): boolean => {
    if (!['', '1', 'true', '0', 'false'].includes(value)) throw invalid(`${key} is true or false`);
    return !['0', 'false'].includes(value);
  };
  for (const [key, value] of query) {
    if (key === 'ref') set('ref', value);
    else if (key === 'tag' || key === 'branch') set('ref', `refs/${key === 'tag' ? 'tags' : 'heads'}/${value.replace(/^refs\/(?:tags|heads)\//, '')}`);
    else if (key === 'subdir') set('directory', value);
    else if (key === 'checksum' || key === 'commit') set('checksum', value);
    else if (key === 'keep-git-dir') found.keepGitDir = isOn(key, value);
    else if (key === 'submodules') found.submodules = isOn(key, value);
    else throw invalid(`there is no ${JSON.stringify(key)}, only ref, branch, tag, subdir, checksum, keep-git-dir and submodules`);
  }
  return found;
}

function splitOnce(text: string, separator: '#' | '?' | ':'): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** The commit that a source means now. @throws ScullError NETWORK, NOT_FOUND, MISSING_TOOL */
export async function gitCommit(source: GitSource): Promise<string> {
  const { ref = 'HEAD' } = source;
  if (/^[0-9a-f]{40}$/.test(ref)) return ref;
  const output = await git(['ls-remote', '--', source.url, ref, `${ref}^{}`], source);
  const commits = new Map(output.split('\n').flatMap((line) => (/^[0-9a-f]{40}\t/.test(line) ? [[line.slice(41), line.slice(0, 40)] as const] : [])));
  // It lists what ends so: `topic/main` for `main` too. A tag that is an object of its own has its commit under ^{}.
  const names = [ref, `refs/tags/${ref}`, `refs/heads/${ref}`, `refs/${ref}`];
  const commit = names.flatMap((name) => commits.get(`${name}^{}`) ?? commits.get(name) ?? [])[0];
  if (commit === undefined) throw new ScullError('NOT_FOUND', `${JSON.stringify(source.url)} has no ${source.ref === undefined ? 'default branch' : `branch or tag ${JSON.stringify(source.ref)}`}`);
  return commit;
}

/**
 * Checks a repository out.
 * @param place directory to make
 * @returns the directory that was meant
 * @throws ScullError NETWORK, NOT_FOUND, MISSING_TOOL
 */
export async function cloneRepository(source: GitSource, place: string, options: { readonly keepGitDir: boolean; readonly commit?: string }): Promise<string> {
  mkdirSync(place, { mode: 0o755 });
  await git(['-C', place, 'init', '--quiet'], source);
  await git(['-C', place, 'remote', 'add', 'origin', source.url], source);
  await fetch(source, place, options.commit ?? source.ref ?? 'HEAD');
  await git(['-C', place, 'checkout', '--quiet', 'FETCH_HEAD'], source);
  if (source.checksum !== undefined) checkCommit(source, (await git(['-C', place, 'rev-parse', 'HEAD'], source)).trim(), source.checksum);
  if (source.submodules !== false && existsSync(join(place, '.gitmodules'))) await git(['-C', place, 'submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1'], source);
  if (!options.keepGitDir) rmSync(join(place, '.git'), { recursive: true, force: true });
  if (source.directory === undefined) return place;
  const inner = resolve(place, `./${source.directory}`);
  if (inner !== place && !inner.startsWith(`${place}/`)) throw new ScullError('INVALID', `the directory ${JSON.stringify(source.directory)} leads out of the repository`);
  if (!existsSync(inner) || !statSync(inner).isDirectory()) throw new ScullError('NOT_FOUND', `the repository ${JSON.stringify(source.url)} has no directory ${JSON.stringify(source.directory)}`);
  return inner;
}

/** One commit without its history, or all of it from a server that is a mere directory on the web. */
async function fetch(source: GitSource, place: string, wanted: string): Promise<void> {
  const command = (...more: readonly string[]): Promise<string> => git(['-C', place, 'fetch', '--quiet', ...more, '--', 'origin', wanted], source);
  try {
    await command('--depth', '1');
  } catch (error) {
    if (!isScullError(error, 'NETWORK') || !/dumb http transport does not support/.test(error.detail ?? '')) throw error;
    await command();
  }
}

/** @throws ScullError INVALID where it is another one */
export function checkCommit({ url }: GitSource, commit: string, checksum: string): void {
  const wanted = checksum.replace(/^sha1:/, '');
  if (wanted === '' || !commit.startsWith(wanted)) throw new ScullError('INVALID', `${JSON.stringify(url)} is at commit ${commit}, not ${checksum}`);
}

/** What git needs of the caller to reach a server as he does. */
const OF_THE_CALLER = ['SSH_AUTH_SOCK', 'GIT_SSH_COMMAND', 'http_proxy', 'https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', 'no_proxy', 'NO_PROXY'];

/** Asks nobody anything, and runs no hooks or programs that a repository brings. */
async function git(args: readonly string[], source: GitSource): Promise<string> {
  const { path } = requireTool('git', 'a git repository');
  const caller = Object.fromEntries(Object.entries(callerEnvironment()).filter(([name]) => OF_THE_CALLER.includes(name)));
  const env = { ...minimalEnvironment(), GIT_SSH_COMMAND: 'ssh -o BatchMode=yes', ...caller, GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '/bin/false', GIT_CONFIG_NOSYSTEM: '1', GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file' };
  const result = await run(path, ['-c', 'core.hooksPath=/dev/null', '-c', 'advice.detachedHead=false', '-c', 'core.symlinks=true', ...args], { env });
  if (result.status === 0) return result.stdout;
  const reason = result.stderr.trim().split('\n').findLast((line) => /fatal|error/.test(line)) ?? result.stderr.trim().split('\n')[0] ?? '';
  throw new ScullError('NETWORK', `cannot fetch the repository ${JSON.stringify(source.url.replace(/\/\/[^/@]*@/, '//'))}: ${reason.replace(/^fatal: /, '')}`, { detail: result.stderr.trim() });
}
