/** `inspect`: an array of objects, indented by four as Docker and Podman do, or a template per object. */
import { isJsonFormat, renderJson, renderRows } from './format.ts';

/** What Docker's and Podman's types have but their JSON leaves out when empty: a template may ask for it. Nil is undefined. */
const ABSENT_IN_CONFIG = { ExposedPorts: {}, Healthcheck: undefined, OnBuild: [], Shell: [], StopSignal: '', Volumes: {} };

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

function withAbsent(object: object): object {
  const { Config: config, State: state, Healthcheck: healthcheck } = object as { readonly Config?: unknown; readonly State?: unknown; readonly Healthcheck?: unknown };
  const filled = {
    ...object,
    ...(isObject(config) ? { Config: withHidden(config, ABSENT_IN_CONFIG) } : {}),
    // Podman has second names for them.
    ...(isObject(state) ? { State: withHidden(state, { Health: undefined, Healthcheck: state['Health'] }) } : {}),
  };
  return 'RootFS' in object ? withHidden(filled, { HealthCheck: healthcheck, Healthcheck: undefined, Variant: '' }) : filled;
}

/** A template that names the fields sees them; JSON and whoever prints the whole do not. */
function withHidden(object: object, fields: Readonly<Record<string, unknown>>): object {
  const filled = { ...object };
  for (const [name, value] of Object.entries(fields)) if (!Object.hasOwn(filled, name)) Object.defineProperty(filled, name, { value, enumerable: false });
  return filled;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
