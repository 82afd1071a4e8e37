/*
 * What the programs of containers and networks share: how they fail, read numbers, start with nothing of their caller's, enter
 * namespaces, sleep. Before it: the program's name as PROGRAM, its status as EXIT_SETUP; COMPLAINTS where it is not standard error.
 */
#ifndef SCULL_PROGRAM_H
#define SCULL_PROGRAM_H

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef COMPLAINTS
#define COMPLAINTS 2
#endif

/* One line, "PROGRAM: STEP: reason", which scull turns into an error with a remedy. */
static inline void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	int saved = errno;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (saved != 0)
		dprintf(COMPLAINTS, PROGRAM ": %s: %s\n", text, strerror(saved));
	else
		dprintf(COMPLAINTS, PROGRAM ": %s\n", text);
	_exit(EXIT_SETUP);
}

static inline void __attribute__((noreturn)) usage(const char *what)
{
	errno = 0;
	die("usage: %s", what);
}

static inline int number_up_to(const char *text, int most)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno != 0 || *text == '\0' || *end != '\0' || value < 0 || value > most)
		usage(text);
	return (int)value;
}

static inline int number(const char *text)
{
	return number_up_to(text, 0x7fffffff);
}

/*
 * Only 0, 1, 2 and the named descriptors may reach what we start (CVE-2024-21626 and relatives): the runtime we are started from
 * may have leaked others.
 */
static inline void close_all_but(const int *keep, int count)
{
	unsigned first = 3;
	while (true) {
		int next = -1;
		for (int i = 0; i < count; i++)
			if (keep[i] >= (int)first && (next < 0 || keep[i] < next))
				next = keep[i];
		unsigned last = next < 0 ? ~0U : (unsigned)next - 1;
		if (first <= last && syscall(SYS_close_range, first, last, 0) < 0 && errno == ENOSYS)
			for (unsigned fd = first; fd <= last && fd < 65536; fd++)
				close((int)fd);
		if (next < 0)
			return;
		first = (unsigned)next + 1;
	}
}

/* Signal dispositions and the mask survive execve; the JavaScript runtime above us ignores SIGPIPE. */
static inline void reset_signals(void)
{
	sigset_t none;
	for (int n = 1; n < 32; n++)
		if (n != SIGKILL && n != SIGSTOP)
			signal(n, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard streams go to /dev/null, the folder is /: nobody is kept waiting, and no file system in use. */
static inline void let_go(void)
{
	if (chdir("/") < 0)
		die("cannot enter /");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

/*
 * Before a long sleep: most of our program was for what is done by now, and need not stay mapped. What is needed comes back by
 * itself (madvise(2)), but not what was written to, which is left alone.
 */
static inline void forget_program(void)
{
	const ElfW(Phdr) *header = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	unsigned long count = getauxval(AT_PHNUM), page = getauxval(AT_PAGESZ), base = 0;
	for (unsigned long i = 0; i < count; i++)
		if (header[i].p_type == PT_PHDR)
			base = (unsigned long)header - header[i].p_vaddr;
	for (unsigned long i = 0; i < count; i++) {
		unsigned long from = base + header[i].p_vaddr, to = from + header[i].p_memsz;
		if (header[i].p_type == PT_LOAD && (header[i].p_flags & PF_W) == 0)
			(void)madvise((void *)(from & ~(page - 1)), to - (from & ~(page - 1)), MADV_DONTNEED);
	}
}

/* Small files, whole. Closes the descriptor; false where that is none, or nothing was to be read. */
static inline bool read_small(int fd, char *text, size_t size)
{
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	return true;
}

/* Field 22 of /proc/PID/stat; 0 when there is no such process, or only what is left of one. */
static inline unsigned long long start_time(int pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!read_small(open(path, O_RDONLY | O_CLOEXEC), text, sizeof text))
		return 0;
	char *field = strrchr(text, ')');
	if (field == NULL || field[1] == '\0' || field[2] == 'Z' || field[2] == 'X')
		return 0;
	for (int n = 2; field != NULL && n < 22; n++)
		field = strchr(field + 1, ' ');
	return field == NULL ? 0 : strtoull(field + 1, NULL, 10);
}

static inline int open_namespace(int pid, const char *kind)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, kind);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Into the user and network namespace of a process, as root of them. */
static inline void join_network(int pid)
{
	int user = open_namespace(pid, "user"), net = open_namespace(pid, "net");
	if (user < 0 || net < 0)
		die("cannot open the namespaces of process %d", pid);
	/* Who is in that user namespace already can't join it again, and need not. */
	if ((setns(user, CLONE_NEWUSER) < 0 && errno != EINVAL) || setns(net, CLONE_NEWNET) < 0)
		die("cannot join the namespaces of process %d", pid);
	close(user);
	close(net);
}

/* Settings of this network namespace. Where one does not exist (no IPv6 in the kernel) there is nothing to set. */
static inline bool set(const char *path, const char *value)
{
	char full[256];
	snprintf(full, sizeof full, "/proc/sys/net/%s", path);
	int fd = open(full, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (write(fd, value, strlen(value)) < 0)
		die("cannot write %s", full);
	close(fd);
	return true;
}

static inline void set_for(const char *interface, const char *name, const char *value)
{
	char path[160];
	snprintf(path, sizeof path, "ipv6/conf/%s/%s", interface, name);
	(void)set(path, value);
}

#endif
