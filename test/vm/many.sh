# A hundred units that are to start with the machine; hundred.sh looks.
. /job/guest.sh

# All of them share one processor that is emulated: what takes four seconds outside takes minutes. At each turn it translates
# all addresses anew, so the turns are to be long.
printf '[Unit]\nRequiresMountsFor=/sys/kernel/debug\nBefore=systemd-user-sessions.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo 100000000 > /sys/kernel/debug/sched/base_slice_ns"\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/long-turns.service
systemctl enable --quiet long-turns
mkdir -p .config/systemd/user.conf.d many
printf '[Manager]\nDefaultTimeoutStartSec=25min\n' > .config/systemd/user.conf.d/slow.conf
for n in $(seq 100); do
  printf '[Container]\nImage=localhost/busybox\nNetwork=none\nExec=sleep 100000\n[Install]\nWantedBy=default.target\n' > many/many$n.container
done
chown -R user: .config many
check 'a hundred Quadlet files are installed and enabled by one command' scull unit install --enable many/*.container
