/** YAML text → the documents in it. The parser is loaded here only, by who plays. */
import { ScullError } from '../host/errors.ts';

/** Bytes or characters. A ConfigMap may have a mebibyte; what is much larger describes no pods. */
export const LARGEST = 16 * 1024 * 1024;

/**
 * Plain values, as YAML 1.2 has them; `0644` is octal, as everybody who writes modes expects, and `yes` stays a text, as in Podman.
 * Empty documents are left out.
 * @param name of the file, for messages
 * @throws ScullError INVALID with line and column
 */
export async function parseYaml(text: string, name: string): Promise<unknown[]> {
  if (text.length > LARGEST) throw new ScullError('INVALID', `${name} is too large: at most ${LARGEST} characters are read`);
  try {
    return await documentsIn(text, name);
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    // Too many aliases, or nested deeper than the parser can go.
    throw new ScullError('INVALID', `${name}: ${cause instanceof RangeError ? 'it is nested too deeply' : (cause as Error).message}`, { cause });
  }
}

async function documentsIn(text: string, name: string): Promise<unknown[]> {
  const { LineCounter, parseAllDocuments } = await import('yaml');
  const lines = new LineCounter();
  const octal = { identify: () => false, default: true, tag: 'tag:yaml.org,2002:int', test: /^0[0-7]+$/, resolve: (digits: string) => Number.parseInt(digits, 8) } as const;
  const documents = parseAllDocuments(text, { version: '1.2', merge: true, prettyErrors: false, lineCounter: lines, customTags: (tags) => [octal, ...tags] });
  if (!Array.isArray(documents)) return [];
  return documents.flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) {
      const { line, col } = lines.linePos(error.pos[0]);
      throw new ScullError('INVALID', `${name}:${line}:${col}: ${error.message.split('\n', 1)[0]}`);
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value === null || value === undefined ? [] : [value];
  });
}

/** Documents as text, with keys in order as Go writes them; what an older reader (YAML 1.1) would take for a date or a truth value is quoted. */
export async function writeYaml(documents: readonly object[]): Promise<string> {
  const { stringify } = await import('yaml');
  return documents.map((document) => stringify(document, { version: '1.1', sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
}
