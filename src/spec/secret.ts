/** `--secret name[,type=mount|env][,target=…][,uid=…][,gid=…][,mode=…]`, after podman-run(1). */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { SecretRequest } from './container-spec.ts';

const SECRETS = '/run/secrets';

/** @throws ScullError INVALID */
export function parseSecret(text: string): SecretRequest {
  const invalid = (why: string): ScullError => new ScullError('INVALID', `invalid --secret ${JSON.stringify(text)}: ${why}`, { hint: 'write it like name,type=mount,target=/run/secrets/name,uid=0,gid=0,mode=0444' });
  const options = new Map<string, string>();
  for (const [index, word] of text.split(',').entries()) {
    const equals = word.indexOf('=');
    if (equals < 0 && index > 0) throw invalid(`${JSON.stringify(word)} is not key=value`);
    const key = equals < 0 ? 'source' : word.slice(0, equals);
    if (!['source', 'type', 'target', 'uid', 'gid', 'mode'].includes(key)) throw invalid(`there is no option ${JSON.stringify(key)}`);
    options.set(key, equals < 0 ? word : word.slice(equals + 1));
  }
  const source = options.get('source') ?? '';
  if (source === '') throw invalid('the name of the secret is missing');
  const type = options.get('type') ?? 'mount';
  const target = options.get('target');
  if (type === 'env') {
    for (const key of ['uid', 'gid', 'mode']) if (options.has(key)) throw invalid(`${key} is for type=mount only`);
    if (target !== undefined && !/^[^=\0]+$/.test(target)) throw invalid('the target is not the name of a variable');
    return { type, source, ...(target === undefined ? {} : { target }) };
  }
  if (type !== 'mount') throw invalid(`the type ${JSON.stringify(type)} is neither mount nor env`);
  return {
    type,
    source,
    ...(target === undefined ? {} : { target: mountTarget(target, invalid) }),
    uid: id(options.get('uid'), 'uid', invalid),
    gid: id(options.get('gid'), 'gid', invalid),
    mode: mode(options.get('mode'), invalid),
  };
}

/** Where a secret is seen unless a target says otherwise. */
export function secretPath(name: string): string {
  return posix.join(SECRETS, name);
}

function mountTarget(target: string, invalid: (why: string) => ScullError): string {
  const path = target.startsWith('/') ? posix.normalize(target) : posix.join(SECRETS, target);
  if (target === '' || path === '/' || path === SECRETS || (!target.startsWith('/') && !path.startsWith(`${SECRETS}/`))) throw invalid(`the target ${JSON.stringify(target)} names no file`);
  return path;
}

function id(text: string | undefined, key: string, invalid: (why: string) => ScullError): number {
  if (text === undefined) return 0;
  if (!/^\d{1,10}$/.test(text) || Number(text) > 4_294_967_294) throw invalid(`the ${key} is not a number`);
  return Number(text);
}

function mode(text: string | undefined, invalid: (why: string) => ScullError): number {
  if (text === undefined) return 0o444;
  if (!/^[0-7]{1,4}$/.test(text)) throw invalid('the mode is not an octal number like 0440');
  return Number.parseInt(text, 8);
}
