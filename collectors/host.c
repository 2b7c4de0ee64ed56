/* The host collector: the machine, its hardening, and what the auditor itself is and may.
 *
 * It runs first and at every command, so what only an audit wants is read only then. */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc2/meminfo.h>
#include <libproc2/misc.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include "collectors/host_text.h"
#include "collectors/namespace.h"
#include "collectors/read.h"
#include "collectors/view.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum {
	TEXT_LIMIT = 64 * 1024,
	STAT_LIMIT = 1024 * 1024, /* grows with processors and interrupts */
	MOUNTINFO_LIMIT = 16 * 1024 * 1024,
	SYSTEM_CALL_LSM_LIST_MODULES = 461, /* Linux 6.8; the same on every architecture */
};

/* What every step of the collector needs. */
struct reading {
	struct snapshot *snapshot;
	const struct request *request;
	struct coverage *coverage;
	struct buffer buffer;
	int proc;
	bool out_of_memory;
};

static char *keep(struct reading *reading, const void *data, size_t length)
{
	char *copy = arena_copy(reading->snapshot->arena, data, length);

	reading->out_of_memory |= !copy;
	return copy;
}

static void note(struct reading *reading, const char *reason, const char *example, const char *remedy)
{
	coverage_note(reading->coverage, reading->snapshot->arena, reason, example, remedy);
}

/* ---- the kernel -------------------------------------------------------------------------------- */

static void read_names(struct reading *reading)
{
	struct host *host = &reading->snapshot->host;
	struct utsname names;

	if (uname(&names))
		return;
	host->hostname = keep(reading, names.nodename, strlen(names.nodename));
	host->kernel = keep(reading, names.release, strlen(names.release));
	host->architecture = keep(reading, names.machine, strlen(names.machine));
}

/* A file of /proc without the newline at its end; NULL with errno when it cannot be read. */
static const char *read_line(struct reading *reading, const char *path)
{
	struct buffer *buffer = &reading->buffer;

	if (buffer_read(buffer, reading->proc, path, TEXT_LIMIT) < 0)
		return NULL;
	while (buffer->length && buffer->data[buffer->length - 1] == '\n')
		buffer->length--;
	return keep(reading, buffer->data, buffer->length);
}

static void read_last_capability(struct reading *reading)
{
	struct host *host = &reading->snapshot->host;
	const char *text = read_line(reading, "sys/kernel/cap_last_cap");
	uint64_t last;

	host->last_capability = CAP_LAST_CAP;
	if (text && text_read_number(&text, text + strlen(text), 10, &last) && last < 64)
		host->last_capability = (unsigned)last;
	else
		note(reading, "number of capabilities is not readable: taken as at build time",
		     "sys/kernel/cap_last_cap", "mount procfs with /proc/sys visible");
}

/* ---- who we are -------------------------------------------------------------------------------- */

static capability_set own_set(capng_type_t type)
{
	capability_set set = 0;

	for (unsigned number = 0; number < 64; number++)
		if (capng_have_capability(type, number) == 1)
			set |= CAPABILITY_MASK(number);
	return set;
}

/* Our pid as this procfs has it: it may be that of another pid namespace than ours. */
static pid_t read_own_pid(struct reading *reading)
{
	const char *cursor;
	uint64_t pid;

	if (buffer_readlink(&reading->buffer, reading->proc, "self"))
		return 0;
	cursor = reading->buffer.data;
	if (!text_read_number(&cursor, cursor + reading->buffer.length, 10, &pid) || pid > INT_MAX)
		return 0;
	return (pid_t)pid;
}

static int read_self(struct reading *reading, struct error **error)
{
	struct self *self = &reading->snapshot->self;
	_cleanup_close_ int directory = openat(reading->proc, "self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int securebits = prctl(PR_GET_SECUREBITS);

	if (directory < 0) {
		error_set(error, errno, "reading ourselves in %s", reading->request->proc);
		return error_remedy(error, "mount a procfs of our own pid namespace there");
	}
	if (capng_get_caps_process())
		return error_set(error, errno, "reading our own capabilities");
	self->pid = read_own_pid(reading);
	self->uid = geteuid();
	self->securebits = securebits < 0 ? 0 : (uint32_t)securebits;
	self->effective = own_set(CAPNG_EFFECTIVE);
	self->permitted = own_set(CAPNG_PERMITTED);
	self->bounding = own_set(CAPNG_BOUNDING_SET);
	self->granted = reading->request->granted ? reading->request->granted : self->bounding;
	for (unsigned kind = 0; kind < NAMESPACE_COUNT; kind++) {
		self->namespaces[kind] = namespace_read(directory, kind);
		if (!self->namespaces[kind] && errno != ENOENT) /* a kernel without it */
			note(reading, "our own namespaces are not readable", "self/ns", NULL);
	}
	self->user_namespace_initial = self->namespaces[NAMESPACE_USER] == NAMESPACE_INITIAL_USER;
	return 0;
}

/* ---- the host's namespaces --------------------------------------------------------------------- */

/* The namespace of pid 1, else of kthreadd, which shares those the kernel started with. */
static uint64_t read_host_namespace(int proc, enum namespace_kind kind)
{
	uint64_t inode = 0;

	for (const char *const *pid = (const char *const[]){"1", "2", NULL}; *pid && !inode; pid++) {
		_cleanup_close_ int directory = openat(proc, *pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
		inode = directory < 0 ? 0 : namespace_read(directory, kind);
	}
	return inode;
}

static void find_view(struct reading *reading)
{
	static const struct {
		const char *hides, *remedy;
	} views[] = {
		[VIEW_TASK] = {"only the containers that share this pid namespace show: nothing of the host, "
			       "nor of other tasks",
			       "run Proctor on the host for the whole machine"},
		[VIEW_CONTAINER] =
			{"only this container shows: nothing of the host, nor of the containers beside it",
			 "run Proctor on the host, or share the task's pid namespace (pidMode: task) for the "
			 "containers beside it"},
	};
	enum view view = view_find(reading->proc, &reading->snapshot->self, &reading->buffer);

	reading->snapshot->host.view = view;
	if (view != VIEW_HOST)
		note(reading, views[view].hides, NULL, views[view].remedy);
}

static void find_namespaces(struct reading *reading)
{
	struct host *host = &reading->snapshot->host;
	bool fixed = procps_linux_version() >= LINUX_VERSION(6, 18, 0);

	host->namespaces[NAMESPACE_CGROUP] = NAMESPACE_INITIAL_CGROUP;
	host->namespaces[NAMESPACE_IPC] = NAMESPACE_INITIAL_IPC;
	host->namespaces[NAMESPACE_PID] = NAMESPACE_INITIAL_PID;
	host->namespaces[NAMESPACE_TIME] = NAMESPACE_INITIAL_TIME;
	host->namespaces[NAMESPACE_USER] = NAMESPACE_INITIAL_USER;
	host->namespaces[NAMESPACE_UTS] = NAMESPACE_INITIAL_UTS;
	host->namespaces[NAMESPACE_NET] = fixed ? NAMESPACE_INITIAL_NET : 0;
	if (host->view != VIEW_HOST)
		return;
	if (!fixed)
		host->namespaces[NAMESPACE_NET] = read_host_namespace(reading->proc, NAMESPACE_NET);
	host->mount_namespace = read_host_namespace(reading->proc, NAMESPACE_MNT);
	if (!host->mount_namespace && fixed)
		host->mount_namespace = NAMESPACE_INITIAL_MNT;
	host->namespaces[NAMESPACE_MNT] = host->mount_namespace;
	if (!host->mount_namespace || !host->namespaces[NAMESPACE_NET])
		note(reading, "mount and network namespace of the host are not readable", "1/ns/mnt",
		     "run as root with CAP_SYS_PTRACE");
}

/* ---- how procfs and cgroups are mounted -------------------------------------------------------- */

/* Whether processes do not show in this procfs (proc(5), hidepid). */
static bool is_hidden_from_us(const struct self *self, const struct kernel_mounts *mounts)
{
	bool traces_all = (self->effective & CAPABILITY_MASK(CAP_SYS_PTRACE)) && self->user_namespace_initial;
	bool ptraceable =
		mounts->hidepid.length == 1 ? *mounts->hidepid.data == '4' : *mounts->hidepid.data == 'p';

	if (traces_all)
		return false;
	return ptraceable || (getegid() != mounts->group && !group_member(mounts->group));
}

static void note_hidepid(struct reading *reading, const struct kernel_mounts *mounts)
{
	struct host *host = &reading->snapshot->host;
	char reason[128];

	if (!mounts->hidepid.length)
		return;
	host->hidepid = keep(reading, mounts->hidepid.data, mounts->hidepid.length);
	if (!host->hidepid || !is_hidden_from_us(&reading->snapshot->self, mounts))
		return;
	snprintf(reason, sizeof(reason),
		 "procfs is mounted with hidepid=%.16s: processes of others do not show", host->hidepid);
	note(reading, reason, reading->request->proc,
	     "run with CAP_SYS_PTRACE, or mount procfs with hidepid=off or gid= of a group of ours");
}

static void read_mounts(struct reading *reading)
{
	struct buffer *buffer = &reading->buffer;
	struct kernel_mounts mounts;
	struct statx facts;
	uint32_t id = 0;

	if (!statx(reading->proc, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &facts) &&
	    (facts.stx_mask & STATX_MNT_ID))
		id = (uint32_t)facts.stx_mnt_id;
	if (buffer_read(buffer, reading->proc, "self/mountinfo", MOUNTINFO_LIMIT) < 0) {
		note(reading, "our own mounts are not readable", "self/mountinfo", NULL);
		return;
	}
	host_mounts_parse(buffer->data, buffer->length, id, reading->request->proc, &mounts);
	reading->snapshot->host.cgroup_version = mounts.cgroup_version;
	note_hidepid(reading, &mounts);
}

/* ---- what only an audit wants ------------------------------------------------------------------ */

/* Asks the kernel, from Linux 6.8 on. 1: it cannot be asked. */
static int list_lsms(struct reading *reading)
{
	uint64_t ids[64];
	uint32_t size = sizeof(ids);
	long count = syscall(SYSTEM_CALL_LSM_LIST_MODULES, ids, &size, 0);

	if (count < 0)
		return 1;
	return host_lsms_name(ids, (size_t)count, reading->snapshot->arena, &reading->snapshot->host);
}

static void read_lsms(struct reading *reading)
{
	struct host *host = &reading->snapshot->host;
	struct buffer *buffer = &reading->buffer;
	int result;

	if (buffer_read(buffer, AT_FDCWD, "/sys/kernel/security/lsm", TEXT_LIMIT) >= 0)
		result = host_lsms_parse(buffer->data, buffer->length, reading->snapshot->arena, host);
	else
		result = list_lsms(reading);
	if (result < 0)
		reading->out_of_memory = true;
	else if (result)
		note(reading, "list of Linux security modules is not readable", "/sys/kernel/security/lsm",
		     "mount securityfs at /sys/kernel/security, or run Linux 6.8 or later");
}

/* Settings that make an escape or a step up easier or harder. One that the kernel does not have is not in the
 * snapshot. Their places are their numbers, which the agent's state has: a new one goes to the end. */
static const char *const sysctls[] = {
	"dev.tty.ldisc_autoload",
	"dev.tty.legacy_tiocsti",
	"fs.protected_fifos",
	"fs.protected_hardlinks",
	"fs.protected_regular",
	"fs.protected_symlinks",
	"fs.suid_dumpable",
	"kernel.apparmor_restrict_unprivileged_userns",
	"kernel.core_pattern",
	"kernel.dmesg_restrict",
	"kernel.io_uring_disabled",
	"kernel.kexec_load_disabled",
	"kernel.kptr_restrict",
	"kernel.modprobe",
	"kernel.modules_disabled",
	"kernel.perf_event_paranoid",
	"kernel.randomize_va_space",
	"kernel.sysrq",
	"kernel.unprivileged_bpf_disabled",
	"kernel.unprivileged_userns_clone",
	"kernel.yama.ptrace_scope",
	"net.core.bpf_jit_harden",
	"net.ipv4.ip_unprivileged_port_start",
	"net.ipv4.ping_group_range",
	"user.max_user_namespaces",
	"vm.mmap_min_addr",
	"vm.unprivileged_userfaultfd",
};

_Static_assert(sizeof(sysctls) / sizeof(sysctls[0]) <= SYSCTLS_MAX, "each has a bit of sight");

/* `kernel.yama.ptrace_scope` to `sys/kernel/yama/ptrace_scope`. */
static void sysctl_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "sys/%s", name);
	for (char *at = path; *at; at++)
		if (*at == '.')
			*at = '/';
}

static void read_sysctls(struct reading *reading)
{
	const unsigned count = sizeof(sysctls) / sizeof(sysctls[0]);
	struct host *host = &reading->snapshot->host;
	char path[128], reason[64];

	host->sysctls = arena_array(reading->snapshot->arena, count, sizeof(*host->sysctls));
	if (!host->sysctls) {
		reading->out_of_memory = true;
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		sysctl_path(path, sizeof(path), sysctls[i]);
		const char *value = read_line(reading, path);
		if (value) {
			host->sysctls[host->sysctl_count++] = (struct sysctl){sysctls[i], value, i};
		} else if (errno != ENOENT && errno != ENOMEM) {
			host->sysctls_unread |= UINT64_C(1) << i;
			snprintf(reason, sizeof(reason), "%s on a sysctl", strerrorname_np(errno));
			note(reading, reason, sysctls[i], "run as root");
		}
	}
}

/* Without libproc2, whose procps_stat_new looks for libnuma in every directory of libraries. */
static time_t read_boot_time(struct reading *reading)
{
	struct buffer *buffer = &reading->buffer;

	if (buffer_read(buffer, reading->proc, "stat", STAT_LIMIT) < 0)
		return 0;
	return host_boot_parse(buffer->data, buffer->length);
}

static void read_machine(struct reading *reading)
{
	struct host *host = &reading->snapshot->host;
	struct meminfo_info *memory = NULL;
	const struct meminfo_result *total = NULL;
	long processors = procps_cpu_count();

	if (!procps_meminfo_new(&memory))
		total = procps_meminfo_get(memory, MEMINFO_MEM_TOTAL);
	if (total)
		host->memory_total = (uint64_t)total->result.ul_int * 1024;
	host->boot_time = read_boot_time(reading);
	host->processors = processors > 0 ? (unsigned)processors : 0;
	procps_meminfo_unref(&memory);
	if (!total || !host->boot_time)
		note(reading, "memory or boot time is not readable", "/proc/meminfo", NULL);
}

/* Which of the files that runtimes mask this kernel has: where ours are masked they are there all the same.
 */
static void find_proc_entries(struct reading *reading)
{
	struct stat facts;

	for (unsigned entry = 0; entry < PROC_ENTRY_COUNT; entry++)
		if (!fstatat(reading->proc, proc_entry_names[entry], &facts, AT_SYMLINK_NOFOLLOW))
			reading->snapshot->host.proc_entries |= 1u << entry;
		else if (errno != ENOENT)
			note(reading, "files of procfs that runtimes mask cannot be looked at",
			     proc_entry_names[entry], NULL);
}

/* ---- all of it --------------------------------------------------------------------------------- */

static int open_proc(const char *path, struct error **error)
{
	int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs facts;

	if (proc >= 0 && !fstatfs(proc, &facts) && facts.f_type == PROC_SUPER_MAGIC)
		return proc;
	if (proc < 0) {
		error_set(error, errno, "reading processes in %s", path);
	} else {
		error_set(error, 0, "reading processes in %s: not a procfs", path);
		close(proc);
	}
	return error_remedy(error, "mount it with `mount -t proc proc %s`", path);
}

static int read_all(struct reading *reading, struct error **error)
{
	struct host *host = &reading->snapshot->host;

	if (read_self(reading, error))
		return -1;
	read_names(reading);
	host->ticks = procps_hertz_get();
	host->boot_id = read_line(reading, "sys/kernel/random/boot_id");
	if (!host->boot_id)
		note(reading, "boot id is not readable", "sys/kernel/random/boot_id",
		     "mount procfs with /proc/sys visible");
	read_last_capability(reading);
	find_view(reading);
	find_namespaces(reading);
	read_mounts(reading);
	if (reading->request->facts & REQUEST_MACHINE) {
		read_lsms(reading);
		read_sysctls(reading);
		find_proc_entries(reading);
		read_machine(reading);
	}
	if (reading->out_of_memory)
		return error_set(error, ENOMEM, "reading facts of the host");
	return 0;
}

static int collect(struct snapshot *snapshot, const struct request *request, struct coverage *coverage,
		   struct error **error)
{
	struct reading reading = {.snapshot = snapshot, .request = request, .coverage = coverage};
	_cleanup_close_ int proc = open_proc(request->proc, error);
	int result;

	if (proc < 0)
		return -1;
	reading.proc = proc;
	result = read_all(&reading, error);
	buffer_free(&reading.buffer);
	if (coverage->reasons)
		coverage->missed = 1;
	else
		coverage->seen = 1;
	return result;
}

const struct collector collector_host = {
	.name = "host",
	.required = true,
	.description = "kernel, security modules, hardening sysctls, cgroup version, and the auditor's own "
		       "privileges",
	.collect = collect,
};
