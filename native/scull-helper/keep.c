/* keep: a daemon that lives as long as a watched process, checks that are started meanwhile, and what comes after. */
#include "helper.h"
#include <linux/capability.h>

static int run_daemon(char **program)
{
	pid_t child = fork();
	int status;
	if (child < 0)
		die("fork");
	if (child == 0) {
		close_all_but(NULL, 0);
		execvp(program[0], program);
		die("cannot start %s", program[0]);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("wait");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct keeper {
	int watch;		 /* pidfd of the watched process */
	int target;		 /* process whose namespaces the daemon joins, or -1 */
	const char *pid_file;	 /* written by the daemon */
	const char *subject;	 /* THEN runs only while this path exists */
	int unless;		 /* process that does THEN's work itself, or -1 */
	unsigned long long unless_start;
	long long pause;	 /* milliseconds until CHECK is started, -1 for never */
	char **check, **then, **program;
};

/*
 * The first process of a container that has not been started yet can't be looked at from the user namespace inside, which
 * the daemon has joined by the time it wants the network namespace. So a process of ours in that user namespace, without any
 * rights there, holds both open, and the daemon gets their paths in its /proc entry.
 */
static pid_t hold_namespaces(int target, int *user_fd, int *net_fd)
{
	char path[64], ready;
	int done[2];
	snprintf(path, sizeof path, "/proc/%d/ns/user", target);
	*user_fd = open(path, O_RDONLY);
	snprintf(path, sizeof path, "/proc/%d/ns/net", target);
	*net_fd = open(path, O_RDONLY);
	if (*user_fd < 0 || *net_fd < 0 || pipe2(done, O_CLOEXEC) < 0)
		die("cannot open the namespaces of process %d", target);
	pid_t owner = getpid(), holder = fork();
	if (holder < 0)
		die("fork");
	if (holder == 0) {
		struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
		struct __user_cap_data_struct none[2] = {0};
		if (setns(*user_fd, CLONE_NEWUSER) < 0 || syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
			die("cannot join the user namespace of process %d", target);
		/* After the change of credentials, which would clear it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != owner)
			_exit(1);
		int keep[] = {*user_fd, *net_fd, done[1]};
		int null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close_all_but(keep, 3);
		write_all(done[1], "h", 1);
		close(done[1]);
		for (;;)
			pause();
	}
	close(done[1]);
	if (read(done[0], &ready, 1) != 1) {
		errno = 0;
		die("cannot hold the namespaces of process %d", target);
	}
	close(done[0]);
	return holder;
}

static char **with_namespaces(char **program, int target)
{
	static char user[64], net[64];
	int count = 0, user_fd, net_fd;
	pid_t holder = hold_namespaces(target, &user_fd, &net_fd);
	while (program[count] != NULL)
		count++;
	char **argv = calloc((size_t)count + 5, sizeof *argv);
	memcpy(argv, program, (size_t)count * sizeof *argv);
	snprintf(user, sizeof user, "/proc/%d/fd/%d", holder, user_fd);
	snprintf(net, sizeof net, "/proc/%d/fd/%d", holder, net_fd);
	argv[count++] = "--userns";
	argv[count++] = user;
	argv[count++] = "--netns";
	argv[count++] = net;
	close(user_fd);
	close(net_fd);
	return argv;
}

static void wait_readable(int fd)
{
	struct pollfd event = {.fd = fd, .events = POLLIN};
	while (poll(&event, 1, -1) < 0 && errno == EINTR)
		;
}

/* Waits for the end of a process that was started at that time; returns at once for any other. */
static void wait_for_process(int pid, unsigned long long start)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0)
		return;
	if (start_time(pid) == start)
		wait_readable(process);
	close(process);
}

/* Waits, milliseconds or (-1) for ever. True when one of the descriptors can be read; `second` may be -1. */
static bool wait_until(int first, int second, long long milliseconds)
{
	struct pollfd events[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	long long end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + milliseconds;
	while (true) {
		long long left = -1;
		if (milliseconds >= 0) {
			clock_gettime(CLOCK_MONOTONIC, &now);
			left = end - (now.tv_sec * 1000LL + now.tv_nsec / 1000000);
			if (left < 0)
				left = 0;
		}
		int ready = poll(events, 2, left > 0x7fffffff ? 0x7fffffff : (int)left);
		if (ready > 0)
			return true;
		if (ready == 0 && left <= 0x7fffffff)
			return false;
	}
}

static bool is_readable(int fd)
{
	struct pollfd event = {.fd = fd, .events = POLLIN};
	return poll(&event, 1, 0) > 0;
}

/* A check that is under way when the watched process ends may be what ended it, in order to start it anew: it is left alone. */
static pid_t checking = -1;

/*
 * Runs CHECK, which answers with the milliseconds until it wants to be run again; anything else means never.
 */
static long long run_check(const struct keeper *keeper)
{
	char text[32] = "";
	size_t length = 0;
	int answer[2];
	if (pipe2(answer, O_CLOEXEC) < 0)
		return -1;
	checking = fork();
	if (checking == 0) {
		int keep[] = {1};
		signal(SIGCHLD, SIG_DFL);
		dup2(answer[1], 1);
		close_all_but(keep, 1);
		execvp(keeper->check[0], keeper->check);
		_exit(127);
	}
	close(answer[1]);
	while (checking > 0 && length < sizeof text - 1) {
		wait_until(keeper->watch, answer[0], -1);
		if (!is_readable(answer[0]))
			break; /* the watched process has ended */
		ssize_t done = read(answer[0], text + length, sizeof text - 1 - length);
		if (done <= 0)
			break;
		length += (size_t)done;
	}
	close(answer[0]);
	if (checking < 0 || is_readable(keeper->watch))
		return -1;
	waitpid(checking, NULL, 0);
	checking = -1;
	char *end;
	long long pause = strtoll(text, &end, 10);
	return end == text || *end != '\n' || pause < 0 ? -1 : pause;
}

/*
 * Until the watched process has ended; what other children end meanwhile the kernel takes note of, at once: one of a check that lost its
 * own parent would else keep the container from ending, whose first process waits for all of them (pid_namespaces(7)).
 */
static void watch_and_check(const struct keeper *keeper)
{
	long long pause = keeper->check == NULL ? -1 : keeper->pause;
	signal(SIGCHLD, SIG_IGN);
	while (!wait_until(keeper->watch, -1, pause))
		pause = run_check(keeper);
	signal(SIGCHLD, SIG_DFL);
}

/* The daemon, by whatever pid it goes now: as its subreaper we are its parent. */
static void end_children(void)
{
	char path[64], text[4096];
	snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
	if (!read_small(open(path, O_RDONLY | O_CLOEXEC), text, sizeof text))
		return;
	for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n"))
		if ((pid_t)atoi(word) != checking)
			kill((pid_t)atoi(word), SIGTERM);
}

static int watch_over(const struct keeper *keeper, int report)
{
	int daemon = -1;
	setsid();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (keeper->program != NULL && keeper->program[0] != NULL) {
		char **program = keeper->target < 0 ? keeper->program : with_namespaces(keeper->program, keeper->target);
		unsigned char status = (unsigned char)run_daemon(program);
		if (status != 0) {
			write_all(report, (char *)&status, 1);
			return status;
		}
		pid_t pid = keeper->pid_file == NULL ? -1 : read_pid_file(keeper->pid_file);
		daemon = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	}
	write_all(report, "\0", 1);
	close(report);
	let_go();
	forget_program();
	watch_and_check(keeper);
	if (daemon >= 0)
		syscall(SYS_pidfd_send_signal, daemon, SIGTERM, NULL, 0);
	end_children();
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	if (keeper->then == NULL || keeper->then[0] == NULL)
		return 0;
	/* The command that started the container removes it itself while it lives. */
	if (keeper->unless > 0)
		wait_for_process(keeper->unless, keeper->unless_start);
	if (keeper->subject != NULL && access(keeper->subject, F_OK) < 0)
		return 0;
	close_all_but(NULL, 0);
	execvp(keeper->then[0], keeper->then);
	return EXIT_SETUP;
}

/*
 * Starts PROGRAM, which daemonises when it is ready and leaves its pid in a file; returns then, with its exit status. A tiny
 * process stays behind and sleeps until the watched process ends, then ends the daemon, and then becomes THEN if one is
 * given: exact also when the watched process is killed, without anything of ours polling. Until then it starts CHECK, first after
 * MILLISECONDS, then as CHECK says (see run_check).
 */
int keep(int argc, char **argv)
{
	struct keeper keeper = {.watch = -1, .target = -1, .unless = -1, .pause = -1};
	int i, report[2];
	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--watch") == 0 && i + 1 < argc)
			keeper.watch = number(argv[++i]);
		else if (strcmp(argv[i], "--target") == 0 && i + 1 < argc)
			keeper.target = number(argv[++i]);
		else if (strcmp(argv[i], "--pid-file") == 0 && i + 1 < argc)
			keeper.pid_file = argv[++i];
		else if (strcmp(argv[i], "--if-exists") == 0 && i + 1 < argc)
			keeper.subject = argv[++i];
		else if (strcmp(argv[i], "--check-after") == 0 && i + 2 < argc) {
			/* MILLISECONDS and the words up to the next lone "--" */
			keeper.pause = number(argv[++i]);
			keeper.check = argv + ++i;
			while (i + 1 < argc && strcmp(argv[i + 1], "--") != 0)
				i++;
			if (i + 1 < argc)
				argv[++i] = NULL;
		} else if (strcmp(argv[i], "--unless-alive") == 0 && i + 1 < argc) {
			if (sscanf(argv[++i], "%d:%llu", &keeper.unless, &keeper.unless_start) != 2)
				usage("--unless-alive PID:START");
		} else if (strcmp(argv[i], "--") == 0) {
			keeper.program = argv + i + 1;
			break;
		} else if (strcmp(argv[i], "--then") == 0) {
			/* The words up to the next lone "--" */
			keeper.then = argv + i + 1;
			while (i + 1 < argc && strcmp(argv[i + 1], "--") != 0)
				i++;
			if (i + 1 < argc) {
				argv[i + 1] = NULL;
				if (i + 2 < argc)
					keeper.program = argv + i + 2;
				break;
			}
		} else
			usage(argv[i]);
	}
	if (keeper.watch < 0)
		usage("keep --watch PID [--target PID] [--pid-file FILE] [--unless-alive PID:START] [--if-exists PATH] [--check-after MILLISECONDS CHECK … --] [--then PROGRAM …] [-- DAEMON …]");
	reset_signals();
	keeper.watch = (int)syscall(SYS_pidfd_open, keeper.watch, 0);
	if (keeper.watch < 0)
		die("cannot watch the process");
	int keep_fds[] = {keeper.watch};
	close_all_but(keep_fds, 1);
	if (pipe2(report, O_CLOEXEC) < 0)
		die("pipe");
	pid_t watcher = fork();
	if (watcher < 0)
		die("fork");
	if (watcher == 0) {
		close(report[0]);
		_exit(watch_over(&keeper, report[1]));
	}
	close(report[1]);
	unsigned char status = EXIT_SETUP;
	while (read(report[0], &status, 1) < 0 && errno == EINTR)
		;
	return status;
}
