/* Questions to the kernel about interfaces, addresses, routes and rules: rtnetlink(7). After program.h. */
#ifndef SCULL_RTNETLINK_H
#define SCULL_RTNETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

struct message {
	struct nlmsghdr header;
	char data[2048];
};

static inline void *begin(struct message *m, int type, int flags, const void *body, size_t size)
{
	memset(m, 0, sizeof *m);
	m->header.nlmsg_type = (unsigned short)type;
	m->header.nlmsg_flags = (unsigned short)(NLM_F_REQUEST | flags);
	m->header.nlmsg_len = (unsigned)NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(&m->header), body, size);
	return NLMSG_DATA(&m->header);
}

static inline struct rtattr *put(struct message *m, int type, const void *value, size_t size)
{
	size_t at = NLMSG_ALIGN(m->header.nlmsg_len);
	if (at + RTA_SPACE(size) > sizeof *m)
		usage("a value is too long");
	struct rtattr *attribute = (struct rtattr *)((char *)m + at);
	attribute->rta_type = (unsigned short)type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(attribute), value, size);
	m->header.nlmsg_len = (unsigned)(at + RTA_ALIGN(attribute->rta_len));
	return attribute;
}

static inline void put_u32(struct message *m, int type, unsigned value) { put(m, type, &value, sizeof value); }
static inline void put_u8(struct message *m, int type, unsigned char value) { put(m, type, &value, sizeof value); }
static inline void put_text(struct message *m, int type, const char *text) { put(m, type, text, strlen(text) + 1); }

static inline void end_nested(struct message *m, struct rtattr *nested)
{
	nested->rta_len = (unsigned short)((char *)m + m->header.nlmsg_len - (char *)nested);
}

static inline int open_netlink(unsigned groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		die("cannot open a netlink socket");
	return fd;
}

/* Sends a request and waits for its acknowledgement. Returns 0 or the errno of the kernel's answer. */
static inline int request(int fd, struct message *m)
{
	static unsigned sequence;
	char answer[8192];
	m->header.nlmsg_flags |= NLM_F_ACK;
	m->header.nlmsg_seq = ++sequence;
	if (send(fd, m, m->header.nlmsg_len, 0) < 0)
		die("cannot ask the kernel");
	while (true) {
		ssize_t length = recv(fd, answer, sizeof answer, 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			die("no answer from the kernel");
		for (struct nlmsghdr *h = (struct nlmsghdr *)answer; NLMSG_OK(h, (unsigned)length); h = NLMSG_NEXT(h, length)) {
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq != sequence)
				continue;
			return -((struct nlmsgerr *)NLMSG_DATA(h))->error;
		}
	}
}

static inline void must(int fd, struct message *m, int tolerated, const char *what)
{
	int error = request(fd, m);
	if (error == 0 || error == tolerated)
		return;
	errno = error;
	die("cannot %s", what);
}

static inline void set_up(int fd, int index)
{
	struct message m;
	struct ifinfomsg body = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	begin(&m, RTM_NEWLINK, 0, &body, sizeof body);
	must(fd, &m, 0, "bring an interface up");
}

#endif
