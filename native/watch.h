/* Notices that a small file of the host's was changed (/etc/resolv.conf), and starts a program then: inotify(7). After program.h. */
#ifndef SCULL_WATCH_H
#define SCULL_WATCH_H

#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct file_watch {
	const char *path; /* NULL: nothing is watched */
	int fd;		  /* -1 where the user has no inotify instance left, see file_changed */
	struct timespec seen;
};

static inline bool later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* When the file, or the link in its place, became what it is: also one that was put there by renaming is new then. */
static inline struct timespec last_change(const char *path)
{
	struct stat file, link;
	struct timespec time = {0};
	if (stat(path, &file) == 0)
		time = file.st_ctim;
	if (lstat(path, &link) == 0 && later(&link.st_ctim, &time))
		time = link.st_ctim;
	return time;
}

/* True once for each change since the last look. */
static inline bool file_changed(struct file_watch *watch)
{
	if (watch->path == NULL)
		return false;
	struct timespec now = last_change(watch->path);
	bool changed = now.tv_sec != watch->seen.tv_sec || now.tv_nsec != watch->seen.tv_nsec;
	watch->seen = now;
	return changed;
}

/* The folder is watched, for files of this kind are replaced by renaming; and what it links to, which may be elsewhere. */
static inline void watch_file(struct file_watch *watch)
{
	char folder[PATH_MAX], real[PATH_MAX], *slash;
	if (watch->path == NULL)
		return;
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	snprintf(folder, sizeof folder, "%s", watch->path);
	if ((slash = strrchr(folder, '/')) != NULL && slash != folder)
		*slash = '\0';
	inotify_add_watch(watch->fd, folder, IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE);
	if (realpath(watch->path, real) == NULL)
		return;
	inotify_add_watch(watch->fd, real, IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF);
	if ((slash = strrchr(real, '/')) == NULL || slash == real)
		return;
	*slash = '\0';
	if (strcmp(real, folder) != 0)
		inotify_add_watch(watch->fd, real, IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE);
}

/* After poll(2) has told of something: true when it was the file. */
static inline bool take_changes(struct file_watch *watch)
{
	char data[8192] __attribute__((aligned(8)));
	while (read(watch->fd, data, sizeof data) > 0)
		;
	if (!file_changed(watch))
		return false;
	watch_file(watch); /* it may be another file by now */
	return true;
}

/* Starts a program that goes its own way: by a child that ends at once, so that nobody has to wait for it. */
static inline void tell(char **program)
{
	if (program == NULL || program[0] == NULL)
		return;
	pid_t child = fork();
	if (child == 0) {
		reset_signals();
		setsid();
		close_all_but(NULL, 0);
		if (fork() == 0)
			execv(program[0], program);
		_exit(127);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

#endif
