#!/usr/bin/env bash
# Makes this machine ready for scull: packages, device nodes, and (as root) an unprivileged user with subordinate ids.
# Changes only what is missing and says what it changes. Runs as root, as a user with sudo, and as a user without, who
# is told exactly what to ask for.
#
#   scripts/setup-host.sh [--for-tests]
#
# The last line on standard output is "user NAME": who containers are run as. Everything else goes to standard error.
set -euo pipefail

# What running containers needs; the compiler builds the start-up helper (native/).
packages=(crun conmon uidmap fuse-overlayfs passt nftables aardvark-dns catatonit busybox-static util-linux mount ca-certificates gcc libc6-dev)
# What the test suites need besides: a registry, other tools' eyes on our images, a real Debian to run, a terminal.
test_packages=(xz-utils bzip2 zstd skopeo umoci podman buildah docker-registry mmdebstrap socat strace procps iproute2 git openssh-client python3 bash-completion zsh fish
  qemu-system-x86 qemu-utils e2fsprogs)

for_tests=
[[ ${1-} != --for-tests ]] || { for_tests=yes; packages+=("${test_packages[@]}"); }

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'Error: %s\n' "$1" >&2; shift; printf '  %s\n' "$@" >&2; exit 1; }

me=$(id -u)
as_root() {
  if [[ $me == 0 ]]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
  [[ $me == 0 ]] && return 0
  command -v sudo >/dev/null 2>&1 || return 1
  # Without a terminal sudo must not ask; with one it may.
  if [[ -t 0 ]]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

missing_packages() {
  command -v dpkg-query >/dev/null 2>&1 || fail "this script knows Debian and Ubuntu only (there is no dpkg here)" \
    "Install by hand what your distribution calls: ${packages[*]}"
  local name
  for name in "${packages[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || printf '%s\n' "$name"
  done
}

install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} -gt 0 ]] || return 0
  can_be_root || fail "some packages are missing and you can't install them" \
    "Ask your administrator for:  apt-get install --no-install-recommends ${missing[*]}" \
    "Then run this command again."
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >"$log" 2>&1 || { tail -n 20 "$log" >&2; say "(apt-get update failed; going on with the lists that are there)"; }
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { tail -n 30 "$log" >&2; fail "apt-get could not install ${missing[*]}"; }
  rm -f "$log"
}

# The user who runs containers: the caller, or, when root calls, whoever used sudo, or $SCULL_USER, or "scull".
choose_user() {
  if [[ $me != 0 ]]; then user=$(id -un); return; fi
  user=${SCULL_USER:-${SUDO_USER:-scull}}
  [[ $user != root ]] || user=scull
  if ! id "$user" >/dev/null 2>&1; then
    say "creating the unprivileged user $user: containers here run without root"
    useradd --create-home --shell /bin/bash --comment 'runs containers' "$user"
  fi
}

# 65536 subordinate ids let a container have users of its own. useradd gives them; older accounts may lack them.
ensure_subordinate_ids() {
  local kind file start
  start=$(awk -F: 'BEGIN { next_free = 100000 } { end = $2 + $3; if (end > next_free) next_free = end } END { print next_free }' /etc/subuid /etc/subgid 2>/dev/null || echo 100000)
  for kind in uid gid; do
    file=/etc/sub$kind
    grep -q -s -E "^($user|$(id -u "$user")):" "$file" && continue
    if can_be_root; then
      say "giving $user 65536 subordinate ${kind}s from $start"
      as_root usermod "--add-sub${kind}s" "$start-$((start + 65535))" "$user"
    else
      say "note: $user has no subordinate ${kind}s, so containers get a single id. Your administrator can add them:"
      say "  usermod --add-sub${kind}s $start-$((start + 65535)) $user"
    fi
  done
}

as_user() {
  if [[ $me == 0 ]]; then runuser -u "$user" -- "$@"; else "$@"; fi
}

# udev gives these nodes to everyone; a machine without udev keeps them root's.
ensure_device() { # path major minor module
  as_user test -r "$1" -a -w "$1" && return 0
  if ! can_be_root; then
    local remedy="chmod 0666 $1"
    [[ -e $1 ]] || remedy="modprobe $4 (or, where no node appears: mkdir -p ${1%/*} && mknod -m 0666 $1 c $2 $3)"
    say "note: $1 is not usable by $user; your administrator can: $remedy"
    return 0
  fi
  if [[ ! -e $1 ]]; then
    as_root modprobe "$4" 2>/dev/null || true
    if [[ ! -e $1 ]]; then as_root mkdir -p "${1%/*}"; as_root mknod "$1" c "$2" "$3"; fi
  fi
  say "opening $1 to everyone, as udev does"
  as_root chmod 0666 "$1"
}

# logind makes this at login. Where there is no logind, we do; where there is, a lingering user keeps it.
ensure_runtime_directory() {
  local uid directory
  uid=$(id -u "$user")
  directory=/run/user/$uid
  [[ ! -d $directory ]] || return 0
  can_be_root || return 0 # scull falls back to a directory of its own
  if [[ -d /run/systemd/system ]]; then
    say "letting services of $user outlive its logins (loginctl enable-linger)"
    as_root loginctl enable-linger "$user" || true
  else
    say "making $directory"
    as_root install -d -m 0755 /run/user
    as_root install -d -m 0700 -o "$user" -g "$(id -gn "$user")" "$directory"
  fi
}

# Some systems forbid what rootless containers are made of. Lifting that is the administrator's decision, so only say it.
check_user_namespaces() {
  as_user unshare --user --map-root-user true 2>/dev/null && return 0
  local remedies=()
  [[ $(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null) != 0 ]] || remedies+=("sudo sysctl -w kernel.unprivileged_userns_clone=1")
  [[ $(cat /proc/sys/user/max_user_namespaces 2>/dev/null) != 0 ]] || remedies+=("sudo sysctl -w user.max_user_namespaces=15000")
  # Ubuntu since 24.04: only what has a profile may, and unshare has none (apparmor.d(5)).
  if [[ $(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null) == 1 ]]; then
    local file=/etc/apparmor.d/scull-helper prefix=/usr/local
    [[ $me == 0 ]] || prefix=$HOME/.local
    # The tests start helpers of their own, in many places.
    if [[ -z $for_tests ]]; then
      [[ ${#remedies[@]} -gt 0 || ! -e $file ]] || return 0
      remedies+=("echo 'abi <abi/4.0>, profile scull-helper $prefix/lib/scull/scull-helper flags=(unconfined) { userns, }' | sudo tee $file && sudo apparmor_parser -r $file" "or, for every program and not scull alone:")
    fi
    remedies+=("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0")
  fi
  fail "this system does not let $user create user namespaces, which rootless containers are made of" "${remedies[@]:-this may be a container that forbids it}"
}

install_packages
choose_user
ensure_subordinate_ids
ensure_device /dev/fuse 10 229 fuse
ensure_device /dev/net/tun 10 200 tun
ensure_runtime_directory
check_user_namespaces
printf 'user %s\n' "$user"
