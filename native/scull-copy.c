/*
 * scull-copy: files into, out of and between the roots of containers, for `cp` and for what is unpacked into a volume. It
 * executes and loads nothing, and reaches nothing but what it is told: paths are walked by descriptor (root.h), what it makes
 * is made by descriptor, and no link of the destination is followed but those of the path that was asked for.
 *
 *   copy --from ROOT-OPTIONS --path PATH --to ROOT-OPTIONS --path PATH   (root.h has the options of a root)
 *   put  --to ROOT-OPTIONS --path PATH      entries on standard input, see put_entries()
 *
 *   --name NAME      what the source is called in a directory; "" copies what is in it
 *   --owner UID:GID  who gets the files, as the container counts; else owners are kept
 *   --no-owner       whoever runs this gets them: the destination is not a container's
 *   --overwrite      a directory may replace something else, and the other way round
 *   --caller PID     ends with this process, which started it
 *
 * Exit status 3: what was asked for is not there; 2: it can't be done; 28: no space; 1: a system call failed.
 */
#define PROGRAM "scull-copy"
#define END_ALONE end_alone
static void end_alone(void);
#include "tree.h"
#include "root.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

#define MAX_WORKERS 4
/* Names of a directory that a worker takes at once. */
#define SHARE 32
/* Directories that wait for workers. Each is open: those beyond are copied by the worker that met them. */
#define MAX_WAITING 64

static struct root from = {.fd = -1}, to = {.fd = -1};

static struct {
	const char *from_path, *to_path, *name;
	bool has_owner, no_owner, overwrite;
	long long uid, gid;
	pid_t caller;
} options;

/* What is copied may hold where it is copied to. */
static dev_t target_device;
static ino_t target_inode;

/* Of the entry at hand: from the root of what is copied. */
static _Thread_local struct bytes path;

/* A tree is copied by several threads; all but what is below is each one's own. */
struct worker {
	/* The file that is being written: one that is not whole does not stay, and what it is to replace stays until it is. */
	pthread_mutex_t lock;
	int parent;
	char name[256], replaces[256];
	/* It has more names than this one: who meets another waits until it is whole. */
	bool makes_linked;
	dev_t device;
	ino_t inode;
};

static struct worker workers[MAX_WORKERS];
static int worker_count = 1;
static _Thread_local struct worker *self;

struct attributes {
	mode_t mode;
	long long uid, gid; /* as ids of ours; -1 keeps those of the process */
	struct timespec mtime;
};

/*
 * Whether something is mounted on a name. It must not be unlinked: done from another mount namespace, as we are, that would
 * succeed and take the mount from the container.
 */
static bool is_mounted(int parent, const char *name)
{
	struct statx there, above;
	unsigned mask = STATX_TYPE | STATX_MNT_ID;
	if (statx(parent, name, AT_SYMLINK_NOFOLLOW, mask, &there) < 0 || statx(parent, "", AT_EMPTY_PATH, mask, &above) < 0)
		return false;
	if ((there.stx_mask & above.stx_mask & STATX_MNT_ID) != 0)
		return there.stx_mnt_id != above.stx_mnt_id;
	return there.stx_dev_major != above.stx_dev_major || there.stx_dev_minor != above.stx_dev_minor;
}

/* The first thread that fails ends the program; another must not even say why it would. */
static void end_alone(void)
{
	static pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&end);
}

/* At the end, whatever the others do: no worker begins a file or calls one whole after this. */
static void remove_unfinished(void)
{
	for (int i = 0; i < MAX_WORKERS; i++) {
		pthread_mutex_lock(&workers[i].lock);
		if (workers[i].name[0] != '\0')
			unlinkat(workers[i].parent, workers[i].name, 0);
	}
}

static sigset_t ending;

/* An interrupted copy leaves no half file either. */
static void *await_signal(void *unused)
{
	int number;
	(void)unused;
	sigwait(&ending, &number);
	end_alone();
	/* exit(3) would flush standard input as well: since glibc 2.41 it waits for who is reading that. */
	remove_unfinished();
	_exit(128 + number);
}

/* The caller has claimed the container for us: without him others may start it, and nothing may be written to it any more. */
static void end_with_caller(void)
{
	pthread_t thread;
	/* Nobody may be there to be told what went wrong, or a file may get too large: both are errors, which leave nothing either. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&ending);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	if (pthread_create(&thread, NULL, await_signal, NULL) != 0)
		pthread_sigmask(SIG_UNBLOCK, &ending, NULL);
	if (options.caller == 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != options.caller)
		refuse("who started this copy is gone");
}

/* --- making ------------------------------------------------------------------------------------------------------ */

static void remove_tree(int parent, const char *name)
{
	struct names names = {0};
	if (is_mounted(parent, name))
		refuse("/%s is in the way, and something is mounted there", path.data);
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		die("cannot remove /%s", path.data);
	read_names(fd, &names);
	for (size_t i = 0; i < names.count; i++)
		remove_tree(fd, names.list[i]);
	free_names(&names);
	close(fd);
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		die("cannot remove /%s", path.data);
}

/* Makes way for something that is no directory. */
static void clear_place(int parent, const char *name)
{
	if (is_mounted(parent, name))
		refuse("/%s can't be replaced: something is mounted there", path.data);
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	if (errno != EISDIR && errno != EPERM)
		die("cannot replace /%s", path.data);
	if (!options.overwrite)
		refuse("/%s is a directory in the destination, and something else in what is copied", path.data);
	remove_tree(parent, name);
}

/* By descriptor, or by name where there is none (symbolic links). To look is cheaper than to have written once more what it nearly always has. */
static void set_attributes(int fd, const char *name, int parent, const struct attributes *attributes)
{
	struct timespec times[2] = {attributes->mtime, attributes->mtime};
	int at = fd >= 0 ? fd : parent, flags = fd >= 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
	const char *what = fd >= 0 ? "" : name;
	struct stat stat;
	if (fstatat(at, what, &stat, flags) < 0)
		die("cannot look at /%s", path.data);
	bool given = (attributes->uid >= 0 && attributes->uid != stat.st_uid) || (attributes->gid >= 0 && attributes->gid != stat.st_gid);
	if (given && fchownat(at, what, (uid_t)attributes->uid, (gid_t)attributes->gid, flags) < 0)
		die("cannot give /%s to %lld:%lld", path.data, attributes->uid, attributes->gid);
	/* Who gets a file gets it without set-id bits: they come after. */
	bool differs = (stat.st_mode & 07777) != (attributes->mode & 07777) || (given && (attributes->mode & (S_ISUID | S_ISGID)) != 0);
	if (fd >= 0 && differs && fchmod(fd, attributes->mode & 07777) < 0)
		die("cannot set the mode of /%s", path.data);
	if (fd >= 0 ? futimens(fd, times) < 0 : utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		die("cannot set the time of /%s", path.data);
}

/* A directory of this name, made unless it is there. @returns its descriptor; *made says whether it is new */
static int make_directory(int parent, const char *name, bool *made)
{
	struct stat stat;
	*made = mkdirat(parent, name, 0700) == 0;
	if (!*made && errno != EEXIST)
		die("cannot make the directory /%s", path.data);
	if (!*made && fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(stat.st_mode)) {
		if (!options.overwrite)
			refuse("/%s is a directory in what is copied, and something else in the destination", path.data);
		clear_place(parent, name);
		*made = mkdirat(parent, name, 0700) == 0;
	}
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		die("cannot open the directory /%s", path.data);
	return fd;
}

/* Set-id bits come when it has its owner, and is whole. */
static int begin_file(int parent, const char *name, const char *replaces, mode_t mode)
{
	pthread_mutex_lock(&self->lock);
	int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode & 0777);
	if (fd >= 0) {
		self->parent = parent;
		snprintf(self->name, sizeof self->name, "%s", name);
		snprintf(self->replaces, sizeof self->replaces, "%s", replaces);
	}
	pthread_mutex_unlock(&self->lock);
	return fd;
}

/*
 * A new file in place of what is there, as soon as finish_file() says that it is whole; a file that something is mounted on is
 * written to as it is.
 */
static int make_file(int parent, const char *name, mode_t mode)
{
	char beside[64];
	struct stat stat;
	int fd = begin_file(parent, name, "", mode);
	if (fd >= 0 || errno != EEXIST)
		return fd;
	if (is_mounted(parent, name))
		return openat(parent, name, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat.st_mode)) {
		clear_place(parent, name);
		return begin_file(parent, name, "", mode);
	}
	snprintf(beside, sizeof beside, ".scull-copy-%d-%d", (int)getpid(), (int)(self - workers));
	return begin_file(parent, beside, name, mode);
}

static void finish_file(void)
{
	pthread_mutex_lock(&self->lock);
	bool whole = self->name[0] == '\0' || self->replaces[0] == '\0' || renameat(self->parent, self->name, self->parent, self->replaces) == 0;
	if (whole)
		self->name[0] = '\0';
	pthread_mutex_unlock(&self->lock);
	if (!whole)
		die("cannot replace /%s", path.data);
}

/* --- hard links ---------------------------------------------------------------------------------------------------- */

static pthread_mutex_t links = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t link_made = PTHREAD_COND_INITIALIZER;

static bool is_being_made(const struct stat *stat)
{
	for (int i = 0; i < MAX_WORKERS; i++)
		if (workers[i].makes_linked && workers[i].device == stat->st_dev && workers[i].inode == stat->st_ino)
			return true;
	return false;
}

/* @returns the name under which this file was made before, now that it is whole; or NULL: then this worker makes it, and says so by end_linked() */
static const char *begin_linked(const struct stat *stat)
{
	pthread_mutex_lock(&links);
	const char *before = first_name(stat, path.data);
	if (before == NULL) {
		self->device = stat->st_dev;
		self->inode = stat->st_ino;
		self->makes_linked = true;
	}
	while (before != NULL && is_being_made(stat))
		pthread_cond_wait(&link_made, &links);
	pthread_mutex_unlock(&links);
	return before;
}

static void end_linked(void)
{
	pthread_mutex_lock(&links);
	self->makes_linked = false;
	pthread_cond_broadcast(&link_made);
	pthread_mutex_unlock(&links);
}

/* Opens the directory of `where`, a path below `base` that we made ourselves, through no link; *name is its last part. */
static int open_made(int base, const char *where, const char **name)
{
	const char *at = where, *slash;
	int fd = fcntl(base, F_DUPFD_CLOEXEC, 3);
	while (fd >= 0 && (slash = strchr(at, '/')) != NULL) {
		char part[256];
		snprintf(part, sizeof part, "%.*s", (int)(slash - at), at);
		int next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = next;
		at = slash + 1;
	}
	*name = at;
	return fd;
}

/* Links `name` to a file made before. @returns false where that is not to be had: then it is copied */
static bool make_link(int base, const char *where, int parent, const char *name)
{
	const char *last;
	int fd = open_made(base, where, &last);
	if (fd < 0)
		return false;
	clear_place(parent, name);
	bool linked = linkat(fd, last, parent, name, 0) == 0;
	close(fd);
	return linked;
}

/* --- copying ------------------------------------------------------------------------------------------------------- */

static struct attributes attributes_of(const struct stat *stat)
{
	struct attributes attributes = {.mode = stat->st_mode, .uid = -1, .gid = -1, .mtime = stat->st_mtim};
	if (options.no_owner) {
		/* Nobody else may become the caller by a program out of a container. */
		attributes.mode &= ~(mode_t)(S_ISUID | S_ISGID);
	} else if (options.has_owner) {
		attributes.uid = options.uid;
		attributes.gid = options.gid;
	} else {
		attributes.uid = real_id(&to.uids, seen_id(&from.uids, stat->st_uid));
		attributes.gid = real_id(&to.gids, seen_id(&from.gids, stat->st_gid));
	}
	return attributes;
}

/* To the host go only attributes that mean nothing to the kernel. A file system that takes none is no reason to stop. */
static void copy_xattrs(int source, int target)
{
	static _Thread_local char list[XATTR_LIST_MAX_BYTES], value[65536];
	ssize_t length = flistxattr(source, list, sizeof list);
	for (char *at = list; length > 0 && at < list + length; at += strlen(at) + 1) {
		if (!is_kept(at) || (options.no_owner && !starts_with(at, "user.")))
			continue;
		ssize_t size = fgetxattr(source, at, value, sizeof value);
		if (size >= 0 && fsetxattr(target, at, value, (size_t)size, 0) < 0 && errno == ENOSPC)
			die("cannot set attribute %s of /%s", at, path.data);
	}
}

/* One run of data, in the kernel where it can. */
static void copy_run(int source, int target, off_t offset, off_t length)
{
	static _Thread_local char buffer[1024 * 1024];
	static _Thread_local bool no_range;
	loff_t in = offset, out = offset;
	while (length > 0 && !no_range) {
		ssize_t done = copy_file_range(source, &in, target, &out, length > (1 << 30) ? 1 << 30 : (size_t)length, 0);
		if (done == 0)
			return; /* shorter by now */
		if (done < 0 && errno != EINTR) {
			if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
				die("cannot write /%s", path.data);
			no_range = true; /* across file systems, or a kernel that can't */
		} else if (done > 0)
			length -= done;
	}
	while (length > 0) {
		ssize_t done = pread(source, buffer, length > (off_t)sizeof buffer ? sizeof buffer : (size_t)length, in);
		if (done < 0)
			die("cannot read /%s", path.data);
		if (done == 0)
			return;
		for (ssize_t written = 0, count; written < done; written += count) {
			count = pwrite(target, buffer + written, (size_t)(done - written), out + written);
			if (count < 0)
				die("cannot write /%s", path.data);
		}
		in += done;
		out += done;
		length -= done;
	}
}

static void copy_content(int source, int target, const struct stat *stat)
{
	size_t count;
	struct run *runs = find_runs(source, stat, 4096, &count);
	if (runs == NULL) {
		copy_run(source, target, 0, stat->st_size);
		return;
	}
	for (size_t i = 0; i < count; i++)
		copy_run(source, target, runs[i].offset, runs[i].length);
	if (ftruncate(target, stat->st_size) < 0)
		die("cannot write /%s", path.data);
	free(runs);
}

static void copy_file(int source, const struct stat *stat, int target)
{
	struct attributes attributes = attributes_of(stat);
	copy_content(source, target, stat);
	set_attributes(target, NULL, -1, &attributes);
	copy_xattrs(source, target); /* after chown, which takes capabilities away */
	close(target);
	finish_file();
}

/* Opens what is a regular file, and still is. */
static int open_file(int parent, const char *name, struct stat *stat)
{
	int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, stat) < 0 || !S_ISREG(stat->st_mode))) {
		close(fd);
		errno = ENOENT;
		return -1;
	}
	return fd;
}

static void copy_link(int parent, const char *name, const struct stat *stat, int target, const char *as)
{
	char text[4096];
	struct attributes attributes = attributes_of(stat);
	ssize_t length = readlinkat(parent, name, text, sizeof text - 1);
	if (length < 0)
		return; /* gone meanwhile */
	text[length] = '\0';
	clear_place(target, as);
	if (symlinkat(text, target, as) < 0)
		die("cannot make the link /%s", path.data);
	set_attributes(-1, as, target, &attributes);
}

static void make_fifo(const struct stat *stat, int target, const char *as)
{
	struct attributes attributes = attributes_of(stat);
	clear_place(target, as);
	if (mkfifoat(target, as, 0600) < 0)
		die("cannot make the FIFO /%s", path.data);
	int fd = openat(target, as, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		die("cannot open the FIFO /%s", path.data);
	set_attributes(fd, NULL, -1, &attributes);
	close(fd);
}

/* The kernel's own file systems, which a running container has mounted: nothing there is a file to copy. */
static bool is_of_kernel(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case 0x9fa0:	 /* proc */
	case 0x62656572: /* sysfs */
	case 0x63677270: /* cgroup2 */
	case 0x27e0eb:	 /* cgroup */
	case 0x1cd1:	 /* devpts */
	case 0x19800202: /* mqueue */
		return true;
	default:
		return false;
	}
}

/* --- trees ------------------------------------------------------------------------------------------------------- */

/*
 * Directories wait in a line, oldest first, for workers that take some names of one at a time; what they meet below it joins the
 * line. Nearly all of the time goes by in the kernel, where making a file keeps others from the same directory only: so workers
 * choose one in which nobody is. What all of its names were made in gets its attributes, whatever goes on below it.
 */
struct directory {
	int source, target;
	bool made;
	struct stat stat;
	char *path;
	struct names names;
	size_t taken;
	int users;
	struct directory *behind;
};

static pthread_mutex_t line = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t line_changed = PTHREAD_COND_INITIALIZER;
static struct directory *waiting;
static int waiting_count, busy_count;
static pthread_t threads[MAX_WORKERS];

/* Where the paths of hard links begin. */
static int base;

static void copy_regular(int parent, const char *name, int target)
{
	struct stat stat;
	int fd = open_file(parent, name, &stat);
	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP)
			return; /* gone meanwhile, or something else now */
		die("cannot read /%s", path.data);
	}
	const char *before = stat.st_nlink > 1 ? begin_linked(&stat) : NULL;
	if (before == NULL || !make_link(base, before, target, name)) {
		int file = make_file(target, name, stat.st_mode);
		if (file < 0)
			die("cannot write /%s", path.data);
		copy_file(fd, &stat, file);
	}
	if (self->makes_linked)
		end_linked();
	close(fd);
}

static void copy_directory(struct directory *directory);
static void *work(void *worker);

/* For those beyond the first: a thread that can't be had is no reason to stop. */
static void start_workers(void)
{
	cpu_set_t ours;
	pthread_attr_t attributes;
	int count = sched_getaffinity(0, sizeof ours, &ours) == 0 ? CPU_COUNT(&ours) : 1;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 8 * 1024 * 1024);
	while (worker_count < count && worker_count < MAX_WORKERS && pthread_create(&threads[worker_count], &attributes, work, &workers[worker_count]) == 0)
		worker_count++;
	pthread_attr_destroy(&attributes);
}

/* Puts a directory at the end of the line. @returns false when that is full */
static bool add_to_line(struct directory *directory)
{
	static bool started;
	struct directory **last = &waiting;
	pthread_mutex_lock(&line);
	bool added = waiting_count < MAX_WAITING;
	if (added) {
		if (!started && (waiting != NULL || directory->names.count > SHARE)) {
			started = true;
			start_workers();
		}
		while (*last != NULL)
			last = &(*last)->behind;
		*last = directory;
		waiting_count++;
		pthread_cond_broadcast(&line_changed);
	}
	pthread_mutex_unlock(&line);
	return added;
}

/* Some names of the next directory in line; waits while others may still find some. @returns NULL when all is done */
static struct directory *take_share(size_t *from, size_t *end)
{
	pthread_mutex_lock(&line);
	while (waiting == NULL && busy_count > 0)
		pthread_cond_wait(&line_changed, &line);
	struct directory **at = &waiting, *directory;
	while (*at != NULL && (*at)->users > 0)
		at = &(*at)->behind;
	if (*at == NULL)
		at = &waiting;
	directory = *at;
	if (directory != NULL) {
		*from = directory->taken;
		*end = directory->taken = *from + SHARE < directory->names.count ? *from + SHARE : directory->names.count;
		directory->users++;
		busy_count++;
		if (directory->taken == directory->names.count) {
			*at = directory->behind;
			waiting_count--;
		}
	}
	pthread_mutex_unlock(&line);
	return directory;
}

/* Directories, links, and what the directory did not tell the kind of. */
static void copy_other(const struct directory *above, const char *name)
{
	struct stat stat;
	int parent = above->source, target = above->target;
	if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) < 0)
		return; /* gone meanwhile */
	if (S_ISREG(stat.st_mode))
		copy_regular(parent, name, target);
	else if (S_ISLNK(stat.st_mode))
		copy_link(parent, name, &stat, target, name);
	else if (S_ISFIFO(stat.st_mode))
		make_fifo(&stat, target, name);
	if (!S_ISDIR(stat.st_mode))
		return; /* devices and sockets stay behind: nobody may make the former, the latter are of no use */
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
			return;
		die("cannot read /%s", path.data);
	}
	if (fstat(fd, &stat) < 0)
		die("cannot look at /%s", path.data);
	if (stat.st_dev == target_device && stat.st_ino == target_inode) {
		close(fd); /* what we are making must not be copied into itself */
		return;
	}
	struct directory *directory = checked(calloc(1, sizeof *directory));
	directory->source = fd;
	directory->target = make_directory(target, name, &directory->made);
	directory->stat = stat;
	directory->path = checked(strdup(path.data));
	if (stat.st_dev == above->stat.st_dev || !is_of_kernel(fd))
		read_names(fd, &directory->names);
	if (directory->names.count == 0 || !add_to_line(directory))
		copy_directory(directory);
}

static void copy_names(const struct directory *directory, size_t from, size_t end)
{
	truncate_to(&path, 0);
	add_text(&path, directory->path);
	if (path.length > 0)
		add_text(&path, "/");
	size_t length = path.length;
	for (size_t i = from; i < end; i++) {
		const char *name = directory->names.list[i];
		add_text(&path, name);
		/* Nothing else may be opened before it was looked at: a FIFO would let its writer go, a device do whatever it does. */
		if (listed_type(name) == DT_REG)
			copy_regular(directory->source, name, directory->target);
		else
			copy_other(directory, name);
		truncate_to(&path, length);
	}
}

/* All of its names were made. */
static void finish_directory(struct directory *directory)
{
	truncate_to(&path, 0);
	add_text(&path, directory->path);
	if (directory->made) {
		struct attributes attributes = attributes_of(&directory->stat);
		copy_xattrs(directory->source, directory->target);
		set_attributes(directory->target, NULL, -1, &attributes);
	}
	close(directory->source);
	if (directory->target != base)
		close(directory->target);
	free_names(&directory->names);
	free(directory->path);
	free(directory);
}

/* By this worker alone. The path of the entry at hand is as before. */
static void copy_directory(struct directory *directory)
{
	char *before = checked(strdup(path.data));
	copy_names(directory, 0, directory->names.count);
	finish_directory(directory);
	truncate_to(&path, 0);
	add_text(&path, before);
	free(before);
}

/* What each worker does, until there is nothing more to be done. */
static void *work(void *worker)
{
	struct directory *directory;
	size_t from, end;
	self = worker;
	while ((directory = take_share(&from, &end)) != NULL) {
		copy_names(directory, from, end);
		pthread_mutex_lock(&line);
		bool all = --directory->users == 0 && directory->taken == directory->names.count;
		pthread_mutex_unlock(&line);
		if (all)
			finish_directory(directory);
		pthread_mutex_lock(&line);
		if (--busy_count == 0)
			pthread_cond_broadcast(&line_changed);
		pthread_mutex_unlock(&line);
	}
	return NULL;
}

/* What is in one directory to another, and with it the first one's attributes where that was made for it. */
static void copy_tree(int source, const struct stat *stat, int target, bool made)
{
	struct directory *top = checked(calloc(1, sizeof *top));
	*top = (struct directory){.source = source, .target = target, .made = made, .stat = *stat, .path = checked(strdup(""))};
	base = target;
	read_names(source, &top->names);
	if (top->names.count == 0)
		finish_directory(top);
	else
		add_to_line(top);
	work(&workers[0]);
	for (int i = 1; i < worker_count; i++)
		pthread_join(threads[i], NULL);
}

static void refuse_read_only(const struct place *place, const char *what)
{
	if (place->read_only)
		refuse("%s is mounted read-only", what);
}

/* What is at the destination decides where the source goes: podman-cp(1) has the rules. */
static void copy_to_place(const struct place *source, const struct place *target)
{
	bool directory = S_ISDIR(source->stat.st_mode), contents = directory && options.name[0] == '\0';
	int into = -1;
	const char *as = options.name;
	if (target->exists && S_ISDIR(target->stat.st_mode))
		into = open_place(target, O_RDONLY | O_DIRECTORY);
	else if (target->exists && directory)
		refuse("cannot copy a directory to a file: %s is no directory", options.to_path);
	else {
		into = target->parent;
		as = target->name;
	}
	if (into < 0)
		die("cannot open %s", options.to_path);
	int fd = open_place(source, directory ? O_RDONLY | O_DIRECTORY : O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		die("cannot read %s", options.from_path);
	if (!directory) {
		if (!S_ISREG(source->stat.st_mode))
			refuse("%s is neither a file nor a directory", options.from_path);
		add_text(&path, as);
		int file = target->mounted ? open_place(target, O_WRONLY | O_TRUNC) : make_file(into, as, source->stat.st_mode);
		if (file < 0)
			die("cannot write %s", options.to_path);
		copy_file(fd, &source->stat, file);
		return;
	}
	bool made = false;
	int goal = into;
	if (!contents || !target->exists) {
		add_text(&path, as);
		goal = make_directory(into, as, &made);
	}
	struct stat stat;
	if (fstat(goal, &stat) < 0)
		die("cannot look at %s", options.to_path);
	target_device = stat.st_dev;
	target_inode = stat.st_ino;
	if (source->stat.st_dev == stat.st_dev && source->stat.st_ino == stat.st_ino)
		refuse("%s and %s are the same directory", options.from_path, options.to_path);
	copy_tree(fd, &source->stat, goal, made);
}

static void copy(void)
{
	static struct place source, target;
	find_place(&from, options.from_path, &source);
	if (!source.exists)
		not_found("%s", options.from_path);
	find_place(&to, options.to_path, &target);
	refuse_read_only(&target, options.to_path);
	copy_to_place(&source, &target);
}

/* --- entries from standard input ---------------------------------------------------------------------------------- */

static void read_exactly(void *data, size_t length)
{
	if (fread(data, 1, length, stdin) != length)
		refuse("the entries end too early");
}

/* What scull has read of an archive: checked there, and once more here. */
struct given {
	char *fields[10]; /* type, mode, uid, gid, seconds, nanoseconds, size, name, link, number of attributes */
	char *rest;	  /* the attributes: NAME\0HEX\0… */
};

/* A frame: four bytes of length, then that many bytes of NUL-terminated words. @returns false at the end of all */
static bool read_given(struct given *given, struct bytes *frame)
{
	uint32_t length;
	if (fread(&length, 1, 4, stdin) != 4)
		refuse("the entries end too early");
	if (length == 0)
		return false;
	if (length > 8 * 1024 * 1024)
		refuse("an entry is too long");
	char *data = checked(malloc(length + 1));
	read_exactly(data, length);
	data[length] = '\0';
	free(frame->data);
	*frame = (struct bytes){data, length, length};
	char *at = data;
	for (size_t i = 0; i < sizeof given->fields / sizeof *given->fields; i++) {
		if (at >= data + length)
			refuse("an entry has too few words");
		given->fields[i] = at;
		at += strlen(at) + 1;
	}
	given->rest = at;
	return true;
}

static void set_given_xattrs(int fd, const struct given *given, const char *end)
{
	char *at = given->rest;
	for (long i = strtol(given->fields[9], NULL, 10); i > 0 && at < end; i--) {
		char *name = at, *hex = at + strlen(at) + 1;
		if (hex >= end)
			return;
		at = hex + strlen(hex) + 1;
		size_t length = strlen(hex) / 2;
		unsigned char *value = checked(malloc(length + 1));
		for (size_t j = 0; j < length; j++) {
			unsigned byte = 0;
			sscanf(hex + 2 * j, "%2x", &byte);
			value[j] = (unsigned char)byte;
		}
		if (is_kept(name))
			fsetxattr(fd, name, value, length, 0);
		free(value);
	}
}

/* Content follows its entry as runs: eight bytes of offset, four of length, the bytes; a run without length is the last. */
static void take_content(int fd, long long size)
{
	static char buffer[1024 * 1024];
	for (;;) {
		uint64_t offset;
		uint32_t length;
		read_exactly(&offset, 8);
		read_exactly(&length, 4);
		if (length == 0)
			break;
		while (length > 0) {
			size_t count = length > sizeof buffer ? sizeof buffer : length;
			read_exactly(buffer, count);
			for (size_t written = 0; fd >= 0 && written < count;) {
				ssize_t done = pwrite(fd, buffer + written, count - written, (off_t)(offset + written));
				if (done < 0)
					die("cannot write /%s", path.data);
				written += (size_t)done;
			}
			offset += count;
			length -= (uint32_t)count;
		}
	}
	if (fd >= 0 && ftruncate(fd, size) < 0)
		die("cannot write /%s", path.data);
}

/* A path in the destination: `below` what was asked for. */
static void full_path(struct bytes *full, const char *below)
{
	truncate_to(full, 0);
	add_text(full, options.to_path);
	add_text(full, "/");
	add_text(full, below);
}

/* One directory above an entry, made where it is missing. */
static void make_above(const char *below)
{
	static struct place place;
	struct bytes full = {0};
	full_path(&full, below);
	find_place(&to, full.data, &place);
	if (!place.exists) {
		if (mkdirat(place.parent, place.name, 0755) < 0)
			die("cannot make the directory %s", full.data);
		if (options.has_owner && fchownat(place.parent, place.name, (uid_t)options.uid, (gid_t)options.gid, AT_SYMLINK_NOFOLLOW) < 0)
			die("cannot give %s to its owner", full.data);
	}
	if (place.parent >= 0)
		close(place.parent);
	if (place.fd >= 0)
		close(place.fd);
	free(full.data);
}

/* The directory that an entry goes to, made with those above it where they are missing. Entries come grouped: the last is kept. */
static int parent_of(const char *name, char *last)
{
	static char *kept_name;
	static int kept = -1;
	static struct place place;
	char *directory = checked(strdup(name)), *slash = strrchr(directory, '/');
	struct bytes full = {0};
	snprintf(last, 256, "%s", slash == NULL ? name : name + (slash - directory) + 1);
	if (last[0] == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		refuse("an entry has no name");
	*(slash == NULL ? directory : slash) = '\0';
	if (kept >= 0 && strcmp(kept_name, directory) == 0) {
		free(directory);
		return kept;
	}
	for (char *at = directory; *at != '\0'; at++) { /* from the top down */
		if (at[1] != '/' && at[1] != '\0')
			continue;
		char saved = at[1];
		at[1] = '\0';
		make_above(directory);
		at[1] = saved;
	}
	full_path(&full, directory);
	find_place(&to, full.data, &place);
	refuse_read_only(&place, full.data);
	if (kept >= 0)
		close(kept);
	free(kept_name);
	kept_name = directory;
	kept = place.exists ? open_place(&place, O_RDONLY | O_DIRECTORY) : -1;
	if (kept < 0)
		die("cannot open %s", full.data);
	free(full.data);
	close(place.fd);
	return kept;
}

static struct attributes given_attributes(const struct given *given)
{
	struct attributes attributes = {.mode = (mode_t)strtoul(given->fields[1], NULL, 8), .uid = options.uid, .gid = options.gid};
	if (!options.has_owner) {
		attributes.uid = real_id(&to.uids, strtoll(given->fields[2], NULL, 10));
		attributes.gid = real_id(&to.gids, strtoll(given->fields[3], NULL, 10));
		if (attributes.uid < 0 || attributes.gid < 0)
			refuse("/%s belongs to %s:%s, which the container does not have", path.data, given->fields[2], given->fields[3]);
	}
	attributes.mtime.tv_sec = strtoll(given->fields[4], NULL, 10);
	attributes.mtime.tv_nsec = strtol(given->fields[5], NULL, 10);
	return attributes;
}

static void put_link(int parent, const char *last, const char *where)
{
	struct bytes full = {0};
	static struct place place;
	full_path(&full, where);
	find_place(&to, full.data, &place);
	if (!place.exists || place.parent < 0)
		refuse("/%s is a hard link to %s, which is no file here", path.data, where);
	clear_place(parent, last);
	if (linkat(place.parent, place.name, parent, last, 0) < 0)
		die("cannot link /%s", path.data);
	close(place.parent);
	close(place.fd);
	free(full.data);
}

static void put_entry(const struct given *given, const char *end)
{
	char last[256], type = given->fields[0][0];
	bool made = true;
	int fd = -1;
	truncate_to(&path, 0);
	add_text(&path, given->fields[7]);
	struct attributes attributes = given_attributes(given);
	int parent = parent_of(given->fields[7], last);
	switch (type) {
	case 'f':
		fd = make_file(parent, last, attributes.mode);
		if (fd < 0)
			die("cannot write /%s", path.data);
		take_content(fd, strtoll(given->fields[6], NULL, 10));
		break;
	case 'd':
		fd = make_directory(parent, last, &made);
		break;
	case 'l':
		clear_place(parent, last);
		if (symlinkat(given->fields[8], parent, last) < 0)
			die("cannot make the link /%s", path.data);
		set_attributes(-1, last, parent, &attributes);
		break;
	case 'h':
		put_link(parent, last, given->fields[8]);
		break;
	case 'p':
		clear_place(parent, last);
		if (mkfifoat(parent, last, 0600) < 0 || (fd = openat(parent, last, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)) < 0)
			die("cannot make the FIFO /%s", path.data);
		break;
	default:
		refuse("an entry is of no known type");
	}
	if (fd >= 0 && made) {
		set_attributes(fd, NULL, -1, &attributes);
		set_given_xattrs(fd, given, end);
	}
	if (fd >= 0)
		close(fd);
	finish_file();
}

static void put_entries(void)
{
	static struct place target;
	struct given given;
	struct bytes frame = {0};
	static char buffer[1024 * 1024];
	setvbuf(stdin, buffer, _IOFBF, sizeof buffer);
	find_place(&to, options.to_path, &target);
	if (!target.exists)
		not_found("%s", options.to_path);
	if (!S_ISDIR(target.stat.st_mode))
		refuse("%s is no directory, which an archive must be unpacked into", options.to_path);
	refuse_read_only(&target, options.to_path);
	while (read_given(&given, &frame))
		put_entry(&given, frame.data + frame.length);
	free(frame.data);
}

/* --- command line -------------------------------------------------------------------------------------------------- */

static void parse_owner(const char *text)
{
	char *end;
	options.has_owner = true;
	options.uid = strtoll(text, &end, 10);
	if (*end != ':')
		refuse("--owner needs UID:GID");
	options.gid = strtoll(end + 1, NULL, 10);
}

int main(int argc, char **argv)
{
	struct root *root = NULL;
	struct rlimit files;
	if (argc < 2)
		refuse("usage: scull-copy copy|put OPTIONS");
	options.name = "";
	for (int i = 2; i < argc; i++) {
		const char *word = argv[i];
		if (strcmp(word, "--from") == 0)
			root = &from;
		else if (strcmp(word, "--to") == 0)
			root = &to;
		else if (strcmp(word, "--no-owner") == 0)
			options.no_owner = true;
		else if (strcmp(word, "--overwrite") == 0)
			options.overwrite = true;
		else if (root != NULL && root_option(root, word, argv + i))
			i += root_option_words(word);
		else if (argv[i + 1] == NULL)
			refuse("%s needs a value", word);
		else if (i++, strcmp(word, "--path") == 0)
			*(root == &from ? &options.from_path : &options.to_path) = argv[i];
		else if (strcmp(word, "--name") == 0)
			options.name = argv[i];
		else if (strcmp(word, "--owner") == 0)
			parse_owner(argv[i]);
		else if (strcmp(word, "--caller") == 0)
			options.caller = (pid_t)strtol(argv[i], NULL, 10);
		else
			refuse("unknown option %s", word);
	}
	umask(0);
	for (int i = 0; i < MAX_WORKERS; i++)
		pthread_mutex_init(&workers[i].lock, NULL);
	self = &workers[0];
	atexit(remove_unfinished);
	end_with_caller();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (to.fd < 0 || options.to_path == NULL)
		refuse("--to is missing");
	if (options.has_owner && ((options.uid = real_id(&to.uids, options.uid)) < 0 || (options.gid = real_id(&to.gids, options.gid)) < 0))
		refuse("the owner is no id of the container");
	add_text(&path, "");
	if (strcmp(argv[1], "copy") == 0 && from.fd >= 0 && options.from_path != NULL)
		copy();
	else if (strcmp(argv[1], "put") == 0)
		put_entries();
	else
		refuse("usage: scull-copy copy|put OPTIONS");
	return 0;
}
