#include "agent/daemon/confine_calls.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "collectors/namespace.h"

#ifndef PR_SET_VMA /* Linux 5.17 */
#define PR_SET_VMA 0x53564d41
#endif

enum {
	A = CALL_AUDITOR,
	S = CALL_SHIPPER,
	P = CALL_PARENT,
	AS = CALL_BOTH,
	/* A thread, as pthread_create(3) makes it; a process, as fork(3) does. Namespaces never. */
	THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD,
	NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
		     CLONE_NEWPID | CLONE_NEWNET,
	/* What makes an open one that changes something; O_TMPFILE has to write besides. */
	CHANGES = O_ACCMODE | O_CREAT | O_TRUNC,
};

#define IS(argument, value)                                                                                  \
	{                                                                                                    \
		argument, SCMP_CMP_MASKED_EQ, 0xffffffff, (value)                                            \
	}
#define BITS(argument, mask, value)                                                                          \
	{                                                                                                    \
		argument, SCMP_CMP_MASKED_EQ, (mask), (value)                                                \
	}
#define NO_POINTER(argument)                                                                                 \
	{                                                                                                    \
		argument, SCMP_CMP_EQ, 0, 0                                                                  \
	}
#define ONE(check)                                                                                           \
	1,                                                                                                   \
	{                                                                                                    \
		check                                                                                        \
	}
#define TWO(first, second)                                                                                   \
	2,                                                                                                   \
	{                                                                                                    \
		first, second                                                                                \
	}

const struct confine_call confine_calls[] = {
	/* ---- descriptors that are open */
	{"close", AS, 0, {}},
	{"close_range", AS, 0, {}},
	{"dup", AS, 0, {}},
	{"dup2", AS, 0, {}},
	{"dup3", AS, 0, {}},
	{"epoll_create", AS, 0, {}},
	{"epoll_create1", AS, 0, {}},
	{"epoll_ctl", AS, 0, {}},
	{"epoll_pwait", AS, 0, {}},
	{"epoll_pwait2", AS, 0, {}},
	{"epoll_wait", AS, 0, {}},
	{"eventfd2", AS, 0, {}},
	{"fadvise64", AS, 0, {}},
	{"fcntl", A, ONE(IS(1, F_DUPFD))},
	{"fcntl", A, ONE(IS(1, F_DUPFD_CLOEXEC))},
	{"fcntl", A, ONE(IS(1, F_GETFD))},
	{"fcntl", A, ONE(IS(1, F_GETFL))},
	{"fcntl", A, ONE(IS(1, F_SETFD))},
	{"fcntl", A, ONE(IS(1, F_SETFL))},
	{"fcntl", S, 0, {}},
	{"fstat", AS, 0, {}},
	{"fstatfs", AS, 0, {}},
	{"getdents", AS, 0, {}},
	{"getdents64", AS, 0, {}},
	{"lseek", AS, 0, {}},
	{"pipe", AS, 0, {}},
	{"pipe2", AS, 0, {}},
	{"poll", AS, 0, {}},
	{"ppoll", AS, 0, {}},
	{"pread64", AS, 0, {}},
	{"preadv", AS, 0, {}},
	{"preadv2", AS, 0, {}},
	{"pselect6", AS, 0, {}},
	{"pwritev2", AS, 0, {}}, /* agent/write_now.c */
	{"read", AS, 0, {}},
	{"readv", AS, 0, {}},
	{"select", AS, 0, {}},
	{"timerfd_create", AS, 0, {}},
	{"timerfd_gettime", AS, 0, {}},
	{"timerfd_settime", AS, 0, {}},
	{"write", AS, 0, {}},
	{"writev", AS, 0, {}},

	/* ---- the terminal, and whose a namespace is */
	{"ioctl", AS, ONE(IS(1, TCGETS))},
	{"ioctl", AS, ONE(IS(1, TIOCGWINSZ))},
	{"ioctl", AS, ONE(IS(1, FIONREAD))},
	{"ioctl", A, ONE(IS(1, NS_GET_USERNS))},
	{"ioctl", A, ONE(IS(1, NS_GET_PARENT))},
	{"ioctl", A, ONE(IS(1, NS_GET_NSTYPE))},
	{"ioctl", A, ONE(IS(1, NS_GET_OWNER_UID))},
	{"ioctl", A, ONE(IS(1, NS_GET_MNTNS_ID))},
	{"ioctl", S, ONE(IS(1, FIONBIO))},
	{"ioctl", S, ONE(IS(1, SIOCOUTQ))},     /* what a receiver of syslog has not taken yet */
	{"ioctl", S, ONE(IS(1, SIOCGIFINDEX))}, /* the interface in an IPv6 address */

	/* ---- looking at files. What the auditor opens by openat2: confine_filter.c */
	{"access", AS, 0, {}},
	{"faccessat", AS, 0, {}},
	{"faccessat2", AS, 0, {}},
	{"fchdir", A, 0, {}},
	{"fgetxattr", AS, 0, {}},
	{"flistxattr", A, 0, {}},
	{"getcwd", AS, 0, {}},
	{"getxattr", AS, 0, {}},
	{"lgetxattr", AS, 0, {}},
	{"listxattr", A, 0, {}},
	{"llistxattr", A, 0, {}},
	{"lstat", AS, 0, {}},
	{"newfstatat", AS, 0, {}},
	{"open", A, ONE(BITS(1, CHANGES, O_RDONLY))},
	{"openat", A, ONE(BITS(2, CHANGES, O_RDONLY))},
	{"readlink", AS, 0, {}},
	{"readlinkat", AS, 0, {}},
	{"stat", AS, 0, {}},
	{"statfs", AS, 0, {}},
	{"statx", AS, 0, {}},

	/* ---- processes and the machine that are looked at */
	{"capget", AS, 0, {}},
	{"getpgid", A, 0, {}},
	{"getsid", A, 0, {}},
	{"lsm_list_modules", A, 0, {}},
	{"pidfd_open", AS, 0, {}},

	/* ---- events: descriptors that the parent opened, and their watches */
	{"fanotify_mark", CALL_FILE_EVENTS, 0, {}},
	{"inotify_add_watch", A, 0, {}},
	{"inotify_init1", A, 0, {}},
	{"inotify_rm_watch", A, 0, {}},
	{"name_to_handle_at", CALL_FILE_EVENTS, 0, {}},
	{"open_by_handle_at", CALL_FILE_EVENTS, ONE(BITS(2, CHANGES, O_RDONLY))},

	/* ---- maps that the parent's BPF programs count in: read and emptied, never made */
	{"bpf", CALL_LEARNING, ONE(IS(0, BPF_MAP_LOOKUP_ELEM))},
	{"bpf", CALL_LEARNING, ONE(IS(0, BPF_MAP_LOOKUP_AND_DELETE_BATCH))},
	{"bpf", CALL_LEARNING, ONE(IS(0, BPF_OBJ_GET_INFO_BY_FD))},

	/* ---- sockets that are connected */
	{"getpeername", AS, 0, {}},
	{"getsockname", AS, 0, {}},
	{"getsockopt", AS, 0, {}},
	{"recvfrom", AS, 0, {}},
	{"recvmmsg", AS, 0, {}},
	{"recvmsg", AS, 0, {}},
	{"sendmsg", AS, 0, {}},
	{"sendto", A, ONE(NO_POINTER(4))}, /* to whom it is connected */
	{"shutdown", AS, 0, {}},

	/* ---- threads, time, memory and itself */
	{"brk", AS, 0, {}},
	{"clock_getres", AS, 0, {}},
	{"clock_gettime", AS, 0, {}},
	{"clock_nanosleep", AS, 0, {}},
	{"clone", AS, ONE(BITS(0, THREAD | NAMESPACES | CLONE_VFORK, THREAD))},
	{"exit", AS, 0, {}},
	{"exit_group", AS, 0, {}},
	{"futex", AS, 0, {}},
	{"getcpu", AS, 0, {}},
	{"getegid", AS, 0, {}},
	{"geteuid", AS, 0, {}},
	{"getgid", AS, 0, {}},
	{"getgroups", AS, 0, {}},
	{"getpgrp", AS, 0, {}},
	{"getpid", AS, 0, {}},
	{"getppid", AS, 0, {}},
	{"getrandom", AS, 0, {}},
	{"getresgid", AS, 0, {}},
	{"getresuid", AS, 0, {}},
	{"getrlimit", AS, 0, {}},
	{"getrusage", AS, 0, {}},
	{"gettid", AS, 0, {}},
	{"gettimeofday", AS, 0, {}},
	{"getuid", AS, 0, {}},
	{"madvise", S, 0, {}},
	{"membarrier", AS, 0, {}},
	{"mmap", S, 0, {}},
	{"mprotect", S, 0, {}},
	{"mremap", S, 0, {}},
	{"munmap", S, 0, {}},
	{"nanosleep", AS, 0, {}},
	{"pause", AS, 0, {}},
	{"prctl", AS, ONE(IS(0, PR_CAPBSET_READ))},
	{"prctl", AS, TWO(IS(0, PR_CAP_AMBIENT), IS(1, PR_CAP_AMBIENT_IS_SET))},
	{"prctl", AS, ONE(IS(0, PR_GET_DUMPABLE))},
	{"prctl", AS, ONE(IS(0, PR_GET_NAME))},
	{"prctl", AS, ONE(IS(0, PR_GET_NO_NEW_PRIVS))},
	{"prctl", AS, ONE(IS(0, PR_GET_SECCOMP))},
	{"prctl", AS, ONE(IS(0, PR_GET_SECUREBITS))},
	{"prctl", AS, ONE(IS(0, PR_SET_NAME))},
	{"prctl", AS, ONE(IS(0, PR_SET_VMA))}, /* names of memory, by later C libraries */
	{"prlimit64", AS, TWO(IS(0, 0), NO_POINTER(2))},
	{"restart_syscall", AS, 0, {}},
	{"rseq", AS, 0, {}},
	{"rt_sigaction", AS, 0, {}},
	{"rt_sigpending", AS, 0, {}},
	{"rt_sigprocmask", AS, 0, {}},
	{"rt_sigreturn", AS, 0, {}},
	{"rt_sigsuspend", AS, 0, {}},
	{"rt_sigtimedwait", AS, 0, {}},
	{"sched_getaffinity", AS, 0, {}},
	{"sched_getparam", AS, 0, {}},
	{"sched_getscheduler", AS, 0, {}},
	{"sched_get_priority_max", AS, 0, {}},
	{"sched_get_priority_min", AS, 0, {}},
	{"sched_yield", AS, 0, {}},
	{"set_robust_list", AS, 0, {}},
	{"set_tid_address", AS, 0, {}},
	{"sigaltstack", AS, 0, {}},
	{"signalfd4", AS, 0, {}},
	{"sysinfo", AS, 0, {}},
	{"time", AS, 0, {}},
	{"times", AS, 0, {}},
	{"uname", AS, 0, {}},

	/* ---- the shipper: files, beneath what Landlock lets it */
	{"chmod", S, 0, {}},
	{"fallocate", S, 0, {}},
	{"fchmod", S, 0, {}},
	{"fchmodat", S, 0, {}},
	{"fchown", S, 0, {}},
	{"fdatasync", S, 0, {}},
	{"flock", S, 0, {}},
	{"fsync", S, 0, {}},
	{"ftruncate", S, 0, {}},
	{"link", S, 0, {}},
	{"linkat", S, 0, {}},
	{"mkdir", S, 0, {}},
	{"mkdirat", S, 0, {}},
	{"open", S, 0, {}},
	{"openat", S, 0, {}},
	{"pwrite64", S, 0, {}},
	{"pwritev", S, 0, {}},
	{"rename", S, 0, {}},
	{"renameat", S, 0, {}},
	{"renameat2", S, 0, {}},
	{"rmdir", S, 0, {}},
	{"sendfile", S, 0, {}},
	{"sync_file_range", S, 0, {}},
	{"umask", S, 0, {}},
	{"unlink", S, 0, {}},
	{"unlinkat", S, 0, {}},
	{"utimensat", S, 0, {}},

	/* ---- the shipper: network */
	{"accept", S, 0, {}},
	{"accept4", S, 0, {}},
	{"bind", S, 0, {}},
	{"connect", S, 0, {}},
	{"listen", S, 0, {}},
	{"sendmmsg", S, 0, {}},
	{"sendto", S, 0, {}},
	{"setsockopt", S, 0, {}},
	{"socket", S, ONE(IS(0, AF_INET))},
	{"socket", S, ONE(IS(0, AF_INET6))},
	{"socket", S, ONE(IS(0, AF_NETLINK))}, /* getaddrinfo(3) asks for the machine's addresses */
	{"socket", S, ONE(IS(0, AF_UNIX))},
	{"socketpair", S, 0, {}},

	/* ---- the parent: processes, and how they give up what they do not need */
	{"capset", P, 0, {}},
	{"clone", P, ONE(BITS(0, CLONE_VM | CLONE_THREAD | NAMESPACES, 0))},
	{"fork", P, 0, {}},
	{"getpriority", P, 0, {}},
	{"kill", P, 0, {}},
	{"landlock_add_rule", P, 0, {}},
	{"landlock_create_ruleset", P, 0, {}},
	{"landlock_restrict_self", P, 0, {}},
	{"pidfd_send_signal", P, 0, {}},
	{"prctl", P, ONE(IS(0, PR_CAP_AMBIENT))},
	{"prctl", P, ONE(IS(0, PR_SET_DUMPABLE))},
	{"prctl", P, ONE(IS(0, PR_SET_KEEPCAPS))},
	{"prctl", P, ONE(IS(0, PR_SET_NO_NEW_PRIVS))},
	{"prctl", P, ONE(IS(0, PR_SET_PDEATHSIG))},
	{"prctl", P, ONE(IS(0, PR_SET_SECCOMP))},
	{"prctl", P, ONE(IS(0, PR_SET_SECUREBITS))},
	{"prlimit64", P, ONE(IS(0, 0))},
	{"seccomp", P, 0, {}},
	{"setgroups", P, 0, {}},
	{"setresgid", P, 0, {}},
	{"setresuid", P, 0, {}},
	{"setrlimit", P, 0, {}},
	{"setsid", P, 0, {}},
	{"vfork", P, 0, {}},
	{"wait4", P, 0, {}},
	{"waitid", P, 0, {}},
	{NULL, 0, 0, {}},
};

/* clone3 has its flags in memory, where a filter does not see them. */
const char *const confine_unknown[] = {"clone3", NULL};

int confine_number(const char *name)
{
	/* Those that the libseccomp here may not know; each has this number on all architectures. */
	static const struct {
		const char *name;
		int number;
	} later[] = {
		{"clone3", 435},
		{"close_range", 436},
		{"openat2", 437},
		{"faccessat2", 439},
		{"epoll_pwait2", 441},
		{"landlock_create_ruleset", 444},
		{"landlock_add_rule", 445},
		{"landlock_restrict_self", 446},
		{"lsm_list_modules", 461},
	};
	int number = seccomp_syscall_resolve_name(name);

	for (size_t i = 0; number == __NR_SCMP_ERROR && i < sizeof(later) / sizeof(*later); i++)
		if (!strcmp(later[i].name, name))
			number = later[i].number;
	return number;
}
