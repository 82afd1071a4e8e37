/**
 * The system calls of the default profile: the same in effect as the one that Podman and Buildah ship (containers/common),
 * which came from Docker's. Everything not named here answers ENOSYS, so that programs fall back to what they know.
 */

/** Lists of names separated by white space. */
export const ALLOWED: readonly string[] = [
  // reading and writing open files
  `_llseek close close_range copy_file_range dup dup2 dup3 fadvise64 fadvise64_64 fallocate fcntl fcntl64 fdatasync
   flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 getdents getdents64 ioctl lseek
   pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readv sendfile sendfile64 splice statfs statfs64
   sync sync_file_range syncfs tee write writev`,
  // names in the file system
  `access chdir chmod chown chown32 creat faccessat faccessat2 fchdir fchmod fchmodat fchmodat2 fchown fchown32
   fchownat futimesat getcwd lchown lchown32 link linkat lstat lstat64 mkdir mkdirat mknod mknodat
   name_to_handle_at newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat stat64
   statx symlink symlinkat truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes`,
  // extended attributes
  `fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr lremovexattr lsetxattr
   removexattr setxattr`,
  // mounts, within the container's own user namespaces
  `fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root umount umount2`,
  // watching
  `fanotify_init fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch`,
  // waiting for many
  `_newselect epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old
   eventfd eventfd2 pipe pipe2 poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd signalfd4
   timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64`,
  // asynchronous input and output
  `io_cancel io_destroy io_getevents io_setup io_submit`,
  // sockets
  `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
   recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  // memory
  `brk get_mempolicy madvise mbind membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2
   mprotect mremap msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
   process_vm_readv process_vm_writev remap_file_pages set_mempolicy`,
  // System V and POSIX interprocess communication
  `ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
   mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  // processes and threads
  `clone clone3 execve execveat exit exit_group fork futex futex_requeue futex_time64 futex_wait futex_waitv
   futex_wake get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid getsid gettid landlock_add_rule
   landlock_create_ruleset landlock_restrict_self pidfd_getfd pidfd_open pidfd_send_signal prctl ptrace
   restart_syscall rseq seccomp set_robust_list set_thread_area set_tid_address setns setpgid setsid unshare vfork
   wait4 waitid waitpid`,
  // who one is
  `capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
   getresuid getresuid32 getuid getuid32 keyctl setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
   setgroups32 setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  // signals
  `alarm kill pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
   rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack signal sigprocmask sigreturn tgkill tkill`,
  // time
  `adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
   clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
   timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 times`,
  // scheduling and limits
  `getpriority getrlimit getrusage ioprio_get ioprio_set prlimit64 sched_get_priority_max sched_get_priority_min
   sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
   sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield
   setpriority setrlimit ugetrlimit`,
  // the system as a whole
  `getrandom reboot sysinfo syslog uname`,
];

/** Refused with EPERM rather than ENOSYS, because programs expect it so: obsolete, or a door to the whole machine. */
export const REFUSED =
  `bdflush cachestat io_pgetevents io_pgetevents_time64 kexec_file_load kexec_load map_shadow_stack migrate_pages
   move_pages nfsservctl nice oldfstat oldlstat oldolduname oldstat olduname pciconfig_iobase pciconfig_read
   pciconfig_write sgetmask ssetmask swapoff swapon syscall sysfs uselib userfaultfd ustat vm86 vm86old vmsplice`;

export interface CapabilityRule {
  /** Any one of them opens the calls; without, they answer EPERM. */
  readonly capabilities: readonly string[];
  readonly names: string;
}

/** `setns` is in the list above: a program with a user namespace of its own needs it, and the kernel checks its rights. */
export const BY_CAPABILITY: readonly CapabilityRule[] = [
  { capabilities: ['CAP_DAC_READ_SEARCH'], names: 'open_by_handle_at' },
  { capabilities: ['CAP_SYS_ADMIN'], names: 'lookup_dcookie quotactl quotactl_fd setdomainname sethostname' },
  { capabilities: ['CAP_SYS_ADMIN', 'CAP_BPF'], names: 'bpf' },
  { capabilities: ['CAP_SYS_ADMIN', 'CAP_PERFMON'], names: 'perf_event_open' },
  { capabilities: ['CAP_SYS_CHROOT'], names: 'chroot' },
  { capabilities: ['CAP_SYS_MODULE'], names: 'delete_module finit_module init_module query_module' },
  { capabilities: ['CAP_SYS_PACCT'], names: 'acct' },
  { capabilities: ['CAP_SYS_PTRACE'], names: 'kcmp process_madvise' },
  { capabilities: ['CAP_SYS_RAWIO'], names: 'ioperm iopl' },
  { capabilities: ['CAP_SYS_TIME'], names: 'clock_settime clock_settime64 settimeofday stime' },
  { capabilities: ['CAP_SYS_TTY_CONFIG'], names: 'vhangup' },
];

export interface Architecture {
  /** As seccomp profiles name it (GOARCH). */
  readonly name: string;
  /** The machine's own first, then those whose programs it runs as well. */
  readonly seccomp: readonly string[];
  /** Calls that only exist there. */
  readonly names: string;
}

/** By Node's process.arch. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: { name: 'amd64', seccomp: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'], names: 'arch_prctl modify_ldt' },
  ia32: { name: 'x86', seccomp: ['SCMP_ARCH_X86'], names: 'modify_ldt' },
  arm64: {
    name: 'arm64',
    seccomp: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    names: 'arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2',
  },
  arm: { name: 'arm', seccomp: ['SCMP_ARCH_ARM'], names: 'arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2' },
  ppc64: { name: 'ppc64le', seccomp: ['SCMP_ARCH_PPC64LE'], names: 'swapcontext sync_file_range2' },
  s390x: { name: 's390x', seccomp: ['SCMP_ARCH_S390X', 'SCMP_ARCH_S390'], names: 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr' },
  riscv64: { name: 'riscv64', seccomp: ['SCMP_ARCH_RISCV64'], names: 'riscv_flush_icache' },
};

/** personality(2) values that change nothing but layout and kernel version shown: PER_LINUX, PER_LINUX32, UNAME26, both, and the query. */
export const PERSONALITIES: readonly number[] = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff];

/** Address families of socket(2) that are not for containers. */
export const AF_NETLINK = 16;
export const AF_VSOCK = 40;
export const NETLINK_AUDIT = 9;
