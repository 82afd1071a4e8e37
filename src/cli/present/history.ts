/** `history`: how an image came to be, newest step first. */
import type { ImageRecord } from '../../storage/image-types.ts';
import { humanAgo, humanSize, shortId } from './humanize.ts';
import { renderTable } from './table.ts';

export interface HistoryOptions {
  readonly format?: string;
  readonly quiet?: boolean;
  readonly noTrunc?: boolean;
  readonly noHeading?: boolean;
  /** Sizes and times for people (the default) or for programs. */
  readonly human?: boolean;
  /** Bytes of each of the image's layers. */
  readonly sizes: readonly number[];
  readonly now: number;
}

interface Step {
  /** The image's id on the newest step; others have none, as they are not images. */
  readonly id: string;
  readonly created: string;
  readonly createdBy: string;
  readonly size: number;
  readonly comment: string;
  readonly tags: readonly string[];
}

const MISSING = '<missing>';
/** Podman cuts what made a layer to this many characters. */
const CREATED_BY_LENGTH = 45;

/** Text for standard output. @throws ScullError INVALID for a bad template */
export async function presentHistory(image: ImageRecord, options: HistoryOptions): Promise<string> {
  const steps = historySteps(image, options.sizes);
  if (options.format === undefined) {
    if (options.quiet === true) return steps.map((step) => `${stepId(step, options)}\n`).join('');
    return historyTable(steps, options);
  }
  const { isJsonFormat, renderJson, renderRows } = await import('./format.ts');
  if (isJsonFormat(options.format)) {
    return renderJson(
      steps.map((step) => ({ id: shortId(step.id, true), created: step.created, Created: step.created, CreatedBy: step.createdBy, tags: step.tags, size: step.size, comment: step.comment })),
      0,
    );
  }
  const headings = { CreatedBy: 'CREATED BY', CreatedSince: 'CREATED' };
  return renderRows(steps.map((step) => templateRow(step, options)), options.format, { headings, noHeading: options.noHeading });
}

/** image-spec config.md, "history": entries oldest first, of which those without `empty_layer` take the layers in turn. */
function historySteps(image: ImageRecord, sizes: readonly number[]): Step[] {
  const entries = image.config.history ?? [];
  let layer = 0;
  const steps = entries.map((entry): Step => {
    const size = entry.empty_layer === true ? 0 : (sizes[layer++] ?? 0);
    return { id: '', created: entry.created ?? '', createdBy: entry.created_by ?? '', size, comment: entry.comment ?? '', tags: [] };
  });
  // Images without (enough) history: their layers are all that is known.
  for (const size of sizes.slice(layer)) steps.push({ id: '', created: image.created, createdBy: '', size, comment: '', tags: [] });
  const newest = steps.pop();
  if (newest !== undefined) steps.push({ ...newest, id: image.id, tags: image.names });
  return steps.reverse();
}

function historyTable(steps: readonly Step[], options: HistoryOptions): string {
  const rows = steps.map((step) => [stepId(step, options), stepCreated(step, options), createdBy(step, options), stepSize(step, options), step.comment]);
  if (options.noHeading !== true) rows.unshift(['ID', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT']);
  return renderTable(rows);
}

function stepId(step: Step, options: HistoryOptions): string {
  return step.id === '' ? MISSING : shortId(step.id, options.noTrunc);
}

function stepCreated(step: Step, options: HistoryOptions): string {
  return options.human === false ? step.created : humanAgo(step.created, options.now);
}

function stepSize(step: Step, options: HistoryOptions): string {
  return options.human === false ? String(step.size) : humanSize(step.size);
}

function createdBy(step: Step, options: HistoryOptions): string {
  const text = step.createdBy;
  return options.noTrunc === true || text.length <= CREATED_BY_LENGTH ? text : `${text.slice(0, CREATED_BY_LENGTH - 3)}...`;
}

function templateRow(step: Step, options: HistoryOptions): object {
  return {
    ID: stepId(step, options),
    Created: stepCreated(step, options),
    CreatedAt: step.created,
    CreatedSince: humanAgo(step.created, options.now),
    CreatedBy: createdBy(step, options),
    Size: stepSize(step, options),
    Comment: step.comment,
    Tags: step.tags,
  };
}
