/**
 * The outer form of a Containerfile (Dockerfile reference, "Format" and "Here-documents"): parser directives, comments,
 * lines continued by the escape character, here-documents. Out come statements: a keyword and the text after it.
 */
import { mistake, type Position, type SourceText } from './source.ts';
import { splitWords } from './words.ts';

export interface Statement {
  readonly source: SourceText;
  /** Upper case. */
  readonly keyword: string;
  /** As it was written. */
  readonly written: string;
  /** What follows the keyword, its lines joined; no white space around it. */
  readonly text: string;
  readonly at: Position;
  /** Last line, here-documents included. */
  readonly endLine: number;
  readonly heredocs: readonly Heredoc[];
  readonly escape: string;
  /** Of a character of {@link text}. */
  positionOf(offset: number): Position;
  /** Its last line, without here-documents, where there are lines without anything in between. */
  readonly emptyContinuation: number | undefined;
  /** The comment that stands directly above it, a line each, without `#`. */
  readonly comment: readonly string[];
}

export interface Heredoc {
  readonly name: string;
  /** The word that begins it, e.g. `<<-'EOF'`. */
  readonly word: string;
  readonly content: string;
  /** Variables in it are expanded: its name was not quoted. */
  readonly expand: boolean;
  /** `<<-`: leading tabs are taken away. */
  readonly chomp: boolean;
  readonly line: number;
}

export interface Directives {
  readonly escape: string;
  readonly syntax?: string;
  /** `skip=…;error=true` */
  readonly check?: string;
}

export interface Statements {
  readonly directives: Directives;
  readonly statements: readonly Statement[];
}

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const KNOWN_DIRECTIVES = ['syntax', 'escape', 'check'];
const HEREDOC = /^\d*<<(-?)(?!<)([^<]+)$/;
/** The only instructions in which `<<` begins a here-document. */
const WITH_HEREDOCS = /^(?:ONBUILD\s+)?(?:ADD|COPY|RUN)\b/i;

/** @throws ScullError INVALID naming the place */
export function readStatements(source: SourceText): Statements {
  const { directives, next } = readDirectives(source);
  refuseNul(source);
  const statements: Statement[] = [];
  let comment: string[] = [];
  for (let index = next; index < source.lines.length; ) {
    const line = source.lines[index] as string;
    if (isComment(line) || line.trim() === '') {
      const text = line.trim().slice(1).trim();
      comment = text === '' ? [] : [...comment, text];
      index++;
      continue;
    }
    const joined = joinLines(source, index, directives.escape);
    const statement = readStatement(source, joined, directives.escape, comment);
    statements.push(statement);
    comment = [];
    index = statement.endLine;
  }
  return { directives, statements };
}

/** No path, variable or argument can hold it: not even the kernel could be asked. */
function refuseNul(source: SourceText): void {
  const index = source.lines.findIndex((line) => line.includes('\0'));
  if (index >= 0) throw mistake(source, { line: index + 1, column: (source.lines[index] as string).indexOf('\0') + 1 }, 'there is a byte 0 in the file', { hint: 'it is a text file, in UTF-8' });
}

function readDirectives(source: SourceText): { directives: Directives; next: number } {
  const found = new Map<string, string>();
  let next = source.lines[0]?.startsWith('#!') === true ? 1 : 0;
  for (; next < source.lines.length; next++) {
    const match = DIRECTIVE.exec(source.lines[next] as string);
    const name = match?.[1]?.toLowerCase();
    if (match === null || name === undefined || !KNOWN_DIRECTIVES.includes(name)) break;
    const at = { line: next + 1, column: 1 };
    if (found.has(name)) throw mistake(source, at, `the parser directive ${name} is given twice`, { hint: 'remove one of the two' });
    const value = match[2] as string;
    if (name === 'escape' && value !== '\\' && value !== '`') throw mistake(source, at, `invalid escape character ${JSON.stringify(value)}`, { hint: 'it is \\ or `' });
    found.set(name, value);
  }
  return { directives: { escape: found.get('escape') ?? '\\', ...pick(found, 'syntax'), ...pick(found, 'check') }, next };
}

function pick<K extends string>(found: ReadonlyMap<string, string>, key: K): { readonly [name in K]?: string } {
  const value = found.get(key);
  return value === undefined ? {} : ({ [key]: value } as { readonly [name in K]?: string });
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#');
}

interface Joined {
  readonly text: string;
  /** Where pieces of the text come from: offset in the text → place in the file. */
  readonly pieces: readonly { readonly offset: number; readonly line: number; readonly column: number }[];
  readonly firstLine: number;
  /** Lines taken, as an index after the last. */
  readonly next: number;
  readonly hasEmptyLine: boolean;
}

/** A statement's lines as one. Comment lines in between do not count, nor do empty ones (which Docker warns of). */
function joinLines(source: SourceText, first: number, escape: string): Joined {
  const pieces: Joined['pieces'][number][] = [];
  let hasEmptyLine = false;
  const pattern = escape === '\\' ? /(^|[^\\])\\[ \t]*$/ : /(^|[^`])`[ \t]*$/;
  let text = '';
  let index = first;
  for (; index < source.lines.length; index++) {
    const line = source.lines[index] as string;
    if (index > first) {
      if (isComment(line)) continue;
      if (line.trim() === '') {
        hasEmptyLine = true;
        continue;
      }
    }
    const match = pattern.exec(line);
    const kept = match === null ? line : line.slice(0, match.index + (match[1] as string).length);
    const skipped = index === first ? kept.length - kept.trimStart().length : 0;
    pieces.push({ offset: text.length, line: index + 1, column: skipped + 1 });
    text += kept.slice(skipped);
    if (match === null) {
      index++;
      break;
    }
  }
  return { text, pieces, firstLine: first + 1, next: index, hasEmptyLine };
}

function readStatement(source: SourceText, joined: Joined, escape: string, comment: readonly string[]): Statement {
  const positionOfWhole = (offset: number): Position => {
    const piece = joined.pieces.findLast((candidate) => candidate.offset <= offset) ?? (joined.pieces[0] as Joined['pieces'][number]);
    return { line: piece.line, column: piece.column + offset - piece.offset };
  };
  const [written = ''] = /^\S+/.exec(joined.text) ?? [];
  const after = joined.text.slice(written.length);
  const start = written.length + after.length - after.trimStart().length;
  const { heredocs, next } = readHeredocs(source, joined, escape, positionOfWhole);
  return {
    source,
    keyword: written.toUpperCase(),
    written,
    text: after.trim(),
    at: positionOfWhole(0),
    endLine: next,
    heredocs,
    escape,
    positionOf: (offset) => positionOfWhole(start + offset),
    emptyContinuation: joined.hasEmptyLine ? joined.next : undefined,
    comment,
  };
}

function readHeredocs(source: SourceText, joined: Joined, escape: string, positionOf: (offset: number) => Position): { heredocs: Heredoc[]; next: number } {
  const heredocs: Heredoc[] = [];
  let next = joined.next;
  if (!WITH_HEREDOCS.test(joined.text) || !joined.text.includes('<<')) return { heredocs, next };
  for (const { word, offset } of heredocWords(joined.text, escape)) {
    const match = HEREDOC.exec(word);
    if (match === null) continue;
    const chomp = match[1] === '-';
    const raw = match[2] as string;
    const name = raw.replace(/^(['"])(.*)\1$/s, '$2').replace(/["']/g, '');
    if (name === '') continue;
    const beginning = next;
    const lines: string[] = [];
    for (;;) {
      const line = source.lines[next];
      if (line === undefined) {
        throw mistake(source, positionOf(offset), `the here-document ${JSON.stringify(name)} does not end`, { hint: `end it by a line that is ${name} and nothing else` });
      }
      next++;
      const stripped = chomp ? line.replace(/^\t+/, '') : line;
      if (stripped === name) break;
      lines.push(stripped);
    }
    heredocs.push({ name, word, content: lines.map((line) => `${line}\n`).join(''), expand: !/["']/.test(raw), chomp, line: beginning + 1 });
  }
  return { heredocs, next };
}

/** A RUN in JSON form holds no here-document, whatever its words look like; nor does what a shell could not read. */
function heredocWords(text: string, escape: string): readonly { readonly word: string; readonly offset: number }[] {
  if (/^\S+\s+(?:--\S+\s+)*\[/.test(text)) return [];
  return splitWords(text, escape);
}
