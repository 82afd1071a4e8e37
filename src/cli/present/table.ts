/** Aligned columns as Podman's: at least 12 wide, two spaces between, nothing after the last word of a line. */
import { escapeControl } from '../escape.ts';

const MIN_WIDTH = 12;
const GAP = 2;

export interface TableOptions {
  /** Narrowest column, with its gap. */
  readonly minWidth?: number;
  /** True where the cells are escaped already. */
  readonly escaped?: boolean;
}

/** Lines of a table, the first row being its head where there is one. Control characters in cells are shown, not obeyed. */
export function renderTable(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  // Nearly all rows are plain, and asking it of a whole one is quicker than of each cell.
  const lines = rows.map((row): Line => {
    if (PLAIN.test(row.join(''))) return { cells: row };
    const cells = options.escaped === true ? row : row.map(escapeControl);
    return { cells, columns: cells.map(displayWidth) };
  });
  const widths: number[] = [];
  for (const { cells, columns } of lines) {
    for (let column = 0; column < cells.length - 1; column += 1) {
      const wanted = (columns?.[column] ?? (cells[column] as string).length) + GAP;
      if (wanted > (widths[column] ??= options.minWidth ?? MIN_WIDTH)) widths[column] = wanted;
    }
  }
  return lines.map((line) => `${laidOut(line, widths).trimEnd()}\n`).join('');
}

interface Line {
  readonly cells: readonly string[];
  /** How many each cell takes on a terminal, where that is not its length. */
  readonly columns?: readonly number[];
}

function laidOut({ cells, columns }: Line, widths: readonly number[]): string {
  let text = '';
  for (let column = 0; column < cells.length - 1; column += 1) {
    const cell = cells[column] as string;
    const width = widths[column] as number;
    text += columns === undefined ? cell.padEnd(width) : cell + ' '.repeat(width - (columns[column] as number));
  }
  return text + (cells.at(-1) ?? '');
}

/** Characters that take one column each. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Columns of a terminal that the text takes: wide East Asian characters and emoji two, combining marks none. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (ZERO_WIDTH.test(character)) continue;
    width += isWide(character.codePointAt(0) as number) ? 2 : 1;
  }
  return width;
}

const ZERO_WIDTH = /^[\p{Mn}\p{Me}\u200b-\u200f\ufe00-\ufe0f]$/u;

/** Ranges of Unicode's EastAsianWidth W and F that matter in names. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f], [0x231a, 0x231b], [0x2329, 0x232a], [0x23e9, 0x23ec], [0x2614, 0x2615], [0x2e80, 0x303e], [0x3041, 0x33ff], [0x3400, 0x4dbf],
  [0x4e00, 0x9fff], [0xa000, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3], [0xf900, 0xfaff], [0xfe30, 0xfe6f], [0xff01, 0xff60], [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f], [0x1f680, 0x1f6ff], [0x1f900, 0x1faff], [0x20000, 0x3fffd],
];

function isWide(code: number): boolean {
  return WIDE.some(([from, to]) => code >= from && code <= to);
}
