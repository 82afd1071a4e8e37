/*
 * Between the namespaces and PROGRAM: mounts, and what is written into the container before anything of it runs. Paths of the
 * container are resolved by the kernel within its root; no link in an image leads to the host.
 */
#include "helper.h"
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/vfs.h>

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
void set_apart(const char *path)
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
void make_read_only(char *const *writable, int count)
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

/* --- other steps ------------------------------------------------------------------------- */

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

/* --- all of them ------------------------------------------------------------------------------------------------ */

void perform(int count, char **words)
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
