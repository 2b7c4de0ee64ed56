#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/daemon/confine.h"
#include "agent/daemon/confine_calls.h"
#include "agent/daemon/confine_parts.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

/* ---- the tables ------------------------------------------------------------------------------------ */

/* A misspelt one would be passed over as one that the machine does not have. */
static void test_every_call_has_a_name_that_is_known(void **state)
{
	(void)state;
	for (const struct confine_call *call = confine_calls; call->name; call++)
		if (confine_number(call->name) == __NR_SCMP_ERROR)
			fail_msg("%s is no system call", call->name);
	for (const char *const *name = confine_unknown; *name; name++)
		assert_int_not_equal(confine_number(*name), __NR_SCMP_ERROR);
	assert_int_equal(confine_number("openat2"), SYS_openat2);
	assert_int_equal(confine_number("no_such_call"), __NR_SCMP_ERROR);
}

static bool has(const char *name, unsigned roles)
{
	for (const struct confine_call *call = confine_calls; call->name; call++)
		if (!strcmp(call->name, name) && call->roles & roles)
			return true;
	return false;
}

static void test_what_no_role_does(void **state)
{
	static const char *const never[] = {"execve", "execveat", "ptrace",  "mount",      "unshare",
					    "setns",  "mknod",    "mknodat", "symlink",    "process_vm_readv",
					    "keyctl", "chroot",   "setuid",  "userfaultfd"};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_false(has(never[i], ~0u));
	assert_false(has("bpf", ~(unsigned)CALL_LEARNING));
	assert_false(has("socket", CALL_AUDITOR));
	assert_false(has("unlinkat", CALL_AUDITOR));
	assert_false(has("kill", CALL_BOTH));
	assert_true(has("kill", CALL_PARENT));
}

static void test_no_way_to_open_writes(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPEN_WAYS; i++) {
		assert_int_equal(open_ways[i].flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND), O_RDONLY);
		assert_int_equal(open_ways[i].mode, 0);
		assert_int_not_equal(open_ways[i].resolve, 0);
		assert_true(open_ways[i].flags & O_CLOEXEC);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(&open_ways[i], &open_ways[k], sizeof(open_ways[i]));
	}
	assert_int_equal(open_beneath(AT_FDCWD, "x", O_WRONLY), -1);
	assert_int_equal(errno, EINVAL);
}

/* ---- who and what ---------------------------------------------------------------------------------- */

static void test_users(void **state)
{
	struct confinement confinement = {.user = "64123"};
	_cleanup_error_ struct error *error = NULL;
	const char *fallback = "";
	struct confine_ids ids;

	(void)state;
	assert_int_equal(confine_ids(ROLE_PARENT, &confinement, &ids, &fallback, &error), 0);
	assert_int_equal(ids.uid, 64123);
	assert_int_equal(ids.gid, 64123);
	assert_null(fallback);
	confinement.auditor_user = "root";
	assert_int_equal(confine_ids(ROLE_AUDITOR, &confinement, &ids, &fallback, &error), 0);
	assert_int_equal(ids.uid, 0);
	assert_int_equal(confine_ids(ROLE_SHIPPER, &confinement, &ids, &fallback, &error), 0);
	assert_int_equal(ids.uid, 64123);
}

static void test_users_that_are_none(void **state)
{
	static const char *const none[] = {"",    "no such user",        "-1", "4294967295", "4294967296",
					   "12x", "18446744073709551616"};
	const char *fallback;
	struct confine_ids ids;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		_cleanup_error_ struct error *error = NULL;
		const struct confinement confinement = {.user = none[i]};
		assert_int_equal(confine_ids(ROLE_SHIPPER, &confinement, &ids, &fallback, &error), -1);
		assert_true(error_has_remedy(error));
	}
}

static void test_capabilities_of_each_role(void **state)
{
	const capability_set all = (CAPABILITY_MASK(41)) - 1;
	const capability_set reading = CAPABILITY_MASK(CAP_SYS_PTRACE) | CAPABILITY_MASK(CAP_DAC_READ_SEARCH);
	const capability_set starting =
		CAPABILITY_MASK(CAP_SETUID) | CAPABILITY_MASK(CAP_SETGID) | CAPABILITY_MASK(CAP_KILL);
	const struct confinement quiet = {.user = "x"}, watching = {.file_events = true};

	(void)state;
	assert_true(confine_wanted(ROLE_AUDITOR, &quiet, true, all) == reading);
	assert_true(confine_wanted(ROLE_AUDITOR, &watching, false, all) ==
		    (reading | CAPABILITY_MASK(CAP_SYS_ADMIN)));
	assert_true(confine_wanted(ROLE_PARENT, &quiet, false, all) == reading);
	assert_true(confine_wanted(ROLE_PARENT, &quiet, true, all) == (reading | starting));
	assert_true(confine_wanted(ROLE_SHIPPER, &watching, true, all) == 0);
	assert_true(confine_wanted(ROLE_AUDITOR, &watching, false, CAPABILITY_MASK(CAP_KILL)) == 0);
	assert_true(confine_effective(ROLE_AUDITOR, reading) == reading);
	assert_true(confine_effective(ROLE_PARENT, reading | starting) == CAPABILITY_MASK(CAP_KILL));
	assert_true(confine_effective(ROLE_SHIPPER, all) == 0);
}

static void test_end_by_the_filter(void **state)
{
	(void)state;
	assert_true(confine_was_filtered(W_EXITCODE(0, SIGSYS)));
	assert_true(confine_was_filtered(W_EXITCODE(0, SIGSYS) | WCOREFLAG));
	assert_false(confine_was_filtered(W_EXITCODE(SIGSYS, 0)));
	assert_false(confine_was_filtered(W_EXITCODE(0, SIGKILL)));
}

static void test_what_is_missing_is_told_whatever_it_says(void **state)
{
	_cleanup_json_ json_t *missing = json_array();

	(void)state;
	confine_miss(missing, "landlock: %s: not writable", "/a");
	confine_miss(missing, "landlock: %s: not writable", "/\xff\n");
	assert_int_equal(json_array_size(missing), 2);
	assert_string_equal(json_string_value(json_array_get(missing, 0)), "landlock: /a: not writable");
	assert_string_equal(json_string_value(json_array_get(missing, 1)),
			    "landlock: /\\xff\\n: not writable");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_call_has_a_name_that_is_known),
		cmocka_unit_test(test_what_no_role_does),
		cmocka_unit_test(test_no_way_to_open_writes),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_users_that_are_none),
		cmocka_unit_test(test_capabilities_of_each_role),
		cmocka_unit_test(test_end_by_the_filter),
		cmocka_unit_test(test_what_is_missing_is_told_whatever_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
