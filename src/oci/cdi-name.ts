/** Names of the Container Device Interface, `vendor.com/class=device`: apart from its files, since every container's flags are looked at. */

const KIND = /^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w.-]*[A-Za-z0-9])?$/;
const DEVICE = /^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/;

/** @returns undefined for anything else, such as a path */
export function parseCdiName(text: string): { readonly kind: string; readonly device: string } | undefined {
  const split = text.indexOf('=');
  const [kind, device] = [text.slice(0, split), text.slice(split + 1)];
  return split > 0 && isCdiKind(kind) && isCdiDevice(device) ? { kind, device } : undefined;
}

/** `vendor.com/class` */
export function isCdiKind(text: string): boolean {
  return KIND.test(text);
}

export function isCdiDevice(text: string): boolean {
  return DEVICE.test(text);
}
