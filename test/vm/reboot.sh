# The same machine after a reboot. guest.sh waits until the user's manager has started what is enabled.
. /job/guest.sh

of_many() { userctl show --property "$1" --value $(seq -f 'many%g.service' 100) | grep . | sort -n; }
are_active() { [ "$(of_many ActiveState | grep -c '^active$')" = 100 ]; }
check 'a hundred enabled units start at boot' are_active
begun=$(of_many InactiveExitTimestampMonotonic)
ended=$(of_many ActiveEnterTimestampMonotonic)
seconds() { echo $((($1 - $(echo "$begun" | head -n 1)) / 1000000)); }
echo "@@ figure: of a hundred units at boot the last began after $(seconds "$(echo "$begun" | tail -n 1)") s, the first was active after $(seconds "$(echo "$ended" | head -n 1)") s, the last after $(seconds "$(echo "$ended" | tail -n 1)") s"
check 'all at once: the last begins before half of them are active' test "$(echo "$begun" | tail -n 1)" -lt "$(echo "$ended" | sed -n 50p)"
check 'their containers run' test "$(scull ps --quiet --filter name=systemd-many | wc -l)" = 100

check 'an enabled unit is started at boot' soon prints active userctl is-active web
check 'its volume has what was written before' sh -c 'test -s /var/lib/starts-before && test "$(runuser -u user -- env XDG_RUNTIME_DIR=/run/user/1000 scull exec systemd-web cat /data/starts | head -n "$(wc -l < /var/lib/starts-before)")" = "$(cat /var/lib/starts-before)"'
check 'a container that ran when the machine went off is exited' prints exited scull inspect --format '{{.State.Status}}' outlives
check 'and can be started' scull start outlives
check 'units are removed with their enabling' prints web.service scull unit rm web
check 'systemd knows them no more' ends_with 4 userctl is-active web

# Nobody needs this disk any more: a hundred units need not be stopped.
sync
sleep 1
systemctl poweroff --force --force
