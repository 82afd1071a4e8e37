/**
 * The shell scripts of portable-launch.ts: POSIX sh as dash, bash and busybox have it, with util-linux and coreutils.
 * They report as the native helper does: one line "scull-helper: STEP: reason" on standard error, and exit status 119.
 */

const DIE = `
die() {
	printf 'scull-helper: %s\\n' "$1" >&2
	exit 119
}
# Runs "$@"; a failure is told as \`what\` with the program's own reason.
what=
attempt() {
	why=$("$@" 2>&1 >&2) || {
		printf '%s\\n' "$why" >&2
		why=\${why%%"
"*}
		die "$what: \${why##*: }"
	}
}
`;

/** Descriptor 8 becomes the reading end of a new pipe, 9 its writing end: an empty here-document is one. */
export const MAKE_PIPE = `
make_pipe() {
	exec 8<<END
END
	if ! [ -p /proc/self/fd/8 ]; then
		# A shell whose here-documents are files
		place=$(mktemp -d) && mkfifo "$place/pipe" && exec 8<>"$place/pipe" && rm -r "$place" || die 'cannot make a pipe'
	fi
	exec 9>/proc/self/fd/8
	exec 8</proc/self/fd/8
}
`;

/** many|single UID-MAP GID-MAP NAMESPACES root|keep INNER [WORD …] */
export const OUTER_SCRIPT = `${DIE}${MAKE_PIPE}
kind=$1 uids=$2 gids=$3 namespaces=$4 credentials=$5 inner=$6
shift 6
make_pipe
holder=$(unshare --user $namespaces --propagation slave sh -c 'echo "$$"; exec >/dev/null 2>&1; read -r end' \\
	<&8 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8<&- 9>&- &)
case $holder in
'' | *[!0-9]*) die "cannot create a user namespace: \${holder##*: }" ;;
esac
failed=
if [ "$kind" = single ]; then
	# The kernel wants the first before the last (user_namespaces(7)).
	echo deny >"/proc/$holder/setgroups" && echo "$uids" >"/proc/$holder/uid_map" && echo "$gids" >"/proc/$holder/gid_map" ||
		die 'cannot write the map of the own id'
else
	newuidmap "$holder" $uids &
	newgidmap "$holder" $gids || failed=yes
	wait "$!" || failed=yes
	[ -z "$failed" ] || die 'cannot map ids'
fi
if [ "$credentials" = root ]; then credentials=; else credentials=--preserve-credentials; fi
exec nsenter --target "$holder" --user $namespaces $credentials sh -c "$inner" scull-launch "$PWD" "$@" 8<&-
`;

/** PID NAMESPACES INNER [WORD …]: joins that process's user namespace; the others are new. */
export const JOIN_SCRIPT = `${DIE}
target=$1 namespaces=$2 inner=$3
shift 3
credentials=
read -r groups <"/proc/$target/setgroups" || die "cannot join the user namespace of process $target"
[ "$groups" = allow ] || credentials=--preserve-credentials
exec nsenter --target "$target" --user $credentials unshare $namespaces --propagation slave sh -c "$inner" scull-launch "$PWD" "$@"
`;

/** NAMESPACES INNER [WORD …]: as root of a user namespace already. */
export const INSIDE_SCRIPT = `
namespaces=$1 inner=$2
shift 2
exec unshare $namespaces --propagation slave sh -c "$inner" scull-launch "$PWD" "$@"
`;

/**
 * WORKING-DIRECTORY [WORD …] exec PROGRAM [ARG …]: the steps in the order given, each a word with its own number of arguments.
 * Runs as root of the new namespaces.
 */
export const INNER_SCRIPT = `${DIE}${MAKE_PIPE}
# Lets the holder end.
exec 9>&-

# Paths as they are, no helper programs, no tables; and mount(2), which alone takes overlay's long options.
mount_() {
	LIBMOUNT_FORCE_MOUNT2=always mount --no-canonicalize --internal-only --no-mtab "$@"
}

mount_overlay() {
	what="cannot mount overlay on $3"
	cd -- "$1" || die "cannot enter $1"
	attempt mount_ -t overlay -o "$2" overlay "$3"
	cd /
}

# In the foreground of its own kind: ended by the kernel when we end, and the program that we become.
mount_fuse() {
	setpriv --pdeathsig TERM sh -c '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@" 3>&- 4>&- 5>&- 6>&- 7>&-' \\
		scull-fuse "$$" "$1" -f -o "$2" "$3" </dev/null >/dev/null &
	server=$!
	tries=0
	until [ "$(stat -f -c %t -- "$3")" = 65735546 ]; do
		state=
		read -r state 2>/dev/null <"/proc/$server/stat"
		case $state in '' | *') Z '*) die "$1 ended before it had mounted $3" ;; esac
		tries=$((tries + 1))
		[ "$tries" -lt 500 ] || die "$1 did not mount $3 within seconds"
		sleep 0.01
	done
}

# Goes to path $2 as it is for who has $1 as its root: links, also absolute ones, lead nowhere else. Where its last part is no
# directory, goes to that one's directory, and $leaf is its name.
enter_in_root() {
	cd -P -- "$1" || die "cannot enter $1"
	top=\${PWD%/}
	rest=$2/
	links=0
	leaf=
	while [ -n "$rest" ]; do
		part=\${rest%%/*}
		rest=\${rest#*/}
		case $part in
		'' | .) ;;
		..) [ "$PWD" = "\${top:-/}" ] || cd -P .. ;;
		*)
			if [ -h "./$part" ]; then
				links=$((links + 1))
				[ "$links" -le 40 ] || return 1
				link=$(readlink -- "./$part" && echo .)
				link=\${link%?.}
				case $link in /*) cd -P -- "\${top:-/}" ;; esac
				rest=$link/$rest
			elif [ -d "./$part" ]; then
				cd -P -- "./$part" 2>/dev/null || return 1
			elif [ -z "\${rest#/}" ]; then
				leaf=$part
				break
			else
				return 1
			fi
			;;
		esac
	done
	case $PWD/ in "$top"/*) ;; *) return 1 ;; esac
}

# Copies a directory of the container's root, which nobody else changes now, into a new volume.
fill_volume() {
	(
		enter_in_root "$1" "$2" && [ -z "$leaf" ] || exit 0 # the image has nothing there
		[ -d "$3" ] && ! [ -h "$3" ] || die "cannot open volume $3"
		cp -a -- . "$3" >&2 || die "filling the volume at $2 failed"
	) || exit
}

# Adds a text to a file of the container's root, which is made where it is not there; to nothing but a plain file.
append_text() {
	(
		enter_in_root "$1" "$2" && [ -n "$leaf" ] || exit 0
		! [ -e "./$leaf" ] || [ -f "./$leaf" ] || exit 0
		umask 022
		exec 9>>"./$leaf" || die "cannot open $2 in the image"
		case $(readlink /proc/self/fd/9) in "$top"/*) ;; *) die "cannot open $2 in the image" ;; esac
		printf %s "$3" >&9 || die "cannot write $2 in the container"
	) || exit
}

# Binds path $2 beneath $1 on $3, which is made. What a link could change after the check is held: the working directory of
# this shell, or an open file.
bind_beneath() {
	what="cannot bind the subpath $2 of $1"
	(
		cd -P -- "$1" || die "cannot open $1"
		top=\${PWD%/}
		path=./$2
		if [ -d "$path" ]; then
			cd -P -- "$path" || die "cannot open the subpath $2 of $1"
			case $PWD/ in "$top"/*) ;; *) die "cannot open the subpath $2 of $1: it leads out of it" ;; esac
			mkdir -p -m 700 -- "$3" || die "cannot make $3"
			attempt mount_ --rbind . "$3"
		elif [ -f "$path" ]; then
			exec 9<"$path" || die "cannot open the subpath $2 of $1"
			case $(readlink /proc/self/fd/9) in "$top"/*) ;; *) die "cannot open the subpath $2 of $1: it leads out of it" ;; esac
			[ -e "$3" ] || : >"$3" || die "cannot make $3"
			attempt mount_ --bind /proc/self/fd/9 "$3"
		else
			die "cannot open the subpath $2 of $1: No such file or directory"
		fi
	) || exit
}

# COUNT PATH …: nothing but these directories can be written afterwards.
make_read_only() {
	count=$1
	shift
	what='cannot make the file system read-only'
	index=0
	for path do
		index=$((index + 1))
		[ "$index" -le "$count" ] || break
		what="cannot bind $path"
		attempt mount_ --bind "$path" "$path"
	done
	while read -r id parent device root point options rest; do
		case $options in rw*) ;; *) continue ;; esac
		case $point in *\\\\*) point=$(printf '%s.' "$point" | sed 's/%/%%/g') && point=$(printf "$point") && point=\${point%.} ;; esac
		index=0
		for path do
			index=$((index + 1))
			[ "$index" -le "$count" ] || break
			[ "$path" != "$point" ] || continue 2
		done
		# The other options are repeated: the kernel locks those that come from outside.
		mount_ -o "remount,bind,ro\${options#rw}" none "$point" 2>/dev/null ||
			! [ -e "$point" ] || die "cannot make $point read-only"
	done </proc/self/mountinfo
}

# What the caller's caller left open above 9 must not reach the program either, and only bash can close that.
close_high() {
	high=
	for fd in /proc/self/fd/[1-9][0-9]*; do
		! [ -e "$fd" ] || high="$high \${fd##*/}"
	done
	[ -n "$high" ] && command -v bash >/dev/null || return 0
	exec bash -c 'for fd in $1; do eval "exec $fd>&-"; done; shift; exec "$@"' bash "$high" "$@"
}

cd -- "$1" 2>/dev/null
unset OLDPWD
shift
while :; do
	word=$1
	shift
	case $word in
	ready)
		eval "echo n >&$1"
		shift
		;;
	loopback)
		# Down in a new network namespace. Failure shows in what uses it, and pasta does the same again.
		{ ip link set lo up || ifconfig lo up; } >/dev/null 2>&1
		;;
	lifeline)
		# The only writing end of a pipe, for PROGRAM: whoever reads from it through /proc learns of its end (portable-keep.ts).
		make_pipe
		exec 7>&9 8<&- 9>&-
		;;
	overlay)
		mount_overlay "$1" "$2" "$3"
		shift 3
		;;
	fuse)
		mount_fuse "$1" "$2" "$3"
		shift 3
		;;
	bind)
		what="cannot bind $1 on $2"
		attempt mount_ --rbind "$1" "$2"
		shift 2
		;;
	beneath)
		bind_beneath "$1" "$2" "$3"
		shift 3
		;;
	fill)
		fill_volume "$1" "$2" "$3"
		shift 3
		;;
	append)
		append_text "$1" "$2" "$3"
		shift 3
		;;
	chown)
		chown -R -h -- "$1" "$2" >&2 || die 'changing the owner of a mount failed'
		shift 2
		;;
	cgroup2)
		what='cannot mount cgroup2 on /sys/fs/cgroup'
		attempt mount_ -t cgroup2 -o nosuid,nodev,noexec none /sys/fs/cgroup
		;;
	read-only)
		make_read_only "$@"
		shift "$(($1 + 1))"
		;;
	close)
		eval "exec $1>&-"
		shift
		;;
	exec)
		command -v -- "$1" >/dev/null || die "cannot start $1: No such file or directory"
		close_high "$@"
		exec "$@"
		;;
	*) die "usage: $word" ;;
	esac
done
`;
