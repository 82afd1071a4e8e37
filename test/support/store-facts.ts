/** What must be true of a store whatever happened to it: looked at on the disk and asked of scull. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import type { Sandbox } from './scull.ts';

/** Nothing is damaged, and a garbage collection leaves no unfinished work of a process that has ended. */
export async function expectSound(s: Sandbox, when: string): Promise<void> {
  const check = await s.scull(['system', 'check']);
  expect(check.status, `${when}\n${check.stdout}${check.stderr}`).toBe(0);
  // Workers of a killed command end a moment after it.
  await eventually(`${when}: nothing of the dead in staging`, async () => {
    if (ofTheDead(s).length === 0) return true;
    await s.ok(['image', 'prune', '-f']);
    return ofTheDead(s).length === 0;
  });
}

/** `system df` and du agree, as soon as nothing changes between the two looks: workers of a killed command end a moment after it. */
export async function expectUsageOfDu(s: Sandbox, when: string): Promise<void> {
  let told = '';
  await eventually(`${when}: df is what du sees`, async () => {
    const rows = JSON.parse(await s.ok(['system', 'df', '--format', 'json'])) as { readonly RawSize: number }[];
    const du = Number((await s.ok(['unshare', 'du', '-s', '-B1', s.storeRoot])).split('\t')[0]);
    const sum = rows.reduce((total, row) => total + row.RawSize, 0);
    told = `df ${sum}, du ${du}`;
    return sum === du;
  }).catch((cause: unknown) => {
    throw new Error(`${(cause as Error).message}: ${told}`);
  });
}

/** After everything was removed and pruned, a store holds nothing but what an empty one does. */
export async function expectEmpty(s: Sandbox, when: string): Promise<void> {
  await s.ok(['rm', '-a', '-f', '-t', '0']);
  await s.ok(['system', 'prune', '-a', '-f', '--volumes']);
  const rest = ['containers', 'names', 'volumes', 'layers', 'layers/l', 'images/blobs/sha256', 'staging', 'staging/trash', 'locks', 'partial', 'quarantine'].flatMap((folder) =>
    namesIn(join(s.storeRoot, folder)).filter((name) => !['trash', 'l'].includes(name)).map((name) => `${folder}/${name}`),
  );
  const torn = ['', 'images', 'hosts'].flatMap((folder) => namesIn(join(s.storeRoot, folder)).filter((name) => name.endsWith('.tmp')));
  // A lock that was given up may stay as an empty directory.
  expect([...rest, ...torn].filter((path) => !(path.startsWith('locks/') && namesIn(join(s.storeRoot, path)).length === 0)), when).toEqual([]);
}

/** Staging directories and unfinished locks whose owner has ended. */
export function ofTheDead(s: Sandbox): string[] {
  return ['staging', 'locks'].flatMap((folder) => namesIn(join(s.storeRoot, folder)).map((name) => `${folder}/${name}`)).filter((path) => {
    const owner = /(?:^|[/.])(\d+)\.(\d+)\.[0-9a-f]{32}\.[0-9a-f]{16}$/.exec(path);
    return owner !== null && startTime(owner[1] as string) !== owner[2];
  });
}

function startTime(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
