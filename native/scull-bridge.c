/*
 * scull-bridge: the network namespace that containers of named networks share, the "switch". It decides nothing: names,
 * addresses and rules come from scull on the command line.
 *
 *   hold    keep the namespace as long as a container is plugged into it
 *   attach  plug a container into a network: its bridge is made if need be, a veth pair leads from it into the container
 *   detach  unplug a container
 *   enter   start a program inside (the name server)
 *
 * Theory of operation. `hold` is started in namespaces of its own (by scull-helper launch) and sleeps. Everything is a kernel
 * object in its network namespace: bridges, the bridge's ends of veth pairs, packet filter rules. The kernel removes a veth
 * pair when a container's namespace ends, by whatever means, and tells `hold`: with the last one it ends too, and all is gone.
 * A bridge without a port goes when its last port does.
 *
 *     DIR/lock      flock: shared while something is plugged in, exclusive while `hold` looks whether to end
 *     DIR/holder    "PID START\n" of the holder (START: field 22 of /proc/PID/stat); there while it can be relied on
 *     DIR/members/  files named PID.START of commands that are about to plug something in: `hold` stays for living ones
 *
 * A command makes its file first and looks for DIR/holder then; the holder removes DIR/holder first and looks for files then:
 * one of them sees the other (the order of these is all that matters).
 *
 * Why no netavark: version 1.4 takes 65 ms to plug a container in and 180 ms to unplug it, for it starts iptables some thirty
 * times; this takes one to two, and nothing to unplug.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_SETUP = 119, EXIT_HOLDER_GONE = 118 };

#define PROGRAM "scull-bridge"
#include "program.h"
#include "rtnetlink.h"
#include "watch.h"

/* --- processes -------------------------------------------------------------------------------------------------- */

static bool lives(int pid, unsigned long long start)
{
	return pid > 0 && start != 0 && start_time(pid) == start;
}

/* The holder that DIR/holder names, if it lives; else 0. */
static int living_holder(int directory)
{
	char text[64];
	unsigned long long start;
	int pid;
	if (!read_small(openat(directory, "holder", O_RDONLY | O_CLOEXEC), text, sizeof text))
		return 0;
	return sscanf(text, "%d %llu", &pid, &start) == 2 && lives(pid, start) ? pid : 0;
}

/* True while a command that is about to plug something in lives. Files of dead ones are removed. */
static bool has_members(int directory)
{
	int fd = openat(directory, "members", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *members = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;
	if (members == NULL)
		return false;
	for (struct dirent *entry; (entry = readdir(members)) != NULL;) {
		int pid;
		unsigned long long start;
		if (sscanf(entry->d_name, "%d.%llu", &pid, &start) != 2)
			continue;
		if (lives(pid, start))
			found = true;
		else
			unlinkat(fd, entry->d_name, 0);
	}
	closedir(members);
	return found;
}

static int open_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		die("cannot open %s", path);
	return fd;
}

static int open_lock(int directory)
{
	int fd = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		die("cannot open the lock");
	return fd;
}

static void lock(int fd, int how)
{
	while (flock(fd, how) < 0)
		if (errno != EINTR)
			die("cannot lock");
}

/* --- what is made of interfaces --------------------------------------------------------------------------------- */

/* ADDRESS/PREFIX */
struct address {
	int family;
	unsigned char bytes[16];
	unsigned char prefix;
};

static size_t address_size(const struct address *a) { return a->family == AF_INET ? 4 : 16; }

static struct address read_address(const char *text, bool with_prefix)
{
	struct address a = {.family = strchr(text, ':') == NULL ? AF_INET : AF_INET6};
	char copy[INET6_ADDRSTRLEN + 8], *slash;
	snprintf(copy, sizeof copy, "%s", text);
	slash = strchr(copy, '/');
	if ((slash != NULL) != with_prefix)
		usage(text);
	if (slash != NULL) {
		*slash = '\0';
		a.prefix = (unsigned char)number(slash + 1);
	}
	if (inet_pton(a.family, copy, a.bytes) != 1 || a.prefix > address_size(&a) * 8)
		usage(text);
	return a;
}

static void read_mac(const char *text, unsigned char *mac)
{
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != ETH_ALEN)
		usage(text);
}

static void add_address(int fd, int index, const char *text, bool on_link)
{
	struct message m;
	struct address a = read_address(text, true);
	struct ifaddrmsg body = {.ifa_family = (unsigned char)a.family, .ifa_prefixlen = a.prefix, .ifa_index = (unsigned)index, .ifa_flags = a.family == AF_INET6 ? IFA_F_NODAD : 0};
	begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof body);
	put(&m, IFA_LOCAL, a.bytes, address_size(&a));
	put(&m, IFA_ADDRESS, a.bytes, address_size(&a));
	if (a.family == AF_INET && on_link && a.prefix < 31) {
		unsigned broadcast;
		memcpy(&broadcast, a.bytes, 4);
		broadcast |= htonl(a.prefix == 0 ? ~0U : (1U << (32 - a.prefix)) - 1);
		put(&m, IFA_BROADCAST, &broadcast, 4);
	}
	int error = request(fd, &m);
	/* The kernel may be without IPv6, or it is switched off in there. */
	if (error == 0 || (a.family == AF_INET6 && (error == EOPNOTSUPP || error == EAFNOSUPPORT || error == EACCES)))
		return;
	errno = error;
	die("cannot give the address %s", text);
}

/* GATEWAY,METRIC */
static void add_default_route(int fd, int index, const char *text)
{
	struct message m;
	char copy[INET6_ADDRSTRLEN + 16], *comma;
	snprintf(copy, sizeof copy, "%s", text);
	comma = strchr(copy, ',');
	if (comma == NULL)
		usage(text);
	*comma = '\0';
	struct address gateway = read_address(copy, false);
	struct rtmsg body = {.rtm_family = (unsigned char)gateway.family, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
	begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof body);
	put(&m, RTA_GATEWAY, gateway.bytes, address_size(&gateway));
	put_u32(&m, RTA_OIF, (unsigned)index);
	put_u32(&m, RTA_PRIORITY, (unsigned)number(comma + 1));
	must(fd, &m, gateway.family == AF_INET6 ? EOPNOTSUPP : 0, "add the default route");
}

static int delete_link(int fd, int index)
{
	struct message m;
	struct ifinfomsg body = {.ifi_index = index};
	begin(&m, RTM_DELLINK, 0, &body, sizeof body);
	return request(fd, &m);
}

/*
 * What stays on its bridge is not forwarded, and no matter of the rules, also where br_netfilter would make it one. That module
 * may be loaded at any time, and then begins with 1.
 */
static void keep_bridges_out_of_the_rules(void)
{
	set("bridge/bridge-nf-call-iptables", "0");
	set("bridge/bridge-nf-call-ip6tables", "0");
	set("bridge/bridge-nf-call-arptables", "0");
}

/* --- hold ------------------------------------------------------------------------------------------------------- */

static void load_rules(const char *nft, const char *file)
{
	int status;
	pid_t child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		close_all_but(NULL, 0);
		dup2(2, 1);
		execl(nft, nft, "-f", file, NULL);
		die("cannot start %s", nft);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			die("wait");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		errno = 0;
		die("nft refused the rules");
	}
}

struct link {
	int index, master;
	bool is_bridge, is_port;
};

enum { LINKS_MAX = 4096 };

/* Every interface, by a dump on a socket of its own. Returns how many, -1 when the kernel would not say. */
static int list_links(struct link *links)
{
	static char data[65536];
	struct message m;
	struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	int fd = open_netlink(0), count = 0;
	bool done = false;
	begin(&m, RTM_GETLINK, NLM_F_DUMP, &body, sizeof body);
	if (send(fd, &m, m.header.nlmsg_len, 0) < 0)
		die("cannot ask the kernel");
	while (!done) {
		ssize_t length = recv(fd, data, sizeof data, 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			close(fd);
			return -1;
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)data; NLMSG_OK(h, (unsigned)length); h = NLMSG_NEXT(h, length)) {
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
				done = true;
				break;
			}
			if (h->nlmsg_type != RTM_NEWLINK || count == LINKS_MAX)
				continue;
			struct ifinfomsg *info = NLMSG_DATA(h);
			struct link *link = &links[count++];
			*link = (struct link){.index = info->ifi_index};
			int left = (int)IFLA_PAYLOAD(h);
			for (struct rtattr *a = IFLA_RTA(info); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
				if (a->rta_type == IFLA_MASTER)
					link->master = *(int *)RTA_DATA(a);
				if (a->rta_type != IFLA_LINKINFO)
					continue;
				int inner = (int)RTA_PAYLOAD(a);
				for (struct rtattr *k = RTA_DATA(a); RTA_OK(k, inner); k = RTA_NEXT(k, inner)) {
					if (k->rta_type != IFLA_INFO_KIND)
						continue;
					link->is_bridge = strcmp(RTA_DATA(k), "bridge") == 0;
					link->is_port = strcmp(RTA_DATA(k), "veth") == 0;
				}
			}
		}
	}
	close(fd);
	return count;
}

static void write_holder(int directory)
{
	char text[64];
	int length = snprintf(text, sizeof text, "%d %llu\n", getpid(), start_time(getpid()));
	int fd = openat(directory, "holder.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)length) != length || renameat(directory, "holder.new", directory, "holder") < 0)
		die("cannot write the holder's file");
	close(fd);
}

struct holder {
	int directory, lock, events;
	struct file_watch watch;
	char **changed; /* told when somebody has left, or the watched file is another */
	bool empty, has_been_used;
};

/* Looks what is plugged in; removes bridges that nothing is plugged into. Returns true when it is time to end. */
static bool look(struct holder *holder)
{
	static struct link links[LINKS_MAX];
	lock(holder->lock, LOCK_EX);
	/* Not the socket on which events come: an answer that is waited for would swallow some. */
	int fd = open_netlink(0);
	int count = list_links(links), ports = 0;
	for (int i = 0; i < count; i++)
		ports += links[i].is_port;
	for (int i = 0; i < count; i++) {
		bool used = !links[i].is_bridge;
		for (int n = 0; n < count && !used; n++)
			used = links[n].master == links[i].index;
		if (!used)
			delete_link(fd, links[i].index);
	}
	close(fd);
	holder->empty = count >= 0 && ports == 0;
	bool over = false;
	if (holder->empty) {
		unlinkat(holder->directory, "holder", 0);
		over = !has_members(holder->directory);
		if (!over)
			write_holder(holder->directory);
	}
	lock(holder->lock, LOCK_UN);
	return over;
}

/* True when an interface went. The rest is of no interest. */
static bool take_events(int fd)
{
	char data[65536];
	bool gone = false;
	ssize_t length;
	while ((length = recv(fd, data, sizeof data, MSG_DONTWAIT)) != 0) {
		if (length < 0) {
			if (errno == EINTR)
				continue;
			return gone || errno == ENOBUFS; /* some were lost */
		}
		for (struct nlmsghdr *h = (struct nlmsghdr *)data; NLMSG_OK(h, (unsigned)length); h = NLMSG_NEXT(h, length))
			gone = gone || h->nlmsg_type == RTM_DELLINK;
	}
	return gone;
}

static int serve(struct holder *holder)
{
	struct pollfd events[2] = {{.fd = holder->events, .events = POLLIN}, {.events = POLLIN}};
	bool pending = false;
	holder->empty = true;
	while (true) {
		events[1].fd = holder->watch.fd;
		/* What comes in a burst is looked at once; with nothing plugged in, commands that were about to may have died. */
		if (!pending && !holder->empty)
			forget_program();
		int count = poll(events, 2, pending ? 30 : holder->empty ? 500 : -1);
		if (count < 0 && errno != EINTR)
			return EXIT_SETUP;
		if (count == 0) {
			if (look(holder))
				return 0;
			if (pending)
				tell(holder->changed);
			pending = false;
		}
		if (count > 0 && events[0].revents != 0 && take_events(holder->events))
			pending = true;
		if (count > 0 && events[0].revents != 0 && !pending && holder->empty && look(holder))
			return 0;
		if (count > 0 && events[1].fd >= 0 && events[1].revents != 0 && take_changes(&holder->watch))
			tell(holder->changed);
	}
}

static void report(const char *word, int pid)
{
	dprintf(1, "%s %d %llu\n", word, pid, start_time(pid));
}

static int hold(int argc, char **argv)
{
	const char *directory = NULL, *nft = NULL, *rules = NULL;
	struct holder holder = {.watch.fd = -1};
	int i;
	for (i = 0; i < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (i + 1 >= argc)
			usage(argv[i]);
		if (strcmp(argv[i], "--directory") == 0)
			directory = argv[i + 1];
		else if (strcmp(argv[i], "--nft") == 0)
			nft = argv[i + 1];
		else if (strcmp(argv[i], "--rules") == 0)
			rules = argv[i + 1];
		else if (strcmp(argv[i], "--watch-file") == 0)
			holder.watch.path = argv[i + 1];
		else
			usage(argv[i]);
	}
	if (directory == NULL || nft == NULL || rules == NULL)
		usage("hold --directory DIR --nft PROGRAM --rules FILE [--watch-file FILE] [-- CHANGED …]");
	holder.changed = i < argc ? argv + i + 1 : NULL;
	holder.directory = open_directory(directory);
	holder.lock = open_lock(holder.directory);
	lock(holder.lock, LOCK_EX);
	int other = living_holder(holder.directory);
	if (other != 0) {
		report("other", other);
		return 0;
	}
	set("ipv4/ip_forward", "1");
	set("ipv6/conf/all/forwarding", "1");
	keep_bridges_out_of_the_rules();
	set_for("default", "accept_dad", "0");
	set_for("default", "accept_ra", "0");
	holder.events = open_netlink(0);
	set_up(holder.events, (int)if_nametoindex("lo"));
	load_rules(nft, rules);
	close(holder.events);
	holder.events = open_netlink(RTMGRP_LINK);
	(void)file_changed(&holder.watch);
	watch_file(&holder.watch);
	write_holder(holder.directory);
	lock(holder.lock, LOCK_UN);
	report("holder", getpid());
	let_go();
	signal(SIGCHLD, SIG_IGN);
	return serve(&holder);
}

/* --- attach and detach ------------------------------------------------------------------------------------------ */

struct plug {
	const char *bridge, *gateways[2], *interface, *addresses[2], *routes[2];
	unsigned char bridge_mac[ETH_ALEN], mac[ETH_ALEN];
	unsigned group, mtu;
	int target;
};

static int make_bridge(int fd, const struct plug *plug)
{
	struct message m;
	struct ifinfomsg body = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	put_text(&m, IFLA_IFNAME, plug->bridge);
	put(&m, IFLA_ADDRESS, plug->bridge_mac, ETH_ALEN);
	put_u32(&m, IFLA_GROUP, plug->group);
	if (plug->mtu > 0)
		put_u32(&m, IFLA_MTU, plug->mtu);
	struct rtattr *info = put(&m, IFLA_LINKINFO, NULL, 0);
	put_text(&m, IFLA_INFO_KIND, "bridge");
	struct rtattr *data = put(&m, IFLA_INFO_DATA, NULL, 0);
	put_u8(&m, IFLA_BR_MCAST_SNOOPING, 0);
	end_nested(&m, data);
	end_nested(&m, info);
	must(fd, &m, EEXIST, "make the bridge");
	int index = (int)if_nametoindex(plug->bridge);
	if (index == 0)
		die("cannot find the bridge %s", plug->bridge);
	for (int i = 0; i < 2; i++)
		if (plug->gateways[i] != NULL)
			add_address(fd, index, plug->gateways[i], true);
	return index;
}

static void make_veth(int fd, const struct plug *plug, int bridge, int target)
{
	struct message m;
	struct ifinfomsg body = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, peer = {0};
	begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	put_u32(&m, IFLA_MASTER, (unsigned)bridge);
	if (plug->mtu > 0)
		put_u32(&m, IFLA_MTU, plug->mtu);
	struct rtattr *info = put(&m, IFLA_LINKINFO, NULL, 0);
	put_text(&m, IFLA_INFO_KIND, "veth");
	struct rtattr *data = put(&m, IFLA_INFO_DATA, NULL, 0);
	struct rtattr *other = put(&m, VETH_INFO_PEER, &peer, sizeof peer);
	put_text(&m, IFLA_IFNAME, plug->interface);
	put(&m, IFLA_ADDRESS, plug->mac, ETH_ALEN);
	put_u32(&m, IFLA_NET_NS_FD, (unsigned)target);
	if (plug->mtu > 0)
		put_u32(&m, IFLA_MTU, plug->mtu);
	end_nested(&m, other);
	end_nested(&m, data);
	end_nested(&m, info);
	int error = request(fd, &m);
	if (error == 0)
		return;
	errno = error;
	die(error == EEXIST ? "the container has an interface %s already" : "cannot make the interface %s", plug->interface);
}

static void configure_interface(const struct plug *plug)
{
	int fd = open_netlink(0), index = (int)if_nametoindex(plug->interface);
	if (index == 0)
		die("cannot find the interface %s", plug->interface);
	set_for(plug->interface, "accept_ra", "0");
	set_for(plug->interface, "accept_dad", "0");
	set_up(fd, (int)if_nametoindex("lo"));
	for (int i = 0; i < 2; i++)
		if (plug->addresses[i] != NULL)
			add_address(fd, index, plug->addresses[i], true);
	set_up(fd, index);
	for (int i = 0; i < 2; i++)
		if (plug->routes[i] != NULL)
			add_default_route(fd, index, plug->routes[i]);
	close(fd);
}

static int attach(int argc, char **argv)
{
	const char *directory = NULL;
	struct plug plug = {.target = -1};
	int expected = 0;
	for (int i = 0; i < argc; i += 2) {
		const char *option = argv[i];
		if (i + 1 >= argc)
			usage(option);
		char *value = argv[i + 1];
		if (strcmp(option, "--directory") == 0)
			directory = value;
		else if (strcmp(option, "--holder") == 0)
			expected = number(value);
		else if (strcmp(option, "--target") == 0)
			plug.target = number(value);
		else if (strcmp(option, "--bridge") == 0)
			plug.bridge = value;
		else if (strcmp(option, "--bridge-mac") == 0)
			read_mac(value, plug.bridge_mac);
		else if (strcmp(option, "--group") == 0)
			plug.group = (unsigned)number(value);
		else if (strcmp(option, "--mtu") == 0)
			plug.mtu = (unsigned)number(value);
		else if (strcmp(option, "--gateway4") == 0)
			plug.gateways[0] = value;
		else if (strcmp(option, "--gateway6") == 0)
			plug.gateways[1] = value;
		else if (strcmp(option, "--interface") == 0)
			plug.interface = value;
		else if (strcmp(option, "--mac") == 0)
			read_mac(value, plug.mac);
		else if (strcmp(option, "--ipv4") == 0)
			plug.addresses[0] = value;
		else if (strcmp(option, "--ipv6") == 0)
			plug.addresses[1] = value;
		else if (strcmp(option, "--route4") == 0)
			plug.routes[0] = value;
		else if (strcmp(option, "--route6") == 0)
			plug.routes[1] = value;
		else
			usage(option);
	}
	if (directory == NULL || expected == 0 || plug.target < 0 || plug.bridge == NULL || plug.interface == NULL)
		usage("attach --directory DIR --holder PID --target PID --bridge NAME --bridge-mac MAC --interface NAME --mac MAC [OPTION …]");
	int folder = open_directory(directory), mutex = open_lock(folder);
	lock(mutex, LOCK_SH);
	if (living_holder(folder) != expected) {
		errno = 0;
		dprintf(2, "scull-bridge: the switch has ended\n");
		return EXIT_HOLDER_GONE;
	}
	int target = open_namespace(plug.target, "net");
	if (target < 0)
		die("cannot open the network of process %d", plug.target);
	join_network(expected);
	keep_bridges_out_of_the_rules();
	int fd = open_netlink(0);
	int bridge = make_bridge(fd, &plug);
	make_veth(fd, &plug, bridge, target);
	if (setns(target, CLONE_NEWNET) < 0)
		die("cannot enter the container's network");
	configure_interface(&plug);
	return 0;
}

static int detach(int argc, char **argv)
{
	const char *interface = NULL;
	int target = -1;
	for (int i = 0; i < argc; i += 2) {
		if (i + 1 >= argc)
			usage(argv[i]);
		if (strcmp(argv[i], "--target") == 0)
			target = number(argv[i + 1]);
		else if (strcmp(argv[i], "--interface") == 0)
			interface = argv[i + 1];
		else
			usage(argv[i]);
	}
	if (target < 0 || interface == NULL)
		usage("detach --target PID --interface NAME");
	join_network(target);
	int index = (int)if_nametoindex(interface);
	if (index == 0)
		return 0;
	int error = delete_link(open_netlink(0), index);
	if (error != 0 && error != ENODEV) {
		errno = error;
		die("cannot remove the interface %s", interface);
	}
	return 0;
}

/* --- enter ------------------------------------------------------------------------------------------------------ */

static int enter(int argc, char **argv)
{
	const char *from = NULL, *to = NULL;
	int holder = 0, i = 0;
	while (i < argc && strcmp(argv[i], "--") != 0) {
		if (strcmp(argv[i], "--holder") == 0 && i + 1 < argc) {
			holder = number(argv[i + 1]);
			i += 2;
		} else if (strcmp(argv[i], "--bind") == 0 && i + 2 < argc) {
			from = argv[i + 1];
			to = argv[i + 2];
			i += 3;
		} else
			usage(argv[i]);
	}
	if (holder == 0 || i + 1 >= argc)
		usage("enter --holder PID [--bind FROM TO] -- PROGRAM …");
	join_network(holder);
	if (from != NULL && (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0))
		die("cannot make mounts private");
	if (from != NULL && mount(from, to, NULL, MS_BIND, NULL) < 0)
		die("cannot bind %s", from);
	close_all_but(NULL, 0);
	execv(argv[i + 1], argv + i + 1);
	die("cannot start %s", argv[i + 1]);
}

int main(int argc, char **argv)
{
	reset_signals();
	if (argc >= 2 && strcmp(argv[1], "hold") == 0) {
		close_all_but(NULL, 0);
		return hold(argc - 2, argv + 2);
	}
	if (argc >= 2 && strcmp(argv[1], "attach") == 0)
		return attach(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "detach") == 0)
		return detach(argc - 2, argv + 2);
	if (argc >= 2 && strcmp(argv[1], "enter") == 0)
		return enter(argc - 2, argv + 2);
	usage("scull-bridge hold|attach|detach|enter …");
}
