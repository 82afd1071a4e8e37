/**
 * `scull-helper keep` without the native helper: a small shell that sleeps until a process ends, then ends pasta or cleans up.
 *
 *     scull ── spawn ──> sh ── setsid ──> watcher: sh ── pasta …, which daemonises when it is ready
 *                        │ <── status ───    │ sleeps
 *                        └ exit status       └ kill pasta, then exec THEN
 */
import { processStat } from '../host/identity.ts';

export interface KeepRequest {
  /** Until this process ends. */
  readonly watch: number;
  /** A daemon that is ended then; starting it ends with the exit status of its start. */
  readonly daemon?: {
    readonly command: readonly string[];
    /** Where it leaves its pid. */
    readonly pidFile: string;
    /**
     * A process whose user and network namespace the daemon gets with `--userns` and `--netns`. A container's first process
     * that waits to be started can't be looked at from the user namespace inside, which the daemon has joined by then, so a
     * process without rights in there holds both open.
     */
    readonly target?: number;
  };
  /** Run now and then while the process lives; answers with the milliseconds until the next time, anything else means never. */
  readonly check?: { readonly command: readonly string[]; /** Milliseconds until the first time. */ readonly after: number };
  /** Run at the very end. */
  readonly then?: {
    readonly command: readonly string[];
    /** Only while this path exists. */
    readonly ifExists: string;
    /** Not before this process has ended, which does the work itself. */
    readonly unlessAlive?: number;
  };
}

/** Starts the daemon if there is one, and returns; the watcher stays. */
export function portableKeepCommand(request: KeepRequest): { file: string; args: string[] } {
  const { check, daemon, then } = request;
  const words = [
    ...identityWords(request.watch),
    ...(daemon === undefined ? ['', ''] : [String(daemon.target ?? ''), daemon.pidFile]),
    ...(then?.unlessAlive === undefined ? ['', ''] : identityWords(then.unlessAlive)),
    then?.ifExists ?? '',
    ...(check === undefined ? ['', ''] : [String(check.after), check.command.map(quoted).join(' ')]),
    String(then?.command.length ?? 0),
    ...(then?.command ?? []),
    ...(daemon?.command ?? []),
  ];
  return { file: 'sh', args: ['-c', KEEP_SCRIPT, 'scull-keep', WATCH_SCRIPT, ...words] };
}

/** A word of a line for `eval`: a shell has one list of words, and that is taken. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Pid and start time: a pid is used again after a while. A process that has ended has none. */
function identityWords(pid: number): string[] {
  const stat = processStat(pid);
  return [String(pid), stat === undefined || stat.state === 'Z' ? 'ended' : String(stat.startTime)];
}

/** Waits for the status of the daemon's start, which the watcher writes before it closes its standard output. */
const KEEP_SCRIPT = `
export watch="$1" # not as an argument: the process list would show all of it as long as the container runs
shift
status=$(setsid sh -c 'eval "$watch"' scull-keep "$@" </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &)
exit "\${status:-119}"
`;

/** PID START TARGET PID-FILE UNLESS-PID UNLESS-START SUBJECT CHECK-AFTER CHECK COUNT [THEN …] [DAEMON …] */
const WATCH_SCRIPT = `
unset watch
set -f
cd /
pid=$1 start=$2 target=$3 pid_file=$4 unless=$5 unless_start=$6 subject=$7 pause=$8 check=$9
shift 9
count=$1
shift

# Sets $started to the start time of process $1, field 22 of its stat; empty when it has ended.
look_at() {
	started=
	line=
	read -r line 2>/dev/null <"/proc/$1/stat" || return 0
	set -- \${line##*) }
	[ "$1" = Z ] || started=\${20}
}

# A monitor holds the only writing end of a pipe (portable-launch.ts): reading from that ends with it. Other processes are looked
# at once a second where there is no waitpid(1).
wait_for() {
	looks=0
	while look_at "$1" && [ -n "$started" ] && [ "$started" = "$2" ]; do
		if [ -p "/proc/$1/fd/7" ] && { read -r end; sleep 0.02; } <"/proc/$1/fd/7"; then
			continue
		elif [ "$looks" -lt 3 ]; then # it may be ending right now
			looks=$((looks + 1))
			sleep 0.02
		elif command -v waitpid >/dev/null; then
			waitpid "$1"
		else
			tail --pid="$1" -f /dev/null
		fi || sleep 1
	done 2>/dev/null
}

# Runs the check when its time has come, until this process is told to end; a check that is under way ends first.
check_now_and_then() {
	nap=
	trap '[ -z "$nap" ] || kill "$nap"; exit' TERM
	while :; do
		sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))" &
		nap=$!
		wait "$nap"
		nap=
		pause=$(eval "$check")
		case $pause in
		'' | *[!0-9]*) return ;;
		esac
	done
}

# Leaves a process without rights in the user namespace of process $1, ended with us; descriptors 5 and 6 are namespaces.
hold_namespaces() {
	exec 5<"/proc/$1/ns/user" 6<"/proc/$1/ns/net" || return 1
	# Who is not root there has no rights any more after execve(2), and none to lower the bounds either.
	nsenter --target "$1" --user --preserve-credentials sh -c '
		lower=--bounding-set=-all
		[ "$(id -u)" = 0 ] || lower=
		exec setpriv $lower --inh-caps=-all --pdeathsig KILL sh -c "$2" "$0" "$1"
	' scull-hold "$$" '[ "$PPID" = "$1" ] && exec sleep 2147483647 2>/dev/null' </dev/null >/dev/null &
	holder=$!
	exec 5<&- 6<&-
	comm=
	until [ "$comm" = sleep ]; do
		look_at "$holder"
		[ -n "$started" ] && read -r comm 2>/dev/null <"/proc/$holder/comm" || return 1
		sleep 0.005
	done
}

left=$count
while [ "$left" -gt 0 ]; do # to the end of the list, so that the daemon's words come first
	set -- "$@" "$1"
	shift
	left=$((left - 1))
done
daemon=
if [ "$#" -gt "$count" ]; then
	words=$(($# - count))
	run_daemon() {
		# All words but the last "count"
		total=$#
		while [ "$total" -gt 0 ]; do
			[ "$total" -le "$count" ] || set -- "$@" "$1"
			shift
			total=$((total - 1))
		done
		[ -z "$target" ] || set -- "$@" --userns "/proc/$holder/fd/5" --netns "/proc/$holder/fd/6"
		"$@" >&2
	}
	if [ -n "$target" ] && ! hold_namespaces "$target"; then
		echo "scull-helper: cannot hold the namespaces of process $target" >&2
		echo 119
		exit
	fi
	run_daemon "$@"
	status=$?
	if [ "$status" != 0 ]; then
		echo "$status"
		exit
	fi
	read -r daemon <"$pid_file" || [ -n "$daemon" ] || exit
	look_at "$daemon"
	daemon_start=$started
	shift "$words"
fi
echo 0
exec </dev/null >/dev/null 2>&1
ticker=
if [ -n "$check" ]; then
	check_now_and_then &
	ticker=$!
fi
wait_for "$pid" "$start"
[ -z "$ticker" ] || kill "$ticker" 2>/dev/null
if [ -n "$daemon" ] && look_at "$daemon" && [ "$started" = "$daemon_start" ]; then kill "$daemon"; fi
[ "$#" -gt 0 ] || exit 0
# The command that started the container removes it itself while it lives.
[ -z "$unless" ] || wait_for "$unless" "$unless_start"
[ -e "$subject" ] || exit 0
exec "$@"
`;
