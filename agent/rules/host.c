/* Settings of the machine that decide how far an intruder gets. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/remedy.h"

/* ---- host.sysctl ------------------------------------------------------------------------------- */

/* A setting, the least or most value that hardens, and what is so when it has another. */
struct setting {
	const char *name;
	bool most; /* `value` is the most it may be; else the least */
	int64_t value;
	enum severity severity;
	const char *what;
};

/* Documentation/admin-guide/sysctl of the kernel; proc_sys_kernel(5), proc_sys_fs(5). */
static const struct setting settings[] = {
	{"dev.tty.ldisc_autoload", true, 0, SEVERITY_INFO,
	 "any user has line disciplines loaded, old code of the kernel that has had flaws"},
	{"dev.tty.legacy_tiocsti", true, 0, SEVERITY_INFO,
	 "a process puts input into the terminal that it shares, that of `docker exec -t` by another user "
	 "among "
	 "them"},
	{"fs.protected_fifos", false, 1, SEVERITY_INFO,
	 "programs open pipes that others left for them in directories like /tmp"},
	{"fs.protected_hardlinks", false, 1, SEVERITY_MEDIUM,
	 "any user makes hard links to files of others, and so keeps a setuid file with a flaw past its "
	 "upgrade"},
	{"fs.protected_regular", false, 1, SEVERITY_INFO,
	 "programs open files that others left for them in directories like /tmp"},
	{"fs.protected_symlinks", false, 1, SEVERITY_MEDIUM,
	 "programs follow links that others left for them in directories like /tmp"},
	{"kernel.dmesg_restrict", false, 1, SEVERITY_LOW,
	 "any process, in containers too, reads the kernel's log with addresses and traces"},
	{"kernel.kexec_load_disabled", false, 1, SEVERITY_INFO,
	 "CAP_SYS_BOOT is enough to start another kernel, unless the running one is locked down"},
	{"kernel.kptr_restrict", false, 1, SEVERITY_INFO, "addresses of the kernel show in files of /proc"},
	{"kernel.perf_event_paranoid", false, 2, SEVERITY_LOW,
	 "any user measures the kernel, by which its addresses and secrets have leaked"},
	{"kernel.randomize_va_space", false, 2, SEVERITY_MEDIUM,
	 "addresses of programs can be foretold, which most exploits need"},
	{"kernel.unprivileged_bpf_disabled", false, 1, SEVERITY_MEDIUM,
	 "any user loads BPF programs, whose verifier has had many flaws"},
	{"kernel.yama.ptrace_scope", false, 1, SEVERITY_LOW,
	 "a process traces any other of the same user, and takes keys and sessions from its memory"},
	{"net.core.bpf_jit_harden", false, 1, SEVERITY_INFO,
	 "constants of BPF programs stand in kernel code as they were given, ready to be jumped into"},
	{"vm.mmap_min_addr", false, 4096, SEVERITY_MEDIUM,
	 "a program maps page zero, which makes flaws of the kernel out of NULL pointers"},
	{"vm.unprivileged_userfaultfd", true, 0, SEVERITY_LOW,
	 "any user holds the kernel at a page fault, which exploits of races need"},
};

static const struct setting *setting_of(const char *name)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!strcmp(settings[i].name, name))
			return &settings[i];
	return NULL;
}

/* A whole decimal number; false for anything else. */
static bool read_value(const char *text, int64_t *value)
{
	bool negative = *text == '-';
	const char *cursor = text + negative, *end = text + strlen(text);
	uint64_t number;

	if (!text_read_number(&cursor, end, 10, &number) || cursor != end || number > INT64_MAX)
		return false;
	*value = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

static enum severity judge_sysctl(const struct subject *subject, struct verdict *verdict)
{
	const struct sysctl *sysctl = subject->sysctl;
	const struct setting *setting = setting_of(sysctl->name);
	int64_t value;

	if (!setting || !read_value(sysctl->value, &value) ||
	    (setting->most ? value <= setting->value : value >= setting->value))
		return SEVERITY_NONE;
	verdict->path = sysctl->name;
	verdict_number(verdict, "value", value);
	verdict_number(verdict, setting->most ? "at_most" : "at_least", setting->value);
	verdict_why(verdict, "%s is %s: %s; set it to %lld", sysctl->name, sysctl->value, setting->what,
		    (long long)setting->value);
	return setting->severity;
}

/* ---- host.kernel-helper ------------------------------------------------------------------------ */

/* The program in the value of a setting that names one; NULL: none. */
static const char *helper_of(const struct sysctl *sysctl)
{
	if (!strcmp(sysctl->name, "kernel.core_pattern"))
		return sysctl->value[0] == '|' ? sysctl->value + 1 + strspn(sysctl->value + 1, " ") : NULL;
	if (!strcmp(sysctl->name, "kernel.modprobe"))
		return sysctl->value[0] ? sysctl->value : NULL;
	return NULL;
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static enum severity judge_kernel_helper(const struct subject *subject, struct verdict *verdict)
{
	static const char *const system[] = {"/usr/", "/bin/",  "/sbin/",      "/lib/", "/lib64/",
					     "/opt/", "/snap/", "/nix/store/", NULL};
	static const char *const storage[] = {"/var/lib/docker/",
					      "/var/lib/containerd/",
					      "/var/lib/containers/",
					      "/proc/",
					      "/tmp/",
					      "/var/tmp/",
					      "/dev/shm/",
					      NULL};
	const char *helper = helper_of(subject->sysctl);

	if (!helper)
		return SEVERITY_NONE;
	for (const char *const *start = system; *start; start++)
		if (starts_with(helper, *start) && !strstr(helper, "/../"))
			return SEVERITY_NONE;
	verdict->path = subject->sysctl->name;
	verdict_text(verdict, "program", helper);
	for (const char *const *start = storage; *start; start++)
		if (starts_with(helper, *start)) {
			verdict_why(verdict,
				    "the kernel runs %s as root, and it lies where containers or users "
				    "write: a sign that someone got out of a container this way",
				    helper);
			return SEVERITY_CRITICAL;
		}
	return SEVERITY_MEDIUM;
}

/* ---- host.user-namespaces ---------------------------------------------------------------------- */

static bool is_setting(const struct subject *subject, const char *name, const char *value)
{
	const char *found = snapshot_sysctl(subject->snapshot, name);

	return found && !strcmp(found, value);
}

/* A container whose system calls are not filtered: there nothing else stops unshare(2). NULL: none. */
static const struct container *unfiltered_container(const struct subject *subject)
{
	for (size_t i = 0; i < subject->snapshot->container_count; i++)
		if (subject->context->groups[i].lacks_seccomp)
			return subject->snapshot->containers[i];
	return NULL;
}

static enum severity judge_user_namespaces(const struct subject *subject, struct verdict *verdict)
{
	const char *most = snapshot_sysctl(subject->snapshot, "user.max_user_namespaces");
	const struct container *container = unfiltered_container(subject);

	if (!most || !strcmp(most, "0") || is_setting(subject, "kernel.unprivileged_userns_clone", "0") ||
	    is_setting(subject, "kernel.apparmor_restrict_unprivileged_userns", "1"))
		return SEVERITY_NONE;
	verdict->path = "user.max_user_namespaces";
	verdict_text(verdict, "max_user_namespaces", most);
	verdict_text(verdict, "unprivileged_userns_clone",
		     snapshot_sysctl(subject->snapshot, "kernel.unprivileged_userns_clone"));
	if (!container) {
		verdict_why(verdict,
			    "any user has all capabilities in one of its own, and with them reaches kernel "
			    "code that is closed otherwise");
		return SEVERITY_LOW;
	}
	verdict_text(verdict, "without_seccomp", container->id);
	return SEVERITY_MEDIUM;
}

/* ---- host.no-lsm ------------------------------------------------------------------------------- */

static enum severity judge_no_lsm(const struct subject *subject, struct verdict *verdict)
{
	const struct host *host = &subject->snapshot->host;
	const char *list = "";

	if (has_labelling_lsm(subject->snapshot) != NO)
		return SEVERITY_NONE;
	for (size_t i = 0; list && i < host->lsm_count; i++)
		list = verdict_format(verdict, "%s%s%s", list, *list ? "," : "", host->lsms[i]);
	verdict_text(verdict, "loaded", list);
	return subject->snapshot->container_count ? SEVERITY_LOW : SEVERITY_INFO;
}

/* ---- the table --------------------------------------------------------------------------------- */

const struct rule rules_host[] = {
	{
		.id = "host.sysctl",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_SYSCTL,
		.good = "The kernel's hardening settings are on",
		.bad = "A hardening setting of the kernel is off",
		.why = "it makes flaws of the kernel or of other programs easier to use",
		.attack = "An intruder without rights uses what it leaves open to become another user, or to "
			  "take "
			  "the kernel that all containers share.",
		.remedy = {.text = "Set it in /etc/sysctl.d and run `sysctl --system`; on ECS by the "
				   "instance's user data. Fargate's hosts are not yours."},
		.references = REFERENCES("https://docs.kernel.org/admin-guide/sysctl/", "sysctl.d(5)",
					 ATTACK("T1068", "Exploitation for Privilege Escalation")),
		.judge = judge_sysctl,
	},
	{
		.id = "host.kernel-helper",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_SYSCTL,
		.good = "Programs that the kernel runs as root lie in system directories",
		.bad = "The kernel runs a program as root that lies in an unusual place",
		.why = "whoever can write to that place, or set the value, is root on the host at the next "
		       "crash of "
		       "a program or load of a module",
		.attack = "core_pattern and modprobe are the usual targets of an escape: both name a program "
			  "that "
			  "runs outside every container.",
		.remedy = {.text = "Set kernel.core_pattern and kernel.modprobe back to what the "
				   "distribution ships, "
				   "and find out who changed them; look for a container with a writable "
				   "/proc/sys."},
		.references = REFERENCES(T1611, "core(5)", "proc_sys_kernel(5)"),
		.judge = judge_kernel_helper,
	},
	{
		.id = "host.user-namespaces",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_HOST,
		.good = "Users without privilege cannot make user namespaces",
		.bad = "Users without privilege can make user namespaces",
		.why = "a container without a seccomp filter can make one and has all capabilities in it, "
		       "which "
		       "opens kernel code that is closed to it otherwise",
		.attack = "Most exploits of netfilter, traffic control and file systems of the last years "
			  "begin "
			  "with unshare(CLONE_NEWUSER).",
		.remedy = {.text = "Where no browser or rootless container needs them: "
				   "user.max_user_namespaces=0, or kernel.unprivileged_userns_clone=0 "
				   "(Debian), kernel.apparmor_restrict_unprivileged_userns=1 (Ubuntu)."},
		.references = REFERENCES("user_namespaces(7)", "sysctl.d(5)",
					 ATTACK("T1068", "Exploitation for Privilege Escalation")),
		.judge = judge_user_namespaces,
	},
	{
		.id = "host.no-lsm",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_HOST,
		.good = "AppArmor, SELinux or another LSM that confines by policy is loaded",
		.bad = "No LSM that confines by policy is loaded",
		.why = "between a container's capabilities and the host there is no second wall",
		.attack = "What capabilities and namespaces let through, nothing else refuses.",
		.remedy = {.text = "Load AppArmor or SELinux, and let the ECS agent use it: "
				   "ECS_APPARMOR_CAPABLE, ECS_SELINUX_CAPABLE."},
		.references = REFERENCES(CIS_DOCKER("5.2"), CIS_DOCKER("5.3"),
					 "https://docs.kernel.org/admin-guide/LSM/"),
		.judge = judge_no_lsm,
	},
	{0},
};
