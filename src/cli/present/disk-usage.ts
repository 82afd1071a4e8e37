/** `system df` and what prunes tell, in the shape of Podman's. */
import type { DiskUsage } from '../../engine/system/disk-usage.ts';
import type { PrunedKind } from '../../engine/system/prune.ts';
import type { UsageCell } from '../../engine/system/store-kind.ts';
import { isJsonFormat, renderJson, renderRows } from './format.ts';
import { humanAgo, humanSize } from './humanize.ts';
import { renderTable } from './table.ts';

const HEADINGS = { Type: 'TYPE', Total: 'TOTAL', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE', RawSize: 'RAWSIZE', RawReclaimable: 'RAWRECLAIMABLE' };

/** A line for each kind; on a terminal with a bar. @throws ScullError INVALID for a bad template */
export function presentDiskUsage(usage: DiskUsage, options: { readonly bars: boolean; readonly format?: string }): string {
  const rows = usage.kinds.map((kind) => ({
    Type: kind.label,
    Total: kind.total,
    Active: kind.active,
    RawSize: kind.size,
    RawReclaimable: kind.reclaimable,
    TotalCount: kind.total,
    Size: humanSize(kind.size),
    Reclaimable: `${humanSize(kind.reclaimable)} (${kind.size === 0 ? 0 : Math.round((kind.reclaimable / kind.size) * 100)}%)`,
  }));
  if (options.format !== undefined) return isJsonFormat(options.format) ? renderJson(rows, 4) : renderRows(rows, options.format, { headings: HEADINGS });
  const table = rows.map((row) => {
    const cells = [row.Type, String(row.Total), String(row.Active), row.Size, row.Reclaimable];
    return options.bars ? [...cells, bar(row.RawSize, row.RawReclaimable, usage.bytes)] : cells;
  });
  return renderTable([[...TABLE, ...(options.bars ? [''] : [])], ...table]);
}

const TABLE = ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'];
const BAR = 24;

/** The kind's part of the whole, the reclaimable part of it light. */
function bar(size: number, reclaimable: number, whole: number): string {
  if (whole === 0 || size === 0) return '';
  const width = Math.max(1, Math.round((size / whole) * BAR));
  const light = Math.min(width, Math.round((reclaimable / size) * width));
  return '█'.repeat(width - light) + '░'.repeat(light);
}

/** Every object, kind by kind. @param now milliseconds since the epoch */
export function presentDiskUsageInDetail(usage: DiskUsage, now: number): string {
  const parts = usage.kinds.filter(({ columns }) => columns.length > 0);
  const texts = parts.map(({ label, columns, rows }) => `${label} space usage:\n\n${renderTable([columns, ...rows.map((row) => row.map((cell) => cellText(cell, now)))])}`);
  return `${texts.join('\n')}\n${humanSize(usage.bytes)} in ${usage.root}\n`;
}

function cellText(cell: UsageCell, now: number): string {
  if (typeof cell === 'string') return cell;
  return 'bytes' in cell ? humanSize(cell.bytes) : humanAgo(cell.since, now);
}

/** Names under their headings, and what it came to. */
export function presentPruned(pruned: readonly PrunedKind[]): string {
  const lists = pruned.filter(({ names }) => names.length > 0).map(({ heading, names }) => `${heading}\n${names.map((name) => `${name}\n`).join('')}`);
  return `${lists.join('')}Total reclaimed space: ${humanSize(pruned.reduce((sum, { bytes }) => sum + bytes, 0))}\n`;
}
