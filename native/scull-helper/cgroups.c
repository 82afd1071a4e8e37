/* Dividing a cgroup, so that a container can have one of its own below. src/runtime/cgroups.ts does the same where there is no helper. */
#include "helper.h"

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
pid_t begin_division(const char *path)
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

void finish_division(pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		_exit(EXIT_SETUP); /* which it has explained */
}
