/** `volume ls`: a table, names only, JSON, or a template. */
import type { VolumeDescription } from '../../engine/volumes/list.ts';
import { renderTable } from './table.ts';

export interface VolumesOptions {
  readonly format?: string;
  readonly quiet?: boolean;
  readonly noHeading?: boolean;
}

/** Text for standard output. @throws ScullError INVALID for a bad template */
export async function presentVolumes(volumes: readonly VolumeDescription[], options: VolumesOptions): Promise<string> {
  if (options.format === undefined) {
    if (options.quiet === true) return volumes.map((volume) => `${volume.Name}\n`).join('');
    const rows = volumes.map((volume) => [volume.Driver, volume.Name]);
    if (options.noHeading !== true) rows.unshift(['DRIVER', 'VOLUME NAME']);
    return renderTable(rows);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) return renderJson(volumes, 2);
  return renderRows(volumes.map(templateRow), options.format, { headings: { Name: 'VOLUME NAME' }, noHeading: options.noHeading });
}

/** Labels are text, as in Docker; a single one is `{{.Label "key"}}`. */
function templateRow(volume: VolumeDescription): object {
  const { Labels: labels, ...rest } = volume;
  return {
    ...rest,
    Labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${value}`).join(','),
    Label: (name: unknown) => (typeof name === 'string' && Object.hasOwn(labels, name) ? labels[name] : ''),
  };
}
