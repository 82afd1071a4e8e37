/**
 * -v, --mount and --tmpfs. A source that begins with `/` or `.` is a path of the host; anything else is the name of a
 * volume. `~` is the shell's business. What is wrong is said by part, with the form expected.
 */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { ArtifactMount, BindMount, DevptsMount, ImageMount, MountRequest, TmpfsMount, VolumeMount } from './container-spec.ts';
import { MountOptions, type Complainer } from './mount-options.ts';
import { isName } from './name.ts';

/**
 * `[SOURCE:]TARGET[:OPTIONS]`, docker-run(1) --volume. A target alone is an anonymous volume.
 * @param cwd absolute; relative sources (`./x`, `../x`) are taken from there
 * @throws ScullError INVALID
 */
export function parseVolume(text: string, cwd: string): BindMount | VolumeMount {
  const say = complainer('volume', text, 'expected [source:]target[:options], for example ./data:/data:ro or cache:/var/cache');
  const parts = text.split(':');
  if (parts.length > 3) throw say('there are more than two colons');
  const [first = '', second, third] = parts;
  if (second === undefined) return anonymousVolume(containerPath(first, say), new MountOptions(say));
  // `/data:ro` is a slip Docker reads as a target named "ro"; nobody means that.
  if (!second.startsWith('/') && third === undefined && first.startsWith('/') && MountOptions.isOption(second.split(',')[0]!)) {
    throw say(`${JSON.stringify(second)} stands where the target should be`);
  }
  const target = containerPath(second, say);
  const options = new MountOptions(say);
  for (const option of third === undefined ? [] : third.split(',')) options.take(option);
  if (first === '') throw say('the source is empty');
  return isHostPath(first) ? bindMount(hostPath(first, cwd), target, options) : namedVolume(first, target, options, say);
}

/** A wish for every path of the host that fits a pattern; what it comes to is {@link bindsOfGlob}'s to say. */
export interface GlobMount extends Omit<BindMount, 'type' | 'source' | 'target' | 'createSource'> {
  readonly type: 'glob';
  /** Absolute, glob(7). */
  readonly pattern: string;
  /** Directory of the container that they are mounted in; without one, each is seen at its own path. */
  readonly folder?: string;
}

/**
 * @param paths what the pattern fits
 * @throws ScullError NOT_FOUND for no path at all
 */
export function bindsOfGlob({ pattern, folder, ...how }: GlobMount, paths: readonly string[]): BindMount[] {
  if (paths.length === 0) throw new ScullError('NOT_FOUND', `no file or directory of the host fits the pattern ${JSON.stringify(pattern)}`);
  return paths.map((source) => ({ ...how, type: 'bind', source, target: folder === undefined ? source : posix.join(folder, posix.basename(source)), createSource: false }));
}

/**
 * `type=bind,source=…,target=…`, docker-run(1) --mount; a comma inside a value stands in double quotes, as in CSV.
 * @throws ScullError INVALID; UNSUPPORTED for types and keys that only exist elsewhere
 */
export function parseMount(text: string, cwd: string): MountRequest | GlobMount {
  const say = complainer('mount', text, 'expected comma-separated key=value pairs, for example type=bind,source=/src,target=/dst,readonly');
  const fields = splitFields(text, say).map((field) => {
    const equals = field.indexOf('=');
    return equals === -1 ? { key: field, value: undefined } : { key: field.slice(0, equals), value: field.slice(equals + 1) };
  });
  const type = fields.findLast((field) => field.key === 'type')?.value ?? 'volume';
  const keys = new MountKeys(type, say);
  for (const { key, value } of fields) if (key !== 'type') keys.take(key, value);
  switch (type) {
    case 'bind':
      return keys.bind(cwd);
    case 'volume':
      return keys.volume();
    case 'tmpfs':
      return keys.tmpfs();
    case 'ramfs':
      return keys.ramfs();
    case 'glob':
      return keys.glob(cwd);
    case 'image':
      return keys.image();
    case 'devpts':
      return keys.devpts();
    case 'artifact':
      return keys.artifact();
    case 'npipe':
    case 'cluster':
      throw new ScullError('UNSUPPORTED', `--mount type=${type} is not there`, { hint: `${TYPES} are` });
    default:
      throw say(`unknown type ${JSON.stringify(type)}, known are ${TYPES}`);
  }
}

const TYPES = 'bind, volume, tmpfs, ramfs, glob, image, artifact and devpts';

/** --tmpfs `TARGET[:OPTIONS]`, options as of tmpfs(5). @throws ScullError INVALID */
export function parseTmpfs(text: string): TmpfsMount {
  const say = complainer('tmpfs', text, 'expected target[:options], for example /run:size=64m,mode=1777');
  const colon = text.indexOf(':');
  const target = containerPath(colon === -1 ? text : text.slice(0, colon), say);
  const options = new MountOptions(say);
  for (const option of colon === -1 ? [] : text.slice(colon + 1).split(',')) options.take(option);
  return tmpfsMount(target, options);
}

function complainer(what: string, text: string, expected: string): Complainer {
  return (why) => new ScullError('INVALID', `invalid ${what} ${JSON.stringify(text.slice(0, 300))}: ${why}; ${expected}`);
}

/** Keys of --mount, one after another; then the mount of its type, which refuses the keys it has no use for. */
class MountKeys {
  readonly #type: string;
  readonly #say: Complainer;
  readonly #options: MountOptions;
  readonly #seen = new Set<string>();
  readonly #artifact: { digest?: string; title?: string; name?: string } = {};
  #source: string | undefined;
  #target: string | undefined;

  constructor(type: string, say: Complainer) {
    this.#type = type;
    this.#say = say;
    this.#options = new MountOptions(say);
  }

  take(key: string, value: string | undefined): void {
    const name = ALIASES[key.toLowerCase()] ?? key;
    if (this.#seen.has(name)) throw this.#say(`${key} is given twice`);
    this.#seen.add(name);
    switch (name) {
      case 'source':
        this.#source = this.#required(key, value);
        return;
      case 'target':
        this.#target = containerPath(this.#required(key, value), this.#say);
        return;
      case 'bind-propagation':
        this.#only(key, 'bind', 'glob');
        this.#options.takePropagation(this.#required(key, value));
        return;
      case 'bind-nonrecursive':
        this.#only(key, 'bind', 'glob');
        if (this.#boolean(key, value)) this.#options.take('bind');
        return;
      case 'bind-create-src':
        this.#only(key, 'bind');
        this.#options.createSource = this.#boolean(key, value);
        return;
      case 'volume-nocopy':
        this.#only(key, 'volume');
        if (this.#boolean(key, value)) this.#options.take('nocopy');
        return;
      case 'digest':
      case 'title':
      case 'name':
        this.#only(key, 'artifact');
        this.#artifact[name] = this.#required(key, value);
        return;
      case 'subpath':
        this.#options.take(`subpath=${this.#required(key, value)}`);
        return;
      case 'relabel':
        this.#options.takeRelabel(this.#required(key, value));
        return;
      case 'consistency':
        return; // for Docker Desktop, without meaning on Linux
      case 'volume-driver':
        if (value !== 'local') throw new ScullError('UNSUPPORTED', `cannot use the volume driver ${JSON.stringify(value)}`, { hint: 'only local is there' });
        return;
      case 'volume-opt':
      case 'volume-label':
      case 'bind-recursive':
        throw new ScullError('UNSUPPORTED', `--mount ${key} is not there yet`, { hint: key.startsWith('volume-') ? 'make the volume with `scull volume create` first' : 'leave it out' });
      default:
        this.#takeOption(name, key, value);
    }
  }

  #takeOption(name: string, key: string, value: string | undefined): void {
    if (BOOLEANS.has(name)) {
      const opposite = OPPOSITES[name];
      if (this.#boolean(key, value)) this.#options.take(name);
      else if (opposite !== undefined) this.#options.take(opposite);
    } else if (MountOptions.isOption(value === undefined ? name : `${name}=${value}`)) {
      this.#options.take(value === undefined ? name : `${name}=${value}`);
    } else {
      throw this.#say(`unknown key ${JSON.stringify(key)}`);
    }
  }

  bind(cwd: string): BindMount {
    const source = this.#source ?? this.#missing('source');
    if (source.startsWith('~')) throw tilde(this.#say);
    return bindMount(hostPath(source, cwd), this.#needTarget(), this.#options);
  }

  volume(): VolumeMount {
    const target = this.#needTarget();
    return this.#source === undefined || this.#source === '' ? anonymousVolume(target, this.#options) : namedVolume(this.#source, target, this.#options, this.#say);
  }

  tmpfs(): TmpfsMount {
    if (this.#source !== undefined && this.#source !== 'tmpfs') throw this.#say('a tmpfs has no source');
    return tmpfsMount(this.#needTarget(), this.#options);
  }

  /** Of a tmpfs's options the kernel's ramfs has the mode alone, and passes over the others. */
  ramfs(): TmpfsMount {
    return { ...this.tmpfs(), copyUp: false, ramfs: true };
  }

  glob(cwd: string): GlobMount {
    const pattern = hostPath(this.#source ?? this.#missing('source'), cwd);
    this.#options.refuse(['subpath'], 'of a pattern');
    const { source: _source, target: _target, createSource: _create, ...how } = bindMount(pattern, '/', this.#options);
    return { ...how, type: 'glob', pattern, ...(this.#target === undefined ? {} : { folder: this.#target }) };
  }

  image(): ImageMount {
    const image = this.#source ?? this.#missing('source');
    const target = this.#needTarget();
    this.#options.refuse(['tmpfs', 'chown', 'propagation', 'relabel', 'copy', 'overlay', 'recursion'], 'of an image');
    const subpath = this.#options.subpath;
    return {
      type: 'image',
      image,
      target,
      readOnly: this.#options.readOnly ?? true,
      options: this.#options.plain,
      ...(subpath === undefined ? {} : { subpath }),
    };
  }

  artifact(): ArtifactMount {
    const artifact = this.#source ?? this.#missing('source');
    const target = this.#needTarget();
    this.#options.refuse(['tmpfs', 'chown', 'propagation', 'relabel', 'copy', 'overlay', 'recursion', 'subpath'], 'of an artifact');
    const { digest, title, name } = this.#artifact;
    if (digest !== undefined && title !== undefined) throw this.#say('digest and title cannot be used together');
    if (name?.includes('/') === true || name === '.' || name === '..') throw this.#say('the name is that of a file, not a path');
    if (this.#options.readOnly === false) throw this.#say('the contents of an artifact cannot be changed');
    return { type: 'artifact', artifact, target, readOnly: true, options: this.#options.plain, ...this.#artifact };
  }

  devpts(): DevptsMount {
    const target = this.#needTarget();
    return { type: 'devpts', target, readOnly: false, options: this.#options.devpts };
  }

  #needTarget(): string {
    return this.#target ?? this.#missing('target');
  }

  #missing(what: string): never {
    throw this.#say(`the ${what} is missing`);
  }

  #required(key: string, value: string | undefined): string {
    if (value === undefined || value === '') throw this.#say(`${key} needs a value`);
    return value;
  }

  #boolean(key: string, value: string | undefined): boolean {
    if (value === undefined || /^(?:1|t|true)$/i.test(value)) return true;
    if (/^(?:0|f|false)$/i.test(value)) return false;
    throw this.#say(`${key} is true or false, not ${JSON.stringify(value)}`);
  }

  #only(key: string, ...types: string[]): void {
    if (!types.includes(this.#type)) throw this.#say(`${key} is for type=${types[0]}, not for type=${this.#type}`);
  }
}

const ALIASES: Readonly<Record<string, string>> = {
  src: 'source',
  source: 'source',
  dst: 'target',
  dest: 'target',
  destination: 'target',
  target: 'target',
  readonly: 'ro',
  ro: 'ro',
  readwrite: 'rw',
  rw: 'rw',
  'volume-subpath': 'subpath',
  'image-subpath': 'subpath',
  'tmpfs-size': 'size',
  'tmpfs-mode': 'mode',
  chown: 'U',
};

/** May be written `key`, `key=true` or `key=false`. */
const BOOLEANS = new Set(['ro', 'rw', 'U']);
const OPPOSITES: Readonly<Record<string, string>> = { rw: 'ro' };

/** RFC 4180 in one line: fields in double quotes may hold commas, `""` is a quote. */
function splitFields(text: string, say: Complainer): string[] {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (quoted && char === '"' && text[index + 1] === '"') {
      field += '"';
      index++;
    } else if (char === '"' && (quoted || field === '')) {
      quoted = !quoted;
    } else if (char === ',' && !quoted) {
      fields.push(field);
      field = '';
    } else {
      field += char;
    }
  }
  if (quoted) throw say('a double quote is not closed');
  fields.push(field);
  if (fields.some((one) => one === '')) throw say('there is nothing between two commas');
  return fields;
}

function bindMount(source: string, target: string, options: MountOptions): BindMount {
  options.refuse(['tmpfs', 'copy', 'nocreate'], 'of a directory of the host');
  const { propagation, relabel, subpath } = options;
  return {
    type: 'bind',
    source,
    target,
    readOnly: options.readOnly ?? false,
    options: options.plain,
    recursive: options.recursive ?? true,
    chown: options.chown,
    overlay: options.overlay,
    createSource: options.createSource,
    ...(propagation === undefined ? {} : { propagation }),
    ...(relabel === undefined ? {} : { relabel }),
    ...(subpath === undefined ? {} : { subpath }),
  };
}

function anonymousVolume(target: string, options: MountOptions): VolumeMount {
  return volumeMount(target, options, {});
}

function namedVolume(name: string, target: string, options: MountOptions, say: Complainer): VolumeMount {
  if (name.startsWith('~')) throw tilde(say);
  if (name.includes('/')) throw say(`${JSON.stringify(name)} is neither a path, which begins with / or ., nor the name of a volume, which has no /`);
  if (!isName(name)) throw say(`${JSON.stringify(name)} is not the name of a volume: it must begin with a letter or digit, followed by letters, digits, "_", "." or "-"`);
  return volumeMount(target, options, { name });
}

function volumeMount(target: string, options: MountOptions, named: { readonly name?: string }): VolumeMount {
  options.refuse(['tmpfs'], 'of a volume');
  const { subpath } = options;
  return {
    type: 'volume',
    ...named,
    target,
    readOnly: options.readOnly ?? false,
    options: [...options.plain, ...(options.propagation === undefined ? [] : [options.propagation])],
    copy: options.copy ?? true,
    chown: options.chown,
    ...(options.overlay ? { overlay: true } : {}),
    ...(subpath === undefined ? {} : { subpath }),
    ...(options.noCreate ? { mustExist: true } : {}),
  };
}

function tmpfsMount(target: string, options: MountOptions): TmpfsMount {
  options.refuse(['copy', 'overlay', 'relabel', 'subpath', 'recursion', 'nocreate'], 'of a tmpfs');
  return {
    type: 'tmpfs',
    target,
    readOnly: options.readOnly ?? false,
    options: [...options.plain, ...options.tmpfsPlain],
    copyUp: options.copyUp ?? true,
    ...(options.chown ? { chown: true } : {}),
    ...options.tmpfs,
  };
}

function isHostPath(source: string): boolean {
  return source.startsWith('/') || source.startsWith('.');
}

function hostPath(source: string, cwd: string): string {
  return posix.resolve(cwd, source);
}

function containerPath(path: string, say: Complainer): string {
  if (path === '') throw say('the target is empty');
  if (!path.startsWith('/')) throw say(`the target ${JSON.stringify(path)} is not an absolute path in the container`);
  const normal = posix.normalize(path);
  if (/^\/+$/.test(normal)) throw say('the target cannot be /');
  return normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

function tilde(say: Complainer): ScullError {
  return say('"~" was not expanded by your shell, for it stands inside a word; write $HOME');
}
