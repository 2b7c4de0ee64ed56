/* Counts which capabilities the kernel is asked for: each call of cap_capable() (security/commoncap.c), by
 * whoever asks, in which container, for which program, and with which answer. */
#include <asm/unistd.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "collectors/usage/usage_form.h"

#include "collectors/usage/known_stack.bpf.h"

enum {
	NOAUDIT = 1 << 1,
	CAP_SETGID = 6,
	CAP_SETUID = 7,
	STEPS = 16,
};

/* The members that are read, wherever the running kernel has them (CO-RE). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
	__u64 ns_id; /* since Linux 6.18 */
};
struct user_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
	__u64 seq; /* before that: the same number */
};
struct nsproxy {
	struct mnt_namespace *mnt_ns;
};
typedef struct {
	unsigned int val;
} kuid_t;
struct cred {
	kuid_t uid, suid, gid, sgid;
};
struct super_block {
	unsigned int s_dev;
};
struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct qstr {
	const unsigned char *name;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};
struct vfsmount {
	struct dentry *mnt_root;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
};
struct mm_struct {
	struct file *exe_file;
};
struct task_struct {
	const struct cred *cred, *real_cred;
	struct nsproxy *nsproxy;
	struct mm_struct *mm;
};
#pragma clang attribute pop

#if defined(__TARGET_ARCH_x86)
#define PT_REGS_SYSCALL_NUMBER(registers) ((long)(registers)->orig_rax)
#elif defined(__TARGET_ARCH_arm64)
#define PT_REGS_SYSCALL_NUMBER(registers) ((long)((struct user_pt_regs *)(registers))->regs[8])
#else
#error "how a system call is numbered here is not known"
#endif

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct usage_key);
	__type(value, struct usage_value);
	__uint(max_entries, 1);
} usage SEC(".maps");

/* What was not asked for longest makes room: it is named again when it asks again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct usage_file);
	__type(value, struct usage_names);
	__uint(max_entries, 1);
} executables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, USAGE_COUNTERS);
} counters SEC(".maps");

/* The check that the processor is at: too large for the stack of a BPF program. */
struct check {
	struct usage_key key;
	struct stack stack;
	struct usage_names names;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct check);
	__uint(max_entries, 1);
} scratch SEC(".maps");

/* ---- the executable ----------------------------------------------------------------------------- */

static __always_inline struct mount *mount_of(const struct file *executable)
{
	return (void *)BPF_CORE_READ(executable, f_path.mnt) - bpf_core_field_offset(struct mount, mnt);
}

/* Upward from the file to the root of its mount namespace, across mounts (prepend_path() in fs/d_path.c). */
static __always_inline void take_names(struct usage_names *names, const struct file *executable)
{
	struct dentry *dentry = BPF_CORE_READ(executable, f_path.dentry);
	struct mount *mount = mount_of(executable);
	__u32 count = 0;

	for (int i = 0; i < STEPS && dentry && count < USAGE_NAMES; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
		struct mount *below = BPF_CORE_READ(mount, mnt_parent);
		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root) || dentry == parent) {
			if (!below || below == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = below;
			continue;
		}
		bpf_probe_read_kernel_str(names->names[count], USAGE_NAME_SIZE,
					  BPF_CORE_READ(dentry, d_name.name));
		count++;
		dentry = parent;
	}
	names->count = count;
}

static __always_inline void keep_names(const struct usage_file *file, const struct file *executable,
				       struct usage_names *names)
{
	if (bpf_map_lookup_elem(&executables, file))
		return;
	bpf_get_current_comm(names->comm, sizeof(names->comm));
	take_names(names, executable);
	bpf_map_update_elem(&executables, file, names, BPF_NOEXIST);
}

/* Whether the program lies in a mount of another mount namespace, or of none. */
static __always_inline bool is_outside(const struct file *executable, const struct mnt_namespace *namespace)
{
	return BPF_CORE_READ(mount_of(executable), mnt_ns) != namespace;
}

/* ---- the system call ---------------------------------------------------------------------------- */

/* Its registers as they were at its begin, above all frames of the kernel's stack. NULL before Linux 5.15. */
static __always_inline const struct pt_regs *registers_now(void)
{
	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return NULL;
	return (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* ---- the check ---------------------------------------------------------------------------------- */

/* setuid(2) and setgid(2) ask before they look whether the id is the task's own (kernel/sys.c). Before Linux
 * 5.15 their argument cannot be had. */
static __always_inline bool is_needless(const struct cred *cred, int capability)
{
	const struct pt_regs *registers = registers_now();
	long call;
	__u64 id;

	if ((capability != CAP_SETUID && capability != CAP_SETGID) || !registers)
		return false;
	call = PT_REGS_SYSCALL_NUMBER(registers);
	id = (__u32)PT_REGS_PARM1_SYSCALL(registers);
	if (call == __NR_setuid)
		return id == BPF_CORE_READ(cred, uid.val) || id == BPF_CORE_READ(cred, suid.val);
	return call == __NR_setgid &&
	       (id == BPF_CORE_READ(cred, gid.val) || id == BPF_CORE_READ(cred, sgid.val));
}

static __always_inline void add_to(__u32 counter)
{
	__u64 *number = bpf_map_lookup_elem(&counters, &counter);

	if (number)
		*number += 1;
}

static __always_inline void count(const struct usage_key *key)
{
	__u64 now = bpf_ktime_get_boot_ns();
	struct usage_value *known = bpf_map_lookup_elem(&usage, key), first = {1, now, now};

	if (!known) {
		if (!bpf_map_update_elem(&usage, key, &first, BPF_NOEXIST)) {
			add_to(USAGE_ENTRIES);
			if (key->state & USAGE_DENIED)
				add_to(USAGE_REFUSALS);
			return;
		}
		known = bpf_map_lookup_elem(&usage, key); /* another processor was faster */
	}
	if (known) {
		__sync_fetch_and_add(&known->count, 1);
		known->last = now;
	} else {
		add_to(USAGE_LOST);
	}
}

struct subject {
	const struct cred *cred;
	const struct mnt_namespace *mounts;
	const struct file *executable;
	__u64 inode, mount_id;
	__u32 device, mount_namespace;
};

static __always_inline struct subject subject_by_calls(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct subject subject = {.cred = BPF_CORE_READ(task, real_cred),
				  .mounts = BPF_CORE_READ(task, nsproxy, mnt_ns),
				  .executable = BPF_CORE_READ(task, mm, exe_file)};

	subject.mount_namespace = BPF_CORE_READ(subject.mounts, ns.inum);
	if (bpf_core_field_exists(subject.mounts->ns.ns_id))
		subject.mount_id = BPF_CORE_READ(subject.mounts, ns.ns_id);
	else if (bpf_core_field_exists(subject.mounts->seq))
		subject.mount_id = BPF_CORE_READ(subject.mounts, seq);
	subject.inode = BPF_CORE_READ(subject.executable, f_inode, i_ino);
	subject.device = BPF_CORE_READ(subject.executable, f_inode, i_sb, s_dev);
	return subject;
}

static __always_inline __u64 mount_id_of(const struct mnt_namespace *namespace)
{
	if (bpf_core_field_exists(namespace->ns.ns_id))
		return namespace->ns.ns_id;
	return bpf_core_field_exists(namespace->seq) ? namespace->seq : 0;
}

/* Since Linux 5.11 members can be read where they are, in a tenth of the time of a call for each. */
static __always_inline struct subject subject_now(void)
{
	const struct task_struct *task;
	struct subject subject = {};

	if (!bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf))
		return subject_by_calls();
	task = (void *)bpf_get_current_task_btf();
	subject.cred = task->real_cred;
	if (task->nsproxy)
		subject.mounts = task->nsproxy->mnt_ns;
	if (subject.mounts) {
		subject.mount_namespace = subject.mounts->ns.inum;
		subject.mount_id = mount_id_of(subject.mounts);
	}
	if (task->mm)
		subject.executable = task->mm->exe_file;
	if (subject.executable) {
		subject.inode = subject.executable->f_inode->i_ino;
		subject.device = subject.executable->f_inode->i_sb->s_dev;
	}
	return subject;
}

/* Completes what is known of the check, but for its stack, and counts it. */
static __noinline int note(struct check *check, const struct cred *cred,
			   const struct user_namespace *namespace)
{
	const struct subject subject = subject_now();
	const struct usage_file file = {.inode = subject.inode, .device = subject.device};
	struct usage_key *key = &check->key;

	key->cgroup = bpf_get_current_cgroup_id();
	key->mount_namespace = subject.mount_namespace;
	key->mount_id = subject.mount_id;
	key->user_namespace = BPF_CORE_READ(namespace, ns.inum);
	key->state |= cred != subject.cred ? USAGE_BORROWED : 0;
	key->state |= is_needless(cred, key->capability) ? USAGE_NEEDLESS : 0;
	if (subject.executable) {
		key->inode = file.inode;
		key->device = file.device;
		key->state |= is_outside(subject.executable, subject.mounts) ? USAGE_OUTSIDE : 0;
		keep_names(&file, subject.executable, &check->names);
	}
	count(key);
	return 0;
}

/* ---- where it is heard -------------------------------------------------------------------------- */

static __always_inline __u8 state_of(unsigned int options, int result)
{
	return (result ? USAGE_DENIED : 0) | (options & NOAUDIT ? USAGE_ADVISORY : 0);
}

static __always_inline void note_stack(void *context, struct check *check)
{
	const struct pt_regs *registers = registers_now();
	__u32 call = registers ? PT_REGS_SYSCALL_NUMBER(registers) * 41 + check->key.capability : 0;
	__u64 here;

	check->stack.here = (__u64)&here;
	check->stack.end = (__u64)registers;
	take_stack(context, &check->stack, call);
	__builtin_memcpy(check->key.stack, check->stack.frames + 1, sizeof(check->key.stack));
}

/* The check that begins here; NULL: never. */
static __always_inline struct check *check_new(int capability, __u8 state)
{
	__u32 zero = 0;
	struct check *check = bpf_map_lookup_elem(&scratch, &zero);

	if (check) {
		__builtin_memset(&check->key, 0, sizeof(check->key));
		check->key.capability = capability;
		check->key.state = state;
	}
	return check;
}

SEC("fexit/cap_capable")
int BPF_PROG(on_exit, const struct cred *cred, struct user_namespace *target, int capability,
	     unsigned int options, int result)
{
	struct check *check = check_new(capability, state_of(options, result));

	if (!check)
		return 0;
	note_stack(ctx, check);
	note(check, cred, target);
	return 0;
}

/* Since Linux 6.14. */
SEC("tp_btf/cap_capable")
int BPF_PROG(on_trace, const struct cred *cred, struct user_namespace *target,
	     const struct user_namespace *capable, int capability, int result)
{
	struct check *check = check_new(capability, state_of(0, result));

	if (!check)
		return 0;
	note_stack(ctx, check);
	note(check, cred, target);
	return 0;
}

struct asked {
	const struct cred *cred;
	const struct user_namespace *namespace;
	unsigned int options;
	int capability;
	__u64 stack[USAGE_FRAMES]; /* at the call: at the return, kernels before 5.15 cannot tell it */
};

/* Between call and return of a task. The kernel may miss a return, whose entry is driven out then. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, __u64);
	__type(value, struct asked);
	__uint(max_entries, 4096);
} calls SEC(".maps");

SEC("kprobe/cap_capable")
int BPF_KPROBE(on_call, const struct cred *cred, struct user_namespace *target, int capability,
	       unsigned int options)
{
	struct asked asked = {
		.cred = cred, .namespace = target, .options = options, .capability = capability};
	__u64 task = bpf_get_current_pid_tgid();

	bpf_get_stack(ctx, asked.stack, sizeof(asked.stack), 0);
	if (bpf_map_update_elem(&calls, &task, &asked, BPF_ANY))
		add_to(USAGE_LOST);
	return 0;
}

SEC("kretprobe/cap_capable")
int BPF_KRETPROBE(on_return, int result)
{
	__u64 task = bpf_get_current_pid_tgid();
	const struct asked *asked = bpf_map_lookup_elem(&calls, &task);
	struct check *check = asked ? check_new(asked->capability, state_of(asked->options, result)) : NULL;

	if (!check)
		return 0;
	__builtin_memcpy(check->key.stack, asked->stack, sizeof(check->key.stack));
	note(check, asked->cred, asked->namespace);
	bpf_map_delete_elem(&calls, &task);
	return 0;
}

char usage_license[] SEC("license") = "GPL";
