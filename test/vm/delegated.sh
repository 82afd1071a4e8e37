# Every limit there is, where an administrator has delegated all controllers by the drop-in file that a refusal names.
mkdir -p /etc/systemd/system/user@.service.d
printf '[Service]\nDelegate=cpu cpuset io memory pids\n' > /etc/systemd/system/user@.service.d/delegate.conf
systemctl daemon-reload
systemctl restart user@1000
. /job/guest.sh

# file NAME of a container's cgroup, as it sees it.
file() { scull exec "$1" cat /sys/fs/cgroup/"$2"; }
disk=$(cat /sys/block/vda/dev)

check 'a container with every limit at once' scull run -d --name all --network none --memory 64m --memory-swap 100m --memory-reservation 16m \
  --cpu-period 50000 --cpu-quota 20000 --cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 17 --blkio-weight 200 \
  --device-read-bps /dev/vda:1mb --device-write-bps /dev/vda:2mb --device-read-iops /dev/vda:100 --device-write-iops /dev/vda:200 busybox sleep 10000
check '--memory' prints 67108864 file all memory.max
check '--memory-swap counts memory as well' prints 37748736 file all memory.swap.max
check '--memory-reservation' prints 16777216 file all memory.low
check '--cpu-quota and --cpu-period' prints '20000 50000' file all cpu.max
weight=$(file all cpu.weight)
check '--cpu-shares is a weight' test "$weight" -lt 100
check '--cpuset-cpus' prints 0 file all cpuset.cpus
check '--cpuset-mems' prints 0 file all cpuset.mems
check '--pids-limit' prints 17 file all pids.max
check 'limits of a device, in bytes and in operations a second' prints "$disk rbps=1048576 wbps=2097152 riops=100 wiops=200" file all io.max
check '--blkio-weight is one of the controller that the kernel has' as_user sh -c 'scull exec all sh -c "cat /sys/fs/cgroup/io.weight /sys/fs/cgroup/io.bfq.weight" 2> /dev/null | grep default | grep -qvx "default 100"'

check 'update changes every limit of a container that runs' scull update --memory 48m --memory-swap 64m --memory-reservation 8m --cpu-period 100000 --cpu-quota 30000 --cpu-shares 2048 \
  --cpuset-cpus 0 --pids-limit 18 --blkio-weight 300 --device-read-bps /dev/vda:3mb --device-write-iops /dev/vda:400 all
check 'the kernel has the changed limits' prints '50331648 16777216 8388608 30000 100000 18' scull exec all sh -c 'cd /sys/fs/cgroup && echo $(cat memory.max memory.swap.max memory.low cpu.max pids.max)'
check 'four times the shares are more weight' test "$(file all cpu.weight)" -gt "$weight"
check 'the changed limits of a device' prints "$disk rbps=3145728 wbps=2097152 riops=100 wiops=400" file all io.max
scull rm -f -t 0 all > /dev/null

check '--cgroups=no-conmon' prints ran scull run --rm --network none --memory 64m --cgroups no-conmon busybox echo ran
