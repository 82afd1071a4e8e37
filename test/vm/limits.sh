# Resource limits where they are delegated: cgroup v2, a user manager with cpu, memory and pids.
. /job/guest.sh

check 'a memory limit is the kernel'\''s' prints 67108864 scull run --rm --network none --memory 64m busybox cat /sys/fs/cgroup/memory.max
check 'a memory hog is killed' ends_with 137 scull run --rm --network none --memory 32m --shm-size 200m busybox dd if=/dev/zero of=/dev/shm/much bs=1M count=100
check 'what comes below the limit is not killed' scull run --rm --network none --memory 64m --shm-size 200m busybox dd if=/dev/zero of=/dev/shm/little bs=1M count=20
check '--cpus and --pids-limit are the kernel'\''s' prints '50000 100000 17' scull run --rm --network none --cpus 0.5 --pids-limit 17 busybox sh -c 'echo $(cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/pids.max)'
check 'a fork bomb ends at --pids-limit' prints 'fork' scull run --rm --network none --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done'
check 'a limit whose controller is not delegated is refused by its name' prints cpuset scull run --rm --network none --cpuset-cpus 0 busybox true
