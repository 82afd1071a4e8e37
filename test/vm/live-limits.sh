# Limits and health of containers that run, where cgroup v2 is delegated: changed while they run, counted, and told when they end one.
. /job/guest.sh

scull run -d --name live --network none --memory 64m busybox sleep 10000 > /dev/null
check 'update changes the memory limit of a container that runs' scull update --memory 48m live
check 'the changed limit is the kernel'\''s' prints 50331648 scull exec live cat /sys/fs/cgroup/memory.max
check 'update refuses what makes no sense, and leaves the limit' ends_with 125 scull update --memory 64m --memory-swap 32m live
check 'stats has the limit and the numbers of the cgroup' prints '50331648 1' scull stats --no-stream --format '{{.MemLimit}} {{.PIDs}}' live
check 'stats estimates only what no delegated controller counts, and says so' prints 'tells it, block are' as_user sh -c 'scull stats --no-stream live 2>&1'
check 'pause and unpause' as_user sh -c 'scull pause live && scull ps | grep -q Paused && scull unpause live'
scull rm -f -t 0 live > /dev/null

scull run -d --name hog --network none --memory 32m --shm-size 200m busybox dd if=/dev/zero of=/dev/shm/much bs=1M count=100 > /dev/null
check 'a container that used its memory up has ended' prints 137 scull wait hog
check 'inspect tells that the kernel ended it for its memory' prints true scull inspect -f '{{.State.OOMKilled}}' hog
check 'ps tells it' prints 'out of memory' scull ps -a --filter name=hog --format '{{.Status}}'
check 'events tell it' prints 'died true' scull events --no-stream --filter container=hog --filter event=died --format '{{.Status}} {{.OOMKilled}}'
scull rm hog > /dev/null

check '--memory-reservation and --cgroup-conf are files of the cgroup' prints '16777216 33554432' scull run --rm --network none --memory 64m --memory-reservation 16m --cgroup-conf memory.high=33554432 busybox sh -c 'echo $(cat /sys/fs/cgroup/memory.low /sys/fs/cgroup/memory.high)'
check '--cpu-shares is a weight' scull run --rm --network none --cpu-shares 512 busybox sh -c '[ "$(cat /sys/fs/cgroup/cpu.weight)" -lt 100 ]'
check '--cgroups=disabled runs without a scope' prints runs scull run --rm --network none --cgroups disabled busybox echo runs
check '--cgroup-parent is a slice of the user'\''s' prints mine.slice scull run --rm --network none --cgroupns host --cgroup-parent mine.slice busybox cat /proc/self/cgroup
check '--cgroups=split in a delegated scope has a limit' prints 67108864 as_user systemd-run --user --scope --quiet -p Delegate=yes scull run --rm --network none --cgroups split --memory 64m busybox cat /sys/fs/cgroup/memory.max
check '--cgroups=split without delegation is refused' prints Delegate scull run --rm --network none --cgroups split busybox true

scull run -d --name well --network none --restart always --health-cmd 'test -f /ready' --health-interval 1s --health-retries 1 busybox sh -c 'touch /ready; sleep 10000' > /dev/null
check 'a health check makes it healthy' scull wait --condition healthy well
check 'what is killed inside is started again' as_user sh -c 'kill -9 $(scull inspect -f "{{.State.Pid}}" well); for i in $(seq 100); do [ "$(scull inspect -f "{{.RestartCount}} {{.State.Running}}" well)" = "1 true" ] && exit 0; sleep 0.5; done; exit 1'
scull run -d --name also --network none --restart always --memory 64m busybox sleep 10000 > /dev/null
check 'boot install makes a user unit' prints scull-boot.service scull boot install
check 'the unit is enabled' prints enabled userctl is-enabled scull-boot.service
check 'a shutdown stops what boot starts, and boot has it again' as_user sh -c 'scull boot stop && scull boot > said && [ "$(sort said | tr "\n" " ")" = "also well " ]'
check 'each with its limits' prints 67108864 scull exec also cat /sys/fs/cgroup/memory.max
scull rm -f -t 0 well also > /dev/null
scull boot uninstall > /dev/null

# A pod as a whole: a slice of the user's systemd.
scull pod create --network none --memory 64m --cpus 0.5 --cpu-shares 512 family > /dev/null
scull run -d --pod family --name one --memory 32m busybox sleep 10000 > /dev/null
scull run -d --pod family --name two busybox sleep 10000 > /dev/null
slice=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice/$(scull pod inspect -f '{{.CgroupPath}}' family)
check 'limits of a pod are those of all its containers together' prints '67108864 50000 100000 20' sh -c "cd $slice && echo \$(cat memory.max cpu.max cpu.weight)"
check 'its containers and what keeps them are in there, with limits of their own' prints '33554432 max max' sh -c "cd $slice && echo \$(cat */memory.max | sort)"
check 'together they may not have more' as_user sh -c 'scull exec two dd if=/dev/zero of=/dev/null bs=100M count=1; [ $? = 137 ]'
check 'pod inspect tells its limits' prints '67108864 50000 512' scull pod inspect -f '{{.memory_limit}} {{.cpu_quota}} {{.cpu_shares}}' family
check 'pod pause stops all of them' as_user sh -c 'scull pod pause family && scull pod ps | grep -q Paused && [ $(scull ps -a --filter pod=family --format "{{.Status}}" | grep -c Paused) = 3 ]'
check 'pod unpause lets them go on' as_user sh -c 'scull pod unpause family && scull exec one true && scull pod ps | grep -q Running'
check 'a pod that is started again has its limits again' as_user sh -c "scull pod restart -t 0 family && grep -qx 67108864 $slice/memory.max"
check 'a pod limit whose controller is not delegated is refused by its name' prints 'cpuset' scull pod create --cpuset-cpus 0 elsewhere
check 'a pod takes its slice along' as_user sh -c "scull pod rm -f -t 0 family && ! test -e $slice && ! ls /run/user/1000/systemd/user.control/*scull_pod* 2> /dev/null"

# A bus on which nobody answers.
mv /run/user/1000/bus /run/user/1000/bus.real
as_user timeout 10 socat UNIX-LISTEN:/run/user/1000/bus,unlink-close=0 /dev/null &
soon test -S /run/user/1000/bus
kill %1; wait %1 2> /dev/null
check 'where systemd makes no scope, a container runs without, and it is told' prints 'without scopes of systemd' as_user sh -c 'scull run --rm --network none busybox echo ran 2>&1 | tee said; grep -q ^ran said'
check 'but once' as_user sh -c '! scull run --rm --network none busybox true 2>&1 | grep .'
check 'and a limit is refused then' ends_with 125 scull run --rm --network none --memory 64m busybox true
rm /run/user/1000/bus
mv /run/user/1000/bus.real /run/user/1000/bus
touch /run/user/1000/bus
check 'with its bus back there are scopes again' prints 67108864 scull run --rm --network none --memory 64m busybox cat /sys/fs/cgroup/memory.max
