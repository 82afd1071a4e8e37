/*
 * launch: namespaces, id maps, mounts, then PROGRAM.
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
#include "helper.h"
#include <sys/mount.h>

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

int launch(int argc, char **argv)
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
