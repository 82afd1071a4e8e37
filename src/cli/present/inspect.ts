/** `inspect`: an array of objects, indented by four as Docker and Podman do, or a template per object. */
import { isJsonFormat, renderJson, renderRows } from './format.ts';

/** Objects that Docker's types have but its JSON leaves out when empty: a template may ask for them. */
const ABSENT_IN_STATE = ['Health'];

/**
 * Text for standard output.
 * @param objects Docker-shaped, in the order asked for
 * @throws ScullError INVALID for a bad template
 */
export function presentInspect(objects: readonly object[], format: string | undefined): string {
  if (format === undefined || format === '' || isJsonFormat(format)) return renderJson(objects, 4);
  return renderRows(objects.map(withAbsent), modernNames(format), { headings: {} });
}

/** Podman lets Src and Dst stand for Source and Destination of a mount. */
function modernNames(format: string): string {
  return format.replace(/\.Src\b/g, '.Source').replace(/\.Dst\b/g, '.Destination').replace(/\.ImageID\b/g, '.Image');
}

/** As undefined: a template sees nil, JSON still leaves it out. */
function withAbsent(object: object): object {
  const state = (object as { State?: unknown }).State;
  if (typeof state !== 'object' || state === null) return object;
  const missing = Object.fromEntries(ABSENT_IN_STATE.filter((name) => !(name in state)).map((name) => [name, undefined]));
  return { ...object, State: { ...state, ...missing } };
}
