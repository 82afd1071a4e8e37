# What containers that run notice of the host's network: here root can change it.
. /job/guest.sh

in_file() { as_user scull exec "$1" cat /etc/resolv.conf; }
# No answer is needed: the packet is what makes pasta start, and somebody look after resolv.conf.
say_something() { as_user scull exec "$1" nc -w 1 10.0.2.2 9 < /dev/null > /dev/null 2>&1; }
cp -a /etc/resolv.conf /etc/resolv.conf.before 2> /dev/null
rm -f /etc/resolv.conf
echo 'nameserver 10.0.2.3' > /etc/resolv.conf
scull network create back > /dev/null
scull run -d --name plain busybox sleep 10000 > /dev/null
scull run -d --name plugged --network back busybox sleep 10000 > /dev/null
scull run -d --name near --network host busybox sleep 10000 > /dev/null
scull run -d --name picky --network pasta:--mtu,1400 busybox sleep 10000 > /dev/null
say_something plain

printf 'nameserver 10.0.2.3\nsearch written.example\n' > /etc/resolv.conf
check 'a container of the default network notices when the host'\''s resolv.conf is written to' soon prints 'search written.example' in_file plain
check 'so does one of a named network' soon prints 'search written.example' in_file plugged
printf 'nameserver 10.0.2.3\nsearch renamed.example\n' > /etc/resolv.conf.new
mv /etc/resolv.conf.new /etc/resolv.conf
check 'or another file is put in its place' soon prints 'search renamed.example' in_file plain
check 'on a named network too' soon prints 'search renamed.example' in_file plugged
check 'on the host'\''s network, and with options for pasta, it keeps the old one' as_user sh -c '! scull exec near grep renamed /etc/resolv.conf && ! scull exec picky grep renamed /etc/resolv.conf'
check 'until network reload' as_user sh -c 'scull network reload near picky && scull exec near grep -q renamed /etc/resolv.conf && scull exec picky grep -q renamed /etc/resolv.conf'

holder() { cut -d' ' -f1 /run/user/1000/scull/*/switch/holder; }
device=$(ip -o -4 addr show scope global | awk 'NR == 1 { print $2 }')
check 'networks have no IPv6 way out while the host has none' sh -c '! nsenter -n -t "$1" ip -6 addr show dev eth0 scope global | grep -q inet6' sh "$(holder)"
ip -6 addr add 2001:db8::5/64 dev "$device" nodad
ip -6 route add default via 2001:db8::1 dev "$device" metric 1
check 'network reload finds the IPv6 that the host has got' scull network reload --all
check 'and gives the networks that way out' sh -c 'nsenter -n -t "$1" ip -6 addr show dev eth0 | grep 2001:db8::5 && nsenter -n -t "$1" ip -6 route show default | grep eth0' sh "$(holder)"
check 'with names that still answer' soon prints 'Name:' scull exec plugged nslookup plugged.
scull rm -f -t 0 -a > /dev/null

# What works without a tool is said, and works.
lacking() { tool=$(PATH=/usr/bin:/usr/sbin:/usr/lib/podman:/usr/libexec/podman command -v "$1"); chmod -x "$tool"; }
chmod_back() { chmod +x "$tool"; }
lacking pasta
check 'without pasta it is said that it is missing, and what works' prints 'pasta is not installed' scull run --rm busybox true
check 'with the package that has it' prints 'apt-get install -y passt; without it --network none and host work' scull run --rm busybox true
check 'and that works' as_user sh -c 'scull run --rm --network none busybox true && scull run --rm --network host busybox true'
check 'a network of several containers has no way out either, and is not half made' as_user sh -c '! scull run --rm --network back busybox true && [ -z "$(scull ps -aq)" ]'
chmod_back
check 'the network that could not be made is gone' soon sh -c '! pgrep -f "[s]cull-bridge hold"'
lacking nft
check 'without nft likewise' prints 'nftables; without it the default network works' scull run --rm --network back busybox true
check 'the default network works without nft' scull run --rm busybox true
chmod_back
lacking aardvark-dns
check 'without aardvark-dns it is said that there are no names' prints 'by address only' scull run -d --name nameless --network back busybox httpd -f -p 80
check 'addresses work' soon prints 'HTTP/1' as_user sh -c 'echo GET / | scull run -i --rm --network back busybox nc -w 60 "$(scull inspect -f "{{.NetworkSettings.Networks.back.IPAddress}}" nameless)" 80'
chmod_back
lacking netavark
check 'nothing needs netavark' scull run --rm --network back busybox true
chmod_back
scull rm -f -t 0 -a > /dev/null

# A unit that stops takes with it what is in its cgroup.
cat > /etc/systemd/system/on-network@.service <<'X'
[Service]
User=user
Type=notify
NotifyAccess=all
Delegate=yes
ExecStart=/usr/local/bin/scull run -d --rm --name on-network-%i --network back --sdnotify conmon localhost/busybox sh -c 'while :; do echo here | nc -l -p 7000; done'
ExecStop=/usr/local/bin/scull stop -t 1 on-network-%i
X
systemctl daemon-reload
check 'system units with User= can share a network' sh -c 'systemctl start on-network@first && systemctl start on-network@second'
systemctl stop on-network@first
check 'and one finds others by name when that has stopped which was the first there' prints here scull exec on-network-second sh -c 'nc -w 60 on-network-second 7000 < /dev/null'
systemctl stop on-network@second
scull network rm back > /dev/null
check 'nothing is left of the networks' soon sh -c '! pgrep -f "[s]cull-bridge|[s]cull-net|[a]ardvark-dns|[p]asta"'

# As it was, for those that come after.
ip -6 addr del 2001:db8::5/64 dev "$device"
rm -f /etc/resolv.conf
mv /etc/resolv.conf.before /etc/resolv.conf 2> /dev/null || true
