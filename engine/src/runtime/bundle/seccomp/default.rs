//! Docker's default profile (github.com/moby/profiles, `seccomp/default.json`): what it
//! allows is a fact, told here in a table of our own.

use oci_spec::runtime::{Arch, LinuxSeccompAction as Action, LinuxSeccompOperator as Operator};

use super::document::{Architecture, Argument, Condition, Profile, Rule};

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// Allowed whatever the container may do.
#[rustfmt::skip]
const ALWAYS: &[&str] = &[
    // Files and directories.
    "access", "chdir", "chmod", "chown", "chown32", "close", "close_range", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir",
    "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "flock",
    "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat",
    "getcwd", "getdents", "getdents64", "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch",
    "ioctl", "lchown", "lchown32", "link", "linkat", "listmount", "_llseek", "lseek", "lstat", "lstat64", "mkdir",
    "mkdirat", "mknod", "mknodat", "name_to_handle_at", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2",
    "readahead", "readlink", "readlinkat", "rename", "renameat", "renameat2", "rmdir", "stat", "stat64", "statfs",
    "statfs64", "statmount", "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "truncate",
    "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64", "utimes",
    // Extended attributes.
    "fgetxattr", "flistxattr", "fremovexattr", "fsetxattr", "getxattr", "getxattrat", "lgetxattr", "listxattr",
    "listxattrat", "llistxattr", "lremovexattr", "lsetxattr", "removexattr", "removexattrat", "setxattr", "setxattrat",
    // Reading, writing, waiting.
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "epoll_wait_old", "eventfd", "eventfd2", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
    "io_pgetevents_time64", "io_setup", "io_submit", "ioprio_get", "ioprio_set", "_newselect", "poll", "ppoll",
    "ppoll_time64", "pread64", "preadv", "preadv2", "pselect6", "pselect6_time64", "pwrite64", "pwritev", "pwritev2",
    "read", "readv", "select", "sendfile", "sendfile64", "splice", "tee", "vmsplice", "write", "writev",
    // Memory.
    "brk", "cachestat", "madvise", "map_shadow_stack", "membarrier", "memfd_create", "memfd_secret", "mincore",
    "mlock", "mlock2", "mlockall", "mmap", "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall",
    "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "remap_file_pages",
    // Processes and threads.
    "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex",
    "futex_requeue", "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area",
    "getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32",
    "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresgid32", "getresuid", "getresuid32",
    "getrlimit", "getrusage", "getsid", "gettid", "getuid", "getuid32", "landlock_add_rule", "landlock_create_ruleset",
    "landlock_restrict_self", "pidfd_open", "prctl", "prlimit64", "process_mrelease", "riscv_hwprobe", "rseq",
    "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_rr_get_interval_time64", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "set_robust_list",
    "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32", "setfsuid", "setfsuid32", "setgid", "setgid32",
    "setgroups", "setgroups32", "setpgid", "setpriority", "setregid", "setregid32", "setresgid", "setresgid32",
    "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setuid", "setuid32", "ugetrlimit",
    "uretprobe", "vfork", "wait4", "waitid", "waitpid",
    // Signals.
    "alarm", "kill", "pause", "pidfd_send_signal", "restart_syscall", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
    "rt_tgsigqueueinfo", "sigaltstack", "signalfd", "signalfd4", "sigprocmask", "sigreturn", "tgkill", "tkill",
    // Time.
    "adjtimex", "clock_adjtime", "clock_adjtime64", "clock_getres", "clock_getres_time64", "clock_gettime",
    "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64", "getitimer", "gettimeofday", "nanosleep",
    "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
    "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime",
    "timerfd_settime64", "times",
    // Sockets, System V and POSIX messages.
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ipc", "listen",
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend",
    "mq_timedsend_time64", "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "recv", "recvfrom", "recvmmsg",
    "recvmmsg_time64", "recvmsg", "semctl", "semget", "semop", "semtimedop", "semtimedop_time64", "send", "sendmmsg",
    "sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt", "shmget", "shutdown", "socketcall", "socketpair",
    // The rest.
    "getrandom", "sysinfo", "uname",
];

/// Allowed to containers that may have the capability.
#[rustfmt::skip]
const WITH_CAPABILITY: &[(&str, &[&str])] = &[
    ("CAP_DAC_READ_SEARCH", &["open_by_handle_at"]),
    ("CAP_SYS_ADMIN", &[
        "bpf", "clone", "clone3", "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
        "lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr", "mount", "mount_setattr", "move_mount",
        "open_tree", "perf_event_open", "quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog",
        "umount", "umount2", "unshare",
    ]),
    ("CAP_SYS_BOOT", &["reboot"]),
    ("CAP_SYS_CHROOT", &["chroot"]),
    ("CAP_SYS_MODULE", &["delete_module", "init_module", "finit_module"]),
    ("CAP_SYS_PACCT", &["acct"]),
    ("CAP_SYS_PTRACE", &[
        "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
    ]),
    ("CAP_SYS_RAWIO", &["iopl", "ioperm"]),
    ("CAP_SYS_TIME", &["settimeofday", "stime", "clock_settime", "clock_settime64"]),
    ("CAP_SYS_TTY_CONFIG", &["vhangup"]),
    ("CAP_SYS_NICE", &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    ("CAP_SYSLOG", &["syslog"]),
    ("CAP_BPF", &["bpf"]),
    ("CAP_PERFMON", &["perf_event_open"]),
];

/// Allowed on these architectures.
#[rustfmt::skip]
const ON_ARCHITECTURE: &[(&[&str], &[&str])] = &[
    (&["ppc64le"], &["sync_file_range2", "swapcontext"]),
    (&["arm", "arm64"], &[
        "arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls",
    ]),
    (&["amd64", "x32"], &["arch_prctl"]),
    (&["amd64", "x32", "x86"], &["modify_ldt"]),
    (&["s390", "s390x"], &["s390_pci_mmio_read", "s390_pci_mmio_write", "s390_runtime_instr"]),
    (&["riscv64"], &["riscv_flush_icache"]),
];

/// Before, a process under `ptrace` could get around every filter.
const PTRACE_SINCE: &str = "4.8";
const PTRACE: &[&str] = &["process_vm_readv", "process_vm_writev", "ptrace"];

/// Address families below this are all allowed: from `AF_UNIX` to `AF_ROSE`.
const FIRST_FAMILIES_END: u64 = 12;
/// More that are. Not among them are `AF_VSOCK` (40), which is the same in all network
/// namespaces, `AF_ALG` (38), and those that the kernel has given up.
const MORE_FAMILIES: &[u64] =
    &[13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45];

/// Execution domains: Linux and its variants for old programs, and the question which it is.
const PERSONALITIES: &[u64] = &[0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID` and `NEWNET`.
const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// Docker's default profile.
pub fn profile() -> Profile {
    let mut profile = Profile::new(Action::ScmpActErrno, EPERM, architectures());
    profile.syscalls = Some(rules());
    profile
}

fn architectures() -> Vec<Architecture> {
    let map = [
        (Arch::ScmpArchX86_64, &[Arch::ScmpArchX86, Arch::ScmpArchX32][..]),
        (Arch::ScmpArchAarch64, &[Arch::ScmpArchArm]),
        (Arch::ScmpArchS390x, &[Arch::ScmpArchS390]),
        (Arch::ScmpArchRiscv64, &[]),
    ];
    let entry = |(architecture, more): (Arch, &[Arch])| Architecture {
        architecture,
        sub_architectures: Some(more.to_vec()),
    };
    map.into_iter().map(entry).collect()
}

fn rules() -> Vec<Rule> {
    let allow = |names: &[&str]| Rule::new(names, Action::ScmpActAllow);
    let first = |op, value| Argument { index: 0, value, value_two: 0, op };
    let equal = |value: &u64| first(Operator::ScmpCmpEq, *value);
    let admin = || Condition::of_caps(&["CAP_SYS_ADMIN"]);
    let mut rules = vec![allow(ALWAYS), allow(PTRACE).including(Condition::of_kernel(PTRACE_SINCE))];
    let first_families = first(Operator::ScmpCmpLt, FIRST_FAMILIES_END);
    rules.push(allow(&["socket"]).on_argument(first_families));
    rules.extend(MORE_FAMILIES.iter().map(|family| allow(&["socket"]).on_argument(equal(family))));
    rules.extend(PERSONALITIES.iter().map(|domain| allow(&["personality"]).on_argument(equal(domain))));
    rules.extend(
        ON_ARCHITECTURE.iter().map(|(arches, names)| allow(names).including(Condition::of_arches(arches))),
    );
    rules.extend(
        WITH_CAPABILITY
            .iter()
            .map(|(capability, names)| allow(names).including(Condition::of_caps(&[*capability]))),
    );
    // Without namespaces; s390 has the flags elsewhere.
    let s390 = ["s390", "s390x"];
    for (index, is_s390) in [(0, false), (1, true)] {
        let flags = Argument { index, value: NEW_NAMESPACES, value_two: 0, op: Operator::ScmpCmpMaskedEq };
        let rule = allow(&["clone"]).on_argument(flags);
        rules.push(match is_s390 {
            true => rule.including(Condition::of_arches(&s390)).excluding(admin()),
            false => rule.excluding(admin().or_arches(&s390)),
        });
    }
    // Its flags lie where no filter sees them; libraries fall back to `clone`.
    rules.push(Rule::new(&["clone3"], Action::ScmpActErrno).with_errno(ENOSYS).excluding(admin()));
    rules
}
