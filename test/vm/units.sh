# Units made of Quadlet files, in a user's manager and in the system's with User=.
. /job/guest.sh

mkdir -p units
cat > units/web.container <<'X'
[Unit]
Description=A service made of a Quadlet file

[Container]
Image=localhost/busybox
Volume=data.volume:/data
Network=back.network
Memory=64m
LogDriver=journald
Notify=healthy
HealthCmd=test -s /data/starts
HealthInterval=1h
HealthTimeout=2m
AutoUpdate=local
StopTimeout=60
Exec=sh -c 'trap "date >> /data/ends; exit 0" TERM; date >> /data/starts; echo up and running; while :; do sleep 1000 & wait $$!; done'

[Service]
Restart=always
RestartSec=1

[Install]
WantedBy=default.target
X
printf '[Volume]\nLabel=of=units\n' > units/data.volume
printf '[Network]\n' > units/back.network
cat > units/told.container <<'X'
[Container]
Image=localhost/tools
Network=none
Notify=yes
StopTimeout=1
Exec=sh -c 'sleep 1; printf READY=1 | socat -u - UNIX-SENDTO:$$NOTIFY_SOCKET; exec sleep 1000'
X
cat > units/greeter.container <<'X'
[Container]
Image=localhost/tools
Network=none
Exec=socat ACCEPT-FD:3 SYSTEM:'echo hello from the container'
X
cat > units/peer.container <<'X'
[Container]
Image=localhost/busybox
Network=back.network
StopTimeout=1
Exec=sh -c 'while :; do echo here | nc -l -p 7000; done'
X
printf '[Container]\nImage=localhost/busybox\nNetwork=none\nExec=dd if=/dev/zero of=/dev/null bs=200M count=1\n[Service]\nMemoryMax=64M\n' > units/hog.container
printf '[Container]\nImage=x\nImmage=y\n' > wrong.container
chown -R user: units wrong.container

# An image with socat, of the machine's own parts.
rm -rf /tmp/image
mkdir -p /tmp/image/bin /tmp/image/tmp
cp /bin/busybox /usr/bin/socat /tmp/image/bin/
for applet in sh sleep printf cat; do ln -s busybox /tmp/image/bin/$applet; done
ldd /usr/bin/socat | grep -o '/[^ ]*' | while read -r library; do mkdir -p "/tmp/image$(dirname "$library")"; cp -L "$library" "/tmp/image$library"; done
tar -C /tmp/image -c . | scull import -q - tools > /dev/null

main_pid() { userctl show --property MainPID --value "$1"; }
was_restarted() { [ "$(main_pid web)" != "$1" ] && [ "$(main_pid web)" != 0 ] && userctl is-active web; }

check 'a mistake in a Quadlet file is told with its line, and nothing is installed' prints 'wrong.container:3: unknown key Immage=' scull unit install wrong.container
check 'a Quadlet file is installed, enabled and started by one command' scull unit install --enable --now units/web.container
check 'systemctl says that it is healthy' prints healthy userctl show --property StatusText --value web
check 'it is active' prints active userctl is-active web
check 'it is enabled' prints enabled userctl is-enabled web
check 'what it refers to was installed and made' prints units scull volume inspect --format '{{.Labels.of}}' systemd-data
check 'the process that stands for the service is the monitor' prints conmon cat /proc/"$(main_pid web)"/comm
check 'its memory limit is the kernel'\''s' prints 67108864 scull exec systemd-web cat /sys/fs/cgroup/memory.max
check 'it is on its network' prints systemd-back scull inspect --format '{{json .NetworkSettings.Networks}}' systemd-web
in_journal() { journalctl --no-pager -o json CONTAINER_NAME=systemd-web | grep "\"CONTAINER_ID_FULL\":\"$(scull inspect --format '{{.Id}}' systemd-web)\""; }
check 'what it prints is in the journal, and whose it is' soon prints 'up and running' in_journal
check 'logs reads it there' prints 'up and running' scull logs systemd-web
check 'the container knows its unit' prints web.service scull inspect --format '{{.Config.Labels.PODMAN_SYSTEMD_UNIT}}' systemd-web
check 'unit list says that it is current and active' prints 'web.service current active' scull unit list --format '{{.Name}} {{.State}} {{.Active}}'
before=$(main_pid web)
check 'its program can be killed' scull kill --signal KILL systemd-web
check 'systemd restarts it' soon was_restarted "$before"
before=$(main_pid web)
kill -KILL "$before"
check 'systemd restarts it when its monitor is killed' soon was_restarted "$before"
scull unit install --now units/peer.container > /dev/null
begun=$(cut -d. -f1 /proc/uptime)
check 'it can be stopped' userctl stop web
check 'stopping it asks its program' as_user sh -c 'test -s "$(scull volume inspect --format {{.Mountpoint}} systemd-data)/ends"'
check 'and does not wait to kill it' test $(($(cut -d. -f1 /proc/uptime) - begun)) -lt 50
check 'which is no failure of the unit' prints inactive userctl is-active web
check 'others on its network still find each other by name, although it was the first there' prints here scull exec systemd-peer sh -c 'nc -w 60 systemd-peer 7000 < /dev/null'
userctl stop peer
check 'nothing of it is left but its volume' ends_with 1 scull container exists systemd-web
check 'it can be started again' userctl start web

updates() { scull auto-update --format '{{.Unit}} {{.Updated}}'; }
check 'auto-update leaves alone what is current' prints 'web.service false' updates
mkdir -p /tmp/newer/bin
cp -a /tmp/image-busybox/. /tmp/newer/
echo newer > /tmp/newer/version
tar -C /tmp/newer -c . | scull import -q - busybox > /dev/null
check 'auto-update --dry-run tells of a newer image' prints 'web.service pending' scull auto-update --dry-run --format '{{.Unit}} {{.Updated}}'
check 'auto-update restarts the unit with it' prints 'web.service true' updates
check 'which runs the newer image then' prints newer scull exec systemd-web cat /version
mkdir -p /tmp/broken
tar -C /tmp/broken -c . | scull import -q - busybox > /dev/null
check 'an image with which the unit does not come up is rolled back' prints 'web.service rolled back' updates
check 'and the unit is active with the one before' soon prints newer scull exec systemd-web cat /version

check 'a service is not ready before its container says so' scull unit install --now units/told.container
check 'and then it is' prints running userctl show --property SubState --value told
userctl stop told

mkdir -p .config/systemd/user
printf '[Socket]\nListenStream=%%t/greeter\n' > .config/systemd/user/greeter.socket
chown -R user: .config
check 'a service can be started by the first connection to its socket' scull unit install units/greeter.container
userctl start greeter.socket
check 'which the container answers' prints 'hello from the container' as_user socat -u UNIX-CONNECT:/run/user/1000/greeter -
userctl stop greeter.socket greeter

scull unit install --now units/hog.container > /dev/null
check 'MemoryMax= of a unit ends a container that takes more' soon prints failed userctl is-failed hog
check 'as the kernel ends who used their memory up' prints 137 scull events --no-stream --filter container=systemd-hog --filter event=died --format '{{.ContainerExitCode}}'

printf '[Pod]\nNetwork=none\n' > units/app.pod
printf '[Container]\nImage=localhost/busybox\nPod=app.pod\nStopTimeout=0\nExec=sleep 100000\n' > units/member.container
printf '[Kube]\nYaml=shop.yaml\nNetwork=none\n' > units/shop.kube
cat > units/shop.yaml <<'X'
kind: Pod
metadata: {name: shop}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: front, image: localhost/busybox, command: [sleep, "100000"]}
  - {name: back, image: localhost/busybox, command: [sleep, "100000"]}
X
chown -R user: units
scull unit install units/app.pod units/member.container units/shop.kube > /dev/null
check 'the unit of a pod starts its containers' userctl start app-pod
check 'each is a unit, too' soon prints active userctl is-active member
check 'stopping the pod'\''s stops theirs' userctl stop app-pod
check 'and nothing is left of them' ends_with 1 scull pod exists systemd-app
check 'Kubernetes YAML is started as a unit' userctl start shop
check 'the monitor of its service container stands for it' prints conmon cat /proc/"$(main_pid shop)"/comm
as_user sh -c 'kill -9 $(scull inspect -f "{{.State.Pid}}" shop-back)'
check 'a container of it that is killed is started again' soon prints '1 true' scull inspect -f '{{.RestartCount}} {{.State.Running}}' shop-back
check 'stopping it' userctl stop shop
check 'leaves no pod' ends_with 1 scull pod exists shop

scull create --name made --network none --stop-timeout 1 busybox sleep 100000 > /dev/null
as_user sh -c 'cd .config/systemd/user && scull generate systemd --files --name made'
userctl daemon-reload
check 'a unit generated for a container that is there starts it' userctl start container-made
check 'its monitor stands for that unit' prints conmon cat /proc/"$(main_pid container-made)"/comm
check 'and it ends with the unit' as_user sh -c 'systemctl --user stop container-made; [ "$(scull inspect -f "{{.State.Status}}" made)" = exited ]'

cat > /etc/systemd/system/system-wide.service <<'X'
[Service]
User=user
Type=notify
NotifyAccess=all
Delegate=yes
ExecStart=/usr/local/bin/scull run -d --rm --name system-wide --network none --sdnotify conmon localhost/busybox sleep 1000
ExecStop=/usr/local/bin/scull stop -t 1 system-wide
X
check 'a system unit with User= starts a container' systemctl start system-wide || journalctl -u system-wide
check 'which its user sees' prints system-wide scull ps --format '{{.Names}}'
check 'and stops it' systemctl stop system-wide

check 'a container started in a session outlives it, as its user lingers' su - user -c 'scull run -d --name outlives --network none busybox sleep 100000'
loginctl terminate-user nobody 2> /dev/null
check 'after logout it is still there' prints running scull inspect --format '{{.State.Status}}' outlives
scull exec systemd-web cat /data/starts > /var/lib/starts-before
