#!/bin/sh
# A script as a user writes it: nothing but scull, its output and its exit codes. Ends with "all as expected".
# $SCULL is how scull is called; the image busybox is there.
set -eu

say() { printf '%s\n' "$*"; }
fail() { say "FAILED: $*"; exit 1; }
expect() { # expected actual what
  [ "$1" = "$2" ] || fail "$3: expected '$1', got '$2'"
}

# create, start, look, wait, read, remove
id=$($SCULL create --name job -e GREETING=ahoy busybox sh -c 'echo "$GREETING from $(hostname)"; exit 3')
expect 64 "${#id}" "length of an id"
expect created "$($SCULL inspect --format '{{.State.Status}}' job)" "state after create"
expect job "$($SCULL start job)" "what start prints"
expect 3 "$($SCULL wait job)" "exit code by wait"
expect exited "$($SCULL inspect --format '{{.State.Status}}' job)" "state after its end"
expect 3 "$($SCULL inspect --format '{{.State.ExitCode}}' job)" "exit code by inspect"
short=$(printf %.12s "$id")
expect "ahoy from $short" "$($SCULL logs job)" "log"
expect job "$($SCULL rm job)" "what rm prints"
if $SCULL container exists job; then fail "the container is still there"; fi

# exit codes of run: the command's, 127, 126, 125
code=0; $SCULL run --rm busybox sh -c 'exit 41' || code=$?; expect 41 $code "exit code of run"
code=0; $SCULL run --rm busybox nosuch 2>/dev/null || code=$?; expect 127 $code "unknown command"
code=0; $SCULL run --rm busybox /etc/passwd 2>/dev/null || code=$?; expect 126 $code "not executable"
code=0; $SCULL run --rm --pull never nosuch 2>/dev/null || code=$?; expect 125 $code "unknown image"

# a service: exec into it, feed it, stop it
$SCULL run -d --name service -v state:/state busybox sh -c 'trap "exit 0" TERM; echo up; while :; do sleep 0.1; done' >/dev/null
expect running "$($SCULL ps --filter name=service --format '{{.State}}')" "state by ps"
say "first line" | $SCULL exec -i service sh -c 'cat > /state/file'
expect "first line" "$($SCULL exec service cat /state/file)" "file written by exec"
code=0; $SCULL exec service sh -c 'exit 9' || code=$?; expect 9 $code "exit code of exec"
$SCULL stop service >/dev/null
expect 0 "$($SCULL inspect --format '{{.State.ExitCode}}' service)" "exit code after stop"
$SCULL start service >/dev/null
expect "first line" "$($SCULL exec service cat /state/file)" "file after a restart"
$SCULL rm -f -t 0 -v service >/dev/null
expect "first line" "$($SCULL run --rm -v state:/state busybox cat /state/file)" "file in the volume"
$SCULL volume rm state >/dev/null

# pipes
expect 5 "$(seq 5 | $SCULL run --rm -i busybox wc -l | tr -d ' ')" "lines through a pipe"
$SCULL ps -a | head -n 1 >/dev/null

# several at once
for n in 1 2 3 4 5; do $SCULL run -d --name "n$n" busybox sh -c "exit $n" >/dev/null; done
expect "1 2 3 4 5" "$($SCULL wait n1 n2 n3 n4 n5 | tr '\n' ' ' | sed 's/ $//')" "exit codes in order"
$SCULL rm n1 n2 n3 n4 n5 >/dev/null
expect "" "$($SCULL ps -a -q)" "containers at the end"

say "all as expected"
