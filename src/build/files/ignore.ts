/** .containerignore and .dockerignore. The matching is @balena/dockerignore's, which is Docker's own, rewritten. */
import type { Ignore } from '@balena/dockerignore';

export interface IgnoreRules {
  /** True where a file (path from the context's root) is no part of the context. */
  ignores(path: string): boolean;
  /** Nothing below an ignored directory can be taken back in: it need not be looked into. */
  readonly prunes: boolean;
  /** How many patterns there are; none ignores nothing. */
  readonly count: number;
}

/** @param text content of the file, or patterns one a line */
export async function ignoreRules(text: string): Promise<IgnoreRules> {
  const lines = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) return NOTHING_IGNORED;
  // A CommonJS module whose export is a function; its types say something else.
  const { default: dockerignore } = (await import('@balena/dockerignore')) as unknown as { default: () => Ignore };
  const matcher = dockerignore().add([...lines]);
  return { ignores: (path) => path !== '' && matcher.ignores(path), prunes: !lines.some((line) => line.startsWith('!')), count: lines.length };
}

export const NOTHING_IGNORED: IgnoreRules = { ignores: () => false, prunes: true, count: 0 };
