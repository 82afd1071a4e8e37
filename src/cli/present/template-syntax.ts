/**
 * Go's text/template language, the syntax half: text in, tree out. Written after the documentation of Go's text/template
 * package (actions, pipelines, variables, trim markers). What --format takes in Docker and Podman is this language.
 */
import { ScullError } from '../../host/errors.ts';

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipe: Pipe }
  | { readonly kind: 'if' | 'with' | 'range'; readonly pipe: Pipe; readonly body: readonly Node[]; readonly otherwise: readonly Node[] }
  | { readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined; readonly at: number }
  | { readonly kind: 'break' | 'continue' };

/** `$a, $b := first | second`: the last word of each command receives the value of the one before. */
export interface Pipe {
  readonly variables: readonly string[];
  /** True for `=`, an assignment to variables declared further out. */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
  /** Offset in the template text, for error messages. */
  readonly at: number;
}

export type Operand = (
  | { readonly kind: 'dot' | 'nil' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'pipe'; readonly pipe: Pipe }
  /** `.A.B` of dot, `$x.A`, `(pipeline).A`. */
  | { readonly kind: 'fields'; readonly of: Operand; readonly names: readonly string[] }
) & { readonly at: number };

export interface TemplateTree {
  readonly text: string;
  readonly body: readonly Node[];
  /** From define and block. */
  readonly named: ReadonlyMap<string, readonly Node[]>;
}

/** Nesting of blocks and parentheses: far more than anybody writes, far less than our stack. */
const MAX_DEPTH = 100;

/** Line and column, both from 1, of an offset. */
export function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
}

/** An INVALID error in the words Go uses: `template: LINE:COLUMN: what`. */
export function templateError(text: string, offset: number, what: string): ScullError {
  return new ScullError('INVALID', `template: ${positionOf(text, offset)}: ${what}`);
}

// --- tokens -----------------------------------------------------------------------------------------------------

type Token =
  | { readonly kind: 'text'; readonly value: string; readonly at: number }
  | { readonly kind: 'action'; readonly words: readonly Word[]; readonly at: number };

/** `space` is true where white space stood before: `.A.B` is one operand, `.A .B` are two. */
interface Word {
  readonly kind: 'field' | 'dot' | 'variable' | 'name' | 'string' | 'number' | 'symbol' | 'end';
  readonly value: string;
  readonly number?: number;
  readonly space: boolean;
  readonly at: number;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  let trimNext = false;
  for (;;) {
    const open = text.indexOf('{{', position);
    let plain = text.slice(position, open === -1 ? undefined : open);
    if (trimNext) plain = plain.replace(/^[ \t\r\n]+/, '');
    if (open === -1) {
      if (plain !== '') tokens.push({ kind: 'text', value: plain, at: position });
      return tokens;
    }
    let inside = open + 2;
    if (text[inside] === '-' && isSpace(text[inside + 1])) {
      plain = plain.replace(/[ \t\r\n]+$/, '');
      inside += 1;
    }
    if (plain !== '') tokens.push({ kind: 'text', value: plain, at: position });
    const action = readAction(text, inside, open);
    if (action.words !== undefined) tokens.push({ kind: 'action', words: action.words, at: open });
    trimNext = action.trim;
    position = action.end;
  }
}

interface ReadAction {
  /** undefined for a comment. */
  readonly words: readonly Word[] | undefined;
  readonly trim: boolean;
  readonly end: number;
}

function readAction(text: string, start: number, open: number): ReadAction {
  const comment = /^\s*\/\*/.exec(text.slice(start, start + 256));
  if (comment !== null) return readComment(text, start + comment[0].length, open);
  const words: Word[] = [];
  let position = start;
  for (;;) {
    const from = position;
    while (isSpace(text[position])) position += 1;
    const space = position > from;
    if (space && text.startsWith('-}}', position)) return { words: ended(words, position), trim: true, end: position + 3 };
    if (text.startsWith('}}', position)) return { words: ended(words, position), trim: false, end: position + 2 };
    if (position >= text.length) throw templateError(text, open, 'unclosed action');
    const word = readWord(text, position, space);
    words.push(word.word);
    position = word.end;
  }
}

function ended(words: Word[], at: number): Word[] {
  words.push({ kind: 'end', value: '}}', space: true, at });
  return words;
}

function readComment(text: string, start: number, open: number): ReadAction {
  const close = text.indexOf('*/', start);
  if (close === -1) throw templateError(text, open, 'unclosed comment');
  const rest = /^(?:(\s+-)|\s*)\}\}/.exec(text.slice(close + 2));
  if (rest === null) throw templateError(text, open, 'comment ends before closing delimiter');
  return { words: undefined, trim: rest[1] !== undefined, end: close + 2 + rest[0].length };
}

const FIELD = /\.[\p{L}_][\p{L}\p{N}_]*/uy;
const VARIABLE = /\$[\p{L}\p{N}_]*/uy;
const NAME = /[\p{L}_][\p{L}\p{N}_]*/uy;
const NUMBER = /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*)?\.?[0-9][0-9_]*\.?(?:[eE][+-]?[0-9]+)?)/y;
const STRING = /"(?:[^"\\\n]|\\[^\n])*"/y;
const RAW_STRING = /`[^`]*`/y;
const CHARACTER = /'(?:[^'\\\n]|\\[^\n])+'/y;

function readWord(text: string, at: number, space: boolean): { readonly word: Word; readonly end: number } {
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const make = (kind: Word['kind'], source: string, value = source, number?: number) => ({
    word: { kind, value, space, at, ...(number === undefined ? {} : { number }) },
    end: at + source.length,
  });
  const first = text[at] ?? '';
  if (first === '"' || first === '`' || first === "'") return readQuoted(text, at, match, make);
  if (first === '.') {
    const field = match(FIELD);
    if (field !== undefined) return make('field', field, field.slice(1));
    if (!/[0-9]/.test(text[at + 1] ?? '')) return make('dot', '.');
  }
  if (first === '$') return make('variable', match(VARIABLE) ?? '$');
  const name = match(NAME);
  if (name !== undefined) return make('name', name);
  const number = match(NUMBER);
  if (number !== undefined) return make('number', number, number, readNumber(text, at, number));
  if (text.startsWith(':=', at)) return make('symbol', ':=');
  if ('|,()='.includes(first)) return make('symbol', first);
  throw templateError(text, at, `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0xfffd))} in action`);
}

function readQuoted(
  text: string,
  at: number,
  match: (pattern: RegExp) => string | undefined,
  make: (kind: Word['kind'], source: string, value?: string, number?: number) => { readonly word: Word; readonly end: number },
): { readonly word: Word; readonly end: number } {
  switch (text[at]) {
    case '`': {
      const raw = match(RAW_STRING);
      if (raw === undefined) throw templateError(text, at, 'unterminated raw quoted string');
      return make('string', raw, raw.slice(1, -1));
    }
    case '"': {
      const quoted = match(STRING);
      if (quoted === undefined) throw templateError(text, at, 'unterminated quoted string');
      return make('string', quoted, unquote(text, at, quoted.slice(1, -1)));
    }
    default: {
      const quoted = match(CHARACTER);
      const character = quoted === undefined ? '' : unquote(text, at, quoted.slice(1, -1));
      if (quoted === undefined || [...character].length !== 1) throw templateError(text, at, 'malformed character constant');
      return make('number', quoted, quoted, character.codePointAt(0));
    }
  }
}

function readNumber(text: string, at: number, source: string): number {
  const digits = source.replaceAll('_', '');
  const negative = digits.startsWith('-');
  const unsigned = digits.replace(/^[+-]/, '');
  // Go reads 0755 as octal; JavaScript's Number would read it as decimal.
  const value = /^0[0-7]+$/.test(unsigned) ? Number.parseInt(unsigned, 8) : Number(unsigned);
  if (!Number.isFinite(value)) throw templateError(text, at, `bad number syntax: ${JSON.stringify(source)}`);
  return negative ? -value : value;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"',
};

function unquote(text: string, at: number, body: string): string {
  return body.replace(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gsu, (_all, escape: string) => {
    const simple = ESCAPES[escape];
    if (simple !== undefined) return simple;
    const code = /^[0-7]{3}$/.test(escape) ? Number.parseInt(escape, 8) : /^[xuU]./.test(escape) ? Number.parseInt(escape.slice(1), 16) : Number.NaN;
    if (Number.isNaN(code) || code > 0x10ffff) throw templateError(text, at, `unknown escape sequence \\${escape}`);
    return String.fromCodePoint(code);
  });
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\n' || character === '\r';
}

// --- tree -------------------------------------------------------------------------------------------------------

/** Parses a template. @throws ScullError INVALID with line and column of what does not fit. */
export function parseTemplate(text: string, functions: ReadonlySet<string>): TemplateTree {
  return new Parser(text, functions).parse();
}

interface Block {
  readonly nodes: Node[];
  /** The word that ended the block, and the action it stood in (so that `else if` can go on). */
  readonly ending: 'eof' | 'end' | 'else';
  readonly token: Token | undefined;
}

class Parser {
  readonly #text: string;
  readonly #functions: ReadonlySet<string>;
  readonly #tokens: readonly Token[];
  readonly #named = new Map<string, readonly Node[]>();
  #next = 0;
  #words: readonly Word[] = [];
  #word = 0;
  #depth = 0;
  #loops = 0;
  /** Names visible here; blocks and pipelines drop what they declared. */
  #variables: string[] = ['$'];

  constructor(text: string, functions: ReadonlySet<string>) {
    this.#text = text;
    this.#functions = functions;
    this.#tokens = tokenize(text);
  }

  parse(): TemplateTree {
    const block = this.#block();
    if (block.ending !== 'eof') throw this.#error(block.token?.at ?? 0, `unexpected {{${block.ending}}}`);
    return { text: this.#text, body: block.nodes, named: this.#named };
  }

  #error(at: number, what: string): ScullError {
    return templateError(this.#text, at, what);
  }

  #deeper<T>(at: number, work: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#error(at, `nested more than ${MAX_DEPTH} deep`);
    const result = work();
    this.#depth -= 1;
    return result;
  }

  /** Nodes up to {{end}}, {{else}} or the end of the text. */
  #block(): Block {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#tokens[this.#next];
      if (token === undefined) return { nodes, ending: 'eof', token };
      this.#next += 1;
      if (token.kind === 'text') {
        nodes.push({ kind: 'text', text: token.value });
        continue;
      }
      this.#words = token.words;
      this.#word = 0;
      const first = this.#peek();
      if (first.kind === 'name' && (first.value === 'end' || first.value === 'else')) {
        this.#take();
        if (first.value === 'end') this.#finish('end');
        return { nodes, ending: first.value, token };
      }
      const node = this.#statement(token.at, first);
      if (node !== undefined) nodes.push(node);
    }
  }

  #statement(at: number, first: Word): Node | undefined {
    if (first.kind === 'name') {
      switch (first.value) {
        case 'if':
        case 'with':
        case 'range':
          this.#take();
          return this.#deeper(at, () => this.#control(first.value as 'if' | 'with' | 'range', at));
        case 'define':
          this.#take();
          return this.#define(at);
        case 'block':
          this.#take();
          return this.#blockStatement(at);
        case 'template':
          this.#take();
          return this.#call(at);
        case 'break':
        case 'continue':
          this.#take();
          this.#finish(first.value);
          if (this.#loops === 0) throw this.#error(at, `{{${first.value}}} outside {{range}}`);
          return { kind: first.value };
      }
    }
    const pipe = this.#pipe('action');
    this.#finish('action');
    return { kind: 'action', pipe };
  }

  /** if, with and range, after their word. `else if` and `else with` nest without an {{end}} of their own. */
  #control(kind: 'if' | 'with' | 'range', at: number): Node {
    const visible = this.#variables.length;
    const pipe = this.#pipe(kind);
    this.#finish(kind);
    if (kind === 'range') this.#loops += 1;
    const block = this.#block();
    if (kind === 'range') this.#loops -= 1;
    let otherwise: readonly Node[] = [];
    if (block.ending === 'else') {
      const next = this.#peek();
      if (next.kind === 'name' && kind !== 'range' && next.value === kind) {
        this.#take();
        otherwise = [this.#deeper(at, () => this.#control(kind, at))];
        this.#variables.length = visible;
        return { kind, pipe, body: block.nodes, otherwise };
      }
      this.#finish('else');
      const rest = this.#block();
      if (rest.ending !== 'end') throw this.#error(rest.token?.at ?? at, rest.ending === 'eof' ? 'unexpected EOF' : 'expected end; found {{else}}');
      otherwise = rest.nodes;
    } else if (block.ending === 'eof') {
      throw this.#error(at, `unexpected EOF: {{${kind}}} has no {{end}}`);
    }
    this.#variables.length = visible;
    return { kind, pipe, body: block.nodes, otherwise };
  }

  #define(at: number): undefined {
    const name = this.#name('define');
    this.#finish('define');
    this.#body(name, at);
  }

  #blockStatement(at: number): Node {
    const name = this.#name('block');
    const pipe = this.#pipe('block');
    this.#finish('block');
    this.#body(name, at);
    return { kind: 'template', name, pipe, at };
  }

  #body(name: string, at: number): void {
    const outer = this.#variables;
    const loops = this.#loops;
    this.#variables = ['$'];
    this.#loops = 0;
    const block = this.#deeper(at, () => this.#block());
    if (block.ending !== 'end') throw this.#error(at, `unexpected EOF: template ${JSON.stringify(name)} has no {{end}}`);
    this.#variables = outer;
    this.#loops = loops;
    this.#named.set(name, block.nodes);
  }

  #call(at: number): Node {
    const name = this.#name('template');
    const pipe = this.#peek().kind === 'end' ? undefined : this.#pipe('template');
    this.#finish('template');
    return { kind: 'template', name, pipe, at };
  }

  #name(context: string): string {
    const word = this.#take();
    if (word.kind !== 'string') throw this.#error(word.at, `unexpected ${shown(word)} in ${context} clause`);
    return word.value;
  }

  #pipe(context: string): Pipe {
    const at = this.#peek().at;
    const { variables, assigns } = this.#declarations(context);
    const commands: Operand[][] = [this.#command(context)];
    while (this.#isSymbol('|')) {
      this.#take();
      const command = this.#command(context);
      const head = command[0];
      if (head !== undefined && ['literal', 'dot', 'nil'].includes(head.kind)) {
        throw this.#error(head.at, `non executable command in pipeline stage ${commands.length + 1}`);
      }
      commands.push(command);
    }
    if (!assigns) this.#variables.push(...variables);
    return { variables, assigns, commands, at };
  }

  #declarations(context: string): { readonly variables: readonly string[]; readonly assigns: boolean } {
    const names: string[] = [];
    let ahead = 0;
    const word = (): Word | undefined => this.#words[this.#word + ahead];
    while (word()?.kind === 'variable') {
      names.push(word()?.value ?? '');
      ahead += 1;
      const symbol = word();
      if (symbol?.kind !== 'symbol') break;
      ahead += 1;
      if (symbol.value === ',' && context === 'range' && names.length === 1) continue;
      if (symbol.value !== ':=' && symbol.value !== '=') break;
      if (symbol.value === '=') for (const name of names) this.#known(name, symbol.at);
      this.#word += ahead;
      return { variables: names, assigns: symbol.value === '=' };
    }
    return { variables: [], assigns: false };
  }

  #known(name: string, at: number): void {
    if (!this.#variables.includes(name)) throw this.#error(at, `undefined variable ${JSON.stringify(name)}`);
  }

  #command(context: string): Operand[] {
    const operands: Operand[] = [];
    for (;;) {
      const word = this.#peek();
      if (word.kind === 'end' || this.#isSymbol('|') || this.#isSymbol(')')) break;
      if (operands.length > 0 && !word.space && !this.#isSymbol('(')) throw this.#error(word.at, `unexpected ${shown(word)} in operand`);
      operands.push(this.#operand(context));
    }
    if (operands.length === 0) throw this.#error(this.#peek().at, `missing value for ${context}`);
    return operands;
  }

  #operand(context: string): Operand {
    const word = this.#take();
    const base = this.#simple(word, context);
    const names: string[] = [];
    while (this.#peek().kind === 'field' && !this.#peek().space) names.push(this.#take().value);
    if (names.length === 0) return base;
    if (base.kind === 'literal' || base.kind === 'nil') throw this.#error(word.at, `unexpected . after term ${shown(word)}`);
    if (base.kind === 'fields') return { ...base, names: [...base.names, ...names] };
    return { kind: 'fields', of: base, names, at: word.at };
  }

  #simple(word: Word, context: string): Operand {
    const at = word.at;
    switch (word.kind) {
      case 'dot':
        return { kind: 'dot', at };
      case 'field':
        return { kind: 'fields', of: { kind: 'dot', at }, names: [word.value], at };
      case 'variable':
        this.#known(word.value, at);
        return { kind: 'variable', name: word.value, at };
      case 'string':
        return { kind: 'literal', value: word.value, at };
      case 'number':
        return { kind: 'literal', value: word.number ?? 0, at };
      case 'name':
        if (word.value === 'nil') return { kind: 'nil', at };
        if (word.value === 'true' || word.value === 'false') return { kind: 'literal', value: word.value === 'true', at };
        if (!this.#functions.has(word.value)) throw this.#error(at, `function ${JSON.stringify(word.value)} not defined`);
        return { kind: 'function', name: word.value, at };
      case 'symbol':
        if (word.value === '(') {
          const pipe = this.#deeper(at, () => this.#pipe('parenthesized pipeline'));
          const close = this.#take();
          if (close.kind !== 'symbol' || close.value !== ')') throw this.#error(close.at, 'unclosed left paren');
          return { kind: 'pipe', pipe, at };
        }
    }
    throw this.#error(at, `unexpected ${shown(word)} in ${context}`);
  }

  #finish(context: string): void {
    const word = this.#take();
    if (word.kind !== 'end') throw this.#error(word.at, `unexpected ${shown(word)} in ${context}`);
  }

  #isSymbol(value: string): boolean {
    const word = this.#peek();
    return word.kind === 'symbol' && word.value === value;
  }

  #peek(): Word {
    // An action's words end with 'end', which nobody moves past.
    return this.#words[Math.min(this.#word, this.#words.length - 1)] as Word;
  }

  #take(): Word {
    const word = this.#peek();
    if (word.kind !== 'end') this.#word += 1;
    return word;
  }
}

function shown(word: Word): string {
  if (word.kind === 'end') return '"}}"';
  return JSON.stringify(word.kind === 'field' ? `.${word.value}` : word.value);
}
