/*
 * scull-layer: what unpacking a layer needs and JavaScript cannot do: whiteout devices, FIFOs, extended attributes and
 * times to the nanosecond. Reads commands as NUL-terminated words from the file that it is given, or else from standard input,
 * and carries them out below the working directory:
 *
 *   w PATH                       a whiteout: character device 0:0
 *   p PATH MODE UID GID          a FIFO; mode in octal, ids as inside the user namespace
 *   x PATH NAME HEX              set an extended attribute
 *   t PATH SECONDS NANOSECONDS   set the modification time
 *   l PATH                       tell the extended attributes of a file, by its path from the root, that a layer may have:
 *                                "INDEX NAME VALUE\n" for each, name and value in hex
 *   f PATH SOURCE MODE UID GID SECONDS NANOSECONDS
 *                                a new file with the content of SOURCE, a path from the root that is no link; UID and GID
 *                                may be - for those of who makes it
 *   a PATH                       directories that will be made in this one go to another place on the disk, where the file
 *                                system can do that (ext4)
 *
 * A command that fails prints "INDEX ERRNO\n" (its number, from 0) and does not stop the others. Parents of a path are
 * opened by the kernel below the working directory and through no symbolic link (openat2(2), RESOLVE_BENEATH and
 * RESOLVE_NO_SYMLINKS), the last part is never followed: what an archive made cannot lead elsewhere (CVE-2021-32760).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* The parent of the last command: commands come grouped by directory. */
static char *parent_path;
static int parent_fd = -1;

/* Opens the parent of `path` and points *name at its last part. */
static int open_parent(char *path, char **name)
{
	char *slash = strrchr(path, '/');
	const char *directory = slash == NULL ? "." : path;
	*name = slash == NULL ? path : slash + 1;
	if (slash != NULL)
		*slash = '\0';
	if (parent_fd < 0 || strcmp(parent_path, directory) != 0) {
		struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
		if (parent_fd >= 0)
			close(parent_fd);
		free(parent_path);
		parent_path = strdup(directory);
		parent_fd = parent_path == NULL ? -1 : (int)syscall(SYS_openat2, AT_FDCWD, directory, &how, sizeof how);
	}
	return parent_fd;
}

static int set_xattr(int parent, const char *name, const char *attribute, const char *hex)
{
	/* There is no setxattrat(2) before Linux 6.13; the parent's descriptor stands in for a path that could be swapped. */
	char path[64 + 256];
	size_t length = strlen(hex) / 2;
	unsigned char *value = malloc(length + 1);
	int result;
	if (value == NULL)
		return -1;
	for (size_t i = 0; i < length; i++) {
		unsigned byte = 0;
		sscanf(hex + 2 * i, "%2x", &byte);
		value[i] = (unsigned char)byte;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d/%s", parent, name);
	result = lsetxattr(path, attribute, value, length, 0);
	free(value);
	return result;
}

static int make_fifo(int parent, const char *name, const char *mode, const char *uid, const char *gid)
{
	if (mkfifoat(parent, name, 0600) < 0)
		return -1;
	if (fchownat(parent, name, (uid_t)strtoul(uid, NULL, 10), (gid_t)strtoul(gid, NULL, 10), AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	return fchmodat(parent, name, (mode_t)strtoul(mode, NULL, 8), 0);
}

static int set_time(int parent, const char *name, const char *seconds, const char *nanoseconds)
{
	struct timespec times[2] = {{.tv_sec = strtoll(seconds, NULL, 10), .tv_nsec = strtol(nanoseconds, NULL, 10)}};
	times[1] = times[0];
	return utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

/* As storage/layers/xattrs.ts: no attribute by which a driver steers a file system, none that belongs to the machine. */
static int is_kept(const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return strncmp(name, "user.overlay.", 13) != 0 && strncmp(name, "user.fuseoverlayfs.", 19) != 0 && strncmp(name, "user.containers.", 16) != 0;
	return strcmp(name, "security.capability") == 0 || strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0;
}

static void print_hex(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		printf("%02x", (unsigned char)bytes[i]);
}

/* The path is not below the working directory: it is read only, and of what the caller has found there. */
static int list_xattrs(long index, const char *path)
{
	static char names[65536], value[65536];
	ssize_t length = llistxattr(path, names, sizeof names);
	for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
		if (!is_kept(names + at))
			continue;
		ssize_t size = lgetxattr(path, names + at, value, sizeof value);
		if (size < 0)
			continue; /* not given to us: gone, or a capability that names a user namespace above ours (EOVERFLOW) */
		printf("%ld ", index);
		print_hex(names + at, strlen(names + at));
		putchar(' ');
		print_hex(value, (size_t)size);
		putchar('\n');
	}
	return length < 0 && errno != ENOTSUP ? -1 : 0;
}

/* Content and attributes of a new file, small as a rule. */
static int fill_file(int file, int source, mode_t mode, char *const *words)
{
	static char buffer[128 * 1024];
	struct stat stat;
	off_t copied = 0;
	ssize_t length;
	struct timespec times[2] = {{.tv_sec = strtoll(words[6], NULL, 10), .tv_nsec = strtol(words[7], NULL, 10)}};
	times[1] = times[0];
	if (fstat(source, &stat) < 0)
		return -1;
	if (!S_ISREG(stat.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	do {
		length = read(source, buffer, sizeof buffer);
		for (ssize_t at = 0, done; at < length; at += done) {
			done = write(file, buffer + at, (size_t)(length - at));
			if (done < 0)
				return -1;
		}
		copied += length;
	} while (length > 0 && copied < stat.st_size);
	if (length < 0)
		return -1;
	if (strcmp(words[4], "-") != 0 && fchown(file, (uid_t)strtoul(words[4], NULL, 10), (gid_t)strtoul(words[5], NULL, 10)) < 0)
		return -1;
	/* As a rule it was made so, and asking costs less than writing. */
	if (fstat(file, &stat) < 0 || ((stat.st_mode & 07777) != mode && fchmod(file, mode) < 0))
		return -1;
	return futimens(file, times);
}

/* Leaves nothing where it fails. */
static int make_file(int parent, const char *name, char *const *words)
{
	mode_t mode = (mode_t)strtoul(words[3], NULL, 8);
	int source = open(words[2], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), file = -1, result = -1, reason;
	if (source >= 0)
		file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
	if (file >= 0)
		result = fill_file(file, source, mode, words);
	reason = errno;
	if (file >= 0 && close(file) < 0 && result == 0) {
		reason = errno;
		result = -1;
	}
	if (file >= 0 && result < 0)
		unlinkat(parent, name, 0);
	if (source >= 0)
		close(source);
	errno = reason;
	return result;
}

/* chattr(1), T: each directory in it begins a place of its own. */
static int set_apart(int parent, const char *name)
{
	int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), flags = 0, result, reason;
	if (directory < 0)
		return -1;
	result = ioctl(directory, FS_IOC_GETFLAGS, &flags);
	flags |= FS_TOPDIR_FL;
	if (result == 0)
		result = ioctl(directory, FS_IOC_SETFLAGS, &flags);
	reason = errno;
	close(directory);
	errno = reason;
	return result;
}

static char *read_word(void)
{
	char *word = NULL;
	size_t room = 0;
	ssize_t length = getdelim(&word, &room, '\0', stdin);
	if (length > 0 && word[length - 1] == '\0')
		return word;
	free(word);
	return NULL;
}

int main(int argc, char **argv)
{
	umask(0);
	if (argc > 1 && freopen(argv[1], "r", stdin) == NULL)
		return 1;
	for (long index = 0;; index++) {
		char *words[8] = {NULL}, *name;
		int count = 0, wanted = 0, result = -1;
		words[count++] = read_word();
		if (words[0] == NULL)
			return ferror(stdin) ? 1 : 0;
		switch (words[0][0]) {
		case 'w':
		case 'l':
		case 'a': wanted = 2; break;
		case 'p': wanted = 5; break;
		case 'x':
		case 't': wanted = 4; break;
		case 'f': wanted = 8; break;
		default: return 2;
		}
		while (count < wanted) {
			words[count] = read_word();
			if (words[count++] == NULL)
				return 2;
		}
		int parent = -1;
		if (words[0][0] == 'l')
			result = list_xattrs(index, words[1]);
		else if ((parent = open_parent(words[1], &name)) >= 0) {
			switch (words[0][0]) {
			case 'w': result = mknodat(parent, name, S_IFCHR, makedev(0, 0)); break;
			case 'p': result = make_fifo(parent, name, words[2], words[3], words[4]); break;
			case 'x': result = set_xattr(parent, name, words[2], words[3]); break;
			case 't': result = set_time(parent, name, words[2], words[3]); break;
			case 'f': result = make_file(parent, name, words); break;
			case 'a': result = set_apart(parent, name); break;
			}
		}
		if (result < 0)
			printf("%ld %d\n", index, errno);
		for (int i = 0; i < count; i++)
			free(words[i]);
	}
}
