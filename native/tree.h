#pragma once
/* What the programs that read trees of files share: errors, names in order, holes, hard links, attributes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A program of several threads defines it: of two that end it only one may get to say why. */
#ifndef END_ALONE
#define END_ALONE() ((void)0)
#endif

static inline void __attribute__((noreturn, format(printf, 3, 0))) complain(int status, int reason, const char *format, va_list args)
{
	END_ALONE();
	fputs(PROGRAM ": ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, reason == 0 ? "\n" : ": %s\n", strerror(reason));
	exit(status);
}

/* A system call failed. */
static inline void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	int reason = errno;
	va_list args;
	va_start(args, format);
	complain(reason == ENOSPC || reason == EDQUOT ? 28 : 1, reason, format, args);
}

/* It can't be done. */
static inline void __attribute__((noreturn, format(printf, 1, 2))) refuse(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complain(2, 0, format, args);
}

/* What was asked for is not there. */
static inline void __attribute__((noreturn, format(printf, 1, 2))) not_found(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	complain(3, 0, format, args);
}

static inline void *checked(void *memory)
{
	if (memory == NULL)
		refuse("out of memory");
	return memory;
}

/* --- bytes that grow --------------------------------------------------------------------------------------------- */

struct bytes {
	char *data;
	size_t length, room;
};

static inline void add(struct bytes *bytes, const void *data, size_t length)
{
	if (bytes->length + length + 1 > bytes->room) {
		bytes->room = (bytes->length + length + 1) * 2;
		bytes->data = checked(realloc(bytes->data, bytes->room));
	}
	memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
	bytes->data[bytes->length] = '\0';
}

static inline void add_text(struct bytes *bytes, const char *text)
{
	add(bytes, text, strlen(text));
}

static inline void truncate_to(struct bytes *bytes, size_t length)
{
	bytes->length = length;
	if (bytes->data != NULL)
		bytes->data[length] = '\0';
}

/* --- hard links: the first name of every file that has more than one ---------------------------------------------- */

struct known {
	dev_t device;
	ino_t inode;
	char *name;
};

static struct known *known;
static size_t known_count, known_room;

static inline struct known *known_slot(dev_t device, ino_t inode)
{
	size_t at = (size_t)(inode * 0x9e3779b97f4a7c15ULL ^ device) & (known_room - 1);
	while (known[at].name != NULL && (known[at].device != device || known[at].inode != inode))
		at = (at + 1) & (known_room - 1);
	return &known[at];
}

/* @returns the name under which this file was packed before, or NULL and remembers this one */
static inline const char *first_name(const struct stat *stat, const char *name)
{
	if (known_count * 2 >= known_room) {
		struct known *old = known;
		size_t room = known_room;
		known_room = room == 0 ? 1024 : room * 2;
		known = checked(calloc(known_room, sizeof *known));
		for (size_t i = 0; i < room; i++)
			if (old[i].name != NULL)
				*known_slot(old[i].device, old[i].inode) = old[i];
		free(old);
	}
	struct known *slot = known_slot(stat->st_dev, stat->st_ino);
	if (slot->name != NULL)
		return slot->name;
	*slot = (struct known){stat->st_dev, stat->st_ino, checked(strdup(name))};
	known_count++;
	return NULL;
}

/* --- extended attributes ----------------------------------------------------------------------------------------- */

#define XATTR_LIST_MAX_BYTES 65536

static inline bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* As src/storage/layers/xattrs.ts: what steers a storage driver or belongs to the machine stays out. */
static inline bool is_kept(const char *name)
{
	if (strcmp(name, "security.capability") == 0 || strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0)
		return true;
	return starts_with(name, "user.") && !starts_with(name, "user.overlay.") && !starts_with(name, "user.fuseoverlayfs.") && !starts_with(name, "user.containers.");
}

/* The path by which a name in an open directory is reached where there is no call that takes a descriptor. */
static inline const char *by_descriptor(int parent, const char *name)
{
	static _Thread_local char path[32 + 256];
	snprintf(path, sizeof path, "/proc/self/fd/%d%s%s", parent, *name == '\0' ? "" : "/", name);
	return path;
}

static inline int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --- names and holes --------------------------------------------------------------------------------------------- */

struct names {
	char **list;
	size_t count, room;
};

static inline void free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct names){0};
}

/* Half of a directory is no directory. One that a running container has removed meanwhile (ENOENT) has no names. */
static inline void refuse_unreadable(int fd)
{
	int why = errno;
	char path[4096];
	if (why == ENOENT)
		return;
	ssize_t length = readlink(by_descriptor(fd, ""), path, sizeof path);
	errno = why;
	die("cannot read the directory %.*s", (int)(length < 0 ? 0 : length), path);
}

static inline void read_names(int fd, struct names *names)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (directory == NULL) {
		refuse_unreadable(fd);
		return;
	}
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (entry == NULL && errno != 0)
			refuse_unreadable(fd);
		if (entry == NULL)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count == names->room) {
			names->room = names->room == 0 ? 64 : names->room * 2;
			names->list = checked(realloc(names->list, names->room * sizeof *names->list));
		}
		size_t length = strlen(entry->d_name);
		char *name = checked(malloc(length + 2));
		memcpy(name, entry->d_name, length + 1);
		name[length + 1] = (char)entry->d_type;
		names->list[names->count++] = name;
	}
	closedir(directory);
}

/* The type that the directory gave with a name out of read_names(): DT_UNKNOWN where it gave none. It stands behind the name's end. */
static inline unsigned char listed_type(const char *name)
{
	return (unsigned char)name[strlen(name) + 1];
}

/* By bytes, each once. */
static inline void sort_names(struct names *names)
{
	size_t kept = 0;
	if (names->count > 0)
		qsort(names->list, names->count, sizeof *names->list, compare_texts);
	for (size_t i = 0; i < names->count; i++) {
		if (kept > 0 && strcmp(names->list[kept - 1], names->list[i]) == 0)
			free(names->list[i]);
		else
			names->list[kept++] = names->list[i];
	}
	names->count = kept;
}

struct run {
	off_t offset, length;
};

/* The runs of data of a file with holes of `smallest` bytes and more in sum; NULL where it is to be read whole. */
static inline struct run *find_runs(int fd, const struct stat *stat, off_t smallest, size_t *count)
{
	struct run *runs = NULL;
	size_t room = 0;
	off_t data = 0, holes = stat->st_size;
	*count = 0;
	if (stat->st_size - (off_t)stat->st_blocks * 512 < smallest)
		return NULL;
	while (data < stat->st_size) {
		off_t start = lseek(fd, data, SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			break;
		off_t end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
		if (end < 0) { /* a file system that can't tell */
			free(runs);
			return NULL;
		}
		if (start >= stat->st_size)
			break;
		if (end > stat->st_size)
			end = stat->st_size;
		if (*count == room)
			runs = checked(realloc(runs, (room = room == 0 ? 16 : room * 2) * sizeof *runs));
		runs[(*count)++] = (struct run){start, end - start};
		holes -= end - start;
		data = end;
	}
	if (holes < smallest) {
		free(runs);
		return NULL;
	}
	return runs == NULL ? checked(malloc(1)) : runs;
}

