#!/usr/bin/env bash
# `npm run setup`: from a fresh clone to a running container. Installs what is missing, builds, installs scull for daily
# use, and shows it at work. Safe to repeat; the second time there is little left to do.
#
#   as root        scull goes to /usr/local, containers are run by an unprivileged user ($SCULL_USER, whoever called
#                  sudo, or a new user "scull")
#   as a user      scull goes to ~/.local; sudo is asked for only if something is missing that needs root
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }
[[ -t 2 ]] || step() { printf '\n==> %s\n' "$*" >&2; }

step "checking this machine"
host=$(bash scripts/setup-host.sh)
user=$(sed -n 's/^user //p' <<<"$host" | tail -n 1)

if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
  step "installing dependencies (npm ci)"
  npm ci --no-audit --no-fund --loglevel=error
fi

step "building"
npm run --silent build

# The executable finds its helpers beside itself, also through the link on the PATH.
if [[ $(id -u) == 0 ]]; then prefix=/usr/local; else prefix=$HOME/.local; fi
step "installing $prefix/bin/scull"
install -d "$prefix/bin" "$prefix/lib/scull"
for built in dist/scull dist/scull-*; do
  part=${built#dist/}
  # Beside and renamed: the old one may be running.
  install -m 0755 "$built" "$prefix/lib/scull/.$part.new"
  mv -f "$prefix/lib/scull/.$part.new" "$prefix/lib/scull/$part"
done
ln -sfn ../lib/scull/scull "$prefix/bin/scull"

step "scull at work, as the user $user"
demo=$(<scripts/demo.sh)
if [[ $(id -u) == 0 ]]; then
  uid=$(id -u "$user")
  home=$(getent passwd "$user" | cut -d: -f6)
  environment=(HOME="$home" USER="$user" PATH="$prefix/bin:/usr/local/bin:/usr/bin:/bin" TERM="${TERM:-dumb}")
  [[ ! -d /run/user/$uid ]] || environment+=(XDG_RUNTIME_DIR="/run/user/$uid")
  (cd / && runuser -u "$user" -- env -i "${environment[@]}" bash -c "$demo" demo </dev/null)
  printf '\nContainers need no root. Become that user and go on:  su - %s\n' "$user" >&2
else
  (export PATH="$prefix/bin:$PATH"; bash -c "$demo" demo </dev/null)
  case ":$PATH:" in
    *":$prefix/bin:"*) ;;
    *) printf '\n%s is not on your PATH yet:  export PATH="%s:$PATH"\n' "$prefix/bin" "$prefix/bin" >&2 ;;
  esac
fi
