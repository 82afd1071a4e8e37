# Sourced by the scripts that run in the virtual machine, as root. Each `check 'sentence' command…` says whether the command
# succeeded; test/vm/systemd.test.ts makes a test of every one.

as_user() {
  timeout -k 5 150 runuser -u user -- env -i HOME=/home/user USER=user LOGNAME=user SHELL=/bin/bash LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
    XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$@"
}
scull() { as_user scull "$@"; }
userctl() { as_user systemctl --user "$@"; }

check() {
  local sentence=$1 said
  shift
  if said=$("$@" 2>&1); then echo "@@ ok: $sentence"; else printf '@@ failed: %s\n%s\n@@ end\n' "$sentence" "$said"; fi
}

# prints TEXT: succeeds if the rest, a command, prints TEXT somewhere.
prints() {
  local text=$1 said
  shift
  said=$("$@" 2>&1)
  case $said in *"$text"*) ;; *) printf 'no "%s" in what `%s` printed:\n%s\n' "$text" "$*" "$said"; return 1 ;; esac
}

# ends_with STATUS: succeeds if the rest, a command, ends with that exit status.
ends_with() {
  local expected=$1 status=0 said
  shift
  said=$("$@" 2>&1) || status=$?
  [ "$status" = "$expected" ] || { printf '%s ended with %s:\n%s\n' "$*" "$status" "$said"; return 1; }
}

# within SECONDS: succeeds as soon as the rest, a command, does.
within() {
  local end=$(($(cut -d. -f1 /proc/uptime) + $1))
  shift
  until "$@" > /tmp/soon 2>&1; do
    [ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || { echo "never: $*"; cat /tmp/soon; return 1; }
    sleep 0.5
  done
}

# soon: within three minutes, which are some seconds outside where nobody else wants the machine.
soon() { within 180 "$@"; }

cd /home/user || exit 1
# Not anew where it is: units may be starting by it.
cmp -s /job/scull /usr/local/bin/scull || install -m 0755 /job/scull /job/scull-* /usr/local/bin/
[ -e /var/lib/systemd/linger/user ] || loginctl enable-linger user
has_started() { case $(userctl is-system-running) in running | degraded) ;; *) return 1 ;; esac; }
within 1200 has_started || echo "the user manager does not come up: $(userctl list-jobs)"

# An image of the machine's own parts.
if ! scull image exists busybox; then
  mkdir -p /tmp/image-busybox/bin /tmp/image-busybox/tmp
  cp /bin/busybox /tmp/image-busybox/bin/
  for applet in $(/bin/busybox --list | grep -vx busybox); do ln -sf busybox /tmp/image-busybox/bin/"$applet"; done
  tar -C /tmp/image-busybox -c . | scull import -q - busybox > /dev/null
fi
