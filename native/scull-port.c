/*
 * scull-port: listens on ports of the host and passes what comes on to a container, in the name of who sent it.
 *
 *   scull-port --watch PID --target PID --mark N --pid-file FILE [--count-file FILE] [--gateway4 ADDRESS] [--gateway6 ADDRESS]
 *              -- [tcp|udp ADDRESS PORT COUNT CONTAINER_PORT IPV4 IPV6]…
 *
 * ADDRESS is one of the host's, or "*" for all. IPV4 and IPV6 are the container's, "-" where it has none. The sockets are made
 * on the host; then this process enters the container's network namespace, TARGET's. There it connects to the container with the
 * visitor's own address and port: such sockets are allowed to network administrators (IP_TRANSPARENT, ip(7)), and this process is
 * one in there. The container sees who really connects.
 *
 * What remains is to have the answers, which are for elsewhere, delivered to us. A TCP socket that accepts a packet with our mark
 * answers with that mark (tcp_fwmark_accept, ip-sysctl), and a routing rule knows it. UDP has nothing like that: what is sent
 * from a published port to a visitor of now is for us. All else goes out as if we were not there.
 *
 * Visitors from the host's own loopback, and of an IP version that the container has no address for, come from the gateway:
 * the container would take the former for itself, and trust them.
 *
 * FILE for counts gets two numbers of 64 bits in the machine's order: bytes from visitors, bytes to them. No interface but the
 * container's loopback sees these.
 *
 * TCP of more than a page is spliced through pipes, so the bytes never pass through this process. It ends with the watched
 * process. What comes from the network is copied and never looked at.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <net/if.h>
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

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif

enum {
	EXIT_SETUP = 119,
	EXIT_UNSUPPORTED = 116, /* answers can't be led here */
	PIPE_SIZE = 1 << 18,
	LARGE_PIPE = 1 << 20, /* what a user may have without asking for more, pipe(7) */
	SOME = 4096,	     /* bytes that are copied rather than spliced; the smallest pipe takes them */
	SPARE_PIPES = 8,     /* few: what a user may have in pipes is limited, pipe(7) */
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
#include "rtnetlink.h"

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
	size_t room, waiting; /* of the pipe, and bytes in it */
	/* What epoll has told and no call has refuted since: it tells once only (EPOLLET). */
	bool readable, writable;
	bool much; /* spliced, see move_some */
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
	/* As which it is known to the container. */
	union address spoken;
	time_t last;
	struct flow *next;
};

static int poller, netlink;
static unsigned mark;
static unsigned long long nowhere[2], *counts = nowhere; /* from visitors, to visitors */
static union address gateways[2]; /* family 0 where there is none */
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

/* --- answers find us --------------------------------------------------------------------------------------------- */

/* Routing tables of ours: everything is local, or some addresses are. */
enum { LOCAL_TABLE = 100, VISITOR_TABLE = 101 };

/* A rule that leads to a table; what it is about is to be added. */
static void begin_rule(struct message *m, unsigned char family, unsigned table)
{
	struct fib_rule_hdr rule = {.family = family, .action = FR_ACT_TO_TBL, .table = (unsigned char)table};
	begin(m, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, &rule, sizeof rule);
	put_u32(m, FRA_TABLE, table);
	put_u32(m, FRA_PRIORITY, table);
}

/* It may be there already, from a start before; there may be no IPv6. */
static void add_rule(struct message *m, unsigned char family)
{
	int error = request(netlink, m);
	if (error == 0 || error == EEXIST || (error == EAFNOSUPPORT && family == AF_INET6))
		return;
	errno = error;
	die("cannot add a routing rule");
}

/* A route of this namespace to itself, for addresses that are not its own; `bits` of 0 is all of them. */
static void begin_local_route(struct message *m, int type, unsigned char family, unsigned table, unsigned char bits)
{
	struct rtmsg route = {.rtm_family = family, .rtm_dst_len = bits, .rtm_table = (unsigned char)table, .rtm_protocol = RTPROT_STATIC, .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE, .rtm_type = RTN_LOCAL};
	begin(m, type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0, &route, sizeof route);
	put_u32(m, RTA_OIF, if_nametoindex("lo"));
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

static const union address *given(const union address *a)
{
	return a->any.sa_family == 0 ? NULL : a;
}

static int family_index(const union address *a)
{
	return a->any.sa_family == AF_INET ? 0 : 1;
}

static const union address *target_for(const struct listener *listener, const union address *visitor)
{
	int index = family_index(visitor);
	/* An IPv6 gateway is a link-local address mostly, which can't be spoken for either. */
	if (!can_be_spoken_for(visitor))
		index = 0;
	const union address *same = given(&listener->targets[index]), *other = given(&listener->targets[1 - index]);
	return same != NULL ? same : other;
}

/* As whom the container sees them; NULL where nobody will do, then it is itself. */
static const union address *speaker_for(const union address *visitor, const union address *target)
{
	if (visitor->any.sa_family == target->any.sa_family && can_be_spoken_for(visitor))
		return visitor;
	const union address *gateway = given(&gateways[family_index(target)]);
	return gateway != NULL && can_be_spoken_for(gateway) ? gateway : NULL;
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

static const char calm[] = "reno"; /* in every kernel, and allowed to everybody */
static bool calms;

/*
 * Towards the container nothing is lost and nothing is far: who paces what is sent (bbr), as is good for wires, takes a third of the
 * throughput there.
 */
static void look_at_congestion_control(void)
{
	char name[16] = "";
	socklen_t size = sizeof name - 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	calms = getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &size) == 0 && strcmp(name, calm) != 0 && strcmp(name, "cubic") != 0;
	close(fd);
}

/* A socket that is being connected to the container, or -1. */
static int open_towards(const struct listener *listener, const union address *visitor, int type)
{
	const union address *target = target_for(listener, visitor);
	if (target == NULL)
		return -1;
	for (int try = 0; try < 2; try++) {
		int fd = socket(target->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		const union address *speaker = speaker_for(visitor, target);
		if (fd < 0)
			return -1;
		if (calms && type == SOCK_STREAM)
			(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, calm, sizeof calm - 1);
		if (speaker != NULL) {
			union address from = *speaker;
			if (try == 1 && from.any.sa_family == AF_INET)
				from.v4.sin_port = 0;
			else if (try == 1)
				from.v6.sin6_port = 0;
			bind_as(fd, &from);
		}
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
	direction->room = PIPE_SIZE;
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

/* Once the source has had more than it holds: fewer, longer turns. Few connections are such, so these are not kept. */
static void enlarge_pipe(struct direction *direction)
{
	if (direction->room == PIPE_SIZE && fcntl(direction->pipe[1], F_SETPIPE_SZ, LARGE_PIPE) == LARGE_PIPE)
		direction->room = LARGE_PIPE;
}

static void give_back_pipe(struct direction *direction)
{
	if (direction->pipe[0] < 0)
		return;
	if (direction->waiting == 0 && direction->room == PIPE_SIZE && spare_count < SPARE_PIPES)
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

/* What a call that moves nothing says: that nothing can be moved for now, or ever. */
static enum outcome refused(bool *possible)
{
	if (errno == EINTR)
		return PROGRESS;
	*possible = false;
	return errno == EAGAIN ? NOTHING : BROKEN;
}

/*
 * A little goes through this process: two calls, and no pipe. Who sends more than fits is spliced from then on. What the sink does
 * not take waits in a pipe.
 */
static enum outcome move_some(struct direction *d, int source, int sink, unsigned long long *counted)
{
	static char data[SOME];
	ssize_t count = recv(source, data, sizeof data, 0), sent;
	if (count < 0)
		return refused(&d->readable);
	d->ended = count == 0;
	if (d->ended)
		return PROGRESS;
	*counted += (unsigned long long)count;
	d->much = count == (ssize_t)sizeof data;
	sent = send(sink, data, (size_t)count, MSG_NOSIGNAL);
	if (sent == count)
		return PROGRESS;
	if (sent < 0 && refused(&d->writable) == BROKEN)
		return BROKEN;
	sent = sent < 0 ? 0 : sent;
	if (d->pipe[0] < 0 && !take_pipe(d))
		return BROKEN;
	d->waiting = (size_t)(count - sent);
	return write(d->pipe[1], data + sent, d->waiting) == count - sent ? PROGRESS : BROKEN;
}

static enum outcome fill_pipe(struct direction *d, int source, unsigned long long *counted)
{
	if (d->pipe[0] < 0 && !take_pipe(d))
		return BROKEN;
	ssize_t count = splice(source, NULL, d->pipe[1], NULL, d->room, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (count < 0 && errno == EAGAIN && d->waiting > 0)
		return NOTHING; /* it may be the pipe that is full */
	if (count < 0)
		return refused(&d->readable);
	d->ended = count == 0;
	d->waiting += (size_t)count;
	if (count == PIPE_SIZE)
		enlarge_pipe(d);
	*counted += (unsigned long long)count;
	return PROGRESS;
}

static enum outcome empty_pipe(struct direction *d, int sink)
{
	ssize_t count = splice(d->pipe[0], NULL, sink, NULL, d->waiting, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (count < 0)
		return refused(&d->writable);
	d->waiting -= (size_t)count;
	return count > 0 ? PROGRESS : NOTHING;
}

static enum outcome move(struct connection *c, int from)
{
	struct direction *d = &c->directions[from];
	int source = c->ends[from].fd, sink = c->ends[1 - from].fd;
	enum outcome taken = NOTHING, given = NOTHING;
	if (d->shut)
		return NOTHING;
	if (d->readable && !d->ended) {
		if (d->much)
			taken = d->pipe[0] < 0 || d->waiting < d->room ? fill_pipe(d, source, &counts[from]) : NOTHING;
		else if (d->waiting == 0 && d->writable)
			taken = move_some(d, source, sink, &counts[from]);
	}
	if (d->waiting > 0 && d->writable && taken != BROKEN)
		given = empty_pipe(d, sink);
	if (taken == BROKEN || given == BROKEN)
		return BROKEN;
	if (d->ended && d->waiting == 0) {
		d->shut = true;
		if (!c->directions[1 - from].shut) /* else both are closed now, which says as much */
			(void)shutdown(sink, SHUT_WR);
		give_back_pipe(d);
	}
	return taken == PROGRESS || given == PROGRESS ? PROGRESS : NOTHING;
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

/* Who listens hands both on to what it accepts. */
static void send_at_once(int fd)
{
	int one = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
}

static void accept_visitors(struct listener *listener)
{
	for (int n = 0; n < 64; n++) {
		union address visitor;
		socklen_t size = sizeof visitor;
		int fd = accept4(listener->source.fd, &visitor.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
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
		send_at_once(c->ends[1].fd);
		for (int i = 0; i < 2; i++)
			wait_for(&c->ends[i], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	}
}

static void serve_connection(struct connection *c, enum kind kind, unsigned events)
{
	int end = kind == CLIENT ? 0 : 1;
	struct direction *from = &c->directions[end], *towards = &c->directions[1 - end];
	if (c->dead)
		return;
	if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		from->readable = true;
	if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
		towards->writable = true;
	if (!c->connected) {
		/* Whoever could not be connected to has EPOLLERR set, poll(2). What visitors have to say is asked for when there is somebody to tell. */
		if ((events & EPOLLERR) != 0)
			bury(c, true);
		if (c->dead || kind == CLIENT || (events & EPOLLOUT) == 0)
			return;
		c->connected = true;
	}
	pump(c);
}

/* --- UDP -------------------------------------------------------------------------------------------------------- */

static bool same_host(const union address *a, const union address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	return a->any.sa_family == AF_INET ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

static bool same_address(const union address *a, const union address *b)
{
	return same_host(a, b) && (a->any.sa_family == AF_INET ? a->v4.sin_port == b->v4.sin_port : a->v6.sin6_port == b->v6.sin6_port);
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

/* What the container sends to a visitor from a published port is for us from now on, or no more. */
static bool route_visitor(int type, const union address *visitor, const union address *target)
{
	struct message m;
	bool v4 = visitor->any.sa_family == AF_INET;
	begin_local_route(&m, type, (unsigned char)visitor->any.sa_family, VISITOR_TABLE, v4 ? 32 : 128);
	put(&m, RTA_DST, v4 ? (const void *)&visitor->v4.sin_addr : &visitor->v6.sin6_addr, v4 ? 4 : 16);
	/* A local route's answers would bear the address they go to. */
	put(&m, RTA_PREFSRC, v4 ? (const void *)&target->v4.sin_addr : &target->v6.sin6_addr, v4 ? 4 : 16);
	return request(netlink, &m) == 0;
}

static bool has_flow(const union address *visitor)
{
	for (int i = 0; i < BUCKETS; i++)
		for (struct flow *f = flows[i]; f != NULL; f = f->next)
			if (same_host(&f->spoken, visitor))
				return true;
	return false;
}

static void end_flow(struct flow *f)
{
	const union address *target = target_for(f->listener, &f->client);
	close(f->source.fd);
	flow_count--;
	if (!same_host(&f->spoken, target) && !has_flow(&f->spoken))
		(void)route_visitor(RTM_DELROUTE, &f->spoken, target);
	free(f);
}

/* Not while fetched events may name one: called between rounds only. */
static void end_silent_flows(bool oldest)
{
	time_t time = now(), limit = time - FLOW_IDLE;
	struct flow *ended = NULL;
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
			f->next = ended;
			ended = f;
		}
	}
	while (ended != NULL) {
		struct flow *f = ended;
		ended = f->next;
		end_flow(f);
	}
}

/* As whom the container knows the flow's socket, and that its answers find it. */
static bool make_known(struct flow *f)
{
	socklen_t size = sizeof f->spoken;
	const union address *target = target_for(f->listener, &f->client);
	if (getsockname(f->source.fd, &f->spoken.any, &size) < 0)
		return false;
	return same_host(&f->spoken, target) || route_visitor(RTM_NEWROUTE, &f->spoken, target);
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
	f->listener = listener;
	f->client = *client;
	f->local = *local;
	if (f->source.fd < 0 || !make_known(f)) {
		if (f->source.fd >= 0)
			close(f->source.fd);
		free(f);
		return NULL;
	}
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
		counts[0] += (unsigned long long)length;
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
		counts[1] += (unsigned long long)length;
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
	if (!udp)
		send_at_once(fd);
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

static void know_answers_of(unsigned char family, int count, char **words)
{
	struct message m;
	for (; count > 0; count -= 7, words += 7) {
		if (strcmp(words[0], "udp") != 0 || strcmp(words[family == AF_INET ? 5 : 6], "-") == 0)
			continue;
		unsigned short first = (unsigned short)number(words[4]);
		struct fib_rule_port_range ports = {first, (unsigned short)(first + number(words[3]) - 1)};
		begin_rule(&m, family, VISITOR_TABLE);
		put_u8(&m, FRA_IP_PROTO, IPPROTO_UDP);
		put(&m, FRA_SPORT_RANGE, &ports, sizeof ports);
		add_rule(&m, family);
	}
}

/* Once inside: see the top. */
static void lead_answers_here(int count, char **words)
{
	if (!set("ipv4/tcp_fwmark_accept", "1")) {
		dprintf(2, "scull-port: the settings of the container's network can't be written\n");
		_exit(EXIT_UNSUPPORTED);
	}
	netlink = open_netlink(0);
	set_up(netlink, (int)if_nametoindex("lo"));
	for (int i = 0; i < 2; i++) {
		struct message m;
		unsigned char family = i == 0 ? AF_INET : AF_INET6;
		begin_rule(&m, family, LOCAL_TABLE);
		put_u32(&m, FRA_FWMARK, mark);
		add_rule(&m, family);
		begin_local_route(&m, RTM_NEWROUTE, family, LOCAL_TABLE, 0);
		must(netlink, &m, i == 0 ? 0 : EOPNOTSUPP, "add a local route");
		know_answers_of(family, count, words);
	}
}

/* Written and not only sized: a full file system shows now and not when we count. Then nobody is told. */
static void count_in(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, nowhere, sizeof nowhere) == (ssize_t)sizeof nowhere) {
		void *shared = mmap(NULL, sizeof nowhere, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (shared != MAP_FAILED)
			counts = shared;
	}
	if (fd >= 0)
		close(fd);
}

static void go_into_background(const char *pid_file)
{
	int fd = open(pid_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t child = fd < 0 ? -1 : fork();
	if (child < 0)
		die("cannot go into the background");
	if (child > 0) {
		if (dprintf(fd, "%d\n", child) < 0)
			die("cannot write %s", pid_file);
		_exit(0);
	}
	close(fd);
	setsid();
	let_go();
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
	int watched = 0, target = 0, i;
	const char *pid_file = NULL;
	struct rlimit files;
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (i + 1 >= argc)
			usage(argv[i]);
		if (strcmp(argv[i], "--watch") == 0)
			watched = number(argv[i + 1]);
		else if (strcmp(argv[i], "--target") == 0)
			target = number(argv[i + 1]);
		else if (strcmp(argv[i], "--mark") == 0)
			mark = (unsigned)number(argv[i + 1]);
		else if (strcmp(argv[i], "--pid-file") == 0)
			pid_file = argv[i + 1];
		else if (strcmp(argv[i], "--count-file") == 0)
			count_in(argv[i + 1]);
		else if (strcmp(argv[i], "--gateway4") == 0)
			gateways[0] = read_address(argv[i + 1], 0);
		else if (strcmp(argv[i], "--gateway6") == 0)
			gateways[1] = read_address(argv[i + 1], 0);
		else
			usage(argv[i]);
	}
	if (watched == 0 || target == 0 || mark == 0 || pid_file == NULL || i >= argc)
		usage("--watch PID --target PID --mark N --pid-file FILE [--count-file FILE] [--gateway4 ADDRESS] [--gateway6 ADDRESS] -- [tcp|udp ADDRESS PORT COUNT CONTAINER_PORT IPV4 IPV6]…");
	reset_signals();
	signal(SIGPIPE, SIG_IGN);
	close_all_but(NULL, 0);
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
	join_network(target);
	lead_answers_here(argc - i - 1, argv + i + 1);
	look_at_congestion_control();
	go_into_background(pid_file);
	forget_program();
	return serve();
}
