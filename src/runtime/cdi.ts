/**
 * Devices by names of the Container Device Interface (`--device nvidia.com/gpu=all`, `--gpus`): vendors' files are looked up, and what they
 * want for these devices is put together. Asked at each start, since drivers are updated and devices come and go.
 */
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { configDirectory, userRuntimeDirectory } from '../host/directories.ts';
import { ScullError } from '../host/errors.ts';
import { namesIn } from '../host/files.ts';
import { decodeCdiSpec, type CdiEdits, type CdiHook, type CdiMount, type CdiSpec } from '../oci/cdi.ts';
import { parseCdiName } from '../oci/cdi-name.ts';
import type { HooksSpec, MountSpec } from '../oci/runtime-spec.ts';
import { parseYaml } from '../spec/yaml.ts';
import { expandDevices } from './host-devices.ts';
import type { ResolvedCdi } from './oci-spec/input.ts';

/** Of whom `--gpus` takes devices, as Podman. */
const GPU_VENDORS = ['nvidia.com', 'amd.com'];

interface Found {
  readonly file: string;
  readonly spec: CdiSpec;
}

interface Lookup {
  /** By folder; a later one goes before. */
  readonly folders: readonly (readonly Found[])[];
  /** Files that could not be understood: told where something is missed. */
  readonly faults: readonly Error[];
}

/**
 * @param names as `vendor.com/class=device`, or `gpu=…` of any vendor
 * @throws ScullError NOT_FOUND for an unknown device, or what it needs and the host has not; AMBIGUOUS where two files of a folder have it;
 *   INVALID, UNSUPPORTED for its file
 */
export async function resolveCdi(names: readonly string[]): Promise<ResolvedCdi> {
  const lookup = await readSpecs();
  const edits: CdiEdits[] = [];
  const used = new Set<CdiSpec>();
  for (const name of new Set(names.map((given) => withVendor(given, lookup)))) {
    const { file, spec, device } = findDevice(name, lookup);
    const own = used.has(spec) ? [device] : [spec.edits, device];
    used.add(spec);
    for (const edit of own) checkHost(edit, `the CDI device ${name} (${file})`);
    edits.push(...own);
  }
  return {
    env: edits.flatMap(({ env }) => env),
    devices: edits.flatMap(({ deviceNodes }) => deviceNodes).flatMap(({ hostPath, path, permissions }) => expandDevices({ source: hostPath, target: path, permissions })),
    mounts: [...new Map(edits.flatMap(({ mounts }) => mounts).map((mount) => [mount.containerPath, mountOf(mount)])).values()],
    hooks: hooksOf(edits.flatMap(({ hooks }) => hooks)),
    // 0 is none (SPEC.md).
    additionalGids: edits.flatMap(({ additionalGids }) => additionalGids).filter((gid) => gid !== 0),
  };
}

/** Where vendors' tools write, and, as for Docker without root, where a user can. */
function folders(): string[] {
  const runtime = userRuntimeDirectory();
  return ['/etc/cdi', '/var/run/cdi', userFolder(), ...(runtime === undefined ? [] : [join(runtime, 'cdi')])];
}

function userFolder(): string {
  return join(configDirectory(), 'cdi');
}

async function readSpecs(): Promise<Lookup> {
  const faults: Error[] = [];
  const found: Found[][] = [];
  for (const folder of folders()) {
    const specs: Found[] = [];
    try {
      for (const name of namesIn(folder).filter((entry) => ['.json', '.yaml'].includes(extname(entry))).sort()) {
        const spec = await readSpec(join(folder, name)).catch((error: Error) => void faults.push(error));
        if (spec !== undefined) specs.push(spec);
      }
    } catch (error) {
      faults.push(error as Error);
    }
    found.push(specs);
  }
  return { folders: found, faults };
}

async function readSpec(file: string): Promise<Found> {
  // JSON is YAML.
  const [value] = await parseYaml(readFileSync(file, 'utf8'), file);
  return { file, spec: decodeCdiSpec(value, file) };
}

function withVendor(name: string, { folders: found }: Lookup): string {
  if (name.includes('/')) return name;
  const [kind, device] = name.split('=') as [string, string];
  const kinds = new Set(found.flat().map(({ spec }) => spec.kind));
  const vendor = GPU_VENDORS.find((one) => kinds.has(`${one}/${kind}`)) ?? GPU_VENDORS[0];
  return `${vendor}/${kind}=${device}`;
}

function findDevice(name: string, { folders: found, faults }: Lookup): Found & { readonly device: CdiEdits } {
  const wanted = parseCdiName(name);
  const fitting = found.map((specs) => specs.flatMap((one) => {
    const device = one.spec.kind === wanted?.kind ? one.spec.devices.get(wanted.device) : undefined;
    return device === undefined ? [] : [{ ...one, device }];
  }));
  const [first, second] = fitting.findLast((specs) => specs.length > 0) ?? [];
  if (first === undefined) throw unknownDevice(name, found.flat(), faults);
  if (second !== undefined) throw new ScullError('AMBIGUOUS', `the CDI device ${name} is in two files: ${first.file} and ${second.file}`, { hint: 'remove one of them' });
  return first;
}

function unknownDevice(name: string, specs: readonly Found[], faults: readonly Error[]): ScullError {
  const known = specs.flatMap(({ spec }) => [...spec.devices.keys()].map((device) => `${spec.kind}=${device}`));
  const why = faults[0] === undefined ? '' : `; ${faults[0].message}`;
  return new ScullError('NOT_FOUND', `no CDI device ${JSON.stringify(name)}${why}`, {
    hint: known.length > 0 ? `there are ${known.slice(0, 8).join(', ')}${known.length > 8 ? ' …' : ''}` : `have its driver's tool write a file, e.g. nvidia-ctk cdi generate --output=${join(userFolder(), 'nvidia.yaml')}`,
  });
}

/** SPEC.md, "Error Handling": what a file names has to be there now. */
function checkHost({ deviceNodes, mounts, hooks }: CdiEdits, who: string): void {
  const needed = [...deviceNodes.map(({ hostPath }) => hostPath), ...mounts.filter(isBind).map(({ hostPath }) => hostPath), ...hooks.map(({ hook }) => hook.path)];
  const missing = needed.find((path) => !existsSync(path));
  if (missing !== undefined) throw new ScullError('NOT_FOUND', `${who} needs ${missing}, which does not exist on the host`, { hint: 'have the file written anew by the tool of the driver' });
}

function isBind({ type = 'bind', options }: CdiMount): boolean {
  return ['bind', 'none', ''].includes(type) || options.includes('bind') || options.includes('rbind');
}

function mountOf(mount: CdiMount): MountSpec {
  const { containerPath: destination, hostPath: source, type = '', options } = mount;
  if (!isBind(mount)) return { destination, type, source, options };
  return { destination, type: 'bind', source, options: options.includes('bind') || options.includes('rbind') ? options : ['rbind', ...options] };
}

function hooksOf(hooks: readonly CdiHook[]): HooksSpec {
  const stages = [...new Set(hooks.map(({ stage }) => stage))];
  return Object.fromEntries(stages.map((stage) => [stage, hooks.filter((one) => one.stage === stage).map(({ hook }) => hook)]));
}
