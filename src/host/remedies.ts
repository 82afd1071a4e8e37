/**
 * One remedy per cause, in one place: `scull doctor` prints it, and so does every failure elsewhere that has this cause.
 * Commands that need an administrator begin with sudo.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { nativeProgram } from './product.ts';

/** Outside programs scull works with, and the packages that bring them. */
const PACKAGES = {
  crun: {},
  conmon: {},
  pasta: { apt: 'passt', dnf: 'passt', apk: 'passt', pacman: 'passt', zypper: 'passt' },
  nft: { apt: 'nftables', dnf: 'nftables', apk: 'nftables', pacman: 'nftables', zypper: 'nftables' },
  'aardvark-dns': {},
  'fuse-overlayfs': {},
  newuidmap: { apt: 'uidmap', dnf: 'shadow-utils', apk: 'shadow-subids', pacman: 'shadow', zypper: 'shadow' },
  newgidmap: { apt: 'uidmap', dnf: 'shadow-utils', apk: 'shadow-subids', pacman: 'shadow', zypper: 'shadow' },
  catatonit: {},
  socat: {},
  unshare: { apt: 'util-linux', dnf: 'util-linux', apk: 'util-linux', pacman: 'util-linux', zypper: 'util-linux' },
  nsenter: { apt: 'util-linux', dnf: 'util-linux', apk: 'util-linux', pacman: 'util-linux', zypper: 'util-linux' },
  setfattr: { apt: 'attr', dnf: 'attr', apk: 'attr', pacman: 'attr', zypper: 'attr' },
  getsubids: { apt: 'uidmap', dnf: 'shadow-utils', apk: 'shadow-subids', pacman: 'shadow', zypper: 'shadow' },
  logger: { apt: 'bsdutils', dnf: 'util-linux', apk: 'logger', pacman: 'util-linux', zypper: 'util-linux' },
  tar: {},
  git: {},
  'ssh-agent': { apt: 'openssh-client', dnf: 'openssh-clients', apk: 'openssh-client', pacman: 'openssh', zypper: 'openssh-clients' },
  'ssh-add': { apt: 'openssh-client', dnf: 'openssh-clients', apk: 'openssh-client', pacman: 'openssh', zypper: 'openssh-clients' },
} as const;

export type ToolName = keyof typeof PACKAGES;

/** What else can be wrong with a host. */
export type Cause =
  | { readonly kind: 'missing-tool'; readonly tool: ToolName }
  | { readonly kind: 'old-tool'; readonly tool: ToolName }
  | { readonly kind: 'user-namespaces-off'; readonly setting: 'unprivileged_userns_clone' | 'max_user_namespaces' | 'apparmor' | 'other' }
  | { readonly kind: 'no-subordinate-ids'; readonly user: string }
  | { readonly kind: 'map-tools-not-privileged' }
  | { readonly kind: 'no-new-privileges' }
  | { readonly kind: 'ids-outside-namespace' }
  | { readonly kind: 'device-not-usable'; readonly device: '/dev/fuse' | '/dev/net/tun'; readonly missing: boolean }
  | { readonly kind: 'no-delegation' }
  | { readonly kind: 'low-port'; readonly port: number }
  | { readonly kind: 'no-helper' };

/** One command (or, where no command can, one sentence) that removes the cause. */
export function remedyFor(cause: Cause): string {
  switch (cause.kind) {
    case 'missing-tool':
      return installCommand([cause.tool]);
    case 'old-tool':
      return upgradeCommand(cause.tool);
    case 'user-namespaces-off':
      return userNamespaceRemedy(cause.setting);
    case 'no-subordinate-ids':
      return `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${cause.user}`;
    case 'map-tools-not-privileged':
      return `${installCommand(['newuidmap'], true)} (newuidmap and newgidmap must be set-user-ID root or have cap_setuid and cap_setgid)`;
    case 'no-new-privileges':
      return 'start it where no-new-privileges is not set: without NoNewPrivileges= in the unit, or --security-opt no-new-privileges of the container around it';
    case 'ids-outside-namespace':
      return 'give the container around it more ids, or name ids that it has in its /etc/subuid and /etc/subgid';
    case 'device-not-usable':
      return cause.missing ? deviceRemedy(cause.device) : `sudo chmod 0666 ${cause.device}`;
    case 'no-delegation':
      return "sudo sh -c 'mkdir -p /etc/systemd/system/user@.service.d && printf \"[Service]\\nDelegate=cpu cpuset io memory pids\\n\" > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload', then log in again";
    case 'low-port':
      return `sudo sysctl net.ipv4.ip_unprivileged_port_start=${cause.port}`;
    case 'no-helper':
      return `${installCommand(['gcc'])} and run \`npm run build\` again`;
  }
}

/** The kernel's module makes the node where udev or devtmpfs are; in a container or a bare root nobody does. Numbers: devices.txt of the kernel. */
function deviceRemedy(device: '/dev/fuse' | '/dev/net/tun'): string {
  const [module, minor] = device === '/dev/fuse' ? ['fuse', 229] : ['tun', 200];
  if (!existsSync(`/sys/class/misc/${module}`)) return `sudo modprobe ${module}`;
  return `sudo sh -c 'mkdir -p ${dirname(device)} && mknod -m 0666 ${device} c 10 ${minor}'`;
}

function userNamespaceRemedy(setting: 'unprivileged_userns_clone' | 'max_user_namespaces' | 'apparmor' | 'other'): string {
  switch (setting) {
    case 'unprivileged_userns_clone':
      return 'sudo sysctl kernel.unprivileged_userns_clone=1';
    case 'max_user_namespaces':
      return 'sudo sysctl user.max_user_namespaces=28633';
    case 'apparmor':
      return apparmorRemedy(nativeProgram('scull-helper'));
    case 'other':
      return 'inside a container or sandbox: allow it to make user namespaces (its seccomp profile must permit unshare and mount)';
  }
}

/** A profile for the one program that makes our namespaces (apparmor.d(5)); whatever it starts stays in it or has one of its own. @param helper its path */
export function apparmorRemedy(helper: string | undefined): string {
  const forAll = 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0';
  if (helper === undefined || !/^[\w/.+@-]+$/.test(helper)) return forAll;
  const file = '/etc/apparmor.d/scull-helper';
  return `echo 'abi <abi/4.0>, profile scull-helper ${helper} flags=(unconfined) { userns, }' | sudo tee ${file} && sudo apparmor_parser -r ${file} (or, for every program: ${forAll})`;
}

type PackageManager = 'apt' | 'dnf' | 'apk' | 'pacman' | 'zypper';

const INSTALL: Readonly<Record<PackageManager, string>> = {
  apt: 'sudo apt-get install -y',
  dnf: 'sudo dnf install -y',
  apk: 'sudo apk add',
  pacman: 'sudo pacman -S --noconfirm',
  zypper: 'sudo zypper install -y',
};

const MANAGER_FILES: readonly (readonly [PackageManager, string])[] = [
  ['apt', '/usr/bin/apt-get'],
  ['dnf', '/usr/bin/dnf'],
  ['apk', '/sbin/apk'],
  ['pacman', '/usr/bin/pacman'],
  ['zypper', '/usr/bin/zypper'],
];

/** The command that installs the packages of `tools` on this distribution; Debian's where it is an unknown one. */
export function installCommand(tools: readonly (ToolName | 'gcc')[], again = false): string {
  const manager = packageManager();
  const packages = [...new Set(tools.map((tool) => packageOf(tool, manager)))];
  return `${INSTALL[manager]}${again && manager === 'apt' ? ' --reinstall' : ''} ${packages.join(' ')}`;
}

function upgradeCommand(tool: ToolName): string {
  const manager = packageManager();
  return manager === 'apt' ? `sudo apt-get install --only-upgrade ${packageOf(tool, manager)}` : installCommand([tool]);
}

function packageOf(tool: ToolName | 'gcc', manager: PackageManager): string {
  if (tool === 'gcc') return manager === 'apt' ? 'gcc libc6-dev' : manager === 'apk' ? 'gcc musl-dev' : 'gcc glibc-static';
  const names: Readonly<Partial<Record<PackageManager, string>>> = PACKAGES[tool];
  return names[manager] ?? tool;
}

function packageManager(): PackageManager {
  for (const [manager, file] of MANAGER_FILES) {
    try {
      accessSync(file, constants.X_OK);
      return manager;
    } catch {
      continue; // not this distribution
    }
  }
  return 'apt';
}
