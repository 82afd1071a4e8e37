# scull's main job before your eyes. Needs scull on the PATH and busybox-static; leaves an image called boat and no container.
# Run by scripts/setup.sh as an unprivileged user; try it yourself with: bash scripts/demo.sh
set -euo pipefail

if [[ -t 1 ]]; then bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'; else bold='' dim='' plain=''; fi
say() { printf '\n%s# %s%s\n' "$dim" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$bold" "$*" "$plain"; }
# Prints a command as one would type it, then runs it.
run() {
  local word line=
  for word; do
    if [[ $word =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]]; then line+=" $word"; else line+=" '${word//\'/\'\\\'\'}'"; fi
  done
  show "${line# }"
  "$@"
}

# What an earlier, interrupted round may have left.
scull rm -f -t 0 --ignore oars >/dev/null 2>&1 || true
scull rmi --ignore boat >/dev/null 2>&1 || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "An image made on the spot: one static program of this machine, and names for its tools."
busybox=$(command -v busybox || echo /bin/busybox)
mkdir -p "$work/root"/{bin,etc,tmp,root}
cp "$busybox" "$work/root/bin/busybox"
for tool in sh echo cat ls id ps sleep hostname uname seq; do ln -s busybox "$work/root/bin/$tool"; done
echo 'root:x:0:0:root:/root:/bin/sh' > "$work/root/etc/passwd"
echo 'root:x:0:' > "$work/root/etc/group"
tar -c -f "$work/boat.tar" --owner=0 --group=0 -C "$work/root" .
(cd "$work" && run scull import boat.tar boat)
run scull images

say "A container in the foreground: it believes to be root, and is nobody but $(id -un) outside."
run scull run --rm boat sh -c 'echo "hello from $(hostname), process $$, user $(id -u)"'

say "Its exit code is the command's."
code=0
run scull run --rm boat sh -c 'exit 42' || code=$?
show 'echo $?'
echo "$code"
[[ $code == 42 ]]

say "One in the background, with a log, company and an end."
run scull run -d --name oars boat sh -c 'trap "echo oars in; exit 0" TERM; for n in $(seq 1 1000); do echo "stroke $n"; sleep 0.2; done' >"$work/id"
cat "$work/id"
sleep 0.5
run scull ps
run scull logs --tail 2 oars
run scull exec oars ps
run scull stop oars
run scull logs --tail 1 oars
run scull inspect --format '{{.State.Status}} with code {{.State.ExitCode}}' oars
run scull rm oars

say "No daemon, nothing left running. Try:  scull run -it --rm boat sh"
