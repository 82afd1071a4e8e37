/** Where Kubernetes YAML comes from: files, standard input, the web. */
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { ScullError } from '../../host/errors.ts';
import { LARGEST, parseYaml } from '../../spec/yaml.ts';
import { openUserFile } from '../user-files.ts';

export interface KubeSource {
  /** For messages. */
  readonly name: string;
  readonly values: readonly unknown[];
  /** 12 hex digits that follow from what is in it. */
  readonly hash: string;
}

/**
 * Several are read as one.
 * @param paths files or http(s) addresses; `-` for standard input
 * @param input opens standard input
 * @throws ScullError NOT_FOUND, PERMISSION, NETWORK; INVALID for what is no YAML
 */
export async function readKubeSource(paths: readonly string[], input: () => Promise<Readable>): Promise<KubeSource> {
  const texts = await Promise.all(paths.map(async (path) => ({ name: path === '-' ? 'standard input' : path, text: await textOf(await open(path, input), path) })));
  const values = await Promise.all(texts.map(({ name, text }) => parseYaml(text, name)));
  const hash = createHash('sha256').update(texts.map(({ text }) => text).join('\n---\n')).digest('hex').slice(0, 12);
  return { name: texts.map(({ name }) => name).join(', '), values: values.flat(), hash };
}

async function open(path: string, input: () => Promise<Readable>): Promise<Readable> {
  if (path === '-') return input();
  if (!/^https?:\/\//.test(path)) return openUserFile(path);
  const { download } = await import('../../registry/download.ts');
  return (await download(path, 'fetch')).content;
}

async function textOf(stream: Readable, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > LARGEST) throw new ScullError('INVALID', `${JSON.stringify(path)} is larger than ${LARGEST} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof ScullError) throw cause;
    throw new ScullError('NOT_FOUND', `cannot read ${JSON.stringify(path)}: ${(cause as Error).message}`, { cause });
  }
  return Buffer.concat(chunks).toString('utf8');
}
