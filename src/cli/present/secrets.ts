/** `secret ls` and `secret inspect --pretty`. */
import type { SecretDescription } from '../../engine/secrets/list.ts';
import { escapeControl } from '../escape.ts';
import { humanAgo } from './humanize.ts';
import { renderTable } from './table.ts';

export interface SecretsOptions {
  readonly format?: string;
  readonly quiet?: boolean;
  readonly noHeading?: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Text for standard output. @throws ScullError INVALID for a bad template */
export async function presentSecrets(secrets: readonly SecretDescription[], options: SecretsOptions): Promise<string> {
  if (options.quiet === true) return secrets.map((one) => `${one.ID}\n`).join('');
  const rows = secrets.map((one) => ({
    ID: one.ID,
    Name: one.Spec.Name,
    Driver: one.Spec.Driver.Name,
    CreatedAt: humanAgo(one.CreatedAt, options.now),
    UpdatedAt: humanAgo(one.UpdatedAt, options.now),
    Labels: labelText(one),
  }));
  if (options.format === undefined) {
    const cells = rows.map((row) => [row.ID, row.Name, row.Driver, row.CreatedAt, row.UpdatedAt]);
    if (options.noHeading !== true) cells.unshift(['ID', 'NAME', 'DRIVER', 'CREATED', 'UPDATED']);
    return renderTable(cells);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(secrets, 2);
  return renderRows(rows, options.format, { headings: { CreatedAt: 'CREATED', UpdatedAt: 'UPDATED' }, noHeading: options.noHeading });
}

/** As for people to read. */
export function prettySecrets(secrets: readonly SecretDescription[]): string {
  return secrets
    .map((one) => {
      const lines = [
        ['ID', one.ID],
        ['Name', one.Spec.Name],
        ['Labels', labelText(one)],
        ['Driver', one.Spec.Driver.Name],
        ['Created at', one.CreatedAt],
        ['Updated at', one.UpdatedAt],
        ...(one.SecretData === undefined ? [] : [['Data', one.SecretData]]),
      ];
      return lines.map(([key, value]) => `${`${key}:`.padEnd(12)} ${escapeControl(value as string)}`.trimEnd()).join('\n');
    })
    .map((text) => `${text}\n`)
    .join('\n');
}

function labelText({ Spec: { Labels } }: SecretDescription): string {
  return Object.entries(Labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`).join(',');
}
