/* attach: the caller's streams and a container's, by way of the monitor's socket. */
#include "helper.h"

/* conmon's control FIFO: "1 ROWS COLUMNS\n" sets the window size. */
static void send_window_size(const char *control)
{
	struct winsize size;
	if (control == NULL || !window_size(&size))
		return;
	int fd = open(control, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	dprintf(fd, "1 %d %d\n", size.ws_row, size.ws_col);
	close(fd);
}

static bool is_hung_up(int fd)
{
	struct pollfd peer = {.fd = fd};
	return fd >= 0 && poll(&peer, 1, 0) > 0;
}

/*
 * The monitor may still be making its socket: tries again for `patience` pauses, as long as somebody is there to be told by `ready`. Who was
 * killed meanwhile has made no monitor, and nobody would end us.
 */
static int connect_attach_socket(const char *path, int patience, int ready)
{
	/* Relative to its directory: a socket address holds 107 bytes, paths of homes may be longer. */
	char *directory = strdup(path), *slash = strrchr(directory, '/');
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (slash == NULL)
		usage(path);
	*slash = '\0';
	int back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (chdir(directory) < 0)
		die("cannot enter %s", directory);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", slash + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct timespec pause = {.tv_nsec = 500000};
	while (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		if (fd < 0 || patience <= 0 || is_hung_up(ready) || (errno != ENOENT && errno != ECONNREFUSED && errno != EAGAIN))
			die("cannot attach to %s", path);
		nanosleep(&pause, NULL);
		patience--;
	}
	if (back >= 0 && fchdir(back) < 0)
		die("cannot return to the working directory");
	free(directory);
	return fd;
}

/*
 * Until `path` is there or the monitor has ended without it. The monitor writes the exit code just before its end, which takes
 * milliseconds more: its namespaces and all mounts in them go with it. (Closing an inotify descriptor takes longer still.)
 */
static void wait_for_exit_code(const char *path, int monitor)
{
	struct pollfd end = {.fd = monitor, .events = POLLIN};
	struct timespec pause = {.tv_nsec = 50000};
	while (monitor >= 0 && access(path, F_OK) < 0 && ppoll(&end, 1, &pause, NULL) == 0)
		if (pause.tv_nsec < 10000000)
			pause.tv_nsec *= 2;
}

int attach(int argc, char **argv)
{
	const char *socket_path = NULL, *control = NULL, *exit_code = NULL;
	int monitor = -1;
	bool want_input = false, tty = false;
	int ready = -1, patience = 0;
	struct detach_keys detach = {.length = 0};
	bool show[4] = {false, true, true, true};
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--stdin") == 0)
			want_input = true;
		else if (strcmp(argv[i], "--tty") == 0)
			tty = true;
		else if (strcmp(argv[i], "--no-stdout") == 0)
			show[2] = false;
		else if (strcmp(argv[i], "--no-stderr") == 0)
			show[3] = false;
		else if (i + 1 >= argc)
			usage(argv[i]);
		else if (strcmp(argv[i], "--socket") == 0)
			socket_path = argv[++i];
		else if (strcmp(argv[i], "--control") == 0)
			control = argv[++i];
		else if (strcmp(argv[i], "--ready-fd") == 0)
			ready = number(argv[++i]);
		else if (strcmp(argv[i], "--patience") == 0)
			patience = 2 * number(argv[++i]);
		else if (strcmp(argv[i], "--exit-code") == 0)
			exit_code = argv[++i];
		else if (strcmp(argv[i], "--monitor") == 0)
			monitor = (int)syscall(SYS_pidfd_open, number(argv[++i]), 0);
		else if (strcmp(argv[i], "--detach-keys") == 0)
			parse_hex(argv[++i], &detach);
		else
			usage(argv[i]);
	}
	if (socket_path == NULL || (exit_code != NULL && exit_code[0] != '/'))
		usage("attach --socket PATH [OPTION …]");
	int fd = connect_attach_socket(socket_path, patience, ready);
	if (ready >= 0) {
		write_all(ready, "a", 1);
		close(ready);
	}
	signal(SIGPIPE, SIG_IGN);
	if (tty)
		watch_window_size();
	end_with_parent();
	signal(SIGTSTP, SIG_IGN);
	if (tty && want_input && isatty(0))
		make_terminal_raw();
	/* A terminal knows no end of input but a key, which a program that changes the terminal's mode just then loses. */
	int end_keys = 0, end_delay = 100;
	/* Of several sizes that conmon (2.1) reads at once it takes the first: the last one is told again when it is alone. */
	int size_repeats = 0, size_delay = 0;
	static char in[8192], out[8192 + 64], packet[8192 + 1];
	struct pollfd events[2] = {{.fd = fd, .events = POLLIN}, {.fd = want_input ? 0 : -1, .events = POLLIN}};
	int result = 0;
	while (true) {
		if (tty && resized) {
			resized = 0;
			send_window_size(control);
			size_repeats = 3;
			size_delay = 30;
		}
		int happened = wait_for_events(events, 2, size_repeats > 0 ? size_delay : end_keys > 0 ? end_delay : -1);
		if (happened < 0) {
			if (errno == EINTR)
				continue;
			break;
		}
		if (happened == 0 && size_repeats > 0) {
			send_window_size(control);
			size_repeats--;
			size_delay *= 4;
		} else if (happened == 0) {
			send(fd, "\4", 1, MSG_NOSIGNAL);
			end_keys--;
			end_delay *= 2;
		}
		if (events[0].revents != 0) {
			ssize_t length = recv(fd, packet, sizeof packet, 0);
			if (length < 0 && (errno == EINTR || errno == EAGAIN))
				continue;
			if (length <= 0)
				break;
			int stream = packet[0] == 3 ? 3 : 2;
			if (show[stream] && length > 1) {
				if (!write_all(stream - 1, packet + 1, (size_t)length - 1)) {
					if (errno == EPIPE) {
						result = EXIT_OUTPUT_CLOSED;
						break;
					}
					note_lost_output();
				}
			}
			continue; /* output first: what is there is shown before more input is taken */
		}
		if (events[1].revents != 0) {
			ssize_t length = read(0, in, sizeof in);
			if (length < 0 && (errno == EINTR || errno == EAGAIN))
				continue;
			if (length <= 0) {
				if (tty) {
					send(fd, "\4", 1, MSG_NOSIGNAL);
					end_keys = 5;
				} else
					shutdown(fd, SHUT_WR);
				events[1].fd = -1;
				continue;
			}
			size_t count;
			bool leave = filter_input(&detach, in, length, out, &count);
			if (count > 0 && send(fd, out, count, MSG_NOSIGNAL) < 0)
				events[1].fd = -1;
			if (leave) {
				result = EXIT_DETACHED;
				break;
			}
		}
	}
	restore_terminal();
	if (result == 0 && exit_code != NULL)
		wait_for_exit_code(exit_code, monitor);
	return result == 0 ? lost_output : result;
}
