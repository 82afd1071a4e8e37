/*
 * scull-helper: what JavaScript cannot do, in one small static program. It keeps no state, reads no configuration and
 * decides nothing: every path, map and argument list comes from scull on the command line.
 *
 *   launch  make the namespaces of a container (or of a worker), write its id maps, mount its root, become PROGRAM
 *   keep    start a daemonising program (pasta) and end it exactly when a watched process ends; start a program now and then
 *           while that lives (health checks), another one when it has ended
 *   attach  connect a terminal or pipes to the monitor's attach socket (SOCK_SEQPACKET, conmon's protocol)
 *   exec    run crun exec and stand between its process and the caller's streams
 *   notify  tell the service manager something (sd_notify(3)), a datagram, which JavaScript has no sockets for
 *   watch-reader  wait until nobody reads standard output any more
 *
 * Theory of operation of launch. Three processes take part:
 *
 *     scull ── spawn ──> M ── fork ──> mapper            (stays outside: it has the caller's rights)
 *                        │ unshare(user, mount, …)
 *                        │ ── "unshared" ──> mapper ── newuidmap M … & newgidmap M …   (both at once)
 *                        │ <── status ────── mapper
 *                        │ mounts, optional steps
 *                        └ execve(PROGRAM)               M keeps its pid: the caller waits for and signals PROGRAM
 *
 * With --within, M first joins a user namespace that has all the ids, and its own is made in there: the mapper has all
 * capabilities there and writes the maps itself, without the tools.
 *
 * The maps are written before any execve in M: a program executed earlier would lose its capabilities
 * (user_namespaces(7), "Effect of capabilities within a user namespace"). All mounts live in M's own mount namespace,
 * so the kernel removes them with its last process; nothing is ever left to unmount.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/nsfs.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 0x00000001
struct mount_attr { unsigned long long attr_set, attr_clr, propagation, userns_fd; };
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#define FUSE_MAGIC 0x65735546
#define MAX_STEPS 512
#define MAX_FDS 64

/* Exit statuses of our own, above those that tools of the field use. */
enum { EXIT_SETUP = 119, EXIT_DETACHED = 118, EXIT_OUTPUT_CLOSED = 117 };

/* Where die() writes. */
static int complaints = 2;

#define PROGRAM "scull-helper"
#define COMPLAINTS complaints
#include "program.h"

/* False, with errno, when not everything could be written. */
/*
 * The errno with which what a container wrote was lost on its way to our standard output or error: a full disk, a quota, a limit
 * on the size of files. Told in the end: attach ends with it for its status. A reader that left and a stream that was never open
 * are nothing to tell.
 */
static int lost_output;

static void note_lost_output(void)
{
	if (lost_output == 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		lost_output = errno;
}

static bool write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t done = write(fd, data, length);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				struct pollfd wait = {.fd = fd, .events = POLLOUT};
				poll(&wait, 1, -1);
				continue;
			}
			return false;
		}
		data += done;
		length -= (size_t)done;
	}
	return true;
}

/* --- id maps ---------------------------------------------------------------------------------------------------- */

struct map {
	const char *text; /* "inside:outside:length,…" */
	const char *tool; /* newuidmap or newgidmap */
};

static bool is_single(const char *text)
{
	return strchr(text, ',') == NULL && strlen(text) > 2 && strcmp(text + strlen(text) - 2, ":1") == 0;
}

static int exec_map_tool(const struct map *map, pid_t target)
{
	char *copy = strdup(map->text), *argv[3 * 64 + 3], pid[16];
	int count = 0;
	snprintf(pid, sizeof pid, "%d", target);
	argv[count++] = (char *)map->tool;
	argv[count++] = pid;
	for (char *word = strtok(copy, ":,"); word != NULL && count < 3 * 64 + 2; word = strtok(NULL, ":,"))
		argv[count++] = word;
	argv[count] = NULL;
	execvp(map->tool, argv);
	dprintf(2, "scull-helper: %s: %s\n", map->tool, strerror(errno));
	return 127;
}

static void write_own(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write %s", path);
	close(fd);
}

/* As the kernel takes it, in one write: user_namespaces(7). Of M by who has all capabilities in the namespace around it, and so may map its ids. */
static void write_map(const char *whose, const char *file, const char *map)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/%s/%s", whose, file);
	snprintf(text, sizeof text, "%s", map);
	for (char *c = text; *c != '\0'; c++)
		*c = *c == ':' ? ' ' : *c == ',' ? '\n' : *c;
	write_own(path, text);
}

/* Runs outside the new namespace: both tools at once, or what they do, then one byte back. */
static void __attribute__((noreturn)) mapper(pid_t target, const struct map *uids, const struct map *gids, bool itself, int requests, int answers)
{
	char go;
	if (read(requests, &go, 1) != 1)
		_exit(0); /* M could not unshare and has said so */
	if (itself) {
		char pid[16];
		snprintf(pid, sizeof pid, "%d", target);
		write_map(pid, "uid_map", uids->text);
		write_map(pid, "gid_map", gids->text);
		write_all(answers, "y", 1);
		_exit(0);
	}
	pid_t children[2];
	const struct map *maps[2] = {uids, gids};
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(exec_map_tool(maps[i], target));
	}
	char verdict = 'y';
	for (int i = 0; i < 2; i++) {
		int status;
		if (children[i] < 0 || waitpid(children[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			verdict = 'n';
	}
	write_all(answers, &verdict, 1);
	_exit(0);
}


/* A new network namespace has its loopback down. Failure shows in what uses it, and pasta does the same again. */
static void raise_loopback(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
}

/* `nested`: we have all capabilities in the namespace around the new one, which has all its ids. `keep_ids`: nobody becomes root. */
static void enter_namespaces(int flags, const struct map *uids, const struct map *gids, bool nested, bool keep_groups, bool keep_ids)
{
	bool single = is_single(uids->text) && is_single(gids->text);
	int requests[2], answers[2];
	pid_t self = getpid(), child = -1;
	if (!single) {
		if (pipe2(requests, O_CLOEXEC) < 0 || pipe2(answers, O_CLOEXEC) < 0)
			die("pipe");
		child = fork();
		if (child < 0)
			die("fork");
		if (child == 0) {
			close(requests[1]);
			close(answers[0]);
			mapper(self, uids, gids, nested, requests[0], answers[1]);
		}
		close(requests[0]);
		close(answers[1]);
	}
	if (unshare(CLONE_NEWUSER | flags) < 0)
		die("cannot create a user namespace");
	if (single) {
		/* With one id of our own no privileged tool is needed; the kernel then demands setgroups=deny (user_namespaces(7)). */
		write_own("/proc/self/setgroups", "deny");
		write_map("self", "uid_map", uids->text);
		write_map("self", "gid_map", gids->text);
		return;
	}
	char verdict = 'n';
	write_all(requests[1], "g", 1);
	if (read(answers[0], &verdict, 1) != 1 || verdict != 'y') {
		errno = 0;
		die("cannot map ids");
	}
	close(requests[1]);
	close(answers[0]);
	waitpid(child, NULL, 0);
	/* No supplementary group of the caller comes along unless asked for. */
	if (!keep_groups && setgroups(0, NULL) < 0)
		die("cannot drop supplementary groups");
	if (!keep_ids && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		die("cannot become root of the namespace");
}

/*
 * A container that shares a namespace with another one must live in that one's user namespace, which owns it (setns(2)).
 * Being its owner from outside, we have every capability in it.
 */
static void join_user_namespace(int pid)
{
	int fd = open_namespace(pid, "user");
	if (fd < 0 || setns(fd, CLONE_NEWUSER) < 0)
		die("cannot join the user namespace of process %d", pid);
	close(fd);
}

/* True when the maps of the user namespace that we are in are those of `text`: files show with the owners that the store gave them. */
static bool has_map(const char *file, const char *text)
{
	char now[4096], words[sizeof now] = "";
	unsigned inside, outside, size;
	int used, length = 0;
	if (!read_small(open(file, O_RDONLY | O_CLOEXEC), now, sizeof now))
		return false;
	for (const char *line = now; sscanf(line, "%u %u %u%n", &inside, &outside, &size, &used) == 3; line += used)
		length += snprintf(words + length, sizeof words - (size_t)length, "%s%u:%u:%u", length == 0 ? "" : ",", inside, outside, size);
	return strcmp(words, text) == 0;
}

/* The same for a namespace that no process that we know is in, as behind a bind mount: ioctl_nsfs(2) tells whose it is. */
static void join_owner(const char *path, const struct map *uids, const struct map *gids)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), owner = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
	if (owner < 0)
		die("cannot join the owner of %s", path);
	if (setns(owner, CLONE_NEWUSER) < 0) {
		if (errno != EINVAL)
			die("cannot join the owner of %s", path);
		errno = 0;
		die("cannot join the owner of %s: we are in it", path);
	}
	close(owner);
	close(fd);
	if (has_map("/proc/self/uid_map", uids->text) && has_map("/proc/self/gid_map", gids->text))
		return;
	errno = 0;
	die("cannot join the owner of %s: it has other ids", path);
}

static void make_the_others(int flags)
{
	if (unshare(flags) < 0)
		die("cannot create namespaces");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		die("cannot become root of the namespace");
}

/* --- mounts ----------------------------------------------------------------------------------------------------- */

static void mount_overlay(const char *directory, const char *options, const char *target)
{
	char *where = realpath(target, NULL);
	if (where == NULL)
		die("cannot mount on %s", target);
	/* Lower directories are given relative to `directory`: mount(2) takes one page of options. */
	if (chdir(directory) < 0)
		die("cannot enter %s", directory);
	if (mount("overlay", where, "overlay", 0, options) < 0)
		die("cannot mount overlay on %s", target);
	if (chdir("/") < 0)
		die("cannot enter /");
	free(where);
}

/* fuse-overlayfs in the foreground, ended by the kernel when M ends: mounts that a process serves must not outlive us. */
static void mount_fuse(const char *program, const char *options, const char *target)
{
	pid_t owner = getpid(), child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != owner)
			_exit(1);
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		close_all_but(NULL, 0);
		execlp(program, program, "-f", "-o", options, target, NULL);
		die("cannot start %s", program);
	}
	for (int tries = 0; tries < 10000; tries++) {
		struct statfs fs;
		int status;
		if (statfs(target, &fs) == 0 && (unsigned long)fs.f_type == FUSE_MAGIC)
			return;
		if (waitpid(child, &status, WNOHANG) == child) {
			errno = 0;
			die("%s ended before it had mounted %s", program, target);
		}
		struct timespec pause = {.tv_nsec = 500000};
		nanosleep(&pause, NULL);
	}
	errno = 0;
	die("%s did not mount %s within seconds", program, target);
}

/*
 * crun insists on a pure cgroup v2 mount; where the host has another arrangement (v1, hybrid) our own namespace may
 * still have one: inside it, mounting cgroup2 is permitted.
 */
static void mount_cgroup2(void)
{
	if (mount("none", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		die("cannot mount cgroup2 on /sys/fs/cgroup");
}

/* What is made in it begins a place of its own, where the file system knows such a wish. */
static void set_apart(const char *path)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), flags = 0;
	if (directory < 0)
		die("cannot open %s", path);
	if (ioctl(directory, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_TOPDIR_FL;
		ioctl(directory, FS_IOC_SETFLAGS, &flags);
	}
	close(directory);
}

/* The kernel's own fence around a worker that handles hostile input: nothing but `writable` can be written. */
static void make_read_only(char *const *writable, int count)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	struct mount_attr read_write = {.attr_clr = MOUNT_ATTR_RDONLY};
	for (int i = 0; i < count; i++)
		if (mount(writable[i], writable[i], NULL, MS_BIND, NULL) < 0)
			die("cannot bind %s", writable[i]);
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof read_only) < 0) {
		if (errno == ENOSYS)
			return; /* Linux before 5.12: the confinement by descriptors remains */
		die("cannot make the file system read-only");
	}
	for (int i = 0; i < count; i++)
		if (syscall(SYS_mount_setattr, AT_FDCWD, writable[i], 0, &read_write, sizeof read_write) < 0)
			die("cannot make %s writable", writable[i]);
}

/* --- steps between mounting and PROGRAM ------------------------------------------------------------------------- */

static void run_and_wait(char *const argv[], const char *what)
{
	pid_t child = fork();
	int status;
	if (child < 0)
		die("fork");
	if (child == 0) {
		dup2(2, 1);
		close_all_but(NULL, 0);
		execvp(argv[0], argv);
		die("cannot start %s", argv[0]);
	}
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		errno = 0;
		die("%s failed", what);
	}
}

/*
 * Copies a directory of the container's root into a new volume, with owners, modes and extended attributes. The path is
 * resolved inside the root by the kernel (RESOLVE_IN_ROOT): no link in an image can make us read the host (CVE-2022-23648).
 */
static void fill_volume(const char *root, const char *path, const char *volume)
{
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {.flags = O_PATH | O_DIRECTORY, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	while (*path == '/')
		path++;
	int from = root_fd < 0 ? -1 : (int)syscall(SYS_openat2, root_fd, *path == '\0' ? "." : path, &how, sizeof how);
	if (from < 0) {
		close(root_fd);
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return; /* the image has nothing there */
		die("cannot open %s in the image", path);
	}
	char source[64], place[64];
	snprintf(source, sizeof source, "/proc/self/fd/%d/.", from);
	int to = open(volume, O_PATH | O_DIRECTORY | O_NOFOLLOW);
	if (to < 0)
		die("cannot open volume %s", volume);
	snprintf(place, sizeof place, "/proc/self/fd/%d/", to);
	pid_t child = fork();
	int status;
	if (child == 0) {
		dup2(2, 1);
		execlp("cp", "cp", "-a", "--", source, place, NULL);
		die("cannot start cp");
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		errno = 0;
		die("filling the volume at /%s failed", path);
	}
	close(to);
	close(from);
	close(root_fd);
}

/*
 * Adds lines to a file of the container's root (an entry of /etc/passwd), makes the file where there is none; does nothing
 * where its folder is missing or it is no regular file. Resolved inside the root, as above.
 */
static void append_text(const char *root, const char *path, const char *text)
{
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {.flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, .mode = 0644, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	struct stat info;
	while (*path == '/')
		path++;
	int fd = root_fd < 0 ? -1 : (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
	close(root_fd);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == ELOOP || errno == ENXIO)
			return;
		die("cannot open /%s in the image", path);
	}
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write /%s in the container", path);
	close(fd);
}

/*
 * Binds a path inside `base` on `target`, opened beneath it: a link in a volume can't lead to the host (CVE-2021-25741).
 * The target is made here, a directory or an empty file, in a folder of ours that no container sees.
 */
static void bind_beneath(const char *base, const char *path, const char *target)
{
	int base_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	struct stat info;
	char source[64];
	while (*path == '/')
		path++;
	int fd = base_fd < 0 ? -1 : (int)syscall(SYS_openat2, base_fd, *path == '\0' ? "." : path, &how, sizeof how);
	if (fd < 0 || fstat(fd, &info) < 0)
		die("cannot open the subpath %s of %s", path, base);
	if (S_ISDIR(info.st_mode))
		mkdir(target, 0700);
	else {
		int made = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		if (made >= 0)
			close(made);
	}
	snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		die("cannot bind the subpath %s of %s", path, base);
	close(fd);
	close(base_fd);
}

/*
 * A program that cannot be written where it is run: crun then does without copying itself into memory and starting anew from
 * there, which keeps containers from overwriting it (CVE-2019-5736). Where this does not work, it copies itself.
 */
static void protect(const char *program)
{
	struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	if (mount(program, program, NULL, MS_BIND, NULL) == 0)
		(void)syscall(SYS_mount_setattr, AT_FDCWD, program, 0, &read_only, sizeof read_only);
}

/* --- cgroups ---------------------------------------------------------------------------------------------------- */

static bool write_in(int directory, const char *file, const char *text)
{
	int fd = openat(directory, file, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return done;
}

/* Those that are there, all at once: each time costs as much. One that can't be handed on must not keep back the others. */
static void hand_controllers_on(int own)
{
	char names[1024], wish[2048] = "";
	if (!read_small(openat(own, "cgroup.controllers", O_RDONLY | O_CLOEXEC), names, sizeof names))
		return;
	for (char *name = strtok(names, " \n"); name != NULL; name = strtok(NULL, " \n"))
		snprintf(wish + strlen(wish), sizeof wish - strlen(wish), "+%s ", name);
	if (write_in(own, "cgroup.subtree_control", wish))
		return;
	for (char *word = strtok(wish, " "); word != NULL; word = strtok(NULL, " "))
		(void)write_in(own, "cgroup.subtree_control", word);
}

/* By now a process may have ended, or a manager may have moved it elsewhere, where it is to stay. */
static bool is_still_in(const char *pid, const char *cgroup)
{
	char file[64], text[8192];
	snprintf(file, sizeof file, "/proc/%s/cgroup", pid);
	if (!read_small(open(file, O_RDONLY | O_CLOEXEC), text, sizeof text))
		return false;
	char *line = strstr(text, "0::");
	size_t length = line == NULL ? 0 : strcspn(line + 3, "\n"), known = strlen(cgroup);
	return length > 0 && length < known && strncmp(cgroup + known - length, line + 3, length) == 0;
}

/*
 * Divides a cgroup: the processes in it go into its child `supervisor`, its controllers are handed on to its children, of which the
 * container's will be another (cgroups(7), "no internal processes"). What is started there meanwhile goes in the next round.
 */
static void divide_cgroup(const char *path)
{
	char pids[1 << 16];
	const int patience = 3000; /* milliseconds, at least */
	int round = 0, refusal = 0, own = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own < 0 || (mkdirat(own, "supervisor", 0755) < 0 && errno != EEXIST))
		die("cannot divide the cgroup %s", path);
	/* One that is ending is listed until it gets to it. What then still is there keeps controllers back: crun says for which limit. */
	for (; round < patience && read_small(openat(own, "cgroup.procs", O_RDONLY | O_CLOEXEC), pids, sizeof pids); round++) {
		bool moved = false;
		for (char *pid = strtok(pids, "\n"); pid != NULL; pid = strtok(NULL, "\n")) {
			if (!is_still_in(pid, path))
				continue;
			if (write_in(own, "supervisor/cgroup.procs", pid))
				moved = true;
			else if (errno != ESRCH)
				refusal = errno;
		}
		if (!moved)
			poll(NULL, 0, 1);
	}
	if (round == patience && refusal != 0) {
		errno = refusal;
		die("cannot move processes out of the cgroup %s", path);
	}
	hand_controllers_on(own);
	close(own);
}

/*
 * The first move of a process between cgroups waits for all processors, 10 to 20 ms (the kernel's cgroup_threadgroup_rwsem): a process
 * of its own does that while the namespaces are made and the container is prepared.
 */
static pid_t begin_division(const char *path)
{
	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		divide_cgroup(path);
		_exit(0);
	}
	return child;
}

static void finish_division(pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		_exit(EXIT_SETUP); /* which it has explained */
}

/* --- launch ----------------------------------------------------------------------------------------------------- */

static void perform(int count, char **words)
{
	/* Each step is a word with its own fixed number of arguments; they run in the order given. */
	for (int i = 0; i < count;) {
		const char *step = words[i];
		int left = count - i - 1;
		char **arg = words + i + 1;
		if (strcmp(step, "overlay") == 0 && left >= 3) {
			mount_overlay(arg[0], arg[1], arg[2]);
			i += 4;
		} else if (strcmp(step, "fuse") == 0 && left >= 3) {
			mount_fuse(arg[0], arg[1], arg[2]);
			i += 4;
		} else if (strcmp(step, "fill") == 0 && left >= 3) {
			fill_volume(arg[0], arg[1], arg[2]);
			i += 4;
		} else if (strcmp(step, "beneath") == 0 && left >= 3) {
			bind_beneath(arg[0], arg[1], arg[2]);
			i += 4;
		} else if (strcmp(step, "append") == 0 && left >= 3) {
			append_text(arg[0], arg[1], arg[2]);
			i += 4;
		} else if (strcmp(step, "bind") == 0 && left >= 2) {
			if (mount(arg[0], arg[1], NULL, MS_BIND | MS_REC, NULL) < 0)
				die("cannot bind %s on %s", arg[0], arg[1]);
			i += 3;
		} else if (strcmp(step, "chown") == 0 && left >= 2) {
			char *argv[] = {"chown", "-R", "-h", "--", arg[0], arg[1], NULL};
			run_and_wait(argv, "changing the owner of a mount");
			i += 3;
		} else if (strcmp(step, "protect") == 0 && left >= 1) {
			protect(arg[0]);
			i += 2;
		} else if (strcmp(step, "cgroup2") == 0) {
			mount_cgroup2();
			i += 1;
		} else
			usage(step);
	}
}

/*
 * The rest of the command line, for a caller that does not know it yet when it wants the namespaces made: words with a NUL
 * after each, steps first, then "--", then PROGRAM. Ends with the caller: no words, no launch.
 */
static char **read_rest(int fd, char **steps, int *step_count)
{
	size_t size = 1 << 16, length = 0;
	char *text = malloc(size);
	while (true) {
		ssize_t done = read(fd, text + length, size - length - 1);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			die("cannot read the rest of the command line");
		if (done == 0)
			break;
		length += (size_t)done;
		if (length + 1 >= size)
			text = realloc(text, size *= 2);
	}
	close(fd);
	if (length == 0 || text[length - 1] != '\0')
		_exit(EXIT_SETUP);
	char **program = calloc(length + 1, sizeof *program);
	int count = 0;
	bool is_step = true;
	for (char *word = text; word < text + length; word += strlen(word) + 1) {
		if (is_step && strcmp(word, "--") == 0)
			is_step = false;
		else if (!is_step)
			program[count++] = word;
		else if (*step_count < MAX_STEPS)
			steps[(*step_count)++] = word;
		else
			usage("too many steps");
	}
	if (count == 0)
		usage("no program in the rest of the command line");
	return program;
}

static int launch(int argc, char **argv)
{
	struct map uids = {.tool = "newuidmap"}, gids = {.tool = "newgidmap"};
	char *writable[16], *steps[MAX_STEPS];
	int writable_count = 0, step_count = 0, keep[MAX_FDS], keep_count = 0, ready = -1, flags = CLONE_NEWNS, i;
	bool keep_groups = false, keep_ids = false, inside = false;
	int rest = -1;
	const char *join = NULL, *divide = NULL, *within = NULL;
	for (i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		const char *option = argv[i];
		if (strcmp(option, "--net") == 0)
			flags |= CLONE_NEWNET;
		else if (strcmp(option, "--cgroup") == 0)
			flags |= CLONE_NEWCGROUP;
		else if (strcmp(option, "--keep-groups") == 0)
			keep_groups = true;
		else if (strcmp(option, "--keep-ids") == 0)
			keep_ids = true;
		else if (strcmp(option, "--inside") == 0)
			inside = true;
		else if (i + 1 >= argc)
			usage(option);
		else if (strcmp(option, "--uid-map") == 0)
			uids.text = argv[++i];
		else if (strcmp(option, "--gid-map") == 0)
			gids.text = argv[++i];
		else if (strcmp(option, "--join-user") == 0)
			join = argv[++i];
		else if (strcmp(option, "--within") == 0)
			within = argv[++i];
		else if (strcmp(option, "--divide") == 0)
			divide = argv[++i];
		else if (strcmp(option, "--ready-fd") == 0)
			ready = number(argv[++i]);
		else if (strcmp(option, "--rest-from") == 0)
			rest = number(argv[++i]);
		else if (strcmp(option, "--keep-fd") == 0 && keep_count < MAX_FDS)
			keep[keep_count++] = number(argv[++i]);
		else if (strcmp(option, "--writable") == 0 && writable_count < 16)
			writable[writable_count++] = argv[++i];
		else if (strcmp(option, "--apart") == 0)
			set_apart(argv[++i]);
		else if (strcmp(option, "--step") == 0 && step_count < MAX_STEPS)
			steps[step_count++] = argv[++i];
		else
			usage(option);
	}
	if ((i + 1 >= argc) != (rest >= 0) || uids.text == NULL || gids.text == NULL)
		usage("launch --uid-map MAP --gid-map MAP [OPTION …] -- PROGRAM [ARG …]");
	char **program = argv + i + 1;

	reset_signals();
	pid_t division = divide == NULL ? -1 : begin_division(divide);
	if (inside)
		make_the_others(flags); /* we are root of a user namespace that has the ids already */
	else if (join == NULL) {
		if (within != NULL)
			join_user_namespace(number(within));
		enter_namespaces(flags, &uids, &gids, within != NULL, keep_groups, keep_ids);
	} else {
		if (join[0] == '/')
			join_owner(join, &uids, &gids);
		else
			join_user_namespace(number(join));
		make_the_others(flags);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		die("cannot make mounts private");
	if ((flags & CLONE_NEWNET) != 0)
		raise_loopback();
	/* Whoever joins our namespaces (pasta) need not wait for the mounts. */
	if (ready >= 0) {
		write_all(ready, "n\n", 2);
		bool kept = false;
		for (int n = 0; n < keep_count; n++)
			kept = kept || keep[n] == ready;
		if (!kept)
			close(ready);
	}
	if (rest >= 0)
		program = read_rest(rest, steps, &step_count);
	perform(step_count, steps);
	if (writable_count > 0)
		make_read_only(writable, writable_count);
	if (division >= 0)
		finish_division(division);
	close_all_but(keep, keep_count);
	execvp(program[0], program);
	die("cannot start %s", program[0]);
}

/* --- keep ------------------------------------------------------------------------------------------------------- */

static pid_t read_pid_file(const char *path)
{
	char text[32];
	return read_small(open(path, O_RDONLY | O_CLOEXEC), text, sizeof text) ? (pid_t)atoi(text) : -1;
}

static int run_daemon(char **program)
{
	pid_t child = fork();
	int status;
	if (child < 0)
		die("fork");
	if (child == 0) {
		close_all_but(NULL, 0);
		execvp(program[0], program);
		die("cannot start %s", program[0]);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct keeper {
	int watch;		 /* pidfd of the watched process */
	int target;		 /* process whose namespaces the daemon joins, or -1 */
	const char *pid_file;	 /* written by the daemon */
	const char *subject;	 /* THEN runs only while this path exists */
	int unless;		 /* process that does THEN's work itself, or -1 */
	unsigned long long unless_start;
	long long pause;	 /* milliseconds until CHECK is started, -1 for never */
	char **check, **then, **program;
};

/*
 * The first process of a container that has not been started yet can't be looked at from the user namespace inside, which
 * the daemon has joined by the time it wants the network namespace. So a process of ours in that user namespace, without any
 * rights there, holds both open, and the daemon gets their paths in its /proc entry.
 */
static pid_t hold_namespaces(int target, int *user_fd, int *net_fd)
{
	char path[64], ready;
	int done[2];
	snprintf(path, sizeof path, "/proc/%d/ns/user", target);
	*user_fd = open(path, O_RDONLY);
	snprintf(path, sizeof path, "/proc/%d/ns/net", target);
	*net_fd = open(path, O_RDONLY);
	if (*user_fd < 0 || *net_fd < 0 || pipe2(done, O_CLOEXEC) < 0)
		die("cannot open the namespaces of process %d", target);
	pid_t owner = getpid(), holder = fork();
	if (holder < 0)
		die("fork");
	if (holder == 0) {
		struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct none[2] = {0};
		if (setns(*user_fd, CLONE_NEWUSER) < 0 || syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
			die("cannot join the user namespace of process %d", target);
		/* After the change of credentials, which would clear it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != owner)
			_exit(1);
		int keep[] = {*user_fd, *net_fd, done[1]};
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close_all_but(keep, 3);
		write_all(done[1], "h", 1);
		close(done[1]);
		for (;;)
			pause();
	}
	close(done[1]);
	if (read(done[0], &ready, 1) != 1) {
		errno = 0;
		die("cannot hold the namespaces of process %d", target);
	}
	close(done[0]);
	return holder;
}

static char **with_namespaces(char **program, int target)
{
	static char user[64], net[64];
	int count = 0, user_fd, net_fd;
	pid_t holder = hold_namespaces(target, &user_fd, &net_fd);
	while (program[count] != NULL)
		count++;
	char **argv = calloc((size_t)count + 5, sizeof *argv);
	memcpy(argv, program, (size_t)count * sizeof *argv);
	snprintf(user, sizeof user, "/proc/%d/fd/%d", holder, user_fd);
	snprintf(net, sizeof net, "/proc/%d/fd/%d", holder, net_fd);
	argv[count++] = "--userns";
	argv[count++] = user;
	argv[count++] = "--netns";
	argv[count++] = net;
	close(user_fd);
	close(net_fd);
	return argv;
}

static void wait_readable(int fd)
{
	struct pollfd event = {.fd = fd, .events = POLLIN};
	while (poll(&event, 1, -1) < 0 && errno == EINTR)
		;
}

/* Waits for the end of a process that was started at that time; returns at once for any other. */
static void wait_for_process(int pid, unsigned long long start)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0)
		return;
	if (start_time(pid) == start)
		wait_readable(process);
	close(process);
}

/* Waits, milliseconds or (-1) for ever. True when one of the descriptors can be read; `second` may be -1. */
static bool wait_until(int first, int second, long long milliseconds)
{
	struct pollfd events[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long long end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + milliseconds;
	while (true) {
		long long left = -1;
		if (milliseconds >= 0) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			left = end - (now.tv_sec * 1000LL + now.tv_nsec / 1000000);
			if (left < 0)
				left = 0;
		}
		int ready = poll(events, 2, left > 0x7fffffff ? 0x7fffffff : (int)left);
		if (ready > 0)
			return true;
		if (ready == 0 && left <= 0x7fffffff)
			return false;
	}
}

static bool is_readable(int fd)
{
	struct pollfd event = {.fd = fd, .events = POLLIN};
	return poll(&event, 1, 0) > 0;
}

/* A check that is under way when the watched process ends may be what ended it, in order to start it anew: it is left alone. */
static pid_t checking = -1;

/*
 * Runs CHECK, which answers with the milliseconds until it wants to be run again; anything else means never.
 */
static long long run_check(const struct keeper *keeper)
{
	char text[32] = "";
	size_t length = 0;
	int answer[2];
	if (pipe2(answer, O_CLOEXEC) < 0)
		return -1;
	checking = fork();
	if (checking == 0) {
		int keep[] = {1};
		signal(SIGCHLD, SIG_DFL);
		dup2(answer[1], 1);
		close_all_but(keep, 1);
		execvp(keeper->check[0], keeper->check);
		_exit(127);
	}
	close(answer[1]);
	while (checking > 0 && length < sizeof text - 1) {
		wait_until(keeper->watch, answer[0], -1);
		if (!is_readable(answer[0]))
			break; /* the watched process has ended */
		ssize_t done = read(answer[0], text + length, sizeof text - 1 - length);
		if (done <= 0)
			break;
		length += (size_t)done;
	}
	close(answer[0]);
	if (checking < 0 || is_readable(keeper->watch))
		return -1;
	waitpid(checking, NULL, 0);
	checking = -1;
	char *end;
	long long pause = strtoll(text, &end, 10);
	return end == text || *end != '\n' || pause < 0 ? -1 : pause;
}

/*
 * Until the watched process has ended; what other children end meanwhile the kernel takes note of, at once: one of a check that lost its
 * own parent would else keep the container from ending, whose first process waits for all of them (pid_namespaces(7)).
 */
static void watch_and_check(const struct keeper *keeper)
{
	long long pause = keeper->check == NULL ? -1 : keeper->pause;
	signal(SIGCHLD, SIG_IGN);
	while (!wait_until(keeper->watch, -1, pause))
		pause = run_check(keeper);
	signal(SIGCHLD, SIG_DFL);
}

/* The daemon, by whatever pid it goes now: as its subreaper we are its parent. */
static void end_children(void)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	if (!read_small(open(path, O_RDONLY | O_CLOEXEC), text, sizeof text))
		return;
	for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n"))
		if ((pid_t)atoi(word) != checking)
			kill((pid_t)atoi(word), SIGTERM);
}

static int watch_over(const struct keeper *keeper, int report)
{
	int daemon = -1;
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (keeper->program != NULL && keeper->program[0] != NULL) {
		char **program = keeper->target < 0 ? keeper->program : with_namespaces(keeper->program, keeper->target);
		unsigned char status = (unsigned char)run_daemon(program);
		if (status != 0) {
			write_all(report, (char *)&status, 1);
			return status;
		}
		pid_t pid = keeper->pid_file == NULL ? -1 : read_pid_file(keeper->pid_file);
		daemon = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	}
	write_all(report, "\0", 1);
	close(report);
	let_go();
	forget_program();
	watch_and_check(keeper);
	if (daemon >= 0)
		syscall(SYS_pidfd_send_signal, daemon, SIGTERM, NULL, 0);
	end_children();
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (keeper->then == NULL || keeper->then[0] == NULL)
		return 0;
	/* The command that started the container removes it itself while it lives. */
	if (keeper->unless > 0)
		wait_for_process(keeper->unless, keeper->unless_start);
	if (keeper->subject != NULL && access(keeper->subject, F_OK) < 0)
		return 0;
	close_all_but(NULL, 0);
	execvp(keeper->then[0], keeper->then);
	return EXIT_SETUP;
}

/*
 * Starts PROGRAM, which daemonises when it is ready and leaves its pid in a file; returns then, with its exit status. A tiny
 * process stays behind and sleeps until the watched process ends, then ends the daemon, and then becomes THEN if one is
 * given: exact also when the watched process is killed, without anything of ours polling. Until then it starts CHECK, first after
 * MILLISECONDS, then as CHECK says (see run_check).
 */
static int keep(int argc, char **argv)
{
	struct keeper keeper = {.watch = -1, .target = -1, .unless = -1, .pause = -1};
	int i, report[2];
	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--watch") == 0 && i + 1 < argc)
			keeper.watch = number(argv[++i]);
		else if (strcmp(argv[i], "--target") == 0 && i + 1 < argc)
			keeper.target = number(argv[++i]);
		else if (strcmp(argv[i], "--pid-file") == 0 && i + 1 < argc)
			keeper.pid_file = argv[++i];
		else if (strcmp(argv[i], "--if-exists") == 0 && i + 1 < argc)
			keeper.subject = argv[++i];
		else if (strcmp(argv[i], "--check-after") == 0 && i + 2 < argc) {
			/* MILLISECONDS and the words up to the next lone "--" */
			keeper.pause = number(argv[++i]);
			keeper.check = argv + ++i;
			while (i + 1 < argc && strcmp(argv[i + 1], "--") != 0)
				i++;
			if (i + 1 < argc)
				argv[++i] = NULL;
		} else if (strcmp(argv[i], "--unless-alive") == 0 && i + 1 < argc) {
			if (sscanf(argv[++i], "%d:%llu", &keeper.unless, &keeper.unless_start) != 2)
				usage("--unless-alive PID:START");
		} else if (strcmp(argv[i], "--") == 0) {
			keeper.program = argv + i + 1;
			break;
		} else if (strcmp(argv[i], "--then") == 0) {
			/* The words up to the next lone "--" */
			keeper.then = argv + i + 1;
			while (i + 1 < argc && strcmp(argv[i + 1], "--") != 0)
				i++;
			if (i + 1 < argc) {
				argv[i + 1] = NULL;
				if (i + 2 < argc)
					keeper.program = argv + i + 2;
				break;
			}
		} else
			usage(argv[i]);
	}
	if (keeper.watch < 0)
		usage("keep --watch PID [--target PID] [--pid-file FILE] [--unless-alive PID:START] [--if-exists PATH] [--check-after MILLISECONDS CHECK … --] [--then PROGRAM …] [-- DAEMON …]");
	reset_signals();
	keeper.watch = (int)syscall(SYS_pidfd_open, keeper.watch, 0);
	if (keeper.watch < 0)
		die("cannot watch the process");
	int keep_fds[] = {keeper.watch};
	close_all_but(keep_fds, 1);
	if (pipe2(report, O_CLOEXEC) < 0)
		die("pipe");
	pid_t watcher = fork();
	if (watcher < 0)
		die("fork");
	if (watcher == 0) {
		close(report[0]);
		_exit(watch_over(&keeper, report[1]));
	}
	close(report[1]);
	unsigned char status = EXIT_SETUP;
	while (read(report[0], &status, 1) < 0 && errno == EINTR)
		;
	return status;
}

/* --- attach ----------------------------------------------------------------------------------------------------- */

static struct termios saved_terminal;
static bool terminal_changed;
static volatile sig_atomic_t resized = 1;

static void restore_terminal(void)
{
	if (terminal_changed)
		tcsetattr(0, TCSADRAIN, &saved_terminal);
	terminal_changed = false;
}

static void on_resize(int signal_number)
{
	(void)signal_number;
	resized = 1;
}

/*
 * What reaches our whole process group scull passes on, or not; it is not for us to end then. Only scull itself ends us, or the
 * terminal.
 */
static pid_t parent;

static void end_by(int signal_number)
{
	sigset_t this;
	restore_terminal();
	signal(signal_number, SIG_DFL);
	sigemptyset(&this);
	sigaddset(&this, signal_number);
	sigprocmask(SIG_UNBLOCK, &this, NULL);
	raise(signal_number);
}

static void on_end(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	bool hung_up = signal_number == SIGHUP && terminal_changed;
	if (!hung_up && (info->si_code > 0 || info->si_pid != parent))
		return;
	end_by(signal_number);
}

/* SIGWINCH is let through only while waiting, so that none comes between looking at the size and waiting for the next. */
static void watch_window_size(void)
{
	struct sigaction on_winch = {.sa_handler = on_resize};
	sigset_t winch;
	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, NULL);
	sigaction(SIGWINCH, &on_winch, NULL);
}

static int wait_for_events(struct pollfd *events, int count, int milliseconds)
{
	struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
	sigset_t none;
	sigemptyset(&none);
	return ppoll(events, (nfds_t)count, milliseconds < 0 ? NULL : &limit, &none);
}

/* The terminal that shows our output, or else the one we read from. */
static bool window_size(struct winsize *size)
{
	return ioctl(isatty(1) ? 1 : 0, TIOCGWINSZ, size) == 0 && size->ws_row != 0;
}

static void make_terminal_raw(void)
{
	struct termios raw;
	if (tcgetattr(0, &saved_terminal) < 0)
		return;
	raw = saved_terminal;
	cfmakeraw(&raw);
	terminal_changed = true;
	if (tcsetattr(0, TCSANOW, &raw) < 0)
		terminal_changed = false;
}

/* Every way we can be made to end gives the terminal back as it was; also when scull itself is killed. */
static void end_with_parent(void)
{
	const int ending[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct sigaction action = {.sa_sigaction = on_end, .sa_flags = SA_SIGINFO};
	parent = getppid();
	for (unsigned i = 0; i < sizeof ending / sizeof *ending; i++)
		sigaction(ending[i], &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* conmon's control FIFO: "1 ROWS COLUMNS\n" sets the window size. */
static void send_window_size(const char *control)
{
	struct winsize size;
	if (control == NULL || !window_size(&size))
		return;
	int fd = open(control, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "1 %d %d\n", size.ws_row, size.ws_col);
	close(fd);
}

struct detach_keys {
	unsigned char keys[32];
	int length, matched;
};

/*
 * Looks for the detach sequence, also across reads. Bytes of a sequence that did not complete are passed on.
 * Returns true when the sequence is complete; *out then holds what came before it.
 */
static bool filter_input(struct detach_keys *detach, const char *in, ssize_t length, char *out, size_t *out_length)
{
	size_t count = 0;
	for (ssize_t i = 0; i < length; i++) {
		if (detach->length > 0 && (unsigned char)in[i] == detach->keys[detach->matched]) {
			if (++detach->matched == detach->length) {
				*out_length = count;
				return true;
			}
			continue;
		}
		for (int m = 0; m < detach->matched; m++)
			out[count++] = (char)detach->keys[m];
		detach->matched = 0;
		if (detach->length > 0 && (unsigned char)in[i] == detach->keys[0]) {
			detach->matched = 1;
			if (detach->length == 1) {
				*out_length = count;
				return true;
			}
			continue;
		}
		out[count++] = in[i];
	}
	*out_length = count;
	return false;
}

/* The monitor may still be making its socket: tries again for `patience` milliseconds. */
static int connect_attach_socket(const char *path, int patience)
{
	/* Relative to its directory: a socket address holds 107 bytes, paths of homes may be longer. */
	char *directory = strdup(path), *slash = strrchr(directory, '/');
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (slash == NULL)
		usage(path);
	*slash = '\0';
	int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (chdir(directory) < 0)
		die("cannot enter %s", directory);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", slash + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timespec pause = {.tv_nsec = 500000};
	while (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		if (fd < 0 || patience <= 0 || (errno != ENOENT && errno != ECONNREFUSED && errno != EAGAIN))
			die("cannot attach to %s", path);
		nanosleep(&pause, NULL);
		patience--;
	}
	if (back >= 0 && fchdir(back) < 0)
		die("cannot return to the working directory");
	free(directory);
	return fd;
}

static void parse_hex(const char *text, struct detach_keys *detach)
{
	for (detach->length = 0; text[0] != '\0' && text[1] != '\0' && detach->length < 32; text += 2) {
		unsigned value;
		if (sscanf(text, "%2x", &value) != 1)
			usage("--detach-keys HEX");
		detach->keys[detach->length++] = (unsigned char)value;
	}
}

/*
 * Until `path` is there or the monitor has ended without it. The monitor writes the exit code just before its end, which takes
 * milliseconds more: its namespaces and all mounts in them go with it. (Closing an inotify descriptor takes longer still.)
 */
static void wait_for_exit_code(const char *path, int monitor)
{
	struct pollfd end = {.fd = monitor, .events = POLLIN};
	struct timespec pause = {.tv_nsec = 50000};
	while (monitor >= 0 && access(path, F_OK) < 0 && ppoll(&end, 1, &pause, NULL) == 0)
		if (pause.tv_nsec < 10000000)
			pause.tv_nsec *= 2;
}

static int attach(int argc, char **argv)
{
	const char *socket_path = NULL, *control = NULL, *exit_code = NULL;
	int monitor = -1;
	bool want_input = false, tty = false;
	int ready = -1, patience = 0;
	struct detach_keys detach = {.length = 0};
	bool show[4] = {false, true, true, true};
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--stdin") == 0)
			want_input = true;
		else if (strcmp(argv[i], "--tty") == 0)
			tty = true;
		else if (strcmp(argv[i], "--no-stdout") == 0)
			show[2] = false;
		else if (strcmp(argv[i], "--no-stderr") == 0)
			show[3] = false;
		else if (i + 1 >= argc)
			usage(argv[i]);
		else if (strcmp(argv[i], "--socket") == 0)
			socket_path = argv[++i];
		else if (strcmp(argv[i], "--control") == 0)
			control = argv[++i];
		else if (strcmp(argv[i], "--ready-fd") == 0)
			ready = number(argv[++i]);
		else if (strcmp(argv[i], "--patience") == 0)
			patience = 2 * number(argv[++i]);
		else if (strcmp(argv[i], "--exit-code") == 0)
			exit_code = argv[++i];
		else if (strcmp(argv[i], "--monitor") == 0)
			monitor = (int)syscall(SYS_pidfd_open, number(argv[++i]), 0);
		else if (strcmp(argv[i], "--detach-keys") == 0)
			parse_hex(argv[++i], &detach);
		else
			usage(argv[i]);
	}
	if (socket_path == NULL || (exit_code != NULL && exit_code[0] != '/'))
		usage("attach --socket PATH [OPTION …]");
	int fd = connect_attach_socket(socket_path, patience);
	if (ready >= 0) {
		write_all(ready, "a", 1);
		close(ready);
	}
	signal(SIGPIPE, SIG_IGN);
	if (tty)
		watch_window_size();
	end_with_parent();
	signal(SIGTSTP, SIG_IGN);
	if (tty && want_input && isatty(0))
		make_terminal_raw();
	/* A terminal knows no end of input but a key, which a program that changes the terminal's mode just then loses. */
	int end_keys = 0, end_delay = 100;
	/* Of several sizes that conmon (2.1) reads at once it takes the first: the last one is told again when it is alone. */
	int size_repeats = 0, size_delay = 0;
	static char in[8192], out[8192 + 64], packet[8192 + 1];
	struct pollfd events[2] = {{.fd = fd, .events = POLLIN}, {.fd = want_input ? 0 : -1, .events = POLLIN}};
	int result = 0;
	while (true) {
		if (tty && resized) {
			resized = 0;
			send_window_size(control);
			size_repeats = 3;
			size_delay = 30;
		}
		int happened = wait_for_events(events, 2, size_repeats > 0 ? size_delay : end_keys > 0 ? end_delay : -1);
		if (happened < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (happened == 0 && size_repeats > 0) {
			send_window_size(control);
			size_repeats--;
			size_delay *= 4;
		} else if (happened == 0) {
			send(fd, "\4", 1, MSG_NOSIGNAL);
			end_keys--;
			end_delay *= 2;
		}
		if (events[0].revents != 0) {
			ssize_t length = recv(fd, packet, sizeof packet, 0);
			if (length < 0 && (errno == EINTR || errno == EAGAIN))
				continue;
			if (length <= 0)
				break;
			int stream = packet[0] == 3 ? 3 : 2;
			if (show[stream] && length > 1) {
				if (!write_all(stream - 1, packet + 1, (size_t)length - 1)) {
					if (errno == EPIPE) {
						result = EXIT_OUTPUT_CLOSED;
						break;
					}
					note_lost_output();
				}
			}
			continue; /* output first: what is there is shown before more input is taken */
		}
		if (events[1].revents != 0) {
			ssize_t length = read(0, in, sizeof in);
			if (length < 0 && (errno == EINTR || errno == EAGAIN))
				continue;
			if (length <= 0) {
				if (tty) {
					send(fd, "\4", 1, MSG_NOSIGNAL);
					end_keys = 5;
				} else
					shutdown(fd, SHUT_WR);
				events[1].fd = -1;
				continue;
			}
			size_t count;
			bool leave = filter_input(&detach, in, length, out, &count);
			if (count > 0 && send(fd, out, count, MSG_NOSIGNAL) < 0)
				events[1].fd = -1;
			if (leave) {
				result = EXIT_DETACHED;
				break;
			}
		}
	}
	restore_terminal();
	if (result == 0 && exit_code != NULL)
		wait_for_exit_code(exit_code, monitor);
	return result == 0 ? lost_output : result;
}

/* --- exec ------------------------------------------------------------------------------------------------------- */

/*
 * The process never gets a descriptor of the caller's: through one of a terminal it could read what is typed later, and one of
 * a file can be opened again for writing through /proc/self/fd. It gets pipes, or a terminal of its own, and we copy.
 *
 *     caller's 0 ── pump ──> pipe ──> process ──> pipes ── us ──> caller's 1, 2           without a terminal
 *     caller's 0, 1 <── us ──> master of a pseudo-terminal, which crun hands us           with one
 *
 * crun says why it could not start the command on the same stderr, and ends with a status of its own. Scull wants to tell that
 * from the command's own words and status: crun writes its errors to a log file as well, and what comes before the command
 * was executed is held back, and dropped if it was crun's.
 */
struct session {
	char **program;	     /* crun exec … */
	pid_t runtime;	     /* crun */
	int runtime_fd;	     /* pidfd of it, readable at its end */
	const char *log;     /* crun's errors */
	const char *pid_file; /* the process's pid, written by crun once everything but its execve has worked */
	bool tty, want_input, background;
	int preserved;
	bool started;	     /* the command was executed: nothing is held back any more */
	char held[65536];
	size_t held_length;
	int held_for;
	int master, listener;
	char console[4096];
	struct detach_keys detach;
};

enum progress { UNKNOWN, IN_RUNTIME, EXECUTED };

/* Whether the process is still crun, by its command line. */
static enum progress look_at_process(const struct session *session)
{
	char path[64], words[4096];
	pid_t pid = read_pid_file(session->pid_file);
	if (pid <= 0)
		return UNKNOWN;
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* ended, or hidden from us (proc(5), hidepid) */
		return EXECUTED;
	ssize_t length = read(fd, words, sizeof words), at = 0;
	close(fd);
	if (length <= 0) /* ended */
		return EXECUTED;
	for (char **word = session->program; *word != NULL && at < length; word++) {
		size_t size = strlen(*word) + 1;
		if (size > (size_t)(length - at))
			size = (size_t)(length - at);
		if (memcmp(words + at, *word, size) != 0)
			return EXECUTED;
		at += (ssize_t)size;
	}
	return IN_RUNTIME;
}

static bool runtime_complained(const struct session *session)
{
	struct stat info;
	return stat(session->log, &info) == 0 && info.st_size > 0;
}

static bool write_output(int to, const char *data, size_t length)
{
	if (write_all(to, data, length))
		return true;
	note_lost_output();
	return false;
}

static bool show_held(struct session *session)
{
	session->started = true;
	return session->held_length == 0 || write_output(session->held_for, session->held, session->held_length);
}

/* False when nobody reads our output any more. */
static bool show_output(struct session *session, int to, const char *data, size_t length)
{
	if (!session->started && length <= sizeof session->held - session->held_length) {
		memcpy(session->held + session->held_length, data, length);
		session->held_length += length;
		session->held_for = to;
		return look_at_process(session) != EXECUTED || runtime_complained(session) || show_held(session);
	}
	return (session->started || show_held(session)) && write_output(to, data, length);
}

/* Copies what there is. Returns false when `from` will give nothing more, or nobody wants it. */
static bool copy_output(struct session *session, int from, int to, bool hold)
{
	static char data[65536];
	while (true) {
		ssize_t length = read(from, data, sizeof data);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return true;
		if (length <= 0)
			return false;
		if (!(hold ? show_output(session, to, data, (size_t)length) : write_output(to, data, (size_t)length)))
			return false;
	}
}

/* Passes standard input on. A process of its own, so that neither direction ever waits for the other. */
static pid_t start_pump(int to)
{
	static char data[65536];
	pid_t owner = getpid(), pump = fork();
	if (pump < 0)
		die("fork");
	if (pump > 0)
		return pump;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != owner)
		_exit(0);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	close_all_but(&to, 1);
	while (true) {
		ssize_t length = read(0, data, sizeof data);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0 || !write_all(to, data, (size_t)length))
			_exit(0);
	}
}

/* Where crun hands us the terminal. The path is made short for sockaddr_un by way of /proc. */
static int listen_for_console(struct session *session, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *slash = strrchr(path, '/');
	if (slash == NULL || (size_t)snprintf(session->console, sizeof session->console, "%s", path) >= sizeof session->console)
		usage("--console PATH");
	char *directory = strndup(path, (size_t)(slash - path));
	int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%.80s", parent, slash + 1);
	if (parent < 0 || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
		die("cannot make the console socket %s", path);
	close(parent);
	free(directory);
	return fd;
}

static void pass_window_size(const struct session *session)
{
	struct winsize size;
	if (window_size(&size))
		ioctl(session->master, TIOCSWINSZ, &size);
}

/*
 * runc's protocol: one message with the master's descriptor in SCM_RIGHTS. The process may already run: crun tells it to go on,
 * then sets the size it was told, then sends the master. Whatever the size is now is set before anything else.
 */
static void take_console(struct session *session)
{
	int connection = accept4(session->listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return;
	char byte[128];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {.iov_base = byte, .iov_len = sizeof byte};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t length;
	while ((length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	struct cmsghdr *header = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
		memcpy(&session->master, CMSG_DATA(header), sizeof session->master);
		pass_window_size(session);
		fcntl(session->master, F_SETFL, O_NONBLOCK);
	}
	close(connection);
	close(session->listener);
	session->listener = -1;
	unlink(session->console);
}

/*
 * Signals for the process come from scull as real-time signals, FORWARDED + their number: what a terminal, or kill(2) with a
 * process group, sends to all of us at once would merge with the same signal from scull. crun passes on what it gets. Where the
 * caller's terminal is the process's, keys are bytes, and a signal ends the session.
 */
enum { FORWARDED = 34 };
static volatile sig_atomic_t forward_to;

static void on_forwarded(int number)
{
	int saved = errno;
	if (forward_to > 0)
		kill(forward_to, number - FORWARDED);
	else if (terminal_changed)
		end_by(number - FORWARDED);
	errno = saved;
}

static void take_forwarded_signals(void)
{
	const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(FORWARDED + signals[i], on_forwarded);
}

static void forward_signals(pid_t to)
{
	const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	for (unsigned i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	forward_to = to;
}

static void __attribute__((noreturn)) become_runtime(const struct session *session, int in, int out, int err)
{
	int keep[MAX_FDS + 1], count = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < session->preserved; i++)
		keep[count++] = 3 + i;
	if (complaints > 2)
		keep[count++] = complaints;
	/* No terminal's signals, and not the caller's to be had as a controlling one. */
	setsid();
	dup2(in < 0 ? null : in, 0);
	dup2(out < 0 ? null : out, 1);
	dup2(err < 0 ? null : err, 2);
	reset_signals();
	close_all_but(keep, count);
	execv(session->program[0], session->program);
	die("cannot start %s", session->program[0]);
}

static void start_runtime(struct session *session, int in, int out, int err)
{
	session->runtime = fork();
	if (session->runtime < 0)
		die("fork");
	if (session->runtime == 0)
		become_runtime(session, in, out, err);
	session->runtime_fd = (int)syscall(SYS_pidfd_open, session->runtime, 0);
	if (session->runtime_fd < 0)
		die("cannot watch crun");
}

static int runtime_status(const struct session *session)
{
	int status;
	while (waitpid(session->runtime, &status, 0) < 0)
		if (errno != EINTR)
			die("wait");
	forward_to = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* After the end of crun: what the process wrote is all there. What others still write later is not ours to wait for. */
static int finish(struct session *session, int status)
{
	if (session->held_length > 0 && !session->started && !runtime_complained(session))
		show_held(session);
	if (lost_output != 0)
		dprintf(complaints, "scull-helper: cannot write the command's output: %s\n", strerror(lost_output));
	return status;
}

static int exec_with_pipes(struct session *session)
{
	int in[2] = {-1, -1}, out[2], err[2];
	pid_t pump = -1;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || (session->want_input && pipe2(in, O_CLOEXEC) < 0))
		die("pipe");
	start_runtime(session, in[0], out[1], err[1]);
	close(out[1]);
	close(err[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (session->want_input) {
		close(in[0]);
		pump = start_pump(in[1]);
		close(in[1]);
	}
	forward_signals(session->runtime);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	struct pollfd events[3] = {{.fd = out[0], .events = POLLIN}, {.fd = err[0], .events = POLLIN}, {.fd = session->runtime_fd, .events = POLLIN}};
	do {
		/* What is held back is looked at again and again until it is clear whose it is: for some microseconds. */
		bool undecided = session->held_length > 0 && !session->started;
		if (wait_for_events(events, 3, undecided ? 1 : -1) < 0)
			continue;
		if (undecided && !show_output(session, 2, "", 0))
			events[1].fd = -1;
		for (int i = 0; i < 2; i++) {
			int from = i == 0 ? out[0] : err[0];
			if (events[i].fd < 0 || (events[i].revents == 0 && events[2].revents == 0))
				continue;
			if (!copy_output(session, from, i + 1, i == 1)) {
				close(from); /* at its next word the process learns that nobody listens, as in any pipeline */
				events[i].fd = -1;
			}
		}
	} while (events[2].revents == 0);
	if (pump > 0)
		kill(pump, SIGKILL);
	return finish(session, runtime_status(session));
}

/* The session is left, the process goes on: somebody must hold its terminal, and read what nobody sees. */
static void keep_terminal_open(const struct session *session)
{
	pid_t holder = fork();
	if (holder < 0)
		die("fork");
	if (holder > 0)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	reset_signals();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close_all_but(&session->master, 1);
	struct pollfd event = {.fd = session->master, .events = POLLIN};
	char data[4096];
	while (poll(&event, 1, -1) >= 0) {
		ssize_t length = read(session->master, data, sizeof data);
		if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
			break;
	}
	_exit(0);
}

static void hang_up(struct session *session)
{
	if (session->master >= 0)
		close(session->master);
	session->master = -1;
}

struct input {
	char data[8192 + 64];
	size_t start, length;
	bool open;
};

static void write_input(struct session *session, struct input *input)
{
	while (input->length > 0) {
		ssize_t done = write(session->master, input->data + input->start, input->length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return; /* full: when there is room again; hung up: seen on the reading side */
		input->start += (size_t)done;
		input->length -= (size_t)done;
	}
}

/* Returns true when the user wants to leave. */
static bool read_input(struct session *session, struct input *input)
{
	char typed[8192];
	ssize_t length = read(0, typed, sizeof typed);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	input->start = input->length = 0;
	if (length <= 0) {
		input->open = false;
		return false;
	}
	return filter_input(&session->detach, typed, length, input->data, &input->length);
}

/*
 * A terminal knows no end of input but a key. It is pressed when everything before it has been read, and pressed again as
 * long as the process goes on: one that changes the terminal's mode in between (a shell) loses it.
 */
static void type_end(const struct session *session)
{
	int slave = ioctl(session->master, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct pollfd unread = {.fd = slave, .events = POLLIN};
	if (slave >= 0 && poll(&unread, 1, 0) == 0 && write(session->master, "\4", 1) < 0 && errno != EAGAIN && errno != EIO)
		die("cannot end the input");
	if (slave >= 0)
		close(slave);
}

static int exec_with_terminal(struct session *session)
{
	static struct input input;
	bool raw = session->want_input && isatty(0);
	input.open = session->want_input;
	start_runtime(session, -1, -1, -1);
	watch_window_size();
	if (raw) {
		end_with_parent();
		make_terminal_raw();
	} else {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		forward_signals(session->runtime);
	}
	struct pollfd events[3] = {{.events = POLLIN}, {.events = POLLIN}, {.fd = session->runtime_fd, .events = POLLIN}};
	do {
		bool undecided = session->held_length > 0 && !session->started;
		if (session->master >= 0 && resized) {
			resized = 0;
			pass_window_size(session);
		}
		events[0].fd = session->master >= 0 ? session->master : session->listener;
		events[0].events = POLLIN | (session->master >= 0 && input.length > 0 ? POLLOUT : 0);
		events[1].fd = session->master >= 0 && input.open && input.length == 0 ? 0 : -1;
		events[1].revents = 0;
		bool at_end = session->master >= 0 && session->want_input && !input.open && input.length == 0;
		if (at_end)
			type_end(session);
		if (wait_for_events(events, 3, undecided ? 1 : at_end ? 100 : -1) < 0) {
			events[2].revents = 0;
			continue;
		}
		if (session->listener >= 0 && session->master < 0 && (events[0].revents != 0 || events[2].revents != 0))
			take_console(session);
		else if (session->master >= 0) {
			if (undecided && !show_output(session, 1, "", 0))
				hang_up(session);
			if (session->master >= 0 && (events[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !copy_output(session, session->master, 1, true))
				hang_up(session);
			if (session->master >= 0 && input.length > 0)
				write_input(session, &input);
			if (session->master >= 0 && events[1].revents != 0 && read_input(session, &input)) {
				write_input(session, &input);
				keep_terminal_open(session);
				restore_terminal();
				dprintf(complaints, "detached\n");
				return EXIT_DETACHED;
			}
		}
	} while (events[2].revents == 0);
	if (session->master >= 0)
		copy_output(session, session->master, 1, true);
	int status = finish(session, runtime_status(session));
	restore_terminal();
	return status;
}

/* crun returns by itself once the command is started, but a failing execve comes later. */
static int exec_in_background(struct session *session)
{
	start_runtime(session, -1, -1, -1);
	struct pollfd events[2] = {{.fd = session->listener, .events = POLLIN}, {.fd = session->runtime_fd, .events = POLLIN}};
	while (events[1].revents == 0) {
		events[0].fd = session->listener;
		if (wait_for_events(events, 2, -1) < 0)
			events[1].revents = 0;
		if (session->listener >= 0)
			take_console(session);
	}
	int status = runtime_status(session);
	if (status != 0)
		return status;
	if (session->master >= 0)
		keep_terminal_open(session);
	struct timespec pause = {.tv_nsec = 200000};
	while (look_at_process(session) == IN_RUNTIME)
		nanosleep(&pause, NULL);
	return 0;
}

static int exec_in_container(int argc, char **argv)
{
	static struct session session = {.master = -1, .listener = -1};
	const char *console = NULL;
	int i;
	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--stdin") == 0)
			session.want_input = true;
		else if (strcmp(argv[i], "--background") == 0)
			session.background = true;
		else if (strcmp(argv[i], "--") == 0)
			break;
		else if (i + 1 >= argc)
			usage(argv[i]);
		else if (strcmp(argv[i], "--console") == 0)
			console = argv[++i];
		else if (strcmp(argv[i], "--log") == 0)
			session.log = argv[++i];
		else if (strcmp(argv[i], "--pid-file") == 0)
			session.pid_file = argv[++i];
		else if (strcmp(argv[i], "--preserve-fds") == 0)
			session.preserved = number(argv[++i]);
		else if (strcmp(argv[i], "--detach-keys") == 0)
			parse_hex(argv[++i], &session.detach);
		else
			usage(argv[i]);
	}
	if (i + 1 >= argc || session.log == NULL || session.pid_file == NULL || session.preserved > MAX_FDS)
		usage("exec --log FILE --pid-file FILE [OPTION …] -- CRUN …");
	session.program = argv + i + 1;
	session.tty = console != NULL;
	signal(SIGPIPE, SIG_IGN);
	take_forwarded_signals();
	int log = open(session.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		die("cannot write %s", session.log);
	complaints = log;
	if (session.tty)
		session.listener = listen_for_console(&session, console);
	int status = session.background ? exec_in_background(&session) : session.tty ? exec_with_terminal(&session) : exec_with_pipes(&session);
	if (session.listener >= 0)
		unlink(session.console);
	return status;
}

/*
 * notify SOCKET MESSAGE: sends the message and, behind it, a barrier. The manager closes the barrier's pipe when it has read
 * everything before it: only then may we end, since it finds the unit of a message by the process that sent it.
 */
static int notify(int argc, char **argv)
{
	if (argc != 2)
		usage("notify SOCKET MESSAGE");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(argv[0]);
	if (length == 0 || length >= sizeof address.sun_path)
		usage("notify: the socket's name is too long");
	memcpy(address.sun_path, argv[0], length);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (argv[0][0] == '@' ? 0 : 1));
	if (argv[0][0] == '@')
		address.sun_path[0] = '\0';
	int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager < 0 || connect(manager, (struct sockaddr *)&address, size) < 0)
		die("cannot reach the service manager at %s", argv[0]);
	if (send(manager, argv[1], strlen(argv[1]), MSG_NOSIGNAL) < 0)
		die("cannot tell the service manager");
	int barrier[2];
	if (pipe2(barrier, O_CLOEXEC) < 0)
		die("cannot make a pipe");
	char word[] = "BARRIER=1";
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec data = {.iov_base = word, .iov_len = sizeof word - 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &barrier[1], sizeof(int));
	if (sendmsg(manager, &message, MSG_NOSIGNAL) < 0)
		return 0; /* whoever listens there knows no barriers */
	close(barrier[1]);
	/* It takes its time where it starts a hundred units at once: what nobody has read when we end is nobody's message. */
	struct pollfd closed = {.fd = barrier[0]};
	while (poll(&closed, 1, 5 * 60 * 1000) < 0 && errno == EINTR)
		;
	return 0;
}

/*
 * pause, or -P as catatonit has it: a pod's own process. It does nothing but keep namespaces, and reaps what is orphaned where
 * the pod shares its process ids. Process 1 gets only the signals that it asks for.
 */
static int pause_until_told(void)
{
	sigset_t awaited;
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGCHLD);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	for (;;) {
		forget_program();
		int got = sigwaitinfo(&awaited, NULL);
		if (got == SIGTERM || got == SIGINT)
			return 0;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* watch-reader: ends well when nobody reads standard output any more, and otherwise with the process that started it. */
static int watch_reader(void)
{
	pid_t owner = getppid();
	struct pollfd output = {.fd = 1};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == owner)
		if (poll(&output, 1, -1) > 0)
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "launch") == 0)
		return launch(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "keep") == 0)
		return keep(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "attach") == 0)
		return attach(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "exec") == 0)
		return exec_in_container(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "notify") == 0)
		return notify(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "watch-reader") == 0)
		return watch_reader();
	if (argc >= 2 && (strcmp(argv[1], "pause") == 0 || strcmp(argv[1], "-P") == 0))
		return pause_until_told();
	usage("scull-helper launch|keep|attach|exec|notify|watch-reader|pause …");
}
