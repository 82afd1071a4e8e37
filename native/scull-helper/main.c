/*
 * scull-helper: what JavaScript cannot do, in one small static program. It keeps no state, reads no configuration and
 * decides nothing: every path, map and argument list comes from scull on the command line.
 *
 *   launch  make the namespaces of a container (or of a worker), write its id maps, mount its root, become PROGRAM
 *   keep    start a daemonising program (pasta) and end it exactly when a watched process ends; start a program now and then
 *           while that lives (health checks), another one when it has ended
 *   attach  connect a terminal or pipes to the monitor's attach socket (SOCK_SEQPACKET, conmon's protocol)
 *   exec    run crun exec and stand between its process and the caller's streams
 *   notify  tell the service manager something (sd_notify(3)), a datagram, which JavaScript has no sockets for
 *   watch-reader  wait until nobody reads standard output any more
 */
#include "helper.h"

int complaints = 2;

/*
 * The errno with which what a container wrote was lost on its way to our standard output or error: a full disk, a quota, a limit
 * on the size of files. Told in the end: attach ends with it for its status. A reader that left and a stream that was never open
 * are nothing to tell.
 */
int lost_output;

void note_lost_output(void)
{
	if (lost_output == 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		lost_output = errno;
}

/* False, with errno, when not everything could be written. */
bool write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t done = write(fd, data, length);
		if (done < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				struct pollfd wait = {.fd = fd, .events = POLLOUT};
				poll(&wait, 1, -1);
				continue;
			}
			return false;
		}
		data += done;
		length -= (size_t)done;
	}
	return true;
}

pid_t read_pid_file(const char *path)
{
	char text[32];
	return read_small(open(path, O_RDONLY | O_CLOEXEC), text, sizeof text) ? (pid_t)atoi(text) : -1;
}

/*
 * notify SOCKET MESSAGE: sends the message and, behind it, a barrier. The manager closes the barrier's pipe when it has read
 * everything before it: only then may we end, since it finds the unit of a message by the process that sent it.
 */
static int notify(int argc, char **argv)
{
	if (argc != 2)
		usage("notify SOCKET MESSAGE");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(argv[0]);
	if (length == 0 || length >= sizeof address.sun_path)
		usage("notify: the socket's name is too long");
	memcpy(address.sun_path, argv[0], length);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (argv[0][0] == '@' ? 0 : 1));
	if (argv[0][0] == '@')
		address.sun_path[0] = '\0';
	int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager < 0 || connect(manager, (struct sockaddr *)&address, size) < 0)
		die("cannot reach the service manager at %s", argv[0]);
	if (send(manager, argv[1], strlen(argv[1]), MSG_NOSIGNAL) < 0)
		die("cannot tell the service manager");
	int barrier[2];
	if (pipe2(barrier, O_CLOEXEC) < 0)
		die("cannot make a pipe");
	char word[] = "BARRIER=1";
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec data = {.iov_base = word, .iov_len = sizeof word - 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &barrier[1], sizeof(int));
	if (sendmsg(manager, &message, MSG_NOSIGNAL) < 0)
		return 0; /* whoever listens there knows no barriers */
	close(barrier[1]);
	/* It takes its time where it starts a hundred units at once: what nobody has read when we end is nobody's message. */
	struct pollfd closed = {.fd = barrier[0]};
	while (poll(&closed, 1, 5 * 60 * 1000) < 0 && errno == EINTR)
		;
	return 0;
}

/*
 * pause, or -P as catatonit has it: a pod's own process. It does nothing but keep namespaces, and reaps what is orphaned where
 * the pod shares its process ids. Process 1 gets only the signals that it asks for.
 */
static int pause_until_told(void)
{
	sigset_t awaited;
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGTERM);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGCHLD);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	for (;;) {
		forget_program();
		int got = sigwaitinfo(&awaited, NULL);
		if (got == SIGTERM || got == SIGINT)
			return 0;
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

/* watch-reader: ends well when nobody reads standard output any more, and otherwise with the process that started it. */
static int watch_reader(void)
{
	pid_t owner = getppid();
	struct pollfd output = {.fd = 1};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == owner)
		if (poll(&output, 1, -1) > 0)
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "launch") == 0)
		return launch(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "keep") == 0)
		return keep(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "attach") == 0)
		return attach(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "exec") == 0)
		return exec_in_container(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "notify") == 0)
		return notify(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "watch-reader") == 0)
		return watch_reader();
	if (argc >= 2 && (strcmp(argv[1], "pause") == 0 || strcmp(argv[1], "-P") == 0))
		return pause_until_told();
	usage("scull-helper launch|keep|attach|exec|notify|watch-reader|pause …");
}
