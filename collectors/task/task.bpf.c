/* Tells of every process what its files in /proc tell (fs/proc/array.c, fs/proc/base.c), in one read. */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "collectors/task/task_form.h"

enum { NO_NEW_PRIVS = 1 << 0, EXITING = 0x4 }; /* PFA_NO_NEW_PRIVS, PF_EXITING: include/linux/sched.h */

/* The members that are read, wherever the running kernel has them (CO-RE). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;
struct ns_common {
	unsigned int inum;
	__u64 ns_id; /* since Linux 6.18 */
};
struct cgroup_namespace {
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
	__u64 seq; /* before that: the same number */
};
struct net {
	struct ns_common ns;
};
struct pid_namespace {
	struct ns_common ns;
};
struct time_namespace {
	struct ns_common ns;
};
struct user_namespace {
	struct ns_common ns;
};
struct uts_namespace {
	struct ns_common ns;
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct cgroup_namespace *cgroup_ns;
};
typedef struct {
	unsigned int val;
} kuid_t;
typedef struct {
	unsigned int val;
} kgid_t;
typedef struct {
	__u64 val;
} kernel_cap_t;
struct group_info {
	int ngroups;
	kgid_t gid[];
};
struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
	struct user_namespace *user_ns;
	struct group_info *group_info;
};
typedef struct {
	int counter;
} atomic_t;
struct seccomp {
	int mode;
	atomic_t filter_count; /* since Linux 5.9 */
};
struct upid {
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[];
};
struct signal_struct {
	int nr_threads;
};
struct css_set;
struct task_struct {
	unsigned int flags;
	int exit_state;
	int pid, tgid;
	unsigned long atomic_flags;
	struct task_struct *real_parent, *group_leader;
	__u64 start_boottime;
	const struct cred *real_cred;
	char comm[TASK_COMM_SIZE];
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct seccomp seccomp;
	struct css_set *cgroups;
	struct pid *thread_pid;
};
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
#pragma clang attribute pop

/* ---- what a task may do ------------------------------------------------------------------------- */

/* Pointers are followed by BPF_CORE_READ, not as C follows them: for each of the latter the kernel's verifier
 * looks through the names of all its types, which takes longer than all else (btf_find_by_name_kind in
 * kernel/bpf/btf.c). */

/* The sets are one number of 64 bits, and before Linux 6.3 two of 32, the lower first. */
static __always_inline __u64 set_of(const kernel_cap_t *set)
{
	__u64 told = 0;

	bpf_probe_read_kernel(&told, sizeof(told), set);
	return told;
}

static __noinline void take_credentials(struct task_credentials *told, const struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, real_cred);

	told->uid[0] = BPF_CORE_READ(cred, uid.val);
	told->uid[1] = BPF_CORE_READ(cred, euid.val);
	told->uid[2] = BPF_CORE_READ(cred, suid.val);
	told->uid[3] = BPF_CORE_READ(cred, fsuid.val);
	told->gid[0] = BPF_CORE_READ(cred, gid.val);
	told->gid[1] = BPF_CORE_READ(cred, egid.val);
	told->gid[2] = BPF_CORE_READ(cred, sgid.val);
	told->gid[3] = BPF_CORE_READ(cred, fsgid.val);
	told->effective = set_of(&cred->cap_effective);
	told->permitted = set_of(&cred->cap_permitted);
	told->inheritable = set_of(&cred->cap_inheritable);
	told->bounding = set_of(&cred->cap_bset);
	told->ambient = set_of(&cred->cap_ambient);
	told->no_new_privs = BPF_CORE_READ(task, atomic_flags) & NO_NEW_PRIVS;
	told->seccomp = BPF_CORE_READ(task, seccomp.mode);
	told->seccomp_filters = BPF_CORE_READ(task, seccomp.filter_count.counter);
}

/* What distinguishes two tasks for struct credentials of the snapshot. */
static __noinline bool is_alike(const struct task_struct *task, const struct task_struct *leader)
{
	struct task_credentials ours = {}, theirs = {};
	const __u64 *a = (void *)&ours, *b = (void *)&theirs;

	take_credentials(&ours, task);
	take_credentials(&theirs, leader);
	for (unsigned i = 0; i < sizeof(ours) / sizeof(*a); i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* ---- where a task is ---------------------------------------------------------------------------- */

static __always_inline __u64 mount_id_of(const struct mnt_namespace *namespace)
{
	if (bpf_core_field_exists(namespace->ns.ns_id))
		return BPF_CORE_READ(namespace, ns.ns_id);
	return bpf_core_field_exists(namespace->seq) ? BPF_CORE_READ(namespace, seq) : 0;
}

/* In the order of enum namespace_kind. */
static __always_inline void take_namespaces(struct task_process *process, const struct task_struct *task)
{
	__u32 *inodes = process->namespaces;
	const struct nsproxy *namespaces = BPF_CORE_READ(task, nsproxy);
	const struct pid *pid = BPF_CORE_READ(task, thread_pid);
	const struct upid *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				     BPF_CORE_READ(pid, level) * bpf_core_type_size(struct upid);

	inodes[0] = BPF_CORE_READ(namespaces, cgroup_ns, ns.inum);
	inodes[1] = BPF_CORE_READ(namespaces, ipc_ns, ns.inum);
	inodes[2] = BPF_CORE_READ(namespaces, mnt_ns, ns.inum);
	inodes[3] = BPF_CORE_READ(namespaces, net_ns, ns.inum);
	inodes[4] = BPF_CORE_READ(numbers, ns, ns.inum);
	inodes[5] = BPF_CORE_READ(namespaces, time_ns, ns.inum);
	inodes[6] = BPF_CORE_READ(task, real_cred, user_ns, ns.inum);
	inodes[7] = BPF_CORE_READ(namespaces, uts_ns, ns.inum);
	process->mount_id = mount_id_of(BPF_CORE_READ(namespaces, mnt_ns));
	if (BPF_CORE_READ(task, nsproxy) == namespaces)
		return;
	__builtin_memset(inodes, 0,
			 sizeof(*inodes) * TASK_NAMESPACES); /* it may be gone: readers do not hold it */
	process->mount_id = 0;
}

/* An exiting task has left its cgroups of version 1 already (proc_cgroup_show). */
static __always_inline __u64 cgroups_of(const struct task_struct *task)
{
	return task->flags & EXITING ? 0 : (__u64)BPF_CORE_READ(task, cgroups);
}

static __always_inline void take_groups(struct task_process *process, const struct task_struct *task)
{
	const struct group_info *groups = BPF_CORE_READ(task, real_cred, group_info);
	__u32 count = BPF_CORE_READ(groups, ngroups);

	process->group_count = count;
	if (count <= TASK_GROUPS)
		bpf_probe_read_kernel(process->groups, count * sizeof(process->groups[0]), groups->gid);
}

static __noinline void tell_process(struct seq_file *seq, const struct task_struct *task)
{
	struct task_process process = {
		.kind = TASK_PROCESS,
		.pid = task->pid,
		.parent = BPF_CORE_READ(task, real_parent, tgid),
		.flags = task->flags,
		.exit_state = task->exit_state,
		.threads = BPF_CORE_READ(task, signal, nr_threads),
		.start = task->start_boottime,
		.cgroups = cgroups_of(task),
	};

	take_credentials(&process.credentials, task);
	take_namespaces(&process, task);
	take_groups(&process, task);
	bpf_probe_read_kernel(process.comm, sizeof(process.comm), task->comm);
	bpf_seq_write(seq, &process, sizeof(process));
}

static __noinline void tell_thread(struct seq_file *seq, const struct task_struct *task)
{
	struct task_thread record = {.kind = TASK_THREAD_DIFFERS, .process = task->tgid, .thread = task->pid};

	bpf_seq_write(seq, &record, sizeof(record));
}

/* ---- each task ---------------------------------------------------------------------------------- */

SEC("iter/task")
int tell_tasks(struct bpf_iter__task *context)
{
	struct seq_file *seq = context->meta->seq;
	const struct task_struct *task = context->task;

	if (!task)
		return 0;
	if (task->pid == task->tgid)
		tell_process(seq, task);
	else if (!is_alike(task, BPF_CORE_READ(task, group_leader)))
		tell_thread(seq, task);
	return 0;
}

char task_license[] SEC("license") = "GPL";
