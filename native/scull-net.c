/*
 * scull-net: the network interface of a container that nobody has talked through yet.
 *
 *   scull-net --watch PID --target PID --pid-file FILE --interface NAME --mtu BYTES --router MAC
 *             [--ipv4 ADDRESS/PREFIX,GATEWAY] [--ipv6 ADDRESS/PREFIX,GATEWAY]
 *             [--watch-file FILE --changed PROGRAM … --] -- PASTA ARGUMENTS…
 *
 * pasta costs 22 ms to start and 16 to 30 MB to keep, and many containers never send a packet. So the interface is made
 * without it: a persistent tap device with its addresses and routes, in the namespaces of the target process. This program
 * returns as soon as that stands (one to two milliseconds); a process of some ten pages stays behind and sleeps. Which one, it says
 * on standard output.
 *
 * Until the first packet the tap is ours. Who asks for a neighbour's address is told that of the router, which pasta will
 * have too (--mac-addr). What the kernel says by itself (joining groups, looking for routers) wakes nobody. With the first
 * packet that means something:
 *
 *     1  a second tap, "hold", gets better default routes than ours: packets are queued there from now on
 *     2  our tap is let go, PASTA is started and takes it over: in between it has no carrier and would drop everything
 *     3  the routes of hold go, the first packets and those on hold are sent through our tap again, hold is closed
 *
 * So nothing is lost, and the first packet takes the 22 ms. If PASTA ends, all this begins anew. When the watched process
 * ends, by whatever means, PASTA is ended and so are we.
 *
 * PASTA reads FILE (the host's resolv.conf) when it starts. From then on we watch it, and start PROGRAM when it is changed, or was
 * since we started. PROGRAM is started as well when the host, whose network namespace we are in, gets IPv4 or IPv6 and we were
 * given none of it.
 *
 * Everything is given by scull on the command line; nothing is decided here. Frames come from the container and are not
 * trusted: only fixed offsets within the received length are looked at. The ioctls act on the network namespace in which
 * their socket was made and are permitted because the user namespace that owns it is ours (user_namespaces(7)), so only a
 * short-lived child ever joins, and pasta is started from outside.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>


enum { EXIT_SETUP = 119, FRAME_MAX = 65536 + 64, SAVED_MAX = 256, SAVED_BYTES_MAX = 1 << 20 };

#define PROGRAM "scull-net"
#include "program.h"
#include "watch.h"

/* linux/ipv6.h clashes with netinet/in.h */
struct address6_request {
	struct in6_addr address;
	unsigned prefix;
	int index;
};

struct network {
	char address[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
	unsigned prefix;
	bool given;
};

struct settings {
	int watched, target, mtu;
	const char *pid_file, *interface;
	unsigned char router[ETH_ALEN];
	struct network ipv4, ipv6;
	struct file_watch watch;
	char **changed, **program;
};

/* --- the command line ------------------------------------------------------------------------------------------- */

/* ADDRESS/PREFIX,GATEWAY */
static void read_network(struct network *network, char *text, int most)
{
	char *slash = strchr(text, '/'), *comma = slash == NULL ? NULL : strchr(slash, ',');
	if (comma == NULL)
		usage(text);
	*slash = *comma = '\0';
	snprintf(network->address, sizeof network->address, "%s", text);
	snprintf(network->gateway, sizeof network->gateway, "%s", comma + 1);
	network->prefix = (unsigned)number_up_to(slash + 1, most);
	network->given = true;
}

static void read_settings(struct settings *s, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *option = argv[i];
		if (strcmp(option, "--") == 0) {
			s->program = argv + i + 1;
			break;
		}
		if (i + 1 >= argc)
			usage(option);
		char *value = argv[++i];
		if (strcmp(option, "--watch") == 0)
			s->watched = number(value);
		else if (strcmp(option, "--target") == 0)
			s->target = number(value);
		else if (strcmp(option, "--mtu") == 0)
			s->mtu = number_up_to(value, 65535);
		else if (strcmp(option, "--pid-file") == 0)
			s->pid_file = value;
		else if (strcmp(option, "--interface") == 0)
			s->interface = value;
		else if (strcmp(option, "--router") == 0) {
			unsigned char *m = s->router;
			if (sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) != ETH_ALEN)
				usage(value);
		} else if (strcmp(option, "--ipv4") == 0)
			read_network(&s->ipv4, value, 32);
		else if (strcmp(option, "--ipv6") == 0)
			read_network(&s->ipv6, value, 128);
		else if (strcmp(option, "--watch-file") == 0)
			s->watch.path = value;
		else if (strcmp(option, "--changed") == 0) {
			/* The words up to the next lone "--", which is not that before PASTA. */
			s->changed = argv + i;
			while (i + 1 < argc && strcmp(argv[i], "--") != 0)
				i++;
			argv[i] = NULL;
		} else
			usage(option);
	}
	if (s->watched <= 0 || s->target <= 0 || s->pid_file == NULL || s->interface == NULL || strlen(s->interface) >= IFNAMSIZ ||
	    s->program == NULL || s->program[0] == NULL)
		usage("--watch PID --target PID --pid-file FILE --interface NAME [--mtu BYTES] [--router MAC] [--ipv4 A/P,G] [--ipv6 A/P,G] -- PROGRAM …");
}

/* --- inside the container's namespaces -------------------------------------------------------------------------- */

/* What was opened inside and is used outside. */
enum { TAP, HOLD, PACKETS, CONTROL4, CONTROL6, HANDLES };

struct handles {
	int fd[HANDLES];
	int index;
	unsigned char address[ETH_ALEN];
};

static void control(int fd, unsigned long request, void *argument, const char *what)
{
	if (ioctl(fd, request, argument) < 0)
		die("cannot %s", what);
}

static void send_handles(int socket, const int *fds)
{
	char space[CMSG_SPACE(sizeof(int) * HANDLES)] = {0}, byte = 'h';
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int) * HANDLES);
	memcpy(CMSG_DATA(rights), fds, sizeof(int) * HANDLES);
	if (sendmsg(socket, &message, 0) < 0)
		die("cannot hand the interface over");
}

static bool receive_handles(int socket, int *fds)
{
	char space[CMSG_SPACE(sizeof(int) * HANDLES)], byte;
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return false;
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	if (rights == NULL || rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(sizeof(int) * HANDLES))
		return false;
	memcpy(fds, CMSG_DATA(rights), sizeof(int) * HANDLES);
	return true;
}

static void make_tap(int fd, const char *name, char *given)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	control(fd, TUNSETIFF, &request, "make the interface");
	if (given != NULL)
		memcpy(given, request.ifr_name, IFNAMSIZ);
}

static void __attribute__((noreturn)) open_inside(const struct settings *s, int answer)
{
	join_network(s->target);
	int fds[HANDLES] = {
	    [TAP] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
	    [HOLD] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC),
	    /* Protocol 0: it only sends. */
	    [PACKETS] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0),
	    [CONTROL4] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	    [CONTROL6] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0),
	};
	if (fds[TAP] < 0 || fds[HOLD] < 0)
		die("cannot open /dev/net/tun");
	if (fds[PACKETS] < 0 || fds[CONTROL4] < 0)
		die("cannot open a socket");
	if (fds[CONTROL6] < 0) /* no IPv6 in this kernel: a placeholder, on which every request fails */
		fds[CONTROL6] = dup(fds[CONTROL4]);
	make_tap(fds[TAP], s->interface, NULL);
	control(fds[TAP], TUNSETPERSIST, (void *)1, "keep the interface");
	/* Addresses are given, and unique: no router and no neighbour need be asked. */
	set_for(s->interface, "accept_ra", "0");
	set_for(s->interface, "accept_dad", "0");
	set_for(s->interface, "router_solicitations", "0");
	send_handles(answer, fds);
	_exit(0);
}

/* --- interfaces, through what was opened inside ----------------------------------------------------------------- */

static void name_request(struct ifreq *request, const char *interface)
{
	memset(request, 0, sizeof *request);
	snprintf(request->ifr_name, IFNAMSIZ, "%s", interface);
}

static void bring_up(int fd, const char *interface, short more)
{
	struct ifreq request;
	name_request(&request, interface);
	control(fd, SIOCGIFFLAGS, &request, "read the flags of an interface");
	request.ifr_flags |= IFF_UP | more;
	control(fd, SIOCSIFFLAGS, &request, "bring an interface up");
}

static struct sockaddr_in ipv4(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
		usage(text);
	return address;
}

/* Metrics leave room below for the routes of hold. */
enum { METRIC_HOLD = 1, METRIC = 1024 };

static int default_route4(int fd, unsigned long request, const char *interface, const char *gateway, short metric)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	/* The kernel takes one off. */
	struct rtentry route = {.rt_flags = RTF_UP, .rt_dev = (char *)interface, .rt_metric = (short)(metric + 1)};
	memcpy(&route.rt_dst, &any, sizeof any);
	memcpy(&route.rt_genmask, &any, sizeof any);
	if (gateway != NULL) {
		struct sockaddr_in to = ipv4(gateway);
		memcpy(&route.rt_gateway, &to, sizeof to);
		route.rt_flags |= RTF_GATEWAY;
	}
	return ioctl(fd, request, &route);
}

static int default_route6(int fd, unsigned long request, int index, const char *gateway, unsigned metric)
{
	struct in6_rtmsg route = {.rtmsg_flags = RTF_UP, .rtmsg_metric = metric, .rtmsg_ifindex = index};
	if (gateway != NULL) {
		if (inet_pton(AF_INET6, gateway, &route.rtmsg_gateway) != 1)
			usage(gateway);
		route.rtmsg_flags |= RTF_GATEWAY;
	}
	return ioctl(fd, request, &route);
}

static void configure_ipv4(int fd, const struct settings *s)
{
	struct ifreq request;
	struct sockaddr_in address = ipv4(s->ipv4.address), mask = {.sin_family = AF_INET};
	name_request(&request, s->interface);
	mask.sin_addr.s_addr = s->ipv4.prefix == 0 ? 0 : htonl(0xffffffffu << (32 - s->ipv4.prefix));
	memcpy(&request.ifr_addr, &address, sizeof address);
	control(fd, SIOCSIFADDR, &request, "set the IPv4 address");
	memcpy(&request.ifr_netmask, &mask, sizeof mask);
	control(fd, SIOCSIFNETMASK, &request, "set the IPv4 netmask");
	if (default_route4(fd, SIOCADDRT, s->interface, s->ipv4.gateway, METRIC) < 0 && errno != EEXIST)
		die("cannot add the IPv4 default route");
}

static void configure_ipv6(int fd, const struct settings *s, int index)
{
	struct address6_request request = {.prefix = s->ipv6.prefix, .index = index};
	if (inet_pton(AF_INET6, s->ipv6.address, &request.address) != 1)
		usage(s->ipv6.address);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0 && errno != EEXIST)
		return; /* the kernel has no IPv6, or it is switched off in this namespace */
	if (default_route6(fd, SIOCADDRT, index, s->ipv6.gateway, METRIC) < 0 && errno != EEXIST)
		die("cannot add the IPv6 default route");
}

/* Addresses and routes may be there already: of a process like us that was killed. */
static void configure(const struct settings *s, const struct handles *h)
{
	int fd = h->fd[CONTROL4];
	struct ifreq request;
	if (s->mtu > 0) {
		name_request(&request, s->interface);
		request.ifr_mtu = s->mtu;
		control(fd, SIOCSIFMTU, &request, "set the MTU");
	}
	bring_up(fd, "lo", 0);
	bring_up(fd, s->interface, 0);
	if (s->ipv4.given)
		configure_ipv4(fd, s);
	if (s->ipv6.given)
		configure_ipv6(h->fd[CONTROL6], s, h->index);
}

static void close_handles(struct handles *h)
{
	for (int i = 0; i < HANDLES; i++) {
		if (h->fd[i] >= 0)
			close(h->fd[i]);
		h->fd[i] = -1;
	}
}

/* A child goes in and hands descriptors out. False when the namespaces are gone, or something in there was removed. */
static bool open_interface(const struct settings *s, struct handles *h)
{
	int pair[2], status;
	struct ifreq request;
	for (int i = 0; i < HANDLES; i++)
		h->fd[i] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	pid_t child = fork();
	if (child == 0)
		open_inside(s, pair[1]);
	close(pair[1]);
	bool received = child > 0 && receive_handles(pair[0], h->fd);
	close(pair[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!received)
		return false;
	name_request(&request, s->interface);
	if (ioctl(h->fd[PACKETS], SIOCGIFINDEX, &request) < 0)
		return false;
	h->index = request.ifr_ifindex;
	if (ioctl(h->fd[PACKETS], SIOCGIFHWADDR, &request) < 0)
		return false;
	memcpy(h->address, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return true;
}

struct hold {
	char name[IFNAMSIZ];
	int index;
	bool up;
};

/* Adds or takes away the better routes: from then on packets wait in hold, or go out again. */
static void route_through(const struct settings *s, const struct handles *h, const struct hold *hold, unsigned long request)
{
	if (s->ipv4.given)
		default_route4(h->fd[CONTROL4], request, hold->name, NULL, METRIC_HOLD);
	if (s->ipv6.given)
		default_route6(h->fd[CONTROL6], request, hold->index, NULL, METRIC_HOLD);
}

/* A tap that nobody reads for now: what is sent there stays in its queue. Best effort: without it those packets are lost. */
static void hold_traffic(const struct settings *s, const struct handles *h, struct hold *hold)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = h->fd[CONTROL4];
	snprintf(request.ifr_name, IFNAMSIZ, "hold%%d");
	if (ioctl(h->fd[HOLD], TUNSETIFF, &request) < 0)
		return;
	memcpy(hold->name, request.ifr_name, IFNAMSIZ);
	request.ifr_mtu = s->mtu;
	if (s->mtu > 0 && ioctl(fd, SIOCSIFMTU, &request) < 0)
		return;
	request.ifr_flags = IFF_UP | IFF_NOARP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0 || ioctl(fd, SIOCGIFINDEX, &request) < 0)
		return;
	hold->index = request.ifr_ifindex;
	hold->up = true;
	route_through(s, h, hold, SIOCADDRT);
}

/* --- waiting ---------------------------------------------------------------------------------------------------- */

enum { ARP_REPLY = 2, NEIGHBOUR_SOLICITATION = 135, NEIGHBOUR_ADVERTISEMENT = 136 };

static const unsigned char nothing[16];

/*
 * A neighbour is asked for: the answer is the router, whoever it is. False for another frame, and for those that announce
 * or probe an address of the container's own.
 */
static bool answer_neighbour(const struct settings *s, int tap, const unsigned char *frame, ssize_t length)
{
	unsigned type = (unsigned)frame[12] << 8 | frame[13];
	const unsigned char *packet = frame + 14;
	unsigned char answer[14 + 72] = {0}, *body = answer + 14;
	size_t size;
	memcpy(answer, frame + 6, ETH_ALEN);
	memcpy(answer + 6, s->router, ETH_ALEN);
	memcpy(answer + 12, frame + 12, 2);
	if (type == ETHERTYPE_ARP) {
		/* RFC 826: types and sizes 0, operation 6, sender 8 and 14, target 18 and 24 */
		if (length < 14 + 28 || packet[6] != 0 || packet[7] != 1 || memcmp(packet + 14, nothing, 4) == 0 || memcmp(packet + 14, packet + 24, 4) == 0)
			return false;
		memcpy(body, packet, 8);
		body[7] = ARP_REPLY;
		memcpy(body + 8, s->router, ETH_ALEN);
		memcpy(body + 14, packet + 24, 4);
		memcpy(body + 18, packet + 8, 10);
		size = 14 + 28;
	} else if (type == ETHERTYPE_IPV6) {
		/* RFC 4861, 4.3 and 4.4 */
		if (length < 14 + 64 || packet[6] != IPPROTO_ICMPV6 || packet[40] != NEIGHBOUR_SOLICITATION || memcmp(packet + 8, nothing, 16) == 0)
			return false;
		body[0] = 0x60;
		body[5] = 32; /* payload */
		body[6] = IPPROTO_ICMPV6;
		body[7] = 255;
		memcpy(body + 8, packet + 48, 16);
		memcpy(body + 24, packet + 8, 16);
		unsigned char *message = body + 40;
		message[0] = NEIGHBOUR_ADVERTISEMENT;
		message[4] = 0x60; /* solicited, override */
		memcpy(message + 8, packet + 48, 16);
		message[24] = 2;
		message[25] = 1;
		memcpy(message + 26, s->router, ETH_ALEN);
		/* Both addresses, then length and protocol, then the message: RFC 8200, 8.1 */
		unsigned long sum = 32 + IPPROTO_ICMPV6;
		for (int i = 8; i < 72; i += 2)
			sum += (unsigned)body[i] << 8 | body[i + 1];
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		message[2] = (unsigned char)(~sum >> 8);
		message[3] = (unsigned char)~sum;
		size = 14 + 72;
	} else
		return false;
	(void)!write(tap, answer, size); /* not taken: it asks again */
	return true;
}

/* True for a packet that a program caused, false for what the kernel says by itself. */
static bool means_something(const unsigned char *frame, ssize_t length)
{
	unsigned type = (unsigned)frame[12] << 8 | frame[13];
	const unsigned char *packet = frame + 14;
	length -= 14;
	if (type == ETHERTYPE_IP)
		return length >= 20 && packet[9] != IPPROTO_IGMP;
	if (type != ETHERTYPE_IPV6 || length < 48)
		return false;
	unsigned next = packet[6];
	const unsigned char *payload = packet + 40;
	if (next == IPPROTO_HOPOPTS) {
		/* Group reports carry one such header, of eight bytes. */
		next = payload[0];
		payload += 8;
		length -= 8;
	}
	if (next != IPPROTO_ICMPV6)
		return true;
	if (length < 41)
		return false;
	switch (payload[0]) {
	case 130: case 131: case 132: case 143: /* multicast listeners, RFC 3810 */
	case 133: case 134: case NEIGHBOUR_SOLICITATION: case NEIGHBOUR_ADVERTISEMENT: /* RFC 4861 */
		return false;
	default:
		return true;
	}
}

/* Starts PASTA, which daemonises when it is ready. Returns a pidfd, or -1; what it said is beside its pid file. */
static int start_program(const struct settings *s)
{
	char text[4096];
	int status;
	snprintf(text, sizeof text, "%s.log", s->pid_file);
	unlink(s->pid_file);
	pid_t child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		int log = open(text, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (log >= 0)
			dup2(log, 2);
		close_all_but(NULL, 0);
		execv(s->program[0], s->program);
		die("cannot start %s", s->program[0]);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -1;
	if (!read_small(open(s->pid_file, O_RDONLY | O_CLOEXEC), text, sizeof text))
		return -1;
	return (int)syscall(SYS_pidfd_open, atoi(text), 0);
}

struct frame {
	struct frame *next;
	ssize_t length;
	unsigned char data[];
};

static void save(struct frame ***end, const unsigned char *data, ssize_t length)
{
	struct frame *frame = malloc(sizeof *frame + (size_t)length);
	if (frame == NULL)
		return;
	frame->next = NULL;
	frame->length = length;
	memcpy(frame->data, data, (size_t)length);
	**end = frame;
	*end = &frame->next;
}

static void send_frame(const struct handles *h, const unsigned char *data, ssize_t length)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = h->index, .sll_halen = ETH_ALEN};
	memcpy(to.sll_addr, data, ETH_ALEN);
	/* Should it fail, it is lost like any packet may be. */
	(void)!sendto(h->fd[PACKETS], data, (size_t)length, 0, (struct sockaddr *)&to, sizeof to);
}

/* The next frame in `buffer`. 0: none is there now; -1: the interface is gone. */
static ssize_t next_frame(int tap, unsigned char *buffer)
{
	ssize_t length;
	do
		length = read(tap, buffer, FRAME_MAX);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : -1;
	return length < 14 ? 14 : length; /* never shorter than the header that everybody reads: the buffer is */
}

/*
 * Hands the interface over to PASTA. `buffer` holds the packet that woke us, of `length` bytes. Returns a pidfd of PASTA, or -1.
 */
static int hand_over(const struct settings *s, struct handles *h, unsigned char *buffer, ssize_t length)
{
	struct frame *first = NULL, **end = &first;
	struct hold hold = {.up = false};
	size_t bytes = 0;
	hold_traffic(s, h, &hold);
	for (int count = 0; length > 0 && count < SAVED_MAX && bytes < SAVED_BYTES_MAX; length = next_frame(h->fd[TAP], buffer)) {
		if (answer_neighbour(s, h->fd[TAP], buffer, length) || !means_something(buffer, length))
			continue;
		save(&end, buffer, length);
		bytes += (size_t)length;
		count++;
	}
	close(h->fd[TAP]);
	h->fd[TAP] = -1;
	int daemon = start_program(s);
	while (first != NULL) {
		struct frame *frame = first;
		first = frame->next;
		if (daemon >= 0)
			send_frame(h, frame->data, frame->length);
		free(frame);
	}
	/* Closing takes the kernel milliseconds: the routes go first, so that nothing more comes. */
	if (hold.up)
		route_through(s, h, &hold, SIOCDELRT);
	while (hold.up && daemon >= 0 && (length = next_frame(h->fd[HOLD], buffer)) > 0) {
		if (!means_something(buffer, length))
			continue;
		memcpy(buffer, s->router, ETH_ALEN);
		memcpy(buffer + 6, h->address, ETH_ALEN);
		send_frame(h, buffer, length);
	}
	close_handles(h);
	return daemon;
}

/* A socket that tells of addresses and routes of the kinds that we were not given: rtnetlink(7). -1 where none is missing, or nobody would be told. */
static int watch_host(const struct settings *s)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	if (s->changed == NULL)
		return -1;
	if (!s->ipv4.given)
		address.nl_groups |= RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE;
	if (!s->ipv6.given)
		address.nl_groups |= RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE;
	if (address.nl_groups == 0)
		return -1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* True when there is an address for the world that may be used, or a default route, that was not there before. */
static bool host_gained(int fd)
{
	char data[16384] __attribute__((aligned(8)));
	bool gained = false;
	ssize_t length;
	while ((length = recv(fd, data, sizeof data, 0)) != 0) {
		if (length < 0) {
			if (errno == EINTR)
				continue;
			return gained || errno == ENOBUFS; /* some were lost */
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)data; NLMSG_OK(h, (unsigned)length); h = NLMSG_NEXT(h, length)) {
			struct ifaddrmsg *address = NLMSG_DATA(h);
			struct rtmsg *route = NLMSG_DATA(h);
			gained = gained || (h->nlmsg_type == RTM_NEWADDR && address->ifa_scope == RT_SCOPE_UNIVERSE && (address->ifa_flags & IFA_F_TENTATIVE) == 0) ||
				 (h->nlmsg_type == RTM_NEWROUTE && route->rtm_dst_len == 0 && route->rtm_type == RTN_UNICAST);
		}
	}
	return gained;
}

static void pause_for(int milliseconds)
{
	struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
	nanosleep(&time, NULL);
}

/* Milliseconds: how often a file that can't be watched is looked at, when an interface that could not be had is tried again, and how long the host may take to come to rest. */
enum { LOOK_EVERY = 5000, TRY_AFTER = 500, TRIES_MAX = 20, REST_AFTER = 300 };

static int wait_and_serve(struct settings *s, int watch, struct handles h)
{
	static unsigned char buffer[FRAME_MAX];
	int daemon = -1, tries = 0, host = watch_host(s);
	bool gained = false;
	while (true) {
		/* Either we hold the tap, or the daemon does. With neither somebody in there has removed it, or it is not free yet. */
		struct pollfd events[] = {{.fd = watch, .events = POLLIN}, {.fd = h.fd[TAP], .events = POLLIN}, {.fd = daemon, .events = POLLIN}, {.fd = s->watch.fd, .events = POLLIN}, {.fd = host, .events = POLLIN}};
		bool lost = daemon < 0 && h.fd[TAP] < 0 && tries < TRIES_MAX, blind = daemon >= 0 && s->watch.path != NULL && s->watch.fd < 0;
		int count = poll(events, 5, gained ? REST_AFTER : lost ? TRY_AFTER : blind ? LOOK_EVERY : -1);
		if (count < 0) {
			if (errno == EINTR)
				continue;
			return EXIT_SETUP;
		}
		if (events[0].revents != 0) {
			if (daemon >= 0)
				syscall(SYS_pidfd_send_signal, daemon, SIGTERM, NULL, 0);
			return 0;
		}
		if (events[3].revents != 0 ? take_changes(&s->watch) : blind && file_changed(&s->watch))
			tell(s->changed);
		if (gained && count == 0)
			tell(s->changed);
		gained = events[4].revents != 0 ? host_gained(host) || gained : gained && count > 0;
		if (lost && count == 0) {
			tries++;
			if (!open_interface(s, &h))
				close_handles(&h);
		}
		if (daemon >= 0 && events[2].revents != 0) {
			/* It was killed: back to the beginning, but not in a loop. */
			close(daemon);
			daemon = -1;
			pause_for(200);
			if (!open_interface(s, &h))
				close_handles(&h);
			continue;
		}
		if (h.fd[TAP] < 0 || events[1].revents == 0)
			continue;
		tries = 0;
		ssize_t length = next_frame(h.fd[TAP], buffer);
		if (length < 0)
			close_handles(&h); /* somebody in there removed the interface */
		if (length <= 0 || answer_neighbour(s, h.fd[TAP], buffer, length) || !means_something(buffer, length))
			continue;
		daemon = hand_over(s, &h, buffer, length);
		if (daemon >= 0) {
			if (s->watch.fd < 0)
				watch_file(&s->watch);
			if (file_changed(&s->watch))
				tell(s->changed);
			forget_program();
			continue;
		}
		pause_for(1000);
		if (!open_interface(s, &h))
			close_handles(&h);
	}
}

int main(int argc, char **argv)
{
	struct settings s = {.watch.fd = -1};
	struct handles handles;
	read_settings(&s, argc, argv);
	reset_signals();
	close_all_but(NULL, 0);
	int watch = (int)syscall(SYS_pidfd_open, s.watched, 0);
	if (watch < 0)
		die("cannot watch process %d", s.watched);
	if (fcntl(watch, F_SETFD, FD_CLOEXEC) < 0)
		die("cannot watch process %d", s.watched);
	if (!open_interface(&s, &handles))
		return EXIT_SETUP; /* the child has said why */
	configure(&s, &handles);
	pid_t keeper = fork();
	if (keeper < 0)
		die("fork");
	if (keeper > 0) {
		dprintf(1, "%d\n", keeper);
		return 0;
	}
	setsid();
	let_go();
	(void)file_changed(&s.watch);
	forget_program();
	return wait_and_serve(&s, watch, handles);
}
