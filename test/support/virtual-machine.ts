/**
 * A real Debian with systemd, cgroup v2 and user sessions in a virtual machine: for limits, units, logout and reboots, which
 * the machine that runs the tests may not have. Everything is made and run as the unprivileged user, in software emulation:
 * programs take some thirty times longer in there, so what runs inside is kept small.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeDebian, packageSource } from './debian.ts';
import { top } from './product.ts';

const release = 'trixie';
const packages = [
  ...['systemd-sysv', 'dbus-user-session', 'libpam-systemd', 'udev', 'linux-image-cloud-amd64', 'iproute2', 'procps', 'socat'],
  ...['uidmap', 'crun', 'conmon', 'fuse-overlayfs', 'passt', 'catatonit', 'netavark', 'aardvark-dns', 'nftables', 'busybox-static'],
];

/** Unpacks the second disk, a tar, and does what its run.sh says, with the serial console for output; then the machine goes off. */
const jobUnit = `[Unit]
After=multi-user.target systemd-user-sessions.service network-online.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c "rm -rf /job; mkdir /job; tar -xf /dev/vdb -C /job; exec sh /job/run.sh"
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`;

/** Runs in a user namespace whose root owns the files: $1 is the tar of the root file system, the working directory an empty one. */
const makeDisk = `set -e
mkdir root
tar -xf "$1" -C root --exclude='./dev/*'
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd.img
chmod 0644 vmlinuz initrd.img
printf '%s' "$2" > root/etc/systemd/system/job.service
mkdir -p root/etc/systemd/system/graphical.target.wants
ln -s ../job.service root/etc/systemd/system/graphical.target.wants/job.service
ln -s /dev/null root/etc/systemd/system/serial-getty@ttyS0.service
printf '[Match]\\nName=e*\\n[Network]\\nDHCP=ipv4\\n' > root/etc/systemd/network/80-wired.network
mkdir -p root/etc/systemd/system/multi-user.target.wants
ln -s /usr/lib/systemd/system/systemd-networkd.service root/etc/systemd/system/multi-user.target.wants/
echo '/dev/vda / ext4 defaults 0 1' > root/etc/fstab
mke2fs -q -t ext4 -d root disk.img 2500M
rm -rf root
`;

/** The disk, kernel and initial RAM disk; made in about a minute the first time and kept in the user's cache directory. */
function virtualMachineImage(): string {
  const directory = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'scull-tests');
  const recipe = createHash('sha256').update([release, ...packages, jobUnit, makeDisk].join('\n')).digest('hex').slice(0, 12);
  const image = join(directory, `vm-${recipe}`);
  if (existsSync(image)) return image;
  mkdirSync(directory, { recursive: true });
  const unfinished = mkdtempSync(join(directory, 'unfinished-vm-'));
  const archive = join(unfinished, 'root.tar');
  const user = ['--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash user'];
  const lean = ['doc', 'man', 'locale'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
  makeDebian(['--variant=minbase', `--include=${packages.join(',')}`, ...lean, ...user, release, archive, packageSource(release).source]);
  const path = `/usr/sbin:/sbin:${process.env['PATH'] ?? '/usr/bin:/bin'}`;
  execFileSync('unshare', ['--user', '--map-auto', '--map-root-user', 'sh', '-c', makeDisk, 'sh', archive, jobUnit], { cwd: unfinished, env: { ...process.env, PATH: path }, stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(archive);
  renameSync(unfinished, image);
  return image;
}

export interface VirtualMachine {
  /**
   * Switches the machine on, does what a shell script says as root, and switches it off; the disk stays for the next time.
   * @returns what was said on the serial console
   */
  run(script: string): Promise<string>;
  dispose(): void;
}

/**
 * A machine with a disk of its own. The script finds itself in /job, beside scull's executable and native helpers and
 * `guest.sh`.
 * @param timeout of one run, in milliseconds
 */
export function makeVirtualMachine(timeout = 1_800_000): VirtualMachine {
  const image = virtualMachineImage();
  const directory = mkdtempSync('/var/tmp/sc-vm-');
  const disk = join(directory, 'disk.qcow2');
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', join(image, 'disk.img'), '-F', 'raw', disk]);
  return {
    async run(script) {
      const job = join(directory, 'job.tar');
      writeFileSync(join(directory, 'run.sh'), script);
      const programs = readdirSync(join(top, 'dist')).filter((name) => /^scull(-[a-z]+)?$/.test(name));
      execFileSync('tar', ['-cf', job, '-C', join(top, 'dist'), ...programs, '-C', join(top, 'test', 'vm'), 'guest.sh', '-C', directory, 'run.sh']);
      return boot(image, disk, job, timeout);
    },
    dispose: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What protects real processors costs an emulated one a fifth of its time. */
const CHEAP = 'mitigations=off no5lvl norandmaps init_on_alloc=0 preempt=none nowatchdog';

/** More than one processor or thread of emulation makes Debian's kernel crash in the guest. */
function boot(image: string, disk: string, job: string, timeout: number): Promise<string> {
  const args = ['-accel', 'tcg,thread=single', '-cpu', 'max', '-smp', '1', '-m', '2048', '-nographic', '-no-reboot'];
  args.push('-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-pci,netdev=net,romfile=');
  args.push('-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd.img'), '-append', `console=ttyS0 root=/dev/vda rw quiet systemd.show_status=false ${CHEAP}`);
  args.push('-drive', `file=${disk},if=virtio,format=qcow2`, '-drive', `file=${job},if=virtio,format=raw,readonly=on`);
  const child = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code === 0) resolve(said);
      else reject(new Error(`the virtual machine ended with ${code ?? `SIGKILL after ${timeout} ms`}; its console:\n${said}`));
    });
  });
}
