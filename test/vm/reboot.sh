# The same machine after a reboot.
. /job/guest.sh

patiently() { soon "$@" || soon "$@" || soon "$@"; }
all_run() { [ "$(userctl is-active $(seq -f m%g 6) | sort | uniq -c | tr -d ' ')" = 6active ]; }
check 'six more enabled units are started at boot, side by side' patiently all_run
echo "after $(cut -d. -f1 /proc/uptime) seconds"
check 'an enabled unit is started at boot' soon prints active userctl is-active web
check 'its volume has what was written before' sh -c 'test -s /var/lib/starts-before && test "$(runuser -u user -- env XDG_RUNTIME_DIR=/run/user/1000 scull exec systemd-web cat /data/starts | head -n "$(wc -l < /var/lib/starts-before)")" = "$(cat /var/lib/starts-before)"'
check 'a container that ran when the machine went off is exited' prints exited scull inspect --format '{{.State.Status}}' outlives
check 'and can be started' scull start outlives
check 'units are removed with their enabling' prints web.service scull unit rm web
check 'systemd knows them no more' ends_with 4 userctl is-active web

# Stopping the six would take its time, and there is no other life.
sync
systemctl poweroff --force --force
