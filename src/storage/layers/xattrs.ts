/** Which extended attributes of a layer are kept. */

/**
 * Attributes by which storage drivers steer a file system: from an archive they could hide or uncover files, or give
 * them other owners.
 */
const STEERING = ['user.overlay.', 'user.fuseoverlayfs.', 'user.containers.'];

/**
 * Of the attributes in an archive, those a layer may have: user attributes and file capabilities (which the kernel binds
 * to the user namespace, capabilities(7) "Namespaced file capabilities"), and access lists. Labels of security modules
 * and `trusted.` belong to the machine where the image was made.
 */
export function keptXattrs(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  const kept = new Map<string, Buffer>();
  for (const [name, value] of xattrs) if (isKept(name)) kept.set(name, value);
  return kept;
}

function isKept(name: string): boolean {
  if (name.includes('\0') || name.length > 255) return false;
  if (name === 'security.capability' || name === 'system.posix_acl_access' || name === 'system.posix_acl_default') return true;
  return name.startsWith('user.') && name.length > 5 && !STEERING.some((prefix) => name.startsWith(prefix));
}
