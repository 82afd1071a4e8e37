/** A whole Containerfile: arguments before the first stage, and stages. */
import { mistake, sourceText, type SourceText } from './source.ts';
import { parseInstruction, type Arg, type From, type StepInstruction } from './instructions.ts';
import { readStatements, type Directives } from './statements.ts';

export interface Stage {
  readonly index: number;
  readonly from: From;
  readonly steps: readonly StepInstruction[];
}

export interface Containerfile {
  readonly source: SourceText;
  readonly directives: Directives;
  /** ARG instructions before the first FROM. */
  readonly globalArgs: readonly Arg[];
  readonly stages: readonly Stage[];
}

/**
 * @param name for messages
 * @throws ScullError INVALID naming the place
 */
export function parseContainerfile(name: string, text: string): Containerfile {
  const source = sourceText(name, text);
  const { directives, statements } = readStatements(source);
  const globalArgs: Arg[] = [];
  const stages: { index: number; from: From; steps: StepInstruction[] }[] = [];
  for (const statement of statements) {
    const instruction = parseInstruction(statement);
    const stage = stages.at(-1);
    if (instruction.kind === 'FROM') stages.push({ index: stages.length, from: instruction, steps: [] });
    else if (stage !== undefined) stage.steps.push(instruction);
    else if (instruction.kind === 'ARG') globalArgs.push(instruction);
    else throw mistake(source, statement.at, `${instruction.kind} stands before the first FROM`, { hint: 'only ARG, comments and parser directives may stand there: begin with FROM' });
  }
  if (stages.length === 0) {
    const at = { line: Math.max(1, source.lines.length), column: 1 };
    throw mistake(source, at, statements.length === 0 ? 'the file is empty' : 'the file has no stage', { hint: 'begin with FROM and an image, for example FROM debian' });
  }
  return { source, directives, globalArgs, stages };
}
