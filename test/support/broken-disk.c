/*
 * broken-disk: runs a program, and lets system calls of it and its descendants on files below a directory fail, as a disk does
 * that breaks. The kernel asks us about each such call (seccomp_unotify(2)); nothing else is changed.
 *
 *   broken-disk DIRECTORY LOG NUMBER ERRNO once|on PROGRAM WORDS…
 *
 * Each call on something below DIRECTORY is counted and noted in LOG as `<call> <path below>`. The one of this NUMBER fails with
 * ERRNO, and with `on` all later ones that would change something; 0 lets none fail. Ends when the last descendant has, with the
 * exit status of PROGRAM. Needs no privilege beyond that of the user namespace it is in.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a call works on: a descriptor, a path, a path from a directory. The numbers are those of arguments; -1 is none. */
struct call {
	int number;
	const char *name;
	int fd, path;
	bool reads;
};

static const struct call calls[] = {
	{SYS_read, "read", 0, -1, true},
	{SYS_pread64, "read", 0, -1, true},
	{SYS_readv, "read", 0, -1, true},
	{SYS_getdents64, "list", 0, -1, true},
	{SYS_openat, "open", 0, 1, true},
	{SYS_write, "write", 0, -1, false},
	{SYS_pwrite64, "write", 0, -1, false},
	{SYS_writev, "write", 0, -1, false},
	{SYS_pwritev, "write", 0, -1, false},
	{SYS_sendfile, "write", 0, -1, false},
	{SYS_copy_file_range, "write", 2, -1, false},
	{SYS_splice, "write", 2, -1, false},
	{SYS_ftruncate, "truncate", 0, -1, false},
	{SYS_fsync, "flush", 0, -1, false},
	{SYS_fdatasync, "flush", 0, -1, false},
	{SYS_syncfs, "flush", 0, -1, false},
	{SYS_mkdirat, "mkdir", 0, 1, false},
	{SYS_symlinkat, "symlink", 1, 2, false},
	{SYS_linkat, "link", 2, 3, false},
	{SYS_renameat2, "rename", 2, 3, false},
	{SYS_unlinkat, "unlink", 0, 1, false},
#ifdef SYS_renameat
	{SYS_renameat, "rename", 2, 3, false},
#endif
#ifdef SYS_open
	{SYS_open, "open", -1, 0, true},
	{SYS_creat, "create", -1, 0, false},
	{SYS_mkdir, "mkdir", -1, 0, false},
	{SYS_symlink, "symlink", -1, 1, false},
	{SYS_link, "link", -1, 1, false},
	{SYS_rename, "rename", -1, 1, false},
	{SYS_unlink, "unlink", -1, 0, false},
	{SYS_rmdir, "unlink", -1, 0, false},
#endif
};
#define CALLS (int)(sizeof calls / sizeof *calls)

static void __attribute__((noreturn)) die(const char *what)
{
	perror(what);
	exit(119);
}

/* Every call of the table is to be decided by whoever holds the descriptor that is returned. */
static int listen_to_calls(void)
{
	struct sock_filter filter[CALLS + 3];
	int length = 0;
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < CALLS; i++)
		filter[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, (unsigned char)(CALLS - i), 0);
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	struct sock_fprog program = {.len = (unsigned short)length, .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("no_new_privs");
	int fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (fd < 0)
		die("seccomp");
	return fd;
}

/* A descriptor over a socket: write(2) would already be asked about. */
static void send_descriptor(int socket, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	if (sendmsg(socket, &message, 0) != 1)
		die("sendmsg");
}

static int receive_descriptor(int socket)
{
	int fd;
	char byte, control[CMSG_SPACE(sizeof fd)];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || CMSG_FIRSTHDR(&message) == NULL)
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd;
}

/* Where a link of /proc leads, in `text` of PATH_MAX. */
static bool follow(char *text, const char *format, unsigned pid, int fd)
{
	char link[64];
	snprintf(link, sizeof link, format, pid, fd);
	ssize_t length = readlink(link, text, 4095);
	text[length < 0 ? 0 : length] = '\0';
	return length >= 0;
}

static bool read_text(unsigned pid, uint64_t address, char *text)
{
	for (size_t length = 0; length < 4095;) {
		/* Up to the end of a page: the next one may not be there. */
		size_t part = 4096 - ((address + length) & 4095);
		if (part > 4095 - length)
			part = 4095 - length;
		struct iovec here = {text + length, part}, there = {(void *)(address + length), part};
		ssize_t count = process_vm_readv((pid_t)pid, &here, 1, &there, 1, 0);
		if (count <= 0)
			return false;
		if (memchr(text + length, '\0', (size_t)count) != NULL)
			return true;
		length += (size_t)count;
	}
	return false;
}

/* What the call is about, absolute. @returns false where that can't be said */
static bool find_path(const struct seccomp_notif *asked, const struct call *call, char *path)
{
	char text[4096] = "";
	int fd = call->fd < 0 ? AT_FDCWD : (int)asked->data.args[call->fd];
	if (call->path >= 0 && !read_text(asked->pid, asked->data.args[call->path], text))
		return false;
	if (text[0] == '/') {
		strcpy(path, text);
		return true;
	}
	if (fd == AT_FDCWD ? !follow(path, "/proc/%u/cwd", asked->pid, 0) : !follow(path, "/proc/%u/fd/%d", asked->pid, fd))
		return false;
	size_t length = strlen(path);
	if (text[0] != '\0')
		snprintf(path + length, 4096 - length, "/%s", text);
	return true;
}

int main(int argc, char **argv)
{
	int ends[2], status;
	if (argc < 7)
		return 119;
	const char *directory = argv[1];
	size_t length = strlen(directory);
	long number = atol(argv[3]), count = 0;
	int error = atoi(argv[4]);
	bool on = strcmp(argv[5], "on") == 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair");
	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		int fd = listen_to_calls();
		send_descriptor(ends[1], fd);
		close(fd);
		execv(argv[6], argv + 6);
		_exit(119);
	}
	close(ends[1]);
	FILE *log = fopen(argv[2], "we");
	if (log == NULL)
		die(argv[2]);
	struct pollfd listener = {.fd = receive_descriptor(ends[0]), .events = POLLIN};
	for (;;) {
		struct seccomp_notif asked = {0};
		char path[4096];
		if (poll(&listener, 1, -1) < 0 && errno != EINTR)
			die("poll");
		if ((listener.revents & POLLIN) == 0) {
			if ((listener.revents & POLLHUP) != 0)
				break;
			continue;
		}
		if (ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
			continue; /* killed meanwhile */
		struct seccomp_notif_resp answer = {.id = asked.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
		const struct call *call = calls;
		while (call->number != asked.data.nr)
			call++;
		if (find_path(&asked, call, path) && strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0')) {
			int flags = strcmp(call->name, "open") == 0 ? (int)asked.data.args[call->path + 1] : 0;
			const char *name = (flags & O_CREAT) != 0 ? "create" : (flags & O_ACCMODE) != O_RDONLY ? "open-to-write" : call->name;
			bool reads = call->reads && name == call->name;
			count++;
			fprintf(log, "%s %s\n", name, path + length);
			if (number > 0 && (count == number || (on && count > number && !reads)))
				answer = (struct seccomp_notif_resp){.id = asked.id, .error = -error};
		}
		ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	fclose(log);
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
