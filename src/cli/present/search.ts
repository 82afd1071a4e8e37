/** `search`: a table as Podman's, JSON, or a template. */
import type { SearchResult } from '../../engine/registries/search.ts';
import { renderTable } from './table.ts';

export interface SearchPresentation {
  readonly format?: string | undefined;
  readonly noTrunc?: boolean;
  /** Docker's columns too. */
  readonly compatible?: boolean;
  /** The results are tags. */
  readonly tags?: boolean;
}

/** Characters of a description that a table shows. */
const DESCRIPTION = 44;

/** Text for standard output; none for no results. @throws ScullError INVALID for a bad template */
export async function presentSearch(results: readonly SearchResult[], options: SearchPresentation): Promise<string> {
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(options.tags === true ? tagsByName(results) : results, 4);
  if (results.length === 0) return '';
  const rows = options.noTrunc === true ? results : results.map((result) => ({ ...result, Description: shortened(result.Description) }));
  if (options.format !== undefined) return renderRows(rows, options.format, { headings: {} });
  if (options.tags === true) return renderTable([['NAME', 'TAG'], ...rows.map((row) => [row.Name, row.Tag])]);
  const docker = (row: SearchResult): readonly string[] => (options.compatible === true ? [String(row.Stars), row.Official, row.Automated] : []);
  const head = options.compatible === true ? ['STARS', 'OFFICIAL', 'AUTOMATED'] : [];
  return renderTable([['NAME', 'DESCRIPTION', ...head], ...rows.map((row) => [row.Name, row.Description, ...docker(row)])]);
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length > DESCRIPTION ? `${characters.slice(0, DESCRIPTION).join('').trimEnd()}...` : text;
}

function tagsByName(results: readonly SearchResult[]): readonly object[] {
  const names = [...new Set(results.map((result) => result.Name))];
  return names.map((name) => ({ Name: name, Tags: results.filter((result) => result.Name === name).map((result) => result.Tag) }));
}
