#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

#define CAP(name) CAPABILITY_MASK(CAP_##name)

/* The container `web` with one process, not confined by an LSM. */
static struct container *contained(struct build *build)
{
	struct container *container;

	build_without_lsm(build);
	container = build_container(build, "web");
	build_process(build, 10, container, "/bin/web");
	return container;
}

static struct process *first(const struct container *container)
{
	return (struct process *)container->init;
}

static struct mount *root_of(const struct container *container)
{
	return &container->mount_namespace->mounts[0];
}

/* The container's mount at that point. */
static struct mount *mount_at(const struct container *container, const char *point)
{
	for (size_t i = 0; i < container->mount_namespace->mount_count; i++)
		if (!strcmp(container->mount_namespace->mounts[i].point, point))
			return &container->mount_namespace->mounts[i];
	fail_msg("no mount at %s", point);
	return NULL;
}

/* Takes it out of sight, as one that was never made. */
static void cover(const struct container *container, const char *point)
{
	mount_at(container, point)->covered = true;
}

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

/* ---- mount.writable-root ----------------------------------------------------------------------- */

static void test_writable_root(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	assert_severity(build, "mount.writable-root", SEVERITY_NONE);
	root_of(container)->options = 0;
	assert_severity(build, "mount.writable-root", SEVERITY_LOW);
	build_root(first(container), 0);
	assert_severity(build, "mount.writable-root", SEVERITY_MEDIUM);
	root_of(container)->super_options = MOUNT_READ_ONLY; /* the file system itself is */
	assert_severity(build, "mount.writable-root", SEVERITY_NONE);
}

static const char *text_evidence(const struct build *build, const char *rule, const char *name)
{
	const struct evidence *evidence = build_evidence(build_finding(build, rule), name);

	return evidence ? evidence->text : NULL;
}

/* A filter that allows mount(2), as Docker's does to who has CAP_SYS_ADMIN, cannot be told from one that does
 * not: it is told as a possibility, and as less bad. */
static void test_root_that_can_be_remounted(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	build_root(first(container), CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "mount.writable-root", SEVERITY_NONE);
	build_root(first(container), CAP(SYS_ADMIN));
	assert_severity(build, "mount.writable-root", SEVERITY_LOW);
	assert_non_null(strstr(build_finding(build, "mount.writable-root")->title, "may be remounted"));
	assert_non_null(strstr(text_evidence(build, "mount.writable-root", "remountable_unless"), "filter"));
	first(container)->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "mount.writable-root", SEVERITY_MEDIUM);
	assert_non_null(strstr(build_finding(build, "mount.writable-root")->title, "can be remounted"));
	first(container)->lsm = "docker-default (enforce)";
	assert_severity(build, "mount.writable-root", SEVERITY_LOW);
}

/* Gives the process CAP_SYS_ADMIN in a user namespace of its own that owns the container's mounts. */
static void own_mounts(struct build *build, const struct container *container)
{
	struct mount_namespace *mounts = (struct mount_namespace *)container->mount_namespace;

	build_root(first(container), CAP(SYS_ADMIN));
	build_user_namespace(build, first(container), 100000);
	mounts->owner = first(container)->user_namespace->inode;
}

static void test_root_that_can_be_remounted_in_a_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount_namespace *mounts = (struct mount_namespace *)container->mount_namespace;

	own_mounts(build, container);
	assert_severity(build, "mount.writable-root", SEVERITY_INFO);
	first(container)->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "mount.writable-root", SEVERITY_LOW);
	root_of(container)->super_options = MOUNT_READ_ONLY; /* not a file system of its own */
	assert_severity(build, "mount.writable-root", SEVERITY_NONE);
	root_of(container)->super_options = 0;
	mounts->owner = build_initial(NAMESPACE_USER); /* its mounts are the host's to change */
	assert_severity(build, "mount.writable-root", SEVERITY_NONE);
	mounts->owner = first(container)->user_namespace->inode;
	first(container)->namespaces[NAMESPACE_MNT]++; /* nor does it reach them from another namespace */
	assert_severity(build, "mount.writable-root", SEVERITY_NONE);
}

static void test_mounts_that_were_not_read(void **state)
{
	struct build *build = *state;

	contained(build)->mount_namespace = NULL;
	build_judge(build);
	for (size_t i = 0; i < build->findings->count; i++)
		assert_string_not_equal(build->findings->list[i]->kind, "mount");
}

/* ---- mount.host-path --------------------------------------------------------------------------- */

static void assert_host_path(struct build *build, struct mount *mount, const char *path,
			     enum severity writable, enum severity readable)
{
	mount->host_path = path;
	mount->options = 0;
	assert_severity(build, "mount.host-path", writable);
	mount->options = MOUNT_READ_ONLY;
	assert_severity(build, "mount.host-path", readable);
}

static struct mount *host_mount(struct build *build, struct container *container)
{
	struct mount *mount = build_mount(build, container, "ext4", "/somewhere", "/mnt");

	mount->kind = MOUNT_HOST_PATH;
	return mount;
}

static void test_host_path_as_root(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = host_mount(build, container);

	build_root(first(container), CAPABILITY_DOCKER_DEFAULT);
	assert_host_path(build, mount, "/", SEVERITY_CRITICAL, SEVERITY_HIGH);
	assert_host_path(build, mount, "/etc", SEVERITY_CRITICAL, SEVERITY_HIGH);
	assert_host_path(build, mount, "/etc/nginx/conf.d", SEVERITY_HIGH, SEVERITY_LOW);
	assert_host_path(build, mount, "/etc/cron.d/job", SEVERITY_CRITICAL, SEVERITY_LOW);
	assert_host_path(build, mount, "/etc/localtime", SEVERITY_LOW, SEVERITY_INFO);
	assert_host_path(build, mount, "/etcetera", SEVERITY_LOW, SEVERITY_INFO);
	assert_host_path(build, mount, "/root/.ssh", SEVERITY_CRITICAL, SEVERITY_HIGH);
	assert_host_path(build, mount, "/var", SEVERITY_CRITICAL, SEVERITY_HIGH);
	assert_host_path(build, mount, "/var/www", SEVERITY_LOW, SEVERITY_INFO);
	assert_host_path(build, mount, "/var/spool/cron", SEVERITY_CRITICAL, SEVERITY_LOW);
	assert_host_path(build, mount, "/var/lib/docker/overlay2", SEVERITY_CRITICAL, SEVERITY_HIGH);
	assert_host_path(build, mount, "/usr/share/zoneinfo", SEVERITY_HIGH, SEVERITY_INFO);
	assert_host_path(build, mount, "/srv/data", SEVERITY_LOW, SEVERITY_INFO);
	mount->host_path = NULL; /* where on the host it lies is not known */
	mount->root = "/etc";
	assert_severity(build, "mount.host-path", SEVERITY_HIGH);
	assert_non_null(build_evidence(build_finding(build, "mount.host-path"), "path_in_file_system"));
}

static void test_host_path_as_user(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = host_mount(build, container);

	assert_host_path(build, mount, "/", SEVERITY_MEDIUM, SEVERITY_LOW);
	assert_host_path(build, mount, "/srv/data", SEVERITY_INFO, SEVERITY_INFO);
	first(container)->credentials.permitted = CAP(DAC_OVERRIDE); /* no permission holds it back */
	assert_host_path(build, mount, "/", SEVERITY_CRITICAL, SEVERITY_HIGH);
	first(container)->credentials.permitted = 0;
	first(container)->known = 0; /* who runs there is not known: not taken for good */
	assert_host_path(build, mount, "/", SEVERITY_CRITICAL, SEVERITY_HIGH);
}

static void test_host_path_that_can_be_remounted(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = host_mount(build, container);

	build_root(first(container), CAP(SYS_ADMIN));
	assert_host_path(build, mount, "/etc/nginx", SEVERITY_HIGH, SEVERITY_MEDIUM);
	assert_non_null(strstr(build_finding(build, "mount.host-path")->why, "unless its seccomp filter"));
	assert_host_path(build, mount, "/etc", SEVERITY_CRITICAL, SEVERITY_HIGH);
	first(container)->credentials.seccomp = SECCOMP_OFF;
	assert_host_path(build, mount, "/etc", SEVERITY_CRITICAL, SEVERITY_CRITICAL);
	assert_non_null(build_evidence(build_finding(build, "mount.host-path"), "remountable"));
}

/* What was read-only on the host stays so in a user namespace, what the runtime made so does not; both look
 * alike. */
static void test_host_path_that_may_be_locked(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = host_mount(build, container);

	own_mounts(build, container);
	first(container)->credentials.seccomp = SECCOMP_OFF;
	assert_host_path(build, mount, "/etc", SEVERITY_MEDIUM, SEVERITY_LOW);
	assert_non_null(strstr(build_finding(build, "mount.host-path")->why, "unless it was read-only"));
}

static void test_host_path_in_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	build_root(first(container), capability_all(40));
	build_user_namespace(build, first(container), 100000);
	assert_host_path(build, host_mount(build, container), "/etc", SEVERITY_MEDIUM, SEVERITY_LOW);
}

static void test_host_path_that_does_not_count(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = host_mount(build, container);

	mount->host_path = "/etc";
	mount->covered = true;
	assert_severity(build, "mount.host-path", SEVERITY_NONE);
	mount->covered = false;
	mount->bound_along = true; /* the mount that it came with is told */
	assert_severity(build, "mount.host-path", SEVERITY_NONE);
	mount->bound_along = false;
	mount->kind = MOUNT_RUNTIME_FILE;
	assert_severity(build, "mount.host-path", SEVERITY_NONE);
	mount->kind = MOUNT_PLAIN;
	assert_severity(build, "mount.host-path", SEVERITY_NONE);
}

/* ---- mount.runtime-socket ---------------------------------------------------------------------- */

static void test_runtime_socket(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = build_mount(build, container, "tmpfs", "/docker.sock", "/run/docker.sock");

	assert_severity(build, "mount.runtime-socket", SEVERITY_NONE);
	mount->kind = MOUNT_RUNTIME_SOCKET;
	assert_severity(build, "mount.runtime-socket", SEVERITY_HIGH);
	build_root(first(container), 0);
	mount->options = MOUNT_READ_ONLY; /* does not hinder connect(2) */
	assert_severity(build, "mount.runtime-socket", SEVERITY_CRITICAL);
	build_user_namespace(build, first(container), 100000);
	assert_severity(build, "mount.runtime-socket", SEVERITY_HIGH);
	mount->covered = true;
	assert_severity(build, "mount.runtime-socket", SEVERITY_NONE);
}

/* ---- mount.proc-unmasked ----------------------------------------------------------------------- */

static void unmask(const struct container *container)
{
	cover(container, "/proc/kcore");
	cover(container, "/proc/keys");
	cover(container, "/proc/timer_list");
}

static void test_proc_unmasked(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	assert_severity(build, "mount.proc-unmasked", SEVERITY_NONE);
	unmask(container);
	assert_severity(build, "mount.proc-unmasked", SEVERITY_LOW);
	assert_string_equal(text_evidence(build, "mount.proc-unmasked", "unmasked"),
			    "kcore, keys, timer_list");
	build_root(first(container), CAPABILITY_DOCKER_DEFAULT);
	assert_severity(build, "mount.proc-unmasked", SEVERITY_MEDIUM);
	build_root(first(container), CAP(SYS_RAWIO));
	assert_severity(build, "mount.proc-unmasked", SEVERITY_HIGH);
	build_user_namespace(build, first(container), 100000);
	assert_severity(build, "mount.proc-unmasked", SEVERITY_LOW);
}

/* Each that the kernel has is to be masked: one mask does not stand for all. */
static void test_proc_unmasked_in_part(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct host *host = &build->snapshot->host;

	build_root(first(container), CAP(SYS_RAWIO));
	cover(container, "/proc/kcore");
	assert_string_equal(severity_names[build_severity(build, "mount.proc-unmasked")], "high");
	assert_string_equal(text_evidence(build, "mount.proc-unmasked", "unmasked"), "kcore");
	host->proc_entries &= ~(1u << PROC_KCORE); /* a kernel without it */
	assert_severity(build, "mount.proc-unmasked", SEVERITY_NONE);
	host->proc_entries |= 1u << PROC_ACPI;
	assert_severity(build, "mount.proc-unmasked", SEVERITY_LOW);
	build_mount(build, container, "tmpfs", "/", "/proc/acpi");
	assert_severity(build, "mount.proc-unmasked", SEVERITY_NONE);
	mount_at(container, "/proc/keys")->type = "proc"; /* made read-only, not masked */
	assert_severity(build, "mount.proc-unmasked", SEVERITY_MEDIUM);
	assert_string_equal(text_evidence(build, "mount.proc-unmasked", "unmasked"), "keys");
}

static void test_second_procfs(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	build_root(first(container), 0);
	build_mount(build, container, "proc", "/", "/host/proc");
	assert_severity(build, "mount.proc-unmasked", SEVERITY_MEDIUM);
	assert_string_equal(build_finding(build, "mount.proc-unmasked")->path, "/host/proc");
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_CRITICAL);
}

/* ---- mount.shared-propagation ------------------------------------------------------------------ */

/* The host with one shared mount, of peer group 7. */
static void add_host_mounts(struct build *build)
{
	static struct mount mounts[] = {{.id = 1, .root = "/", .point = "/", .type = "ext4", .shared = 7}};
	static struct mount_namespace host = {
		.mounts = mounts, .mount_count = 1, .root = mounts, .host = true};

	build->snapshot->mount_namespaces[build->snapshot->mount_namespace_count++] = &host;
}

static void test_shared_propagation(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = host_mount(build, container);

	mount->shared = 7;
	assert_severity(build, "mount.shared-propagation", SEVERITY_NONE); /* the host's are not known */
	add_host_mounts(build);
	assert_severity(build, "mount.shared-propagation", SEVERITY_LOW);
	build_root(first(container), CAP(SYS_ADMIN));
	assert_severity(build, "mount.shared-propagation", SEVERITY_MEDIUM);
	first(container)->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "mount.shared-propagation", SEVERITY_HIGH);
	mount->shared = 8; /* a group within the container */
	assert_severity(build, "mount.shared-propagation", SEVERITY_NONE);
	mount->shared = 0;
	mount->master = 7; /* a slave gets, and gives nothing */
	assert_severity(build, "mount.shared-propagation", SEVERITY_NONE);
}

/* ---- mount.writable-kernel-interface ----------------------------------------------------------- */

static void test_writable_proc_sys(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_NONE);
	cover(container, "/proc/sys");
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_INFO);
	build_root(first(container), 0);
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_CRITICAL);
	assert_non_null(strstr(build_finding(build, "mount.writable-kernel-interface")->why, "core_pattern"));
	first(container)->lsm = "docker-default (enforce)";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_MEDIUM);
	mount_at(container, "/proc")->options |= MOUNT_READ_ONLY;
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_NONE);
}

static void test_writable_sysrq_trigger_beside_a_read_only_proc_sys(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	cover(container, "/proc/sysrq-trigger");
	build_root(first(container), 0);
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	assert_non_null(strstr(build_finding(build, "mount.writable-kernel-interface")->why, "restarts"));
	build->snapshot->host.proc_entries &= ~(1u << PROC_SYSRQ_TRIGGER); /* a kernel without it */
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_NONE);
}

static void test_writable_proc_sys_in_user_namespace(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	cover(container, "/proc/sys");
	build_root(first(container), capability_all(40));
	build_user_namespace(build, first(container), 100000);
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_INFO);
}

static void test_part_of_proc_bound_writable(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	build_root(first(container), 0);
	mount_at(container, "/proc/sys")->options = 0;
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_CRITICAL);
	mount_at(container, "/proc/sys")->options = MOUNT_READ_ONLY;
	mount_at(container, "/proc/sysrq-trigger")->options = 0;
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	mount_at(container, "/proc/sysrq-trigger")->options = MOUNT_READ_ONLY;
	mount_at(container, "/proc/irq")->options = 0;
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_NONE);
}

static void test_writable_cgroups(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = mount_at(container, "/sys/fs/cgroup");

	build_root(first(container), CAPABILITY_DOCKER_DEFAULT);
	mount->options = 0;
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	mount->root = "/docker/web";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_LOW);
	mount->type = "cgroup";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_LOW);
	mount->root = "/";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	build_root(first(container), CAP(SYS_ADMIN));
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_CRITICAL);
	assert_non_null(
		strstr(build_finding(build, "mount.writable-kernel-interface")->why, "release_agent"));
	build->snapshot->self.namespaces[NAMESPACE_CGROUP] = 0xF0000000; /* our `/` is not the host's */
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_LOW);
	assert_null(strstr(build_finding(build, "mount.writable-kernel-interface")->why, "release_agent"));
}

/* Each hierarchy of version 1 is a mount, and all of them one thing to mend. */
static void test_writable_cgroups_side_by_side(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);

	build_root(first(container), CAPABILITY_DOCKER_DEFAULT);
	build_mount(build, container, "cgroup", "/docker/web", "/sys/fs/cgroup/memory");
	build_mount(build, container, "cgroup", "/docker/web", "/sys/fs/cgroup/pids");
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_LOW);
	assert_int_equal(build_finding(build, "mount.writable-kernel-interface")->count, 2);
	assert_string_equal(build_finding(build, "mount.writable-kernel-interface")->path, "/sys/fs/cgroup");
	build_mount(build, container, "cgroup", "/", "/cgroup");
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	assert_string_equal(build_finding(build, "mount.writable-kernel-interface")->path, "/cgroup");
}

static void test_other_kernel_interfaces(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build);
	struct mount *mount = mount_at(container, "/sys");

	build_root(first(container), 0);
	mount->options = 0;
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	mount->type = "binfmt_misc";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_CRITICAL);
	mount->type = "tracefs";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_HIGH);
	mount->type = "bpf";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_MEDIUM);
	mount->type = "mqueue";
	assert_severity(build, "mount.writable-kernel-interface", SEVERITY_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_writable_root),
		BUILD_TEST(test_root_that_can_be_remounted),
		BUILD_TEST(test_root_that_can_be_remounted_in_a_user_namespace),
		BUILD_TEST(test_mounts_that_were_not_read),
		BUILD_TEST(test_host_path_as_root),
		BUILD_TEST(test_host_path_as_user),
		BUILD_TEST(test_host_path_that_can_be_remounted),
		BUILD_TEST(test_host_path_that_may_be_locked),
		BUILD_TEST(test_host_path_in_user_namespace),
		BUILD_TEST(test_host_path_that_does_not_count),
		BUILD_TEST(test_runtime_socket),
		BUILD_TEST(test_proc_unmasked),
		BUILD_TEST(test_proc_unmasked_in_part),
		BUILD_TEST(test_second_procfs),
		BUILD_TEST(test_shared_propagation),
		BUILD_TEST(test_writable_proc_sys),
		BUILD_TEST(test_writable_sysrq_trigger_beside_a_read_only_proc_sys),
		BUILD_TEST(test_writable_proc_sys_in_user_namespace),
		BUILD_TEST(test_part_of_proc_bound_writable),
		BUILD_TEST(test_writable_cgroups),
		BUILD_TEST(test_writable_cgroups_side_by_side),
		BUILD_TEST(test_other_kernel_interfaces),
	};

	return cmocka_run_group_tests_name("rules_mount", tests, NULL, NULL);
}
