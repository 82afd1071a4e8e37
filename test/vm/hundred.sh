# The machine in which many.sh enabled a hundred units, after one more reboot.

# Whoever asks the user's manager takes time from it, and it has a hundred units to start: what runs is counted instead.
processes() { grep -lx "$1" /proc/[0-9]*/comm 2> /dev/null | wc -l; }
all_run() { [ "$(processes conmon)" -ge 100 ] && [ "$(processes scull)" = 0 ]; }
until all_run || [ "$(cut -d. -f1 /proc/uptime)" -ge 1400 ]; do sleep 5; done
. /job/guest.sh

of_many() { userctl show --property "$1" --value $(seq -f 'many%g.service' 100) | grep . | sort -n; }
are_active() { [ "$(of_many ActiveState | grep -c '^active$')" = 100 ] || { of_many ActiveState | uniq -c; return 1; }; }
check 'a hundred enabled units start at boot' soon are_active
begun=$(of_many InactiveExitTimestampMonotonic)
ended=$(of_many ActiveEnterTimestampMonotonic)
seconds() { echo $((($1 - $(echo "$begun" | head -n 1)) / 1000000)); }
echo "@@ figure: of a hundred units at boot the last began after $(seconds "$(echo "$begun" | tail -n 1)") s, the first was active after $(seconds "$(echo "$ended" | head -n 1)") s, the last after $(seconds "$(echo "$ended" | tail -n 1)") s"
check 'in parallel: the last begins while others are still starting' test "$(echo "$begun" | tail -n 1)" -lt "$(echo "$ended" | sed -n 90p)"
check 'none of them was started twice' test "$(of_many NRestarts | uniq)" = 0
check 'their containers run' test "$(scull ps --quiet --filter name=systemd-many | wc -l)" = 100

# Nobody needs this disk any more: a hundred units need not be stopped. What was said is to be out.
sleep 1
systemctl poweroff --force --force
