# The same machine after a reboot. guest.sh waits until the user's manager has started what is enabled.
. /job/guest.sh

check 'an enabled unit is started at boot' soon prints active userctl is-active web
check 'its volume has what was written before' sh -c 'test -s /var/lib/starts-before && test "$(runuser -u user -- env XDG_RUNTIME_DIR=/run/user/1000 scull exec systemd-web cat /data/starts | head -n "$(wc -l < /var/lib/starts-before)")" = "$(cat /var/lib/starts-before)"'
check 'a container that ran when the machine went off is exited' prints exited scull inspect --format '{{.State.Status}}' outlives
check 'and can be started' scull start outlives
check 'units are removed with their enabling' prints web.service scull unit rm web
check 'systemd knows them no more' ends_with 4 userctl is-active web
