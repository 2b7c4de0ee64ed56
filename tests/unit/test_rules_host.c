#include "tests/unit/test.h"

#include <string.h>

#include "tests/unit/build.h"

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

/* Judges the machine with that one sysctl. */
static void assert_sysctl(struct build *build, const char *rule, const char *name, const char *value,
			  enum severity expected)
{
	build->snapshot->host.sysctl_count = 0;
	build_sysctl(build, name, value);
	assert_severity(build, rule, expected);
}

/* ---- host.sysctl ------------------------------------------------------------------------------- */

static void test_sysctl(void **state)
{
	struct build *build = *state;

	assert_sysctl(build, "host.sysctl", "kernel.randomize_va_space", "2", SEVERITY_NONE);
	assert_sysctl(build, "host.sysctl", "kernel.randomize_va_space", "1", SEVERITY_MEDIUM);
	assert_string_equal(build_finding(build, "host.sysctl")->path, "kernel.randomize_va_space");
	assert_sysctl(build, "host.sysctl", "kernel.perf_event_paranoid", "-1", SEVERITY_LOW);
	assert_sysctl(build, "host.sysctl", "kernel.perf_event_paranoid", "3", SEVERITY_NONE);
	assert_sysctl(build, "host.sysctl", "vm.unprivileged_userfaultfd", "0", SEVERITY_NONE);
	assert_sysctl(build, "host.sysctl", "vm.unprivileged_userfaultfd", "1", SEVERITY_LOW);
	assert_sysctl(build, "host.sysctl", "kernel.kptr_restrict", "0", SEVERITY_INFO);
	assert_sysctl(build, "host.sysctl", "kernel.sysrq", "1", SEVERITY_NONE); /* nothing is said of it */
}

static void test_sysctl_that_is_no_number(void **state)
{
	struct build *build = *state;

	assert_sysctl(build, "host.sysctl", "kernel.randomize_va_space", "", SEVERITY_NONE);
	assert_sysctl(build, "host.sysctl", "kernel.randomize_va_space", "1x", SEVERITY_NONE);
	assert_sysctl(build, "host.sysctl", "kernel.randomize_va_space", "-", SEVERITY_NONE);
	assert_sysctl(build, "host.sysctl", "kernel.randomize_va_space", "99999999999999999999",
		      SEVERITY_NONE);
}

static void test_each_sysctl_is_a_finding_of_its_own(void **state)
{
	struct build *build = *state;

	build_sysctl(build, "fs.protected_hardlinks", "0");
	build_sysctl(build, "fs.protected_symlinks", "0");
	assert_int_equal(build_judge(build)->count, 2);
}

/* ---- host.kernel-helper ------------------------------------------------------------------------ */

static void assert_helper(struct build *build, const char *value, enum severity expected)
{
	assert_sysctl(build, "host.kernel-helper", "kernel.core_pattern", value, expected);
}

static void test_kernel_helper(void **state)
{
	struct build *build = *state;

	assert_helper(build, "core", SEVERITY_NONE);
	assert_helper(build, "/tmp/core.%p", SEVERITY_NONE); /* a file, not a program */
	assert_helper(build, "|/usr/lib/systemd/systemd-coredump %P", SEVERITY_NONE);
	assert_helper(build, "| /usr/lib/systemd/systemd-coredump %P", SEVERITY_NONE);
	assert_helper(build, "|/tmp/x", SEVERITY_CRITICAL);
	assert_helper(build, "|/var/lib/docker/overlay2/abc/diff/x", SEVERITY_CRITICAL);
	assert_helper(build, "|/proc/123/root/x", SEVERITY_CRITICAL);
	assert_helper(build, "|/usr/../tmp/x", SEVERITY_MEDIUM);
	assert_helper(build, "|/srv/x", SEVERITY_MEDIUM);
	assert_sysctl(build, "host.kernel-helper", "kernel.modprobe", "/sbin/modprobe", SEVERITY_NONE);
	assert_sysctl(build, "host.kernel-helper", "kernel.modprobe", "", SEVERITY_NONE);
	assert_sysctl(build, "host.kernel-helper", "kernel.modprobe", "/dev/shm/x", SEVERITY_CRITICAL);
}

/* ---- host.user-namespaces ---------------------------------------------------------------------- */

static void test_user_namespaces(void **state)
{
	struct build *build = *state;
	struct process *process;

	assert_severity(build, "host.user-namespaces", SEVERITY_NONE); /* not read */
	build_sysctl(build, "user.max_user_namespaces", "0");
	assert_severity(build, "host.user-namespaces", SEVERITY_NONE);
	build->snapshot->host.sysctls[0].value = "31000";
	assert_severity(build, "host.user-namespaces", SEVERITY_LOW);
	process = build_process(build, 10, build_container(build, "web"), "/bin/web");
	assert_severity(build, "host.user-namespaces", SEVERITY_LOW);
	process->credentials.seccomp = SECCOMP_OFF;
	assert_severity(build, "host.user-namespaces", SEVERITY_MEDIUM);
	build_sysctl(build, "kernel.unprivileged_userns_clone", "1");
	assert_severity(build, "host.user-namespaces", SEVERITY_MEDIUM);
	build->snapshot->host.sysctls[1].value = "0";
	assert_severity(build, "host.user-namespaces", SEVERITY_NONE);
	build->snapshot->host.sysctls[1] =
		(struct sysctl){"kernel.apparmor_restrict_unprivileged_userns", "1", 1};
	assert_severity(build, "host.user-namespaces", SEVERITY_NONE);
}

/* ---- host.no-lsm ------------------------------------------------------------------------------- */

static void test_no_lsm(void **state)
{
	struct build *build = *state;

	assert_severity(build, "host.no-lsm", SEVERITY_NONE);
	build_without_lsm(build);
	assert_severity(build, "host.no-lsm", SEVERITY_INFO);
	build_container(build, "web");
	assert_severity(build, "host.no-lsm", SEVERITY_LOW);
	build->snapshot->host.lsms_known = false;
	assert_severity(build, "host.no-lsm", SEVERITY_NONE);
}

/* ---- policy.exception-expired ------------------------------------------------------------------ */

static void test_exception_expired(void **state)
{
	struct build *build = *state;
	struct exception exceptions[] = {
		{.name = "exception a", .rule = "*", .reason = "later", .expires = "2020-01-01"},
		{.name = "exception b", .rule = "*", .reason = "later", .expires = "2020-01-01"},
	};

	build->policy.exceptions = exceptions;
	build->policy.exception_count = 2;
	assert_severity(build, "policy.exception-expired", SEVERITY_NONE);
	exceptions[0].expired = exceptions[1].expired = true;
	assert_severity(build, "policy.exception-expired", SEVERITY_LOW);
	assert_int_equal(build->findings->count, 2);
	assert_string_equal(build->findings->list[0]->kind, "exception");
	assert_string_equal(build->findings->list[0]->path, "exception a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_sysctl),
		BUILD_TEST(test_sysctl_that_is_no_number),
		BUILD_TEST(test_each_sysctl_is_a_finding_of_its_own),
		BUILD_TEST(test_kernel_helper),
		BUILD_TEST(test_user_namespaces),
		BUILD_TEST(test_no_lsm),
		BUILD_TEST(test_exception_expired),
	};

	return cmocka_run_group_tests_name("rules_host", tests, NULL, NULL);
}
