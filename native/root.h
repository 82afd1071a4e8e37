#pragma once
/*
 * Paths in the root of a container, whose processes may change it while we look. Every step is opened by descriptor from the
 * one before and never through a link; links are read and followed here, with the container's root as `/`, so that nothing
 * ever leads out of it (CVE-2018-15664, CVE-2019-18466 and relatives).
 *
 *   --root DIR                    the root
 *   --mount PATH SOURCE rw|ro     SOURCE is seen at PATH: a container that does not run has its mounts not mounted
 *   --id-map PID                  ids are as that process counts them (containers with a user namespace inside ours)
 */
#include "tree.h"
#include <sys/statvfs.h>

#define MAX_LINKS 40
#define MAX_DEPTH 512
#define MAX_MOUNTS 256
#define MAX_RANGES 340
#define OVERFLOW_ID 65534

struct range {
	long long seen, real, size;
};

struct id_map {
	struct range ranges[MAX_RANGES];
	int count;
};

struct mount {
	const char *path, *source;
	bool read_only;
};

struct root {
	int fd;
	struct mount mounts[MAX_MOUNTS];
	int mount_count;
	struct id_map uids, gids;
};

/* Whether the process is in the user namespace that we are in. Its map would tell the ids outside then: ours are its own. */
static inline bool shares_our_ids(const char *pid)
{
	char path[64];
	struct stat theirs, ours;
	snprintf(path, sizeof path, "/proc/%d/ns/user", atoi(pid));
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 && theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

static inline void read_id_map(struct id_map *map, const char *pid, const char *file)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", atoi(pid), file);
	FILE *stream = fopen(path, "re");
	if (stream == NULL)
		die("cannot read %s", path);
	while (map->count < MAX_RANGES) {
		struct range *range = &map->ranges[map->count];
		if (fscanf(stream, "%lld %lld %lld", &range->seen, &range->real, &range->size) != 3)
			break;
		map->count++;
	}
	fclose(stream);
}

/* The id that the container sees for one of ours. */
static inline long long seen_id(const struct id_map *map, long long id)
{
	for (int i = 0; i < map->count; i++)
		if (id >= map->ranges[i].real && id < map->ranges[i].real + map->ranges[i].size)
			return id - map->ranges[i].real + map->ranges[i].seen;
	return map->count == 0 ? id : OVERFLOW_ID;
}

/* The other way round; -1 where there is none. */
static inline long long real_id(const struct id_map *map, long long id)
{
	for (int i = 0; i < map->count; i++)
		if (id >= map->ranges[i].seen && id < map->ranges[i].seen + map->ranges[i].size)
			return id - map->ranges[i].seen + map->ranges[i].real;
	return map->count == 0 ? id : -1;
}

/* How many words an option has besides its own. */
static inline int root_option_words(const char *word)
{
	return strcmp(word, "--mount") == 0 ? 3 : 1;
}

/* @param words the option and what follows. @returns false where it is none of a root's */
static inline bool root_option(struct root *root, const char *word, char **words)
{
	if (strcmp(word, "--root") != 0 && strcmp(word, "--mount") != 0 && strcmp(word, "--id-map") != 0)
		return false;
	for (int i = 1; i <= root_option_words(word); i++)
		if (words[i] == NULL)
			refuse("%s needs a value", word);
	if (strcmp(word, "--root") == 0) {
		root->fd = open(words[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root->fd < 0)
			die("cannot open %s", words[1]);
	} else if (strcmp(word, "--id-map") == 0) {
		if (shares_our_ids(words[1]))
			return true;
		read_id_map(&root->uids, words[1], "uid_map");
		read_id_map(&root->gids, words[1], "gid_map");
	} else {
		if (root->mount_count == MAX_MOUNTS)
			refuse("more than %d mounts", MAX_MOUNTS);
		root->mounts[root->mount_count++] = (struct mount){words[1], words[2], strcmp(words[3], "ro") == 0};
	}
	return true;
}

/* Where a path leads. */
struct place {
	/* The directory it is in, and its name there; -1 for directories. */
	int parent;
	char name[256];
	bool exists, read_only;
	/* It is the source of a mount: in its directory nothing may be changed. */
	bool mounted;
	/* O_PATH; -1 where it does not exist. */
	int fd;
	struct stat stat;
};

/* Walking a path: the directories on the way, each open, and their names as the container has them. */
struct walk {
	const struct root *root;
	int fds[MAX_DEPTH];
	size_t lengths[MAX_DEPTH]; /* of `path` at each */
	bool read_only[MAX_DEPTH];
	int depth;
	struct bytes path, pending;
	int links;
};

static inline void step_back(struct walk *walk)
{
	if (walk->depth == 1)
		return;
	walk->depth--;
	close(walk->fds[walk->depth]);
	truncate_to(&walk->path, walk->lengths[walk->depth - 1]);
}

/* Opens what is called `name` in the present directory; the source of a mount where one is seen there. */
static inline int open_step(struct walk *walk, const char *name, bool *mounted, bool *read_only)
{
	size_t length = walk->path.length;
	*mounted = false;
	*read_only = walk->read_only[walk->depth - 1];
	add_text(&walk->path, "/");
	add_text(&walk->path, name);
	for (int i = walk->root->mount_count - 1; i >= 0; i--) {
		const struct mount *mount = &walk->root->mounts[i];
		if (strcmp(mount->path, walk->path.data) != 0)
			continue;
		int fd = open(mount->source, O_PATH | O_CLOEXEC);
		*mounted = true;
		*read_only = mount->read_only;
		truncate_to(&walk->path, length);
		return fd;
	}
	truncate_to(&walk->path, length);
	return openat(walk->fds[walk->depth - 1], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* The directory of a file that is the source of a mount on `name`. */
static inline int open_beside(struct walk *walk, const char *name, char *base)
{
	char directory[4096];
	int fd = -1;
	add_text(&walk->path, "/");
	add_text(&walk->path, name);
	for (int i = walk->root->mount_count - 1; i >= 0 && fd < 0; i--) {
		const struct mount *mount = &walk->root->mounts[i];
		const char *slash = strrchr(mount->source, '/');
		if (strcmp(mount->path, walk->path.data) != 0 || slash == NULL || strlen(slash) > 255)
			continue;
		snprintf(directory, sizeof directory, "%.*s/", (int)(slash - mount->source), mount->source);
		snprintf(base, 256, "%s", slash + 1);
		fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return fd;
}

/* The next part of what is still to be walked, or false at its end. */
static inline bool next_part(struct bytes *pending, char *name)
{
	char *at = pending->data;
	while (*at == '/')
		at++;
	if (*at == '\0')
		return false;
	size_t length = strcspn(at, "/");
	if (length > 255) {
		errno = ENAMETOOLONG;
		die("cannot open a path");
	}
	memcpy(name, at, length);
	name[length] = '\0';
	size_t used = (size_t)(at - pending->data) + length;
	memmove(pending->data, pending->data + used, pending->length - used + 1);
	pending->length -= used;
	return true;
}

static inline bool only_slashes(const char *text)
{
	return text[strspn(text, "/")] == '\0';
}

static inline void follow_link(struct walk *walk, int fd)
{
	char target[4096];
	struct bytes rest = {0};
	ssize_t length = readlinkat(fd, "", target, sizeof target - 1);
	if (length < 0 || ++walk->links > MAX_LINKS) {
		errno = ELOOP;
		die("too many symbolic links");
	}
	if (target[0] == '/')
		while (walk->depth > 1)
			step_back(walk);
	add(&rest, target, (size_t)length);
	add_text(&rest, walk->pending.data);
	free(walk->pending.data);
	walk->pending = rest;
	close(fd);
}

static inline void enter(struct walk *walk, const char *name, int fd, bool read_only)
{
	if (walk->depth == MAX_DEPTH) {
		errno = ENAMETOOLONG;
		die("cannot open a path");
	}
	add_text(&walk->path, "/");
	add_text(&walk->path, name);
	walk->fds[walk->depth] = fd;
	walk->lengths[walk->depth] = walk->path.length;
	walk->read_only[walk->depth] = read_only;
	walk->depth++;
}

static inline void end_walk(struct walk *walk)
{
	while (walk->depth > 1)
		step_back(walk);
	close(walk->fds[0]);
	free(walk->path.data);
	free(walk->pending.data);
}

/*
 * Finds what a path of the container means. The last part may be missing; a part before it may not.
 * Ends the program where the path leads nowhere.
 */
static inline void find_place(const struct root *root, const char *path, struct place *place)
{
	struct walk *walk = checked(calloc(1, sizeof *walk));
	char name[256] = "";
	bool directory_wanted = false;
	*place = (struct place){.parent = -1, .fd = -1};
	walk->root = root;
	walk->fds[0] = fcntl(root->fd, F_DUPFD_CLOEXEC, 3);
	walk->depth = 1;
	add_text(&walk->path, "");
	add_text(&walk->pending, path);
	while (next_part(&walk->pending, name)) {
		bool mounted, read_only;
		struct stat stat;
		directory_wanted = walk->pending.data[0] == '/';
		if (strcmp(name, ".") == 0)
			continue;
		if (strcmp(name, "..") == 0) {
			step_back(walk);
			continue;
		}
		int fd = open_step(walk, name, &mounted, &read_only);
		if (fd < 0 && errno == ENOENT && !mounted && only_slashes(walk->pending.data)) {
			if (directory_wanted)
				not_found("%s", path);
			place->parent = fcntl(walk->fds[walk->depth - 1], F_DUPFD_CLOEXEC, 3);
			place->read_only = walk->read_only[walk->depth - 1];
			memcpy(place->name, name, sizeof name);
			end_walk(walk);
			free(walk);
			return;
		}
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
			not_found("%s", path);
		if (fd < 0 || fstat(fd, &stat) < 0)
			die("cannot open %s", path);
		if (S_ISLNK(stat.st_mode)) {
			follow_link(walk, fd);
			continue;
		}
		if (S_ISDIR(stat.st_mode)) {
			enter(walk, name, fd, read_only);
			continue;
		}
		if (directory_wanted || !only_slashes(walk->pending.data))
			not_found("%s", path);
		place->fd = fd;
		place->stat = stat;
		place->exists = true;
		place->read_only = read_only;
		place->mounted = mounted;
		if (mounted)
			place->parent = open_beside(walk, name, place->name);
		else {
			place->parent = fcntl(walk->fds[walk->depth - 1], F_DUPFD_CLOEXEC, 3);
			memcpy(place->name, name, sizeof name);
		}
		end_walk(walk);
		free(walk);
		return;
	}
	place->fd = fcntl(walk->fds[walk->depth - 1], F_DUPFD_CLOEXEC, 3);
	place->read_only = walk->read_only[walk->depth - 1];
	place->exists = true;
	if (place->fd < 0 || fstat(place->fd, &place->stat) < 0)
		die("cannot open %s", path);
	end_walk(walk);
	free(walk);
}

/* Opens what was found, not what is called so by now. */
static inline int open_place(const struct place *place, int flags)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", place->fd);
	return open(path, flags | O_CLOEXEC);
}
