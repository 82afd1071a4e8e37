/** The syntax of unit files, systemd.syntax(7): sections of `Key=value` lines, read with their line numbers and written again. */

/** Something wrong with a file, where it stands. */
export interface Problem {
  readonly path: string;
  /** From 1; undefined for the file as a whole. */
  readonly line?: number;
  readonly message: string;
  readonly severity: 'error' | 'warning';
}

export interface UnitEntry {
  readonly key: string;
  readonly value: string;
  /** Of the file it came from; 0 for what was added. */
  readonly line: number;
  /** Of the drop-in that it came from. */
  readonly path?: string;
}

export interface UnitSection {
  readonly name: string;
  readonly entries: readonly UnitEntry[];
}

export interface UnitFile {
  readonly path: string;
  /** Sections of one name are one, in the order of their first appearance. */
  readonly sections: readonly UnitSection[];
}

/**
 * Comments are dropped; a line that ends in a backslash goes on in the next one, with a space between.
 * @returns what could be read, and what could not
 */
export function parseUnitFile(path: string, text: string): { readonly file: UnitFile; readonly problems: readonly Problem[] } {
  const sections = new Map<string, UnitEntry[]>();
  const problems: Problem[] = [];
  const wrong = (line: number, message: string): void => void problems.push({ path, line, message, severity: 'error' });
  let current: UnitEntry[] | undefined;
  for (const { line, content } of logicalLines(text)) {
    const header = /^\[([^\]]*)\]$/.exec(content)?.[1];
    if (header !== undefined) {
      if (header.trim() === '') wrong(line, 'a section has no name');
      current = sections.get(header) ?? [];
      sections.set(header, current);
      continue;
    }
    const equals = content.indexOf('=');
    const key = content.slice(0, equals).trim();
    if (content.startsWith('[')) wrong(line, `${JSON.stringify(content)} looks like a section, but its "]" is missing`);
    else if (equals <= 0 || !/^[A-Za-z0-9-]+$/.test(key)) wrong(line, `${JSON.stringify(shorten(content))} is neither a comment, a [Section] nor Key=value`);
    else if (current === undefined) wrong(line, `${key}= stands before the first [Section]`);
    else current.push({ key, value: content.slice(equals + 1).trim(), line });
  }
  return { file: { path, sections: [...sections].map(([name, entries]) => ({ name, entries })) }, problems };
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Lines with content, continued ones joined; comments inside a continued line are dropped too. */
function* logicalLines(text: string): Generator<{ readonly line: number; readonly content: string }> {
  let first = 0;
  let joined: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const trimmed = raw.trim();
    if (/^[#;]/.test(trimmed) || (joined === undefined && trimmed === '')) continue;
    if (joined === undefined) first = index + 1;
    const goesOn = trimmed.endsWith('\\') && trimmed !== '';
    joined = `${joined ?? ''}${goesOn ? `${trimmed.slice(0, -1)} ` : trimmed}`;
    if (goesOn) continue;
    yield { line: first, content: joined.trim() };
    joined = undefined;
  }
  if (joined !== undefined && joined.trim() !== '') yield { line: first, content: joined.trim() };
}

/** The file with the sections of drop-ins behind its own: later settings win, as for systemd. */
export function withDropIns(file: UnitFile, dropIns: readonly UnitFile[]): UnitFile {
  const sections = new Map(file.sections.map((section) => [section.name, [...section.entries]]));
  for (const { path, sections: added } of dropIns) {
    for (const { name, entries } of added) sections.set(name, [...(sections.get(name) ?? []), ...entries.map((entry) => ({ ...entry, path }))]);
  }
  return { path: file.path, sections: [...sections].map(([name, entries]) => ({ name, entries })) };
}

/**
 * Folders of a file's drop-ins, the most specific first: of the file, of its template, of what begins like it up to a dash, of all of its
 * kind. systemd.unit(5), "Description".
 * @param name `web-front@1.container`
 */
export function dropInFolders(name: string): string[] {
  const dot = name.lastIndexOf('.');
  const [stem, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  const at = stem.indexOf('@');
  const base = at < 0 ? stem : stem.slice(0, at);
  const beginnings = [...base.matchAll(/-/g)].map(({ index }) => base.slice(0, index + 1)).reverse();
  const stems = [stem, ...(at < 0 ? [] : [`${base}@`]), ...beginnings.flatMap((beginning) => (at < 0 ? [beginning] : [`${beginning}@`, beginning]))];
  return [...new Set([...stems.map((each) => `${each}.${kind}.d`), `${kind}.d`])];
}

export function sectionOf(file: UnitFile, name: string): UnitSection {
  return file.sections.find((section) => section.name === name) ?? { name, entries: [] };
}

/** All values of a key, in order; an empty one forgets those before it. */
export function valuesOf(section: UnitSection, key: string): UnitEntry[] {
  let found: UnitEntry[] = [];
  for (const entry of section.entries) {
    if (entry.key !== key) continue;
    if (entry.value === '') found = [];
    else found.push(entry);
  }
  return found;
}

/** The last value of a key; undefined where there is none or the last one is empty. */
export function lastOf(section: UnitSection, key: string): UnitEntry | undefined {
  return valuesOf(section, key).at(-1);
}

/** @returns undefined for what is no boolean of systemd's */
export function parseBoolean(value: string): boolean | undefined {
  if (/^(1|yes|y|true|t|on)$/i.test(value)) return true;
  return /^(0|no|n|false|f|off)$/i.test(value) ? false : undefined;
}

export function formatUnitFile(sections: readonly UnitSection[]): string {
  return sections
    .filter((section) => section.entries.length > 0)
    .map((section) => [`[${section.name}]`, ...section.entries.map((entry) => `${entry.key}=${entry.value}`), ''].join('\n'))
    .join('\n');
}
