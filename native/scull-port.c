/*
 * scull-port: listens on ports of the host and passes what comes on to a container, in the name of who sent it.
 *
 *   scull-port --watch PID --holder PID --mark N --pid-file FILE -- [tcp|udp ADDRESS PORT COUNT CONTAINER_PORT IPV4 IPV6]…
 *
 * ADDRESS is one of the host's, or "*" for all. IPV4 and IPV6 are the container's, "-" where it has none. The sockets are made
 * on the host; then this process enters the namespaces of the holder (native/scull-bridge.c), in which the container's network
 * has its gateway. There it connects to the container with the visitor's own address and port: such sockets are allowed to
 * network administrators (IP_TRANSPARENT, ip(7)), and this process is one in there. The container sees who really connects.
 * Its answers come to the gateway like all that is for elsewhere; connections with our mark are delivered to us there (rules
 * in src/network/switch-rules.ts).
 *
 * Visitors from the host's own loopback, and of an IP version that the container has no address for, come from the gateway:
 * the container would take the former for itself, and trust them.
 *
 * TCP is spliced through pipes, so bytes never pass through this process. It ends with the watched process. What comes from
 * the network is copied and never looked at.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

enum {
	EXIT_SETUP = 119,
	PIPE_SIZE = 1 << 18,
	SPARE_PIPES = 64,
	ROUNDS = 16,	     /* how often in a row one connection may be served */
	FLOWS_MAX = 4096,    /* UDP has no end: the one that was silent longest goes */
	FLOW_IDLE = 180,     /* seconds, RFC 4787 wants at least 120 */
	BUCKETS = 1024,
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define PROGRAM "scull-port"
#include "program.h"

/* --- what epoll tells about ------------------------------------------------------------------------------------- */

enum kind { WATCHED, LISTENER, CLIENT, SERVER, FLOW };

/* The first member of everything whose descriptor is waited for. */
struct source {
	enum kind kind;
	int fd;
};

struct listener {
	struct source source;
	bool udp;
	/* The container's, with the port; family 0 where it has none. */
	union address targets[2];
};

struct direction {
	int pipe[2];
	size_t waiting; /* bytes in the pipe */
	bool ended, shut;
};

struct connection {
	struct source ends[2]; /* CLIENT, SERVER */
	struct direction directions[2]; /* from ends[i] */
	bool connected, queued, dead;
	struct connection *next;
};

struct flow {
	struct source source;
	struct listener *listener;
	union address client;
	/* The address of ours that the client wrote to: answers come from there. */
	union address local;
	time_t last;
	struct flow *next;
};

static int poller;
static unsigned mark;
static struct connection *ready, *buried;
static struct flow *flows[BUCKETS];
static int flow_count;
static int spare[SPARE_PIPES][2], spare_count;

static void wait_for(struct source *source, unsigned events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	if (epoll_ctl(poller, EPOLL_CTL_ADD, source->fd, &event) < 0)
		die("cannot wait for a descriptor");
}

static time_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* --- speaking for a visitor ------------------------------------------------------------------------------------- */

static socklen_t size_of(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

/* Loopback means the host only on the host, and a link-local address only on its link. */
static bool can_be_spoken_for(const union address *visitor)
{
	if (visitor->any.sa_family == AF_INET)
		return (ntohl(visitor->v4.sin_addr.s_addr) >> 24) != 127;
	return !IN6_IS_ADDR_LOOPBACK(&visitor->v6.sin6_addr) && !IN6_IS_ADDR_LINKLOCAL(&visitor->v6.sin6_addr);
}

static const union address *target_for(const struct listener *listener, const union address *visitor)
{
	const union address *same = &listener->targets[visitor->any.sa_family == AF_INET ? 0 : 1];
	const union address *other = &listener->targets[visitor->any.sa_family == AF_INET ? 1 : 0];
	return same->any.sa_family != 0 ? same : other->any.sa_family != 0 ? other : NULL;
}

static void bind_as(int fd, const union address *visitor)
{
	int one = 1;
	union address from = *visitor;
	if (visitor->any.sa_family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof one) < 0
					      : setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof one) < 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, &from.any, size_of(&from)) == 0)
		return;
	/* The same visitor's port is in use by another of its connections to us: its address is what matters. */
	if (from.any.sa_family == AF_INET)
		from.v4.sin_port = 0;
	else
		from.v6.sin6_port = 0;
	(void)bind(fd, &from.any, size_of(&from));
}

/* A socket that is being connected to the container, or -1. */
static int open_towards(const struct listener *listener, const union address *visitor, int type)
{
	const union address *target = target_for(listener, visitor);
	if (target == NULL)
		return -1;
	for (int try = 0; try < 2; try++) {
		int fd = socket(target->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		union address from = *visitor;
		if (fd < 0)
			return -1;
		if (try == 1 && from.any.sa_family == AF_INET)
			from.v4.sin_port = 0;
		else if (try == 1)
			from.v6.sin6_port = 0;
		if (target->any.sa_family == visitor->any.sa_family && can_be_spoken_for(visitor))
			bind_as(fd, &from);
		if (connect(fd, &target->any, size_of(target)) == 0 || errno == EINPROGRESS)
			return fd;
		bool taken = errno == EADDRNOTAVAIL || errno == EADDRINUSE;
		close(fd);
		if (!taken)
			return -1;
	}
	return -1;
}

/* --- TCP -------------------------------------------------------------------------------------------------------- */

static bool take_pipe(struct direction *direction)
{
	if (spare_count > 0) {
		memcpy(direction->pipe, spare[--spare_count], sizeof direction->pipe);
		return true;
	}
	if (pipe2(direction->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
		direction->pipe[0] = direction->pipe[1] = -1;
		return false;
	}
	/* Best effort: the kernel limits how much a user may have in large pipes. */
	(void)fcntl(direction->pipe[1], F_SETPIPE_SZ, PIPE_SIZE);
	return true;
}

static void give_back_pipe(struct direction *direction)
{
	if (direction->pipe[0] < 0)
		return;
	if (direction->waiting == 0 && spare_count < SPARE_PIPES)
		memcpy(spare[spare_count++], direction->pipe, sizeof direction->pipe);
	else {
		close(direction->pipe[0]);
		close(direction->pipe[1]);
	}
	direction->pipe[0] = direction->pipe[1] = -1;
}

static void bury(struct connection *c, bool reset)
{
	struct linger now_and_loud = {.l_onoff = 1, .l_linger = 0};
	if (c->dead)
		return;
	c->dead = true;
	for (int i = 0; i < 2; i++) {
		if (c->ends[i].fd < 0)
			continue;
		if (reset)
			(void)setsockopt(c->ends[i].fd, SOL_SOCKET, SO_LINGER, &now_and_loud, sizeof now_and_loud);
		close(c->ends[i].fd);
	}
	for (int i = 0; i < 2; i++)
		give_back_pipe(&c->directions[i]);
	/* Freed once no event that was already fetched can name it. */
	if (!c->queued) {
		c->next = buried;
		buried = c;
	}
}

enum outcome { NOTHING, PROGRESS, BROKEN };

static enum outcome move(struct connection *c, int from)
{
	struct direction *d = &c->directions[from];
	int source = c->ends[from].fd, sink = c->ends[1 - from].fd;
	enum outcome outcome = NOTHING;
	if (d->shut)
		return NOTHING;
	if (!d->ended && d->waiting < PIPE_SIZE) {
		if (d->pipe[0] < 0 && !take_pipe(d))
			return BROKEN;
		ssize_t count = splice(source, NULL, d->pipe[1], NULL, PIPE_SIZE, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (count > 0) {
			d->waiting += (size_t)count;
			outcome = PROGRESS;
		} else if (count == 0)
			d->ended = true;
		else if (errno != EAGAIN && errno != EINTR)
			return BROKEN;
	}
	if (d->waiting > 0) {
		ssize_t count = splice(d->pipe[0], NULL, sink, NULL, d->waiting, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
		if (count > 0) {
			d->waiting -= (size_t)count;
			outcome = PROGRESS;
		} else if (count < 0 && errno != EAGAIN && errno != EINTR)
			return BROKEN;
	}
	if (d->ended && d->waiting == 0) {
		d->shut = true;
		(void)shutdown(sink, SHUT_WR);
		give_back_pipe(d);
	}
	return outcome;
}

/* Copies until nothing moves, or for a while: then it queues up again. Events are told once only (EPOLLET). */
static void pump(struct connection *c)
{
	for (int round = 0; round < ROUNDS; round++) {
		enum outcome there = move(c, 0), back = there == BROKEN ? BROKEN : move(c, 1);
		if (there == BROKEN || back == BROKEN) {
			bury(c, true);
			return;
		}
		if (c->directions[0].shut && c->directions[1].shut) {
			bury(c, false);
			return;
		}
		if (there == NOTHING && back == NOTHING)
			return;
	}
	if (c->queued)
		return;
	c->queued = true;
	c->next = ready;
	ready = c;
}

static void accept_visitors(struct listener *listener)
{
	for (int n = 0; n < 64; n++) {
		union address visitor;
		socklen_t size = sizeof visitor;
		int one = 1, fd = accept4(listener->source.fd, &visitor.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			struct timespec pause = {.tv_nsec = 10000000};
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
				nanosleep(&pause, NULL); /* the queue keeps them until others have gone */
			return;
		}
		struct connection *c = calloc(1, sizeof *c);
		if (c == NULL) {
			close(fd);
			return;
		}
		for (int i = 0; i < 2; i++)
			c->directions[i].pipe[0] = c->directions[i].pipe[1] = -1;
		c->ends[0] = (struct source){CLIENT, fd};
		c->ends[1] = (struct source){SERVER, open_towards(listener, &visitor, SOCK_STREAM)};
		if (c->ends[1].fd < 0) {
			bury(c, true);
			continue;
		}
		for (int i = 0; i < 2; i++) {
			(void)setsockopt(c->ends[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
			(void)setsockopt(c->ends[i].fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
			wait_for(&c->ends[i], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
		}
	}
}

static void serve_connection(struct connection *c, enum kind kind, unsigned events)
{
	if (c->dead)
		return;
	if (!c->connected) {
		int error = 0;
		socklen_t size = sizeof error;
		if (kind == CLIENT) {
			if ((events & EPOLLERR) != 0)
				bury(c, true);
			return; /* what it has to say is asked for when there is somebody to tell */
		}
		if (getsockopt(c->ends[1].fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0) {
			bury(c, true);
			return;
		}
		if ((events & EPOLLOUT) == 0)
			return;
		c->connected = true;
	}
	pump(c);
}

/* --- UDP -------------------------------------------------------------------------------------------------------- */

static bool same_address(const union address *a, const union address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return a->v6.sin6_port == b->v6.sin6_port && memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

static unsigned bucket_of(const union address *client)
{
	unsigned hash;
	if (client->any.sa_family == AF_INET)
		hash = client->v4.sin_addr.s_addr ^ client->v4.sin_port;
	else {
		memcpy(&hash, client->v6.sin6_addr.s6_addr + 12, sizeof hash);
		hash ^= client->v6.sin6_port;
	}
	return (hash * 2654435761U >> 16) % BUCKETS;
}

/* Not while fetched events may name one: called between rounds only. */
static void end_silent_flows(bool oldest)
{
	time_t time = now(), limit = time - FLOW_IDLE;
	if (oldest) {
		limit = time;
		for (int i = 0; i < BUCKETS; i++)
			for (struct flow *f = flows[i]; f != NULL; f = f->next)
				if (f->last < limit)
					limit = f->last;
	}
	for (int i = 0; i < BUCKETS; i++) {
		for (struct flow **at = &flows[i]; *at != NULL;) {
			struct flow *f = *at;
			if (f->last > limit) {
				at = &f->next;
				continue;
			}
			*at = f->next;
			close(f->source.fd);
			free(f);
			flow_count--;
		}
	}
}

static struct flow *flow_of(struct listener *listener, const union address *client, const union address *local)
{
	unsigned bucket = bucket_of(client);
	for (struct flow *f = flows[bucket]; f != NULL; f = f->next)
		if (f->listener == listener && same_address(&f->client, client) && same_address(&f->local, local))
			return f;
	if (flow_count >= FLOWS_MAX)
		return NULL;
	struct flow *f = calloc(1, sizeof *f);
	if (f == NULL)
		return NULL;
	f->source = (struct source){FLOW, open_towards(listener, client, SOCK_DGRAM)};
	if (f->source.fd < 0) {
		free(f);
		return NULL;
	}
	f->listener = listener;
	f->client = *client;
	f->local = *local;
	f->next = flows[bucket];
	flows[bucket] = f;
	flow_count++;
	wait_for(&f->source, EPOLLIN);
	return f;
}

static char datagram[65536];

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void take_datagrams(struct listener *listener)
{
	for (int n = 0; n < 64; n++) {
		union address client, local;
		union control control;
		struct iovec data = {datagram, sizeof datagram};
		struct msghdr message = {.msg_name = &client, .msg_namelen = sizeof client, .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
		ssize_t length = recvmsg(listener->source.fd, &message, 0);
		if (length < 0)
			return;
		memset(&local, 0, sizeof local);
		local.any.sa_family = client.any.sa_family;
		for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
			if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO)
				local.v4.sin_addr = ((struct in_pktinfo *)CMSG_DATA(h))->ipi_spec_dst;
			else if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
				local.v6.sin6_addr = ((struct in6_pktinfo *)CMSG_DATA(h))->ipi6_addr;
				local.v6.sin6_scope_id = ((struct in6_pktinfo *)CMSG_DATA(h))->ipi6_ifindex;
			}
		}
		struct flow *f = flow_of(listener, &client, &local);
		if (f == NULL)
			continue; /* lost, like any datagram may be */
		f->last = now();
		(void)!send(f->source.fd, datagram, (size_t)length, 0);
	}
}

static void answer(struct flow *f)
{
	for (int n = 0; n < 64; n++) {
		ssize_t length = recv(f->source.fd, datagram, sizeof datagram, 0);
		if (length < 0)
			return; /* nothing more, or the container refused the last one */
		union control control;
		struct iovec data = {datagram, (size_t)length};
		struct msghdr message = {.msg_name = &f->client, .msg_namelen = size_of(&f->client), .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control};
		memset(&control, 0, sizeof control);
		if (f->client.any.sa_family == AF_INET) {
			struct in_pktinfo info = {.ipi_spec_dst = f->local.v4.sin_addr};
			control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
			memcpy(CMSG_DATA(&control.header), &info, sizeof info);
			message.msg_controllen = CMSG_SPACE(sizeof info);
		} else {
			struct in6_pktinfo info = {.ipi6_addr = f->local.v6.sin6_addr, .ipi6_ifindex = IN6_IS_ADDR_LINKLOCAL(&f->local.v6.sin6_addr) ? f->local.v6.sin6_scope_id : 0};
			control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO};
			memcpy(CMSG_DATA(&control.header), &info, sizeof info);
			message.msg_controllen = CMSG_SPACE(sizeof info);
		}
		f->last = now();
		(void)!sendmsg(f->listener->source.fd, &message, 0);
	}
}

/* --- setting up ------------------------------------------------------------------------------------------------- */

static union address read_address(const char *text, int port)
{
	union address a;
	memset(&a, 0, sizeof a);
	if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
		a.v4.sin_family = AF_INET;
		a.v4.sin_port = htons((unsigned short)port);
	} else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
		a.v6.sin6_family = AF_INET6;
		a.v6.sin6_port = htons((unsigned short)port);
	} else if (strcmp(text, "-") != 0)
		usage(text);
	return a;
}

static void listen_on(bool udp, const char *text, int port, char **targets, int target_port, bool optional)
{
	union address address = read_address(text, port);
	int one = 1, fd = socket(address.any.sa_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 && optional && errno == EAFNOSUPPORT)
		return;
	if (fd < 0)
		die("cannot make a socket");
	if (address.any.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (!udp)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	else if (address.any.sa_family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
	if (bind(fd, &address.any, size_of(&address)) < 0) {
		if (optional && errno == EADDRNOTAVAIL) {
			close(fd);
			return;
		}
		die("cannot bind %s port %d", text, port);
	}
	if (!udp && listen(fd, 4096) < 0)
		die("cannot listen on %s port %d", text, port);
	struct listener *listener = calloc(1, sizeof *listener);
	if (listener == NULL)
		die("no memory");
	listener->source = (struct source){LISTENER, fd};
	listener->udp = udp;
	for (int i = 0; i < 2; i++)
		listener->targets[i] = read_address(targets[i], target_port);
	wait_for(&listener->source, EPOLLIN);
}

static void open_listeners(int count, char **words)
{
	if (count == 0 || count % 7 != 0)
		usage("tcp|udp ADDRESS PORT COUNT CONTAINER_PORT IPV4 IPV6");
	for (; count > 0; count -= 7, words += 7) {
		bool udp = strcmp(words[0], "udp") == 0, all = strcmp(words[1], "*") == 0;
		int port = number(words[2]), length = number(words[3]), inside = number(words[4]);
		for (int n = 0; n < length; n++) {
			listen_on(udp, all ? "0.0.0.0" : words[1], port + n, words + 5, inside + n, false);
			if (all)
				listen_on(udp, "::", port + n, words + 5, inside + n, true);
		}
	}
}

static void enter_namespaces(int holder)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/user", holder);
	int user = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/ns/net", holder);
	int net = open(path, O_RDONLY | O_CLOEXEC);
	if (user < 0 || net < 0 || setns(user, CLONE_NEWUSER) < 0 || setns(net, CLONE_NEWNET) < 0)
		die("cannot join the network of process %d", holder);
	close(user);
	close(net);
}

static void go_into_background(const char *pid_file)
{
	char text[32];
	int fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t child = fd < 0 ? -1 : fork();
	if (child < 0)
		die("cannot go into the background");
	if (child > 0) {
		int length = snprintf(text, sizeof text, "%d\n", child);
		if (write(fd, text, (size_t)length) != length)
			die("cannot write %s", pid_file);
		_exit(0);
	}
	close(fd);
	setsid();
	if (chdir("/") < 0)
		die("cannot enter /");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int n = 0; n < 3; n++)
		dup2(null, n);
	close(null);
}

static void serve_ready(void)
{
	struct connection *c = ready;
	ready = NULL;
	while (c != NULL) {
		struct connection *next = c->next;
		c->queued = false;
		if (c->dead) {
			c->next = buried;
			buried = c;
		} else
			pump(c);
		c = next;
	}
}

static void bury_dead(void)
{
	while (buried != NULL) {
		struct connection *c = buried;
		buried = c->next;
		free(c);
	}
}

static int serve(void)
{
	struct epoll_event events[256];
	time_t swept = now();
	while (true) {
		int count = epoll_wait(poller, events, 256, ready != NULL ? 0 : flow_count > 0 ? 30000 : -1);
		if (count < 0 && errno != EINTR)
			return EXIT_SETUP;
		for (int i = 0; i < count; i++) {
			struct source *source = events[i].data.ptr;
			switch (source->kind) {
			case WATCHED:
				return 0;
			case LISTENER:
				if (((struct listener *)source)->udp)
					take_datagrams((struct listener *)source);
				else
					accept_visitors((struct listener *)source);
				break;
			case CLIENT:
				serve_connection((struct connection *)source, CLIENT, events[i].events);
				break;
			case SERVER:
				serve_connection((struct connection *)(source - 1), SERVER, events[i].events);
				break;
			case FLOW:
				answer((struct flow *)source);
			}
		}
		serve_ready();
		bury_dead();
		if (flow_count >= FLOWS_MAX)
			end_silent_flows(true);
		else if (flow_count > 0 && now() - swept >= 30) {
			end_silent_flows(false);
			swept = now();
		}
	}
}

int main(int argc, char **argv)
{
	int watched = 0, holder = 0, i;
	const char *pid_file = NULL;
	struct rlimit files;
	sigset_t none;
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (i + 1 >= argc)
			usage(argv[i]);
		if (strcmp(argv[i], "--watch") == 0)
			watched = number(argv[i + 1]);
		else if (strcmp(argv[i], "--holder") == 0)
			holder = number(argv[i + 1]);
		else if (strcmp(argv[i], "--mark") == 0)
			mark = (unsigned)number(argv[i + 1]);
		else if (strcmp(argv[i], "--pid-file") == 0)
			pid_file = argv[i + 1];
		else
			usage(argv[i]);
	}
	if (watched == 0 || holder == 0 || mark == 0 || pid_file == NULL || i >= argc)
		usage("--watch PID --holder PID --mark N --pid-file FILE -- [tcp|udp ADDRESS PORT COUNT CONTAINER_PORT IPV4 IPV6]…");
	for (int n = 1; n < 32; n++)
		if (n != SIGKILL && n != SIGSTOP)
			signal(n, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (syscall(SYS_close_range, 3, ~0U, 0) < 0)
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	static struct source watch = {.kind = WATCHED};
	watch.fd = (int)syscall(SYS_pidfd_open, watched, 0);
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (watch.fd < 0 || poller < 0)
		die("cannot watch process %d", watched);
	wait_for(&watch, EPOLLIN);
	open_listeners(argc - i - 1, argv + i + 1);
	enter_namespaces(holder);
	go_into_background(pid_file);
	return serve();
}
