/** Git repositories as contexts and as sources of ADD, by the git program. docker-build(1), "Git repositories". */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ScullError } from '../../host/errors.ts';
import { minimalEnvironment, run } from '../../host/process.ts';
import { requireTool } from '../../host/tools.ts';

export interface GitSource {
  readonly url: string;
  /** Branch, tag or commit; the default branch unless given. */
  readonly ref?: string;
  readonly directory?: string;
}

/**
 * `https://host/repo.git#ref:dir`, `git@host:repo`, `ssh://…`, `git://…`; and for a context `github.com/…`.
 * @returns undefined for what is none
 */
export function gitSource(text: string, isContext: boolean): GitSource | undefined {
  const [base = '', fragment = ''] = splitOnce(text, '#');
  const isUrl = /^(?:https?:\/\/[^?#]+\.git|git:\/\/.+|ssh:\/\/.+|[\w.-]+@[\w.-]+:.+|file:\/\/.+\.git)$/.test(base);
  const isShort = isContext && /^github\.com\/.+/.test(base);
  if (!isUrl && !isShort) return undefined;
  const [ref, directory] = splitOnce(fragment, ':');
  return { url: isShort ? `https://${base}` : base, ...(ref === undefined || ref === '' ? {} : { ref }), ...(directory === undefined || directory === '' ? {} : { directory }) };
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** The commit that a source means now. @throws ScullError NETWORK, NOT_FOUND, MISSING_TOOL */
export async function gitCommit(source: GitSource): Promise<string> {
  if (source.ref !== undefined && /^[0-9a-f]{40}$/.test(source.ref)) return source.ref;
  const output = await git(['ls-remote', '--', source.url, source.ref ?? 'HEAD'], source);
  const lines = output.split('\n').flatMap((line) => /^([0-9a-f]{40})\t(.*)$/.exec(line)?.slice(1, 3) ?? []);
  const commit = lines[0];
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
  const wanted = options.commit ?? source.ref ?? 'HEAD';
  await git(['-C', place, 'fetch', '--quiet', '--depth', '1', '--', 'origin', wanted], source);
  await git(['-C', place, 'checkout', '--quiet', 'FETCH_HEAD'], source);
  if (existsSync(join(place, '.gitmodules'))) await git(['-C', place, 'submodule', 'update', '--quiet', '--init', '--recursive', '--depth', '1'], source);
  if (!options.keepGitDir) rmSync(join(place, '.git'), { recursive: true, force: true });
  if (source.directory === undefined) return place;
  const inner = resolve(place, `./${source.directory}`);
  if (inner !== place && !inner.startsWith(`${place}/`)) throw new ScullError('INVALID', `the directory ${JSON.stringify(source.directory)} leads out of the repository`);
  if (!existsSync(inner) || !statSync(inner).isDirectory()) throw new ScullError('NOT_FOUND', `the repository ${JSON.stringify(source.url)} has no directory ${JSON.stringify(source.directory)}`);
  return inner;
}

/** Asks nobody anything, and runs no hooks or programs that a repository brings. */
async function git(args: readonly string[], source: GitSource): Promise<string> {
  const { path } = requireTool('git', 'a git repository');
  const env = { ...minimalEnvironment(), GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '/bin/false', GIT_CONFIG_NOSYSTEM: '1', GIT_ALLOW_PROTOCOL: 'https:http:ssh:git:file' };
  const result = await run(path, ['-c', 'core.hooksPath=/dev/null', '-c', 'advice.detachedHead=false', '-c', 'core.symlinks=true', ...args], { env });
  if (result.status === 0) return result.stdout;
  const reason = result.stderr.trim().split('\n').findLast((line) => /fatal|error/.test(line)) ?? result.stderr.trim().split('\n')[0] ?? '';
  throw new ScullError('NETWORK', `cannot fetch the repository ${JSON.stringify(source.url.replace(/\/\/[^/@]*@/, '//'))}: ${reason.replace(/^fatal: /, '')}`, { detail: result.stderr.trim() });
}
