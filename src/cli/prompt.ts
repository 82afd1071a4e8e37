/** Questions to whoever sits at the terminal. They go to standard error: results alone go to standard output. */
import { read } from 'node:fs';
import { errnoOf, ScullError } from '../host/errors.ts';
import { withoutEcho } from '../host/terminal.ts';
import { inputStream } from './input.ts';
import { isTerminal, writeErr } from './output.ts';

/** Largest secret taken from standard input; tokens of cloud registries have a few kilobytes. */
const MAX_SECRET = 1 << 20;

/**
 * Asks for a line.
 * @param otherwise what to do where there is no terminal to ask on, as a hint
 * @throws ScullError USAGE without a terminal, INVALID when nobody answers
 */
export async function ask(question: string, otherwise: string): Promise<string> {
  await requireTerminal(question, otherwise);
  writeErr(question);
  const line = await readLine();
  if (line === undefined) writeErr('\n');
  return answer(line, question, otherwise);
}

/** The same for what must not be seen. @throws ScullError as {@link ask}; TOOL_FAILED where the terminal cannot be kept from showing it */
export async function askSecret(question: string, otherwise: string): Promise<string> {
  await requireTerminal(question, otherwise);
  const line = await withoutEcho(() => {
    writeErr(question);
    return readLine();
  });
  writeErr('\n');
  return answer(line, question, otherwise);
}

/** All of standard input without its last line end, for --password-stdin. @throws ScullError INVALID */
export async function readSecretInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of (await inputStream()) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_SECRET) throw new ScullError('INVALID', 'standard input is too long for a password');
  }
  return Buffer.concat(chunks).toString('utf8').replace(/\r?\n$/, '');
}

async function requireTerminal(question: string, otherwise: string): Promise<void> {
  if (await isTerminal(0)) return;
  throw new ScullError('USAGE', `cannot ask for the ${subject(question)}: standard input is not a terminal`, { hint: otherwise });
}

function answer(line: string | undefined, question: string, otherwise: string): string {
  if (line === undefined) throw new ScullError('INVALID', `nobody answered the question for the ${subject(question)}`, { hint: otherwise });
  return line;
}

function subject(question: string): string {
  return question.replace(/:\s*$/, '').toLowerCase();
}

/**
 * One line of the terminal, which hands out whole lines; undefined at its end. Reads no further than that line, and lets
 * signals through meanwhile.
 */
function readLine(): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.alloc(4096);
    let text = Buffer.alloc(0);
    const attempt = (): void => {
      read(0, buffer, 0, buffer.length, null, (error, count) => {
        const errno = error === null ? undefined : errnoOf(error);
        if (errno === 'EAGAIN') return void setTimeout(attempt, 20);
        // EIO: the terminal was closed.
        if (error !== null && errno !== 'EOF' && errno !== 'EIO') return reject(error);
        const arrived = error === null ? buffer.subarray(0, count) : Buffer.alloc(0);
        text = Buffer.concat([text, arrived]);
        const end = text.indexOf(10);
        if (end >= 0) resolve(text.subarray(0, end).toString('utf8'));
        else if (arrived.length === 0) resolve(text.length === 0 ? undefined : text.toString('utf8'));
        else attempt();
      });
    };
    attempt();
  });
}
