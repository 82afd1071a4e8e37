# A hundred units that are to start with the machine; reboot.sh looks.
. /job/guest.sh

mkdir -p many
for n in $(seq 100); do
  # All of them share one processor that is emulated.
  printf '[Container]\nImage=localhost/busybox\nNetwork=none\nStopTimeout=1\nExec=sleep 100000\n[Service]\nTimeoutStartSec=20min\n[Install]\nWantedBy=default.target\n' > many/many$n.container
done
chown -R user: many
check 'a hundred Quadlet files are installed and enabled by one command' scull unit install --enable many/*.container
