/** The options of -v, --mount and --tmpfs, collected one by one: each group once, and only where it has a meaning. */
import { posix } from 'node:path';
import { ScullError } from '../host/errors.ts';
import type { BindMount, TmpfsMount } from './container-spec.ts';
import { parseSize } from './size.ts';

const PROPAGATIONS = ['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared', 'unbindable', 'runbindable'] as const;

/** Option → group; of a group only one may be given. */
const GROUPS: Readonly<Record<string, string>> = {
  ro: 'access', rw: 'access', suid: 'suid', nosuid: 'suid', dev: 'dev', nodev: 'dev', exec: 'exec', noexec: 'exec',
  z: 'relabel', Z: 'relabel', U: 'chown', O: 'overlay', copy: 'copy', nocopy: 'copy', bind: 'recursion', rbind: 'recursion',
  nocreate: 'nocreate', tmpcopyup: 'copyup', notmpcopyup: 'copyup',
  ...Object.fromEntries(PROPAGATIONS.map((name) => [name, 'propagation'])),
};
/** Passed on as they are. */
const PLAIN = new Set(['suid', 'nosuid', 'dev', 'nodev', 'exec', 'noexec', 'atime', 'noatime', 'relatime', 'norelatime', 'strictatime', 'diratime', 'nodiratime', 'sync', 'async', 'dirsync', 'lazytime']);
/** Docker Desktop's, without meaning on Linux. */
const IGNORED = new Set(['cached', 'delegated', 'consistent', 'default']);
const TMPFS_NUMBERS = new Set(['nr_inodes', 'nr_blocks', 'huge', 'mpol']);
const DEVPTS = new Set(['ptmxmode', 'newinstance', 'max']);

/** mount_setattr(2), MOUNT_ATTR_IDMAP: it takes CAP_SYS_ADMIN in the namespace that owns the file system. */
export function idmapNeedsRoot(): ScullError {
  return new ScullError('UNSUPPORTED', 'the option "idmap" is for root: the kernel lets nobody else map the ids of a file system of the host', {
    hint: "use --userns=keep-id, or U to give a mount's source to the container's user",
  });
}

/** Makes the error for a part of what the user wrote. */
export type Complainer = (why: string) => ScullError;

export type OptionGroup = 'tmpfs' | 'chown' | 'propagation' | 'relabel' | 'copy' | 'overlay' | 'recursion' | 'subpath' | 'nocreate';

export class MountOptions {
  readOnly: boolean | undefined;
  recursive: boolean | undefined;
  propagation: BindMount['propagation'];
  relabel: BindMount['relabel'];
  chown = false;
  overlay = false;
  copy: boolean | undefined;
  copyUp: boolean | undefined;
  noCreate = false;
  createSource = false;
  subpath: string | undefined;
  readonly plain: string[] = [];
  readonly tmpfsPlain: string[] = [];
  readonly devpts: string[] = [];
  tmpfs: Pick<TmpfsMount, 'size' | 'mode' | 'uid' | 'gid'> = {};
  readonly #groups = new Map<string, string>();
  readonly #say: Complainer;

  constructor(say: Complainer) {
    this.#say = say;
  }

  static isOption(text: string): boolean {
    const name = text.split('=', 1)[0]!;
    return (
      Object.hasOwn(GROUPS, name) || PLAIN.has(name) || IGNORED.has(name) || TMPFS_NUMBERS.has(name) || DEVPTS.has(name) || ['size', 'mode', 'uid', 'gid', 'subpath', 'idmap', 'upperdir', 'workdir', 'no-dereference', 'noswap'].includes(name)
    );
  }

  take(option: string): void {
    const equals = option.indexOf('=');
    const name = equals === -1 ? option : option.slice(0, equals);
    const value = equals === -1 ? undefined : option.slice(equals + 1);
    if (!MountOptions.isOption(option)) throw this.#say(option === '' ? 'an option is empty' : `unknown option ${JSON.stringify(option)}`);
    this.#once(GROUPS[name] ?? name, option);
    if (value === undefined) this.#takeFlag(name);
    else this.#takeValue(name, value);
  }

  takePropagation(value: string): void {
    if (!(PROPAGATIONS as readonly string[]).includes(value)) throw this.#say(`unknown propagation ${JSON.stringify(value)}, known are ${PROPAGATIONS.join(', ')}`);
    this.take(value);
  }

  takeRelabel(value: string): void {
    if (value !== 'shared' && value !== 'private') throw this.#say(`relabel is shared or private, not ${JSON.stringify(value)}`);
    this.take(value === 'shared' ? 'z' : 'Z');
  }

  /** Throws when one of these was given. @param of `of a tmpfs` */
  refuse(groups: readonly OptionGroup[], of: string): void {
    for (const group of groups) {
      const option = group === 'tmpfs' ? this.#tmpfsOption() : this.#groups.get(group);
      if (option !== undefined) throw this.#say(`${JSON.stringify(option)} is no option ${of}`);
    }
  }

  #tmpfsOption(): string | undefined {
    return ['size', 'mode', 'uid', 'gid', 'copyup', ...TMPFS_NUMBERS].map((group) => this.#groups.get(group)).find((option) => option !== undefined);
  }

  #once(group: string, option: string): void {
    const before = this.#groups.get(group);
    if (before !== undefined) throw this.#say(before === option ? `${JSON.stringify(option)} is given twice` : `${JSON.stringify(before)} and ${JSON.stringify(option)} exclude each other`);
    this.#groups.set(group, option);
  }

  #takeFlag(name: string): void {
    const group = GROUPS[name];
    if (PLAIN.has(name)) this.plain.push(name);
    else if (IGNORED.has(name)) return;
    else if (group === 'access') this.readOnly = name === 'ro';
    else if (group === 'propagation') this.propagation = name as NonNullable<BindMount['propagation']>;
    else if (group === 'relabel') this.relabel = name === 'z' ? 'shared' : 'private';
    else if (group === 'recursion') this.recursive = name === 'rbind';
    else if (group === 'copy') this.copy = name === 'copy';
    else if (group === 'copyup') this.copyUp = name === 'tmpcopyup';
    else if (group === 'chown') this.chown = true;
    else if (group === 'overlay') this.overlay = true;
    else if (group === 'nocreate') this.noCreate = true;
    else if (name === 'newinstance') this.devpts.push(name);
    else if (name === 'idmap' || name === 'no-dereference' || name === 'noswap') throw this.#unsupported(name);
    else throw this.#say(`${name} needs a value`);
  }

  #takeValue(name: string, value: string): void {
    if (value === '') throw this.#say(`${name} needs a value`);
    switch (name) {
      case 'size':
        if (/^\d{1,3}%$/.test(value)) this.tmpfsPlain.push(`size=${value}`);
        else this.tmpfs = { ...this.tmpfs, size: this.#size(value) };
        return;
      case 'mode':
        if (!/^[0-7]{1,4}$/.test(value) && !/^0[0-7]{4}$/.test(value)) throw this.#say(`the mode ${JSON.stringify(value)} is not octal, such as 1777`);
        this.tmpfs = { ...this.tmpfs, mode: Number.parseInt(value, 8) };
        this.devpts.push(`mode=${value}`);
        return;
      case 'uid':
      case 'gid':
        if (!/^\d{1,10}$/.test(value)) throw this.#say(`the ${name} ${JSON.stringify(value)} is not a number`);
        this.tmpfs = { ...this.tmpfs, [name]: Number(value) };
        this.devpts.push(`${name}=${value}`);
        return;
      case 'subpath':
        this.subpath = this.#beneath(value);
        return;
      case 'idmap':
      case 'upperdir':
      case 'workdir':
        throw this.#unsupported(name);
      default:
        this.#takeKernelValue(name, value);
    }
  }

  #takeKernelValue(name: string, value: string): void {
    if (!/^[\w.:/-]+$/.test(value)) throw this.#say(`the value of ${name} holds characters it cannot hold`);
    if (TMPFS_NUMBERS.has(name)) this.tmpfsPlain.push(`${name}=${value}`);
    else if (DEVPTS.has(name) && name !== 'newinstance') this.devpts.push(`${name}=${value}`);
    else throw this.#say(`${name} takes no value`);
  }

  #size(value: string): number {
    try {
      return parseSize(value, 'size');
    } catch {
      throw this.#say(`the size ${JSON.stringify(value)} is not a number with an optional unit k, m or g, or a share such as 50%`);
    }
  }

  /** A path below the source, without a way out of it. */
  #beneath(value: string): string {
    const normal = posix.normalize(value).replace(/^\/+/, '').replace(/\/+$/, '');
    if (value.split('/').includes('..') || value.includes('\0')) throw this.#say(`the subpath ${JSON.stringify(value)} may not hold ".."`);
    if (normal === '' || normal === '.') throw this.#say('the subpath is empty');
    return normal;
  }

  #unsupported(name: string): ScullError {
    if (name === 'idmap') return idmapNeedsRoot();
    return new ScullError('UNSUPPORTED', `the mount option ${JSON.stringify(name)} is not there yet`, { hint: 'leave it out' });
  }
}
