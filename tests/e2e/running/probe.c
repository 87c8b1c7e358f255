/* What a process in a container can get from the kernel, a mode each:
 *
 *   calls            each call that Docker's default profile denies, and what comes of it
 *   clone3           the error of clone3
 *   key DESCRIPTION  the key of that name in the user's keyring
 *   limits           lifts the limits of its cgroups from namespaces of its own
 *   whoami           the effective user
 *   foreign          a call of the 32-bit interface of x86: keyctl by int 0x80
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BAD 1L /* an address where nothing is */

/* In a process of its own: some calls would change it. */
static void try_call(const char *name, long number, long a, long b, long c, long d, long e, long f) {
    fflush(stdout);
    int pipes[2];
    if (pipe(pipes)) exit(2);
    pid_t child = fork();
    if (child == 0) {
        long result = syscall(number, a, b, c, d, e, f);
        int error = result == -1 ? errno : 0;
        if (number == SYS_clone && result == 0) _exit(0);
        if (write(pipes[1], &error, sizeof error) != sizeof error) _exit(2);
        _exit(0);
    }
    close(pipes[1]);
    int error = -1;
    if (read(pipes[0], &error, sizeof error) != sizeof error) error = -1;
    close(pipes[0]);
    waitpid(child, NULL, 0);
    printf("%s %d\n", name, error);
}

#define TRY(name, a, b, c, d, e, f) try_call(#name, SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define NUMBER(name, number, a, b, c, d) try_call(name, number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)

static void calls(void) {
    TRY(acct, BAD, 0, 0, 0, 0, 0);
    TRY(add_key, BAD, BAD, 0, 0, 0, 0);
    TRY(bpf, -1, 0, 0, 0, 0, 0);
    TRY(clock_settime, 0, BAD, 0, 0, 0, 0);
    try_call("clone:user", SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0, 0);
    try_call("clone:cgroup", SYS_clone, CLONE_NEWCGROUP | SIGCHLD, 0, 0, 0, 0, 0);
    TRY(delete_module, BAD, 0, 0, 0, 0, 0);
    TRY(fanotify_init, -1, 0, 0, 0, 0, 0);
    TRY(finit_module, -1, BAD, 0, 0, 0, 0);
    TRY(fsconfig, -1, -1, 0, 0, 0, 0);
    TRY(fsmount, -1, 0, 0, 0, 0, 0);
    TRY(fsopen, BAD, 0, 0, 0, 0, 0);
    TRY(fspick, -1, BAD, 0, 0, 0, 0);
    TRY(get_mempolicy, BAD, 0, 0, 0, 0xff, 0);
    TRY(init_module, BAD, 0, BAD, 0, 0, 0);
    TRY(io_uring_enter, -1, 0, 0, 0, 0, 0);
    TRY(io_uring_register, -1, 0, 0, 0, 0, 0);
    TRY(io_uring_setup, 1, BAD, 0, 0, 0, 0);
    TRY(kcmp, 1, 1, 99, 0, 0, 0);
    TRY(kexec_load, 0, 0, 0, 0xffff, 0, 0);
    TRY(keyctl, -1, 0, 0, 0, 0, 0);
    TRY(lookup_dcookie, 0, BAD, 0, 0, 0, 0);
    TRY(mbind, BAD, 1, 99, 0, 0, 0xff);
    TRY(migrate_pages, -1, 0, 0, 0, 0, 0);
    TRY(mount, BAD, BAD, BAD, 0, 0, 0);
    TRY(mount_setattr, -1, BAD, 0, 0, 0, 0);
    TRY(move_mount, -1, BAD, -1, BAD, 0xffff, 0);
    TRY(move_pages, 0, 1, BAD, 0, BAD, 0xff);
    TRY(nfsservctl, 0, BAD, 0, 0, 0, 0);
    TRY(open_by_handle_at, -1, BAD, 0, 0, 0, 0);
    TRY(open_tree, -1, BAD, 0, 0, 0, 0);
    TRY(perf_event_open, BAD, 0, 0, -1, 0, 0);
    TRY(personality, 0x0040000, 0, 0, 0, 0, 0);
    TRY(pidfd_getfd, -1, 0, 0, 0, 0, 0);
    TRY(pivot_root, BAD, BAD, 0, 0, 0, 0);
    TRY(process_madvise, -1, BAD, 0, 0, 0xff, 0);
    TRY(quotactl, -1, BAD, 0, 0, 0, 0);
    TRY(reboot, 0, 0, 0, 0, 0, 0);
    TRY(request_key, BAD, BAD, 0, 0, 0, 0);
    TRY(set_mempolicy, 99, 0, 0, 0, 0, 0);
    TRY(setdomainname, BAD, -1, 0, 0, 0, 0);
    TRY(sethostname, BAD, -1, 0, 0, 0, 0);
    TRY(setns, -1, 0, 0, 0, 0, 0);
    TRY(settimeofday, BAD, 0, 0, 0, 0, 0);
    try_call("socket:alg", SYS_socket, 38, 5, 0, 0, 0, 0);
    try_call("socket:vsock", SYS_socket, 40, 1, 0, 0, 0, 0);
    TRY(swapoff, BAD, 0, 0, 0, 0, 0);
    TRY(swapon, BAD, 0, 0, 0, 0, 0);
    TRY(syslog, -1, 0, 0, 0, 0, 0);
    TRY(umount2, BAD, 0xff, 0, 0, 0, 0);
    try_call("unshare:user", SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0, 0);
    try_call("unshare:cgroup", SYS_unshare, CLONE_NEWCGROUP, 0, 0, 0, 0, 0);
    TRY(userfaultfd, 0xffff, 0, 0, 0, 0, 0);
    TRY(vhangup, 0, 0, 0, 0, 0, 0);
    NUMBER("quotactl_fd", 443, -1, -1, 0, 0);
    NUMBER("set_mempolicy_home_node", 450, 0, 0, 0, 0xff);
    NUMBER("lsm_get_self_attr", 459, -1, 0, 0, 0xff);
    NUMBER("lsm_set_self_attr", 460, -1, 0, 0, 0xff);
    NUMBER("lsm_list_modules", 461, BAD, BAD, 0xff, 0);
#ifdef __x86_64__
    TRY(create_module, BAD, 0, 0, 0, 0, 0);
    TRY(get_kernel_syms, 0, 0, 0, 0, 0, 0);
    TRY(ioperm, 0x10000, 1, 0, 0, 0, 0);
    TRY(iopl, 4, 0, 0, 0, 0, 0);
    TRY(kexec_file_load, -1, -1, 0, 0, 0xffff, 0);
    TRY(query_module, 0, 0, 0, 0, 0, 0);
    TRY(sysfs, 99, 0, 0, 0, 0, 0);
    TRY(_sysctl, BAD, 0, 0, 0, 0, 0);
    TRY(uselib, BAD, 0, 0, 0, 0, 0);
    TRY(ustat, 0, BAD, 0, 0, 0, 0);
#endif
}

static void key(const char *description) {
    char text[64] = "";
    long user = -4; /* KEY_SPEC_USER_KEYRING */
    /* To have it, it is linked to where this process searches. */
    syscall(SYS_keyctl, 8, user, -3L, 0, 0);
    long found = syscall(SYS_keyctl, 10, user, "user", description, 0);
    if (found == -1) { printf("search %d\n", errno); return; }
    long size = syscall(SYS_keyctl, 11, found, text, sizeof text - 1, 0);
    if (size == -1) { printf("read %d\n", errno); return; }
    printf("%s\n", text);
}

static int put(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    int done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) close(fd);
    return done;
}

static void limits(void) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWCGROUP | CLONE_NEWNS)) { printf("unshare %d\n", errno); return; }
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", "0 0 1");
    put("/proc/self/gid_map", "0 0 1");
    mkdir("/tmp/c", 0755);
    int lifted = 0;
    if (!mount("c", "/tmp/c", "cgroup", 0, "memory")) {
        lifted |= put("/tmp/c/memory.memsw.limit_in_bytes", "-1");
        lifted |= put("/tmp/c/memory.limit_in_bytes", "-1");
        umount2("/tmp/c", MNT_DETACH);
    }
    if (!mount("c", "/tmp/c", "cgroup", 0, "pids")) {
        lifted |= put("/tmp/c/pids.max", "max");
        umount2("/tmp/c", MNT_DETACH);
    }
    if (!mount("c", "/tmp/c", "cgroup2", 0, NULL)) {
        lifted |= put("/tmp/c/memory.max", "max");
        lifted |= put("/tmp/c/pids.max", "max");
    }
    printf("%s\n", lifted ? "lifted" : "kept");
}

int main(int count, char **words) {
    const char *mode = count > 1 ? words[1] : "";
    if (!strcmp(mode, "calls")) calls();
    else if (!strcmp(mode, "clone3")) NUMBER("clone3", 435, 0, 0, 0, 0);
    else if (!strcmp(mode, "key") && count > 2) key(words[2]);
    else if (!strcmp(mode, "limits")) limits();
    else if (!strcmp(mode, "whoami")) printf("%d\n", (int)geteuid());
#ifdef __x86_64__
    else if (!strcmp(mode, "foreign")) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(288L), "b"(-1L), "c"(0L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
        printf("keyctl %d\n", (int)result);
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
        printf("getpid %s\n", (int)result > 0 ? "works" : "fails");
        result = syscall(0x40000000L | 39);
        printf("x32 %d\n", result == -1 ? errno : 0);
    }
#endif
    else return 2;
    return 0;
}
