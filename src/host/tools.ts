/**
 * Outside programs: where each is, which version, and what it can do. Finding one costs a few access(2) calls; its
 * version or help text is asked for only where somebody needs it, and kept in a file named after the binary's own
 * identity (path, size, time), so that an upgrade is noticed and a start never pays twice.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isScullError, ScullError } from './errors.ts';
import { ensurePrivateDirectory, readTextIfPresent, writeJsonAtomic } from './files.ts';
import { minimalEnvironment, run, toolPath } from './process.ts';
import { remedyFor, type ToolName } from './remedies.ts';

export interface Tool {
  readonly name: ToolName;
  readonly path: string;
}

/** Folders outside PATH where distributions keep programs that only container engines call. */
const EXTRA_FOLDERS = ['/usr/libexec/podman', '/usr/lib/podman', '/usr/libexec'];

const found = new Map<ToolName, Tool | null>();

/** Looks a program up in PATH, the administrator's folders and the places of container tools; kept for this process. */
export function findTool(name: ToolName): Tool | undefined {
  let tool = found.get(name);
  if (tool === undefined) {
    const folder = [...toolPath().split(':'), ...EXTRA_FOLDERS].find((candidate) => isExecutable(`${candidate}/${name}`));
    tool = folder === undefined ? null : { name, path: `${folder}/${name}` };
    found.set(name, tool);
  }
  return tool ?? undefined;
}

/** Like {@link findTool}. @param without what works all the same @throws ScullError MISSING_TOOL with the command that installs it */
export function requireTool(name: ToolName, purpose?: string, without?: string): Tool {
  const tool = findTool(name);
  if (tool !== undefined) return tool;
  throw new ScullError('MISSING_TOOL', `${name} is not installed${purpose === undefined ? '' : `: ${purpose} needs it`}`, {
    hint: `${remedyFor({ kind: 'missing-tool', tool: name })}${without === undefined ? '' : `; without it ${without}`}`,
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** crun of 2025 tells its version to nobody who has no XDG_RUNTIME_DIR: it makes its state directory first. One that is there it takes as it is. */
const BEFORE_VERSION: Readonly<Partial<Record<ToolName, readonly string[]>>> = { crun: ['--root', '/'] };

/** What `tool --version` tells; `version` is undefined when it tells none (pasta of Debian 12 does not know its own). */
export async function toolVersion(tool: Tool): Promise<{ readonly version: string | undefined; readonly text: string }> {
  const { stdout, stderr } = await run(tool.path, [...(BEFORE_VERSION[tool.name] ?? []), '--version'], { timeout: 5000 });
  const text = stdout.trim() || stderr.trim() || (await versionOnTerminal(tool)).trim();
  // Some name their libraries as well: only the line about the program itself counts.
  const line = text.split('\n').find((candidate) => candidate.includes(tool.name)) ?? text.split('\n')[0] ?? '';
  return { version: parseVersion(line), text };
}

/** pasta of 2025 ends with _exit(2): what stdio still holds, all that is not written to a terminal, is lost. */
async function versionOnTerminal(tool: Tool): Promise<string> {
  // script(1) takes a shell's line: the path is none of it.
  const env = { ...minimalEnvironment(), SHELL: '/bin/sh', SCULL_TOOL: tool.path };
  try {
    return (await run('script', ['--quiet', '--command', 'exec "$SCULL_TOOL" --version', '/dev/null'], { env, timeout: 5000 })).stdout.replaceAll('\r', '');
  } catch (error) {
    if (isScullError(error)) return '';
    throw error;
  }
}

/** The version number in what a program prints: `1.8.1`, or passt's date `2025-05-03` out of `0.0~git20250503.587980c`. */
export function parseVersion(text: string): string | undefined {
  const dated = /\b(?:0\.0[~+-]git)?(20\d\d)[-_]?([01]\d)[-_]?([0-3]\d)(?=[._\s]|$)/m.exec(text);
  if (dated !== null) return `${dated[1]}-${dated[2]}-${dated[3]}`;
  return /\b(\d+(?:\.\d+)+)/.exec(text)?.[1];
}

/** Compares dotted or dashed version numbers by their parts: negative when `a` is older. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(/[.-]/).map(Number);
  const right = b.split(/[.-]/).map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The long options a program knows, from its --help. Asked once per binary: `cacheDirectory` (of the runtime folder) remembers the answer. */
export async function toolOptions(tool: Tool, cacheDirectory: string): Promise<ReadonlySet<string>> {
  const answer = await askOnce(tool, `${cacheDirectory}/${tool.name}.options.json`, async () => {
    const result = await run(tool.path, ['--help'], { timeout: 5000 });
    return [...new Set(`${result.stdout}\n${result.stderr}`.match(/--[a-z0-9][a-z0-9-]+/g) ?? [])].sort();
  });
  return new Set(answer);
}

/** {@link toolVersion}, asked once per binary likewise. */
export async function rememberedVersion(tool: Tool, cacheDirectory: string): Promise<string | undefined> {
  const [version] = await askOnce(tool, `${cacheDirectory}/${tool.name}.version.json`, async () => {
    const { version } = await toolVersion(tool);
    return version === undefined ? [] : [version];
  });
  return version;
}

interface CachedAnswer {
  readonly identity: string;
  readonly answer: readonly string[];
}

async function askOnce(tool: Tool, file: string, ask: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const stat = statSync(tool.path);
  const identity = `${tool.path}:${stat.size}:${stat.mtimeMs}`;
  const cached = readCachedAnswer(file);
  if (cached?.identity === identity) return cached.answer;
  const answer = await ask();
  ensurePrivateDirectory(dirname(file));
  writeJsonAtomic(file, { identity, answer } satisfies CachedAnswer, { durable: false });
  return answer;
}

/** A damaged cache is no error: the program is asked again. */
function readCachedAnswer(file: string): CachedAnswer | undefined {
  try {
    const value = JSON.parse(readTextIfPresent(file) ?? 'null') as Partial<CachedAnswer> | null;
    if (value === null || typeof value.identity !== 'string' || !Array.isArray(value.answer)) return undefined;
    return { identity: value.identity, answer: value.answer };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
