/*
 * scull-remove: removes trees, several directories at a time. Removing a layer is mostly waiting for the file system, so one
 * file after the other, as rm(1) does it, takes several times as long.
 *
 *   scull-remove DIR…
 *
 * Directories are opened by descriptor from their parent's, never through a link, and never on another file system: what
 * somebody puts into a tree while it goes leads nowhere else. Ends with status 1 and says why where something stays.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* More wait for each other than for the disk. */
#define THREADS 8

struct directory {
	struct directory *parent; /* NULL above what was named */
	struct directory *next;   /* in the list of what is to be done */
	DIR *stream;
	dev_t device;
	int pending; /* its own reading, and each directory in it */
	char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
/* The last one put there is taken first: as few as possible are open at a time. */
static struct directory *todo;
static int unfinished;
static int failed;

static void fail(const char *name)
{
	fprintf(stderr, "scull-remove: cannot remove %s: %s\n", name, strerror(errno));
	failed = 1;
}

static int place_of(const struct directory *directory)
{
	return directory->parent == NULL ? AT_FDCWD : dirfd(directory->parent->stream);
}

static void add(struct directory *parent, const char *name)
{
	struct directory *added = calloc(1, sizeof *added + strlen(name) + 1);
	if (added == NULL) {
		fail(name);
		return;
	}
	strcpy(added->name, name);
	added->parent = parent;
	added->pending = 1;
	pthread_mutex_lock(&lock);
	if (parent != NULL)
		parent->pending++;
	added->next = todo;
	todo = added;
	unfinished++;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
}

static int remove_entry(struct directory *directory, const struct dirent *entry)
{
	if (entry->d_type != DT_DIR && unlinkat(dirfd(directory->stream), entry->d_name, 0) == 0)
		return 0;
	/* A file system that tells no types says EISDIR of a directory; POSIX has EPERM. */
	if (entry->d_type == DT_DIR || errno == EISDIR || errno == EPERM)
		return 1;
	if (errno != ENOENT)
		fail(entry->d_name);
	return 0;
}

static void empty(struct directory *directory)
{
	struct stat info;
	int fd = openat(place_of(directory), directory->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &info) < 0 || (directory->stream = fdopendir(fd)) == NULL) {
		if (errno != ENOENT)
			fail(directory->name);
		if (fd >= 0)
			close(fd);
		return;
	}
	directory->device = info.st_dev;
	if (directory->parent != NULL && directory->parent->device != info.st_dev) {
		errno = EXDEV;
		fail(directory->name);
		return;
	}
	for (struct dirent *entry; (entry = readdir(directory->stream)) != NULL;) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && remove_entry(directory, entry))
			add(directory, entry->d_name);
	}
}

/* Removes what has become empty, and its parents with it. */
static void finish(struct directory *directory)
{
	while (directory != NULL) {
		struct directory *parent = directory->parent;
		pthread_mutex_lock(&lock);
		int left = --directory->pending;
		pthread_mutex_unlock(&lock);
		if (left > 0)
			return;
		if (directory->stream != NULL && unlinkat(place_of(directory), directory->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			fail(directory->name);
		if (directory->stream != NULL)
			closedir(directory->stream);
		free(directory);
		pthread_mutex_lock(&lock);
		if (--unfinished == 0)
			pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
		directory = parent;
	}
}

static void *work(void *unused)
{
	(void)unused;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (todo == NULL && unfinished > 0)
			pthread_cond_wait(&changed, &lock);
		struct directory *directory = todo;
		if (directory != NULL)
			todo = directory->next;
		pthread_mutex_unlock(&lock);
		if (directory == NULL)
			return NULL;
		empty(directory);
		finish(directory);
	}
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	struct rlimit files;
	int started = 0;
	if (argc < 2) {
		fputs("usage: scull-remove DIR…\n", stderr);
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (int i = 1; i < argc; i++)
		add(NULL, argv[i]);
	while (started < THREADS - 1 && pthread_create(&threads[started], NULL, work, NULL) == 0)
		started++;
	work(NULL);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	return failed;
}
