/** Before any e2e suite: are the conditions there? Each that is not is named, with what brings it about. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './product.ts';

export default function checkConditions(): void {
  const missing: string[] = [];
  if (process.getuid?.() === 0) missing.push('the e2e suites test containers without root, and this is root');
  for (const product of ['dist/scull', 'dist/node/scull.cjs', 'dist/crash/scull.cjs']) {
    if (!existsSync(join(top, product))) missing.push(`${product} is not built`);
  }
  for (const tool of ['crun', 'conmon', 'newuidmap', 'fuse-overlayfs', 'pasta', 'busybox', 'skopeo', 'umoci', 'docker-registry', 'mmdebstrap', 'socat', 'strace', 'cc', 'ssh-keygen', 'ps', 'ip', 'zsh', 'fish', 'qemu-system-x86_64', 'mke2fs']) {
    if (!findOnPath(tool)) missing.push(`${tool} is not installed`);
  }
  for (const device of ['/dev/fuse', '/dev/net/tun']) {
    try {
      accessSync(device, constants.R_OK | constants.W_OK);
    } catch {
      missing.push(`${device} is not usable`);
    }
  }
  if (missing.length > 0) throw new Error(`the e2e suites can't run here:\n  ${missing.join('\n  ')}\n\`npm test\` brings all of this about.`);
}

function findOnPath(tool: string): boolean {
  return `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`.split(':').some((folder) => existsSync(join(folder, tool)));
}
