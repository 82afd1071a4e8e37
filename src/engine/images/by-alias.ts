/** Short names that registries.conf has another meaning for: `podman` for quay.io/podman/stable. */
import { isScullError } from '../../host/errors.ts';
import { formatReference, isShortName } from '../../oci/reference.ts';

/**
 * Does something with an image by what was typed, and where there is none of that name, by the name that registries.conf gives to a short
 * one: the image was pulled under it.
 * @throws ScullError what `work` throws for what was typed
 */
export async function byAlias<T>(typed: string, work: (name: string) => T | Promise<T>): Promise<T> {
  try {
    return await work(typed);
  } catch (error) {
    const meant = isScullError(error, 'NO_SUCH_IMAGE') ? await aliasFor(typed) : undefined;
    if (meant === undefined) throw error;
    try {
      return await work(meant);
    } catch (again) {
      throw isScullError(again, 'NO_SUCH_IMAGE') ? error : again;
    }
  }
}

/** The full name that a short one stands for in registries.conf, if it does. A file that can't be read is told when something is pulled. */
export async function aliasFor(name: string): Promise<string | undefined> {
  if (!isShortName(name)) return undefined;
  const [{ loadRegistriesConf }, { aliasOf }] = await Promise.all([import('../../registry/registries-conf.ts'), import('../../registry/locations.ts')]);
  try {
    const reference = aliasOf(loadRegistriesConf(), name);
    return reference === undefined ? undefined : formatReference(reference);
  } catch (error) {
    if (isScullError(error)) return undefined;
    throw error;
  }
}
