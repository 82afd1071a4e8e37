# Logout of one who does not linger: what is said when a container is started is what happens.
. /job/guest.sh

useradd --create-home --shell /bin/bash guest
# Each of these is a session of its own, which ends with the command.
session() { su - guest -c "$1"; }
runs() { pgrep -x -f "sleep $1"; }
is_gone() { ! runs "$1"; }
sessions_end() { ! loginctl show-user guest; }

session 'tar -C /tmp/image-busybox -c . | scull import -q - busybox' > /dev/null
check 'who does not linger is told that a container goes on after logout, as logind ends no processes' prints 'lives outlives your sessions' session 'scull run -d --name lives --network none busybox sleep 4321'
check 'it does' runs 4321
check 'and in another session it can be seen and ended' session 'scull ps | grep lives && scull rm -f -t 0 lives'

check 'what is started in the user'\''s manager is said to end with the last session' prints 'scope is ended when your last session ends' session 'systemd-run --user --scope --quiet scull run -d --name scope --network none busybox sleep 4322'
check 'it does, too' soon is_gone 4322
soon sessions_end

mkdir -p /etc/systemd/logind.conf.d
printf '[Login]\nKillUserProcesses=yes\n' > /etc/systemd/logind.conf.d/kill.conf
systemctl reload systemd-logind
check 'where logind ends the processes of a session, that is said' prints 'killed is ended when your last session ends' session 'scull run -d --name killed --network none busybox sleep 4323'
check 'and happens' soon is_gone 4323
check 'its files stay, and it can be started again' session 'test "$(scull inspect -f {{.State.Status}} killed)" = exited && scull start killed && scull rm -f -t 0 killed'
rm /etc/systemd/logind.conf.d/kill.conf
systemctl reload systemd-logind
