/** --sysctl NAME=VALUE. Whether the setting is the container's own to change is decided when its namespaces are known. */
import { ScullError } from '../host/errors.ts';

/** @throws ScullError INVALID */
export function parseSysctl(text: string): { readonly name: string; readonly value: string } {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0)).trim();
  if (!/^[A-Za-z0-9_*-]+(?:[./][A-Za-z0-9_*@:-]+)+$/.test(name)) {
    throw new ScullError('INVALID', `invalid sysctl ${JSON.stringify(text.slice(0, 100))}: expected name=value, for example net.core.somaxconn=1024`);
  }
  return { name: name.includes('.') ? name : name.replaceAll('/', '.'), value: text.slice(equals + 1).trim() };
}
