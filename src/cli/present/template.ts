/**
 * Evaluates --format templates, Go's text/template as Docker and Podman use it. {@link compileTemplate} for one template;
 * format.ts decides what a command does with a user's format (one line per object, tables, JSON).
 *
 * Data is JSON-like; a field may also be a function, Go's method: `{{.Label "x"}}` calls it. Text that comes from data is
 * escaped where a terminal would obey it; tabs and newlines stay, since templates are there to lay text out.
 */
import { isScullError, ScullError } from '../../host/errors.ts';
import { escapeControlLines } from '../escape.ts';
import { FUNCTIONS } from './template-functions.ts';
import { parseTemplate, templateError, type Node, type Operand, type Pipe, type TemplateTree } from './template-syntax.ts';
import { entriesOf, isRecord, isTrue, MapKnowledge, NO_VALUE, printValue, typeName } from './template-values.ts';

export interface TemplateOptions {
  /**
   * The row above a table: every field yields its column heading. Words go through functions unharmed then, and ranges
   * over a heading run once.
   */
  readonly headings?: Readonly<Record<string, string>>;
}

/** A template ready to be filled. */
export interface Template {
  /** @throws ScullError INVALID, e.g. "can't evaluate field Foo" with line and column */
  execute(data: unknown, options?: TemplateOptions): string;
}

const KNOWN_FUNCTIONS: ReadonlySet<string> = new Set([...Object.keys(FUNCTIONS), 'and', 'or', 'call']);

/** Templates calling templates: as deep as our stack stands by far. */
const MAX_CALLS = 100;
/** Characters of output; more can only be a loop over loops gone wild. */
const MAX_OUTPUT = 256 * 1024 * 1024;

/** @throws ScullError INVALID with line and column of a syntax error */
export function compileTemplate(text: string): Template {
  const tree = parseTemplate(text, KNOWN_FUNCTIONS);
  return { execute: (data, options = {}) => new Evaluation(tree, data, options).run() };
}

interface Variable {
  readonly name: string;
  value: unknown;
}

/** How a list of nodes was left: to its end, or by break or continue. */
type Flow = 'on' | 'break' | 'continue';

/** Marks "no value piped in" apart from a piped undefined. */
const NOTHING: unique symbol = Symbol('nothing');

class Evaluation {
  readonly #tree: TemplateTree;
  readonly #data: unknown;
  readonly #headings: Readonly<Record<string, string>> | undefined;
  readonly #maps = new MapKnowledge();
  #variables: Variable[];
  #out: string[] = [];
  #size = 0;
  #calls = 0;

  constructor(tree: TemplateTree, data: unknown, options: TemplateOptions) {
    this.#tree = tree;
    this.#data = data;
    this.#headings = options.headings;
    this.#variables = [{ name: '$', value: data }];
  }

  run(): string {
    this.#walk(this.#tree.body, this.#data);
    return this.#out.join('');
  }

  #fail(at: number, what: string): ScullError {
    return templateError(this.#tree.text, at, what);
  }

  #write(text: string, at: number): void {
    this.#size += text.length;
    if (this.#size > MAX_OUTPUT) throw this.#fail(at, 'the output is too large');
    this.#out.push(text);
  }

  #walk(nodes: readonly Node[], dot: unknown): Flow {
    const visible = this.#variables.length;
    let flow: Flow = 'on';
    for (const node of nodes) {
      flow = this.#step(node, dot);
      if (flow !== 'on') break;
    }
    this.#variables.length = visible;
    return flow;
  }

  #step(node: Node, dot: unknown): Flow {
    switch (node.kind) {
      case 'text':
        this.#write(node.text, 0);
        return 'on';
      case 'action': {
        const value = this.#pipe(node.pipe, dot);
        if (node.pipe.variables.length === 0) this.#write(escapeControlLines(printValue(value, this.#maps)), node.pipe.at);
        return 'on';
      }
      case 'if':
      case 'with':
        return this.#branch(node, dot);
      case 'range':
        return this.#range(node, dot);
      case 'template':
        this.#template(node, dot);
        return 'on';
      default:
        return node.kind;
    }
  }

  #branch(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: unknown): Flow {
    const visible = this.#variables.length;
    const value = this.#pipe(node.pipe, dot);
    const flow = isTrue(value, this.#maps) ? this.#walk(node.body, node.kind === 'with' ? value : dot) : this.#walk(node.otherwise, dot);
    this.#variables.length = visible;
    return flow;
  }

  #range(node: Extract<Node, { kind: 'if' | 'with' | 'range' }>, dot: unknown): Flow {
    const visible = this.#variables.length;
    const over = this.#pipe(node.pipe, dot, true);
    const items = this.#iterate(over, node.pipe.at);
    for (const [key, item] of items) {
      this.#setLoopVariables(node.pipe, key, item);
      const flow = this.#walk(node.body, item);
      this.#variables.length = visible;
      if (flow === 'break') break;
    }
    const flow = items.length === 0 ? this.#walk(node.otherwise, dot) : 'on';
    this.#variables.length = visible;
    return flow;
  }

  /** One variable takes the element, two take key (or index) and element. */
  #setLoopVariables(pipe: Pipe, key: unknown, item: unknown): void {
    const values = pipe.variables.length === 2 ? [key, item] : [item];
    pipe.variables.forEach((name, position) => {
      if (pipe.assigns) this.#assign(name, values[position], pipe.at);
      else this.#variables.push({ name, value: values[position] });
    });
  }

  #iterate(over: unknown, at: number): readonly (readonly [unknown, unknown])[] {
    if (Array.isArray(over)) return over.map((item, position) => [position, item as unknown] as const);
    if (this.#headings !== undefined) return [['', over]];
    if (this.#maps.isMap(over) || over instanceof Map) return entriesOf(over, this.#maps);
    if (over === null || over === undefined || over === NO_VALUE) return [];
    if (typeof over === 'number' && Number.isInteger(over) && over <= 1_000_000) {
      return Array.from({ length: Math.max(0, over) }, (_, position) => [position, position] as const);
    }
    // Go can't range over a struct. Here it may be a map that no table of fields knows.
    if (isRecord(over)) return entriesOf(over, this.#maps);
    throw this.#fail(at, `range can't iterate over ${printValue(over, this.#maps)}`);
  }

  #template(node: Extract<Node, { kind: 'template' }>, dot: unknown): void {
    const body = this.#tree.named.get(node.name);
    if (body === undefined) throw this.#fail(node.at, `template ${JSON.stringify(node.name)} not defined`);
    this.#calls += 1;
    if (this.#calls > MAX_CALLS) throw this.#fail(node.at, `exceeded maximum template depth (${MAX_CALLS})`);
    const data = node.pipe === undefined ? null : this.#pipe(node.pipe, dot);
    const outer = this.#variables;
    this.#variables = [{ name: '$', value: data }];
    this.#walk(body, data);
    this.#variables = outer;
    this.#calls -= 1;
  }

  /** @param loop true for range, which gives its variables their values itself. */
  #pipe(pipe: Pipe, dot: unknown, loop = false): unknown {
    let value: unknown = NOTHING;
    for (const command of pipe.commands) value = this.#command(command, dot, value);
    const result = value === NOTHING ? null : value;
    if (!loop) {
      for (const name of pipe.variables) {
        if (pipe.assigns) this.#assign(name, result, pipe.at);
        else this.#variables.push({ name, value: result });
      }
    }
    return result;
  }

  #assign(name: string, value: unknown, at: number): void {
    const variable = this.#variables.findLast((candidate) => candidate.name === name);
    if (variable === undefined) throw this.#fail(at, `undefined variable: ${name}`);
    variable.value = value;
  }

  #command(operands: readonly Operand[], dot: unknown, piped: unknown): unknown {
    const [first, ...rest] = operands as readonly [Operand, ...Operand[]];
    if (first.kind === 'function') return this.#call(first.name, first.at, rest, dot, piped);
    if (first.kind === 'fields') {
      const args = (): unknown[] => this.#arguments(rest, dot, piped);
      return this.#fields(this.#operand(first.of, dot), first, args, rest.length > 0 || piped !== NOTHING);
    }
    if (rest.length > 0 || piped !== NOTHING) throw this.#fail(first.at, `can't give argument to non-function ${this.#source(first)}`);
    return this.#operand(first, dot);
  }

  #arguments(operands: readonly Operand[], dot: unknown, piped: unknown): unknown[] {
    const args = operands.map((operand) => this.#operand(operand, dot));
    if (piped !== NOTHING) args.push(piped);
    return args;
  }

  #call(name: string, at: number, operands: readonly Operand[], dot: unknown, piped: unknown): unknown {
    if (name === 'and' || name === 'or') return this.#shortCircuit(name, at, operands, dot, piped);
    const args = this.#arguments(operands, dot, piped);
    const apply = FUNCTIONS[name];
    if (apply === undefined) throw this.#fail(at, `error calling ${name}: there are no functions to call in this data`);
    try {
      return apply(args, this.#maps);
    } catch (error) {
      if (isScullError(error)) throw error;
      if (this.#headings !== undefined) return args.findLast((arg) => typeof arg === 'string') ?? '';
      throw this.#fail(at, `error calling ${name}: ${(error as Error).message}`);
    }
  }

  #shortCircuit(name: 'and' | 'or', at: number, operands: readonly Operand[], dot: unknown, piped: unknown): unknown {
    if (operands.length === 0 && piped === NOTHING) throw this.#fail(at, `wrong number of args for ${name}: want at least 1 got 0`);
    let value: unknown = piped;
    for (const operand of operands) {
      value = this.#operand(operand, dot);
      if (isTrue(value, this.#maps) === (name === 'or')) return value;
    }
    return piped === NOTHING ? value : piped;
  }

  #operand(operand: Operand, dot: unknown): unknown {
    switch (operand.kind) {
      case 'dot':
        return dot;
      case 'nil':
        return null;
      case 'literal':
        return operand.value;
      case 'variable': {
        const variable = this.#variables.findLast((candidate) => candidate.name === operand.name);
        if (variable === undefined) throw this.#fail(operand.at, `undefined variable: ${operand.name}`);
        return variable.value;
      }
      case 'pipe': {
        const visible = this.#variables.length;
        const value = this.#pipe(operand.pipe, dot);
        this.#variables.length = visible;
        return value;
      }
      case 'function':
        return this.#call(operand.name, operand.at, [], dot, NOTHING);
      case 'fields':
        return this.#fields(this.#operand(operand.of, dot), operand, () => [], false);
    }
  }

  /** `.A.B.C`, where the last one may be a method with arguments. */
  #fields(start: unknown, operand: Extract<Operand, { kind: 'fields' }>, args: () => unknown[], hasArguments: boolean): unknown {
    let value = start;
    operand.names.forEach((name, position) => {
      const last = position === operand.names.length - 1;
      value = this.#headings === undefined ? this.#field(value, name, operand) : this.#heading(name, this.#headings);
      if (typeof value === 'function') value = (value as (...given: unknown[]) => unknown)(...(last ? args() : []));
      else if (last && hasArguments) {
        if (this.#headings !== undefined) value = labelHeading(args()) ?? value;
        else throw this.#fail(operand.at, `${name} has arguments but cannot be invoked as function`);
      }
    });
    return value;
  }

  #field(value: unknown, name: string, operand: Operand): unknown {
    if (value instanceof Map) return value.has(name) ? (value.get(name) as unknown) : NO_VALUE;
    if (isRecord(value)) {
      const key = ownKey(value, name);
      if (key !== undefined) {
        const found = value[key];
        this.#maps.learn(key, found);
        return found ?? null;
      }
      if (this.#maps.isMap(value)) return NO_VALUE;
    }
    if (value === NO_VALUE) return NO_VALUE;
    if (value === null || value === undefined) throw this.#fail(operand.at, `${this.#source(operand)}: nil data; no entry for key ${JSON.stringify(name)}`);
    throw this.#fail(operand.at, `can't evaluate field ${name} in type ${typeName(value, this.#maps)}`);
  }

  #heading(name: string, headings: Readonly<Record<string, string>>): string {
    return Object.hasOwn(headings, name) ? (headings[name] as string) : headingOf(name);
  }

  /** The operand as it stands in the template, for messages. */
  #source(operand: Operand): string {
    return `<${this.#tree.text.slice(operand.at).split(/[\s|)}]/, 1)[0] ?? ''}>`;
  }
}

/**
 * The key a field name means. Docker's Go names and its JSON names differ in case only (ID and Id, DNS and Dns), those of networks
 * in underscores too (DNSEnabled, dns_enabled), and both are used in templates: an exported-looking name finds the key that is so like it.
 */
function ownKey(record: Record<string, unknown>, name: string): string | undefined {
  if (Object.hasOwn(record, name)) return name;
  if (!/^\p{Lu}/u.test(name)) return undefined;
  const lower = name.toLowerCase();
  const keys = Object.keys(record);
  return keys.find((key) => key.toLowerCase() === lower) ?? keys.find((key) => key.replaceAll('_', '').toLowerCase() === lower);
}

/** `RunningFor` → `RUNNING FOR`, `ID` → `ID`. */
export function headingOf(field: string): string {
  return field.replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2').replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2').toUpperCase();
}

/** Docker heads a column of `{{.Label "com.example.build-date"}}` with BUILD DATE. */
function labelHeading(args: readonly unknown[]): string | undefined {
  const name = args.findLast((arg) => typeof arg === 'string');
  return typeof name === 'string' ? (name.split('.').at(-1) ?? name).replace(/[-_]/g, ' ').toUpperCase() : undefined;
}
