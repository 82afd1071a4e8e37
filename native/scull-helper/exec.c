/*
 * exec: a command in a running container, by way of crun.
 *
 * The process never gets a descriptor of the caller's: through one of a terminal it could read what is typed later, and one of
 * a file can be opened again for writing through /proc/self/fd. It gets pipes, or a terminal of its own, and we copy.
 *
 *     caller's 0 ── pump ──> pipe ──> process ──> pipes ── us ──> caller's 1, 2           without a terminal
 *     caller's 0, 1 <── us ──> master of a pseudo-terminal, which crun hands us           with one
 *
 * crun says why it could not start the command on the same stderr, and ends with a status of its own. Scull wants to tell that
 * from the command's own words and status: crun writes its errors to a log file as well, and what comes before the command
 * was executed is held back, and dropped if it was crun's.
 */
#include "helper.h"

struct session {
	char **program;	     /* crun exec … */
	pid_t runtime;	     /* crun */
	int runtime_fd;	     /* pidfd of it, readable at its end */
	const char *log;     /* crun's errors */
	const char *pid_file; /* the process's pid, written by crun once everything but its execve has worked */
	bool tty, want_input, background;
	int preserved;
	bool started;	     /* the command was executed: nothing is held back any more */
	char held[65536];
	size_t held_length;
	int held_for;
	int master, listener;
	char console[4096];
	struct detach_keys detach;
};

enum progress { UNKNOWN, IN_RUNTIME, EXECUTED };

/* Whether the process is still crun, by its command line. */
static enum progress look_at_process(const struct session *session)
{
	char path[64], words[4096];
	pid_t pid = read_pid_file(session->pid_file);
	if (pid <= 0)
		return UNKNOWN;
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) /* ended, or hidden from us (proc(5), hidepid) */
		return EXECUTED;
	ssize_t length = read(fd, words, sizeof words), at = 0;
	close(fd);
	if (length <= 0) /* ended */
		return EXECUTED;
	for (char **word = session->program; *word != NULL && at < length; word++) {
		size_t size = strlen(*word) + 1;
		if (size > (size_t)(length - at))
			size = (size_t)(length - at);
		if (memcmp(words + at, *word, size) != 0)
			return EXECUTED;
		at += (ssize_t)size;
	}
	return IN_RUNTIME;
}

static bool runtime_complained(const struct session *session)
{
	struct stat info;
	return stat(session->log, &info) == 0 && info.st_size > 0;
}

static bool write_output(int to, const char *data, size_t length)
{
	if (write_all(to, data, length))
		return true;
	note_lost_output();
	return false;
}

static bool show_held(struct session *session)
{
	session->started = true;
	return session->held_length == 0 || write_output(session->held_for, session->held, session->held_length);
}

/* False when nobody reads our output any more. */
static bool show_output(struct session *session, int to, const char *data, size_t length)
{
	if (!session->started && length <= sizeof session->held - session->held_length) {
		memcpy(session->held + session->held_length, data, length);
		session->held_length += length;
		session->held_for = to;
		return look_at_process(session) != EXECUTED || runtime_complained(session) || show_held(session);
	}
	return (session->started || show_held(session)) && write_output(to, data, length);
}

/* Copies what there is. Returns false when `from` will give nothing more, or nobody wants it. */
static bool copy_output(struct session *session, int from, int to, bool hold)
{
	static char data[65536];
	while (true) {
		ssize_t length = read(from, data, sizeof data);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return true;
		if (length <= 0)
			return false;
		if (!(hold ? show_output(session, to, data, (size_t)length) : write_output(to, data, (size_t)length)))
			return false;
	}
}

/* Passes standard input on. A process of its own, so that neither direction ever waits for the other. */
static pid_t start_pump(int to)
{
	static char data[65536];
	pid_t owner = getpid(), pump = fork();
	if (pump < 0)
		die("fork");
	if (pump > 0)
		return pump;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != owner)
		_exit(0);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	close_all_but(&to, 1);
	while (true) {
		ssize_t length = read(0, data, sizeof data);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0 || !write_all(to, data, (size_t)length))
			_exit(0);
	}
}

/* Where crun hands us the terminal. The path is made short for sockaddr_un by way of /proc. */
static int listen_for_console(struct session *session, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *slash = strrchr(path, '/');
	if (slash == NULL || (size_t)snprintf(session->console, sizeof session->console, "%s", path) >= sizeof session->console)
		usage("--console PATH");
	char *directory = strndup(path, (size_t)(slash - path));
	int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%.80s", parent, slash + 1);
	if (parent < 0 || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
		die("cannot make the console socket %s", path);
	close(parent);
	free(directory);
	return fd;
}

static void pass_window_size(const struct session *session)
{
	struct winsize size;
	if (window_size(&size))
		ioctl(session->master, TIOCSWINSZ, &size);
}

/*
 * runc's protocol: one message with the master's descriptor in SCM_RIGHTS. The process may already run: crun tells it to go on,
 * then sets the size it was told, then sends the master. Whatever the size is now is set before anything else.
 */
static void take_console(struct session *session)
{
	int connection = accept4(session->listener, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return;
	char byte[128];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = {.iov_base = byte, .iov_len = sizeof byte};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t length;
	while ((length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	struct cmsghdr *header = length < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
		memcpy(&session->master, CMSG_DATA(header), sizeof session->master);
		pass_window_size(session);
		fcntl(session->master, F_SETFL, O_NONBLOCK);
	}
	close(connection);
	close(session->listener);
	session->listener = -1;
	unlink(session->console);
}

/*
 * Signals for the process come from scull as real-time signals, FORWARDED + their number: what a terminal, or kill(2) with a
 * process group, sends to all of us at once would merge with the same signal from scull. crun passes on what it gets. Where the
 * caller's terminal is the process's, keys are bytes, and a signal ends the session.
 */
enum { FORWARDED = 34 };
static volatile sig_atomic_t forward_to;

static void on_forwarded(int number)
{
	int saved = errno;
	if (forward_to > 0)
		kill(forward_to, number - FORWARDED);
	else if (terminal_changed)
		end_by(number - FORWARDED);
	errno = saved;
}

static void take_forwarded_signals(void)
{
	const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(FORWARDED + signals[i], on_forwarded);
}

static void forward_signals(pid_t to)
{
	const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	for (unsigned i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	forward_to = to;
}

static void __attribute__((noreturn)) become_runtime(const struct session *session, int in, int out, int err)
{
	int keep[MAX_FDS + 1], count = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < session->preserved; i++)
		keep[count++] = 3 + i;
	if (complaints > 2)
		keep[count++] = complaints;
	/* No terminal's signals, and not the caller's to be had as a controlling one. */
	setsid();
	dup2(in < 0 ? null : in, 0);
	dup2(out < 0 ? null : out, 1);
	dup2(err < 0 ? null : err, 2);
	reset_signals();
	close_all_but(keep, count);
	execv(session->program[0], session->program);
	die("cannot start %s", session->program[0]);
}

static void start_runtime(struct session *session, int in, int out, int err)
{
	session->runtime = fork();
	if (session->runtime < 0)
		die("fork");
	if (session->runtime == 0)
		become_runtime(session, in, out, err);
	session->runtime_fd = (int)syscall(SYS_pidfd_open, session->runtime, 0);
	if (session->runtime_fd < 0)
		die("cannot watch crun");
}

static int runtime_status(const struct session *session)
{
	int status;
	while (waitpid(session->runtime, &status, 0) < 0)
		if (errno != EINTR)
			die("wait");
	forward_to = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* After the end of crun: what the process wrote is all there. What others still write later is not ours to wait for. */
static int finish(struct session *session, int status)
{
	if (session->held_length > 0 && !session->started && !runtime_complained(session))
		show_held(session);
	if (lost_output != 0)
		dprintf(complaints, "scull-helper: cannot write the command's output: %s\n", strerror(lost_output));
	return status;
}

static int exec_with_pipes(struct session *session)
{
	int in[2] = {-1, -1}, out[2], err[2];
	pid_t pump = -1;
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0 || (session->want_input && pipe2(in, O_CLOEXEC) < 0))
		die("pipe");
	start_runtime(session, in[0], out[1], err[1]);
	close(out[1]);
	close(err[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (session->want_input) {
		close(in[0]);
		pump = start_pump(in[1]);
		close(in[1]);
	}
	forward_signals(session->runtime);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	struct pollfd events[3] = {{.fd = out[0], .events = POLLIN}, {.fd = err[0], .events = POLLIN}, {.fd = session->runtime_fd, .events = POLLIN}};
	do {
		/* What is held back is looked at again and again until it is clear whose it is: for some microseconds. */
		bool undecided = session->held_length > 0 && !session->started;
		if (wait_for_events(events, 3, undecided ? 1 : -1) < 0)
			continue;
		if (undecided && !show_output(session, 2, "", 0))
			events[1].fd = -1;
		for (int i = 0; i < 2; i++) {
			int from = i == 0 ? out[0] : err[0];
			if (events[i].fd < 0 || (events[i].revents == 0 && events[2].revents == 0))
				continue;
			if (!copy_output(session, from, i + 1, i == 1)) {
				close(from); /* at its next word the process learns that nobody listens, as in any pipeline */
				events[i].fd = -1;
			}
		}
	} while (events[2].revents == 0);
	if (pump > 0)
		kill(pump, SIGKILL);
	return finish(session, runtime_status(session));
}

/* The session is left, the process goes on: somebody must hold its terminal, and read what nobody sees. */
static void keep_terminal_open(const struct session *session)
{
	pid_t holder = fork();
	if (holder < 0)
		die("fork");
	if (holder > 0)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	setsid();
	reset_signals();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close_all_but(&session->master, 1);
	struct pollfd event = {.fd = session->master, .events = POLLIN};
	char data[4096];
	while (poll(&event, 1, -1) >= 0) {
		ssize_t length = read(session->master, data, sizeof data);
		if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
			break;
	}
	_exit(0);
}

static void hang_up(struct session *session)
{
	if (session->master >= 0)
		close(session->master);
	session->master = -1;
}

struct input {
	char data[8192 + 64];
	size_t start, length;
	bool open;
};

static void write_input(struct session *session, struct input *input)
{
	while (input->length > 0) {
		ssize_t done = write(session->master, input->data + input->start, input->length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return; /* full: when there is room again; hung up: seen on the reading side */
		input->start += (size_t)done;
		input->length -= (size_t)done;
	}
}

/* Returns true when the user wants to leave. */
static bool read_input(struct session *session, struct input *input)
{
	char typed[8192];
	ssize_t length = read(0, typed, sizeof typed);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	input->start = input->length = 0;
	if (length <= 0) {
		input->open = false;
		return false;
	}
	return filter_input(&session->detach, typed, length, input->data, &input->length);
}

/*
 * A terminal knows no end of input but a key. It is pressed when everything before it has been read, and pressed again as
 * long as the process goes on: one that changes the terminal's mode in between (a shell) loses it.
 */
static void type_end(const struct session *session)
{
	int slave = ioctl(session->master, TIOCGPTPEER, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct pollfd unread = {.fd = slave, .events = POLLIN};
	if (slave >= 0 && poll(&unread, 1, 0) == 0 && write(session->master, "\4", 1) < 0 && errno != EAGAIN && errno != EIO)
		die("cannot end the input");
	if (slave >= 0)
		close(slave);
}

static int exec_with_terminal(struct session *session)
{
	static struct input input;
	bool raw = session->want_input && isatty(0);
	input.open = session->want_input;
	start_runtime(session, -1, -1, -1);
	watch_window_size();
	if (raw) {
		end_with_parent();
		make_terminal_raw();
	} else {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		forward_signals(session->runtime);
	}
	struct pollfd events[3] = {{.events = POLLIN}, {.events = POLLIN}, {.fd = session->runtime_fd, .events = POLLIN}};
	do {
		bool undecided = session->held_length > 0 && !session->started;
		if (session->master >= 0 && resized) {
			resized = 0;
			pass_window_size(session);
		}
		events[0].fd = session->master >= 0 ? session->master : session->listener;
		events[0].events = POLLIN | (session->master >= 0 && input.length > 0 ? POLLOUT : 0);
		events[1].fd = session->master >= 0 && input.open && input.length == 0 ? 0 : -1;
		events[1].revents = 0;
		bool at_end = session->master >= 0 && session->want_input && !input.open && input.length == 0;
		if (at_end)
			type_end(session);
		if (wait_for_events(events, 3, undecided ? 1 : at_end ? 100 : -1) < 0) {
			events[2].revents = 0;
			continue;
		}
		if (session->listener >= 0 && session->master < 0 && (events[0].revents != 0 || events[2].revents != 0))
			take_console(session);
		else if (session->master >= 0) {
			if (undecided && !show_output(session, 1, "", 0))
				hang_up(session);
			if (session->master >= 0 && (events[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !copy_output(session, session->master, 1, true))
				hang_up(session);
			if (session->master >= 0 && input.length > 0)
				write_input(session, &input);
			if (session->master >= 0 && events[1].revents != 0 && read_input(session, &input)) {
				write_input(session, &input);
				keep_terminal_open(session);
				restore_terminal();
				dprintf(complaints, "detached\n");
				return EXIT_DETACHED;
			}
		}
	} while (events[2].revents == 0);
	if (session->master >= 0)
		copy_output(session, session->master, 1, true);
	int status = finish(session, runtime_status(session));
	restore_terminal();
	return status;
}

/* crun returns by itself once the command is started, but a failing execve comes later. */
static int exec_in_background(struct session *session)
{
	start_runtime(session, -1, -1, -1);
	struct pollfd events[2] = {{.fd = session->listener, .events = POLLIN}, {.fd = session->runtime_fd, .events = POLLIN}};
	while (events[1].revents == 0) {
		events[0].fd = session->listener;
		if (wait_for_events(events, 2, -1) < 0)
			events[1].revents = 0;
		if (session->listener >= 0)
			take_console(session);
	}
	int status = runtime_status(session);
	if (status != 0)
		return status;
	if (session->master >= 0)
		keep_terminal_open(session);
	struct timespec pause = {.tv_nsec = 200000};
	while (look_at_process(session) == IN_RUNTIME)
		nanosleep(&pause, NULL);
	return 0;
}

int exec_in_container(int argc, char **argv)
{
	static struct session session = {.master = -1, .listener = -1};
	const char *console = NULL;
	int i;
	for (i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--stdin") == 0)
			session.want_input = true;
		else if (strcmp(argv[i], "--background") == 0)
			session.background = true;
		else if (strcmp(argv[i], "--") == 0)
			break;
		else if (i + 1 >= argc)
			usage(argv[i]);
		else if (strcmp(argv[i], "--console") == 0)
			console = argv[++i];
		else if (strcmp(argv[i], "--log") == 0)
			session.log = argv[++i];
		else if (strcmp(argv[i], "--pid-file") == 0)
			session.pid_file = argv[++i];
		else if (strcmp(argv[i], "--preserve-fds") == 0)
			session.preserved = number(argv[++i]);
		else if (strcmp(argv[i], "--detach-keys") == 0)
			parse_hex(argv[++i], &session.detach);
		else
			usage(argv[i]);
	}
	if (i + 1 >= argc || session.log == NULL || session.pid_file == NULL || session.preserved > MAX_FDS)
		usage("exec --log FILE --pid-file FILE [OPTION …] -- CRUN …");
	session.program = argv + i + 1;
	session.tty = console != NULL;
	signal(SIGPIPE, SIG_IGN);
	take_forwarded_signals();
	int log = open(session.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		die("cannot write %s", session.log);
	complaints = log;
	if (session.tty)
		session.listener = listen_for_console(&session, console);
	int status = session.background ? exec_in_background(&session) : session.tty ? exec_with_terminal(&session) : exec_with_pipes(&session);
	if (session.listener >= 0)
		unlink(session.console);
	return status;
}
