#include "collectors/usage/asker.h"

#include <linux/capability.h>
#include <string.h>

#define NEED(function, capability, source)                                                                   \
	{                                                                                                    \
		function, capability, ASKING_NEED, NULL, source                                              \
	}
#define OPTIONAL(function, capability, reason, source)                                                       \
	{                                                                                                    \
		function, capability, ASKING_OPTIONAL, reason, source                                        \
	}
#define ADVISORY(function, capability, reason, source)                                                       \
	{                                                                                                    \
		function, capability, ASKING_ADVISORY, reason, source                                        \
	}

static const char looks[] = "the kernel only looks whether it is there";
static const char sgid[] = "the file does not get or keep its set-group-ID bit";
static const char pipes[] = "a new pipe has less room";
static const char trusted[] = "attributes of files that are named trusted.* are not listed";
static const char reserve[] = "a reserve of memory is not the program's to use";
static const char modules[] = "the kernel does not load a module for what it does not know";
static const char sockets[] = "marks and states of sockets are not told in full";
static const char locked[] = "memory that it locks counts against a limit";

const struct asker askers[] = {
	/* They ask as those do that only look, and fail. */
	NEED("do_seccomp", CAP_SYS_ADMIN, "kernel/seccomp.c"),
	NEED("prctl_set_seccomp", CAP_SYS_ADMIN, "kernel/seccomp.c"),
	NEED("__x64_sys_landlock_restrict_self", CAP_SYS_ADMIN, "security/landlock/syscalls.c"),
	NEED("__arm64_sys_landlock_restrict_self", CAP_SYS_ADMIN, "security/landlock/syscalls.c"),
	NEED("__x64_sys_listmount", CAP_SYS_ADMIN, "fs/namespace.c"),
	NEED("__arm64_sys_listmount", CAP_SYS_ADMIN, "fs/namespace.c"),
	NEED("__x64_sys_statmount", CAP_SYS_ADMIN, "fs/namespace.c"),
	NEED("__arm64_sys_statmount", CAP_SYS_ADMIN, "fs/namespace.c"),
	NEED("sock_diag_destroy", CAP_NET_ADMIN, "net/core/sock_diag.c"),

	/* The kernel looks, and what it does then is no matter of whether a call succeeds. */
	ADVISORY("cap_vm_enough_memory", CAP_SYS_ADMIN, reserve, "security/commoncap.c"),
	ADVISORY("security_vm_enough_memory_mm", CAP_SYS_ADMIN, reserve, "security/security.c"),
	ADVISORY("bpf_int_jit_compile", CAP_SYS_ADMIN, "the kernel makes slower code of filters",
		 "arch/x86/net/bpf_jit_comp.c"),
	ADVISORY("do_task_stat", CAP_SYS_PTRACE, "/proc/PID/stat shows zeroes for addresses",
		 "fs/proc/array.c"),
	ADVISORY("proc_pid_wchan", CAP_SYS_PTRACE, "/proc/PID/wchan shows 0", "fs/proc/base.c"),
	ADVISORY("kallsyms_show_value", CAP_SYSLOG, "/proc/kallsyms shows zeroes for addresses",
		 "kernel/kallsyms.c"),

	/* Processes and memory. */
	OPTIONAL("cap_capset", CAP_SETPCAP, "inheritable capabilities have to be among those it has",
		 "security/commoncap.c"),
	OPTIONAL("cap_bprm_creds_from_file", CAP_SETUID,
		 "programs with set-ID bits that it traces run without them", "security/commoncap.c"),
	OPTIONAL("would_dump", ASKER_ANY, "a program that cannot be read is not dumped", "fs/exec.c"),
	OPTIONAL("account_locked_vm", CAP_IPC_LOCK, locked, "mm/util.c"),
	OPTIONAL("mm_account_pinned_pages", CAP_IPC_LOCK, locked, "net/core/skbuff.c"),
	OPTIONAL("io_uring_create", CAP_IPC_LOCK, locked, "io_uring/io_uring.c"),
	OPTIONAL("io_uring_setup", CAP_IPC_LOCK, locked, "io_uring/io_uring.c"),
	OPTIONAL("kernel_migrate_pages", CAP_SYS_NICE, "pages that are shared stay where they are",
		 "mm/mempolicy.c"),
	OPTIONAL("do_epoll_ctl", CAP_BLOCK_SUSPEND, "EPOLLWAKEUP is ignored",
		 "include/uapi/linux/eventpoll.h"),

	/* Files. */
	OPTIONAL("do_faccessat", ASKER_ANY, "access(2) tells that it may not", "fs/open.c"),
	OPTIONAL("__x64_sys_mincore", ASKER_ANY, "mincore(2) tells that all is in memory", "mm/mincore.c"),
	OPTIONAL("__arm64_sys_mincore", ASKER_ANY, "mincore(2) tells that all is in memory", "mm/mincore.c"),
	OPTIONAL("madvise_pageout", ASKER_ANY, "pages that are shared stay in memory", "mm/madvise.c"),
	OPTIONAL("setattr_should_drop_sgid", CAP_FSETID, sgid, "fs/attr.c"),
	OPTIONAL("setattr_copy", CAP_FSETID, sgid, "fs/attr.c"),
	OPTIONAL("setattr_prepare", CAP_FSETID, sgid, "fs/attr.c"),
	OPTIONAL("mode_strip_sgid", CAP_FSETID, sgid, "fs/inode.c"),
	OPTIONAL("posix_acl_update_mode", CAP_FSETID, sgid, "fs/posix_acl.c"),
	OPTIONAL("*", CAP_FSETID, "a file that is written to loses its set-ID bits", "fs/attr.c"),
	OPTIONAL("ext4_has_free_clusters", CAP_SYS_RESOURCE,
		 "blocks that are reserved for root cannot be used", "fs/ext4/balloc.c"),
	OPTIONAL("ignore_hardlimit", CAP_SYS_RESOURCE, "quotas hold", "fs/quota/dquot.c"),
	OPTIONAL("alloc_pipe_info", CAP_SYS_RESOURCE, pipes, "fs/pipe.c"),
	OPTIONAL("alloc_pipe_info", CAP_SYS_ADMIN, pipes, "fs/pipe.c"),
	OPTIONAL("simple_xattr_list", CAP_SYS_ADMIN, trusted, "fs/xattr.c"),
	OPTIONAL("ovl_listxattr", CAP_SYS_ADMIN, trusted, "fs/overlayfs/xattrs.c"),
	OPTIONAL("ext4_xattr_trusted_list", CAP_SYS_ADMIN, trusted, "fs/ext4/xattr_trusted.c"),
	OPTIONAL("xfs_xattr_put_listent", CAP_SYS_ADMIN, trusted, "fs/xfs/xfs_xattr.c"),
	OPTIONAL("pagemap_read", CAP_SYS_ADMIN, "/proc/PID/pagemap shows zeroes for frames",
		 "fs/proc/task_mmu.c"),
	OPTIONAL("r_show", CAP_SYS_ADMIN, "/proc/iomem and ioports show zeroes", "kernel/resource.c"),
	OPTIONAL("net_ctl_permissions", CAP_NET_ADMIN, "files beneath /proc/sys/net are as root finds them",
		 "net/sysctl_net.c"),
	OPTIONAL("set_permissions", CAP_SYS_RESOURCE, "files beneath /proc/sys/user are as others find them",
		 "kernel/ucount.c"),

	/* The network. */
	OPTIONAL("dev_load", CAP_NET_ADMIN, modules, "net/core/dev_ioctl.c"),
	OPTIONAL("dev_load", CAP_SYS_MODULE, modules, "net/core/dev_ioctl.c"),
	OPTIONAL("inet_diag_handler_cmd", CAP_NET_ADMIN, sockets, "net/ipv4/inet_diag.c"),
	OPTIONAL("__inet_diag_dump", CAP_NET_ADMIN, sockets, "net/ipv4/inet_diag.c"),
	OPTIONAL("packet_diag_dump", CAP_NET_ADMIN, sockets, "net/packet/diag.c"),
	OPTIONAL("skb_may_tx_timestamp", CAP_NET_RAW, "times of sending come without the packet",
		 "net/core/skbuff.c"),

	/* All others that say of themselves that they only look. */
	ADVISORY("has_ns_capability_noaudit", ASKER_ANY, looks, "kernel/capability.c"),
	ADVISORY("has_capability_noaudit", ASKER_ANY, looks, "kernel/capability.c"),
	ADVISORY("ns_capable_noaudit", ASKER_ANY, looks, "kernel/capability.c"),
	{0},
};

static bool is_about(const struct asker *asker, unsigned capability)
{
	return asker->capability == ASKER_ANY || asker->capability == (int)capability;
}

/* Functions are listed once for each capability: the number on the stack is that of the first entry. */
static bool is_on(const char *function, const int *on_stack, size_t count)
{
	bool is = !strcmp(function, "*");

	for (size_t i = 0; i < count && !is; i++)
		is = on_stack[i] >= 0 && !strcmp(askers[on_stack[i]].function, function);
	return is;
}

const struct asker *asker_find(const int *on_stack, size_t count, unsigned capability)
{
	for (const struct asker *asker = askers; asker->function; asker++)
		if (is_about(asker, capability) && is_on(asker->function, on_stack, count))
			return asker;
	return NULL;
}
