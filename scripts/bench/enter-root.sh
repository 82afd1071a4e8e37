#!/usr/bin/env bash
# Runs a command inside a root file system, in a mount namespace of its own, as root:
#
#   [BENCH_DISK=FILE] enter-root.sh ROOT UID CHECKOUT NODE COMMAND…
#
# A chroot would not do: the kernel lets nobody in a chroot create user namespaces. So the root is made the namespace's
# real root (pivot_root), with this machine's /proc and /dev, a cgroup v2 tree (Podman knows no other well), and the
# checkout and a Node binary mounted read-only below /opt/bench. Nothing of this is visible outside. BENCH_DISK is a file that
# holds a file system for the user's home.
set -euo pipefail
root=$(realpath "$1") uid=$2 checkout=$(realpath "$3") node=$(realpath "$4")
shift 4
export root uid checkout node
exec unshare --mount --propagation private bash -euo pipefail -c '
  mount --bind "$root" "$root"
  for tree in proc dev sys; do mount --rbind "/$tree" "$root/$tree"; done
  umount --recursive --lazy "$root/sys/fs/cgroup" 2>/dev/null || true
  mount -t cgroup2 none "$root/sys/fs/cgroup"
  mount -t tmpfs -o mode=0755 run "$root/run"
  mount -t tmpfs -o mode=1777 tmp "$root/tmp"
  # Where Podman keeps its locks: it remembers those of a bench that was killed.
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  for engine in "" podman scull node; do
    install -d -m 0700 -o "$uid" -g "$uid" "$root/run/user/$uid/$engine"
  done
  if [[ -n ${BENCH_DISK:-} ]]; then
    mount -o loop "$BENCH_DISK" "$root/home/bench"
    chown "$uid:$uid" "$root/home/bench"
    chmod 0700 "$root/home/bench"
  fi
  cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  mkdir -p "$root/opt/bench/scull" "$root/mnt"
  mount --bind -o ro "$checkout" "$root/opt/bench/scull"
  touch "$root/opt/bench/node"
  mount --bind -o ro "$node" "$root/opt/bench/node"
  [[ ! -d ${root%/*}/archives ]] || { mkdir -p "$root/opt/bench/archives"; mount --bind -o ro "${root%/*}/archives" "$root/opt/bench/archives"; }
  cd "$root"
  mount --make-rprivate /
  pivot_root . mnt
  cd /
  umount --lazy /mnt
  mount --make-rshared /
  exec env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
' bash "$@"
