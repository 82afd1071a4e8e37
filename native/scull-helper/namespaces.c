/* User namespaces and their id maps; the others come with them. */
#include "helper.h"
#include <grp.h>
#include <linux/nsfs.h>
#include <net/if.h>

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
void raise_loopback(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
}

/* `nested`: we have all capabilities in the namespace around the new one, which has all its ids. `keep_ids`: nobody becomes root. */
void enter_namespaces(int flags, const struct map *uids, const struct map *gids, bool nested, bool keep_groups, bool keep_ids)
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
void join_user_namespace(int pid)
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
void join_owner(const char *path, const struct map *uids, const struct map *gids)
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

void make_the_others(int flags)
{
	if (unshare(flags) < 0)
		die("cannot create namespaces");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		die("cannot become root of the namespace");
}
