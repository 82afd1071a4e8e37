/**
 * Files of the Container Device Interface (its SPEC.md, version 1.1), in which vendors say what a container needs to use a device:
 * nodes, libraries, variables, hooks. Strict: a container that got a part of it would fail in ways that nobody understands.
 */
import { ScullError } from '../host/errors.ts';
import { isCdiDevice, isCdiKind } from './cdi-name.ts';
import { malformed, optional, readArray, readCount, readObject, readString, readStrings, within, type JsonObject, type Place } from './json-shape.ts';
import type { HookSpec, HookStage } from './runtime-spec.ts';

export interface CdiSpec {
  /** `vendor.com/class` */
  readonly kind: string;
  readonly devices: ReadonlyMap<string, CdiEdits>;
  /** For every container that gets one of the devices. */
  readonly edits: CdiEdits;
}

/** `containerEdits`: changes of a container's config.json. */
export interface CdiEdits {
  /** `K=V` */
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly additionalGids: readonly number[];
}

export interface CdiDeviceNode {
  readonly path: string;
  readonly hostPath: string;
  /** Subset of `rwm`. */
  readonly permissions: string;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options: readonly string[];
}

export interface CdiHook {
  readonly stage: HookStage;
  readonly hook: HookSpec;
}

const STAGES: readonly HookStage[] = ['prestart', 'createRuntime', 'createContainer', 'startContainer'];

/**
 * @param value of the parsed JSON or YAML @param file for messages
 * @throws ScullError INVALID; UNSUPPORTED for a version, or an edit, that is not known here
 */
export function decodeCdiSpec(value: unknown, file: string): CdiSpec {
  const place: Place = { document: `the CDI file ${file}` };
  const spec = readObject(value, place);
  const version = readString(spec['cdiVersion'], within(place, 'cdiVersion'));
  if (!/^v?(?:0\.\d+|1\.[01])\.\d+$/.test(version)) throw new ScullError('UNSUPPORTED', `${place.document} is of version ${JSON.stringify(version.slice(0, 40))}; versions up to 1.1 are known`);
  const kind = readString(spec['kind'], within(place, 'kind'));
  if (!isCdiKind(kind)) throw malformed(within(place, 'kind'), 'of the form vendor.com/class');
  onlyKnown(spec, place, ['cdiVersion', 'kind', 'annotations', 'devices', 'containerEdits']);
  const devices = readArray(spec['devices'], within(place, 'devices'), readDevice);
  return { kind, devices: new Map(devices), edits: readEdits(spec['containerEdits'], within(place, 'containerEdits')) };
}

function readDevice(value: unknown, place: Place): [string, CdiEdits] {
  const device = readObject(value, place);
  onlyKnown(device, place, ['name', 'annotations', 'containerEdits']);
  const name = readString(device['name'], within(place, 'name'));
  if (!isCdiDevice(name)) throw malformed(within(place, 'name'), 'the name of a device');
  return [name, readEdits(device['containerEdits'], within(place, 'containerEdits'))];
}

function readEdits(value: unknown, place: Place): CdiEdits {
  const edits = value === undefined || value === null ? {} : readObject(value, place);
  onlyKnown(edits, place, ['env', 'deviceNodes', 'mounts', 'hooks', 'additionalGids']);
  return {
    env: [],
    deviceNodes: [],
    mounts: [],
    hooks: [],
    additionalGids: [],
    ...optional(edits, 'env', place, (list, at) => readArray(list, at, readVariable)),
    ...optional(edits, 'deviceNodes', place, (list, at) => readArray(list, at, readDeviceNode)),
    ...optional(edits, 'mounts', place, (list, at) => readArray(list, at, readMount)),
    ...optional(edits, 'hooks', place, (list, at) => readArray(list, at, readHook)),
    ...optional(edits, 'additionalGids', place, (list, at) => readArray(list, at, readCount)),
  };
}

function readVariable(value: unknown, place: Place): string {
  const text = readString(value, place);
  if (text.indexOf('=') < 1) throw malformed(place, 'of the form NAME=VALUE');
  return text;
}

/** Numbers, owner and mode are the node's own: without root it is bound from the host, not made. */
function readDeviceNode(value: unknown, place: Place): CdiDeviceNode {
  const node = readObject(value, place);
  onlyKnown(node, place, ['path', 'hostPath', 'type', 'major', 'minor', 'fileMode', 'permissions', 'uid', 'gid']);
  const path = readPath(node['path'], within(place, 'path'));
  const { hostPath = path } = optional(node, 'hostPath', place, (given, at) => (given === '' ? path : readPath(given, at)));
  const { permissions = '' } = optional(node, 'permissions', place, readString);
  if (!/^(?:none|[rwm]{0,3})$/.test(permissions)) throw malformed(within(place, 'permissions'), 'made of r, w and m');
  return { path, hostPath, permissions: permissions === 'none' ? '' : permissions || 'rwm' };
}

function readMount(value: unknown, place: Place): CdiMount {
  const mount = readObject(value, place);
  onlyKnown(mount, place, ['hostPath', 'containerPath', 'type', 'options']);
  return {
    hostPath: readString(mount['hostPath'], within(place, 'hostPath')),
    containerPath: readPath(mount['containerPath'], within(place, 'containerPath')),
    options: [],
    ...optional(mount, 'type', place, readString),
    ...optional(mount, 'options', place, readStrings),
  };
}

function readHook(value: unknown, place: Place): CdiHook {
  const hook = readObject(value, place);
  onlyKnown(hook, place, ['hookName', 'path', 'args', 'env', 'timeout']);
  const name = readString(hook['hookName'], within(place, 'hookName'));
  const stage = STAGES.find((known) => known === name);
  if (stage === undefined) throw new ScullError('UNSUPPORTED', `${place.document} has a hook for ${JSON.stringify(name.slice(0, 40))}; those are run: ${STAGES.join(', ')}`);
  const path = readPath(hook['path'], within(place, 'path'));
  return { stage, hook: { path, ...optional(hook, 'args', place, readStrings), ...optional(hook, 'env', place, readStrings), ...optional(hook, 'timeout', place, readCount) } };
}

function readPath(value: unknown, place: Place): string {
  const path = readString(value, place);
  if (!path.startsWith('/') || path.includes('\0')) throw malformed(place, 'an absolute path');
  return path;
}

/** A field that is not known here may be what makes the device work. */
function onlyKnown(object: JsonObject, place: Place, known: readonly string[]): void {
  const unknown = Object.keys(object).find((key) => !known.includes(key) && object[key] !== null);
  if (unknown !== undefined) throw new ScullError('UNSUPPORTED', `${place.document} asks for ${JSON.stringify(unknown.slice(0, 60))}, which scull does not know`);
}
