/* Directories that root makes for the agent's user. */
#include "tests/unit/test.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/daemon/places.h"

enum { USER = 64999, FAILED = 3 };

struct fixture {
	char above[64], state[80], beside[80];
};

static int begin(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	snprintf(fixture->above, sizeof(fixture->above), "/tmp/proctor-places-XXXXXX");
	assert_non_null(mkdtemp(fixture->above)); /* that only root may write to */
	snprintf(fixture->state, sizeof(fixture->state), "%s/state", fixture->above);
	snprintf(fixture->beside, sizeof(fixture->beside), "%s/beside", fixture->above);
	*state = fixture;
	return 0;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	rmdir(fixture->state);
	unlink(fixture->beside);
	assert_int_equal(rmdir(fixture->above), 0);
	free(fixture);
	return 0;
}

/* What becomes of it without that capability of root's; and makes a file beside it then. */
static int make_without(const struct fixture *fixture, unsigned capability)
{
	const struct settings settings = {.state = fixture->state, .user = "64999"};
	char *none[] = {NULL};
	const struct places places = {.written = none, .read = none};
	pid_t child = fork();
	int status;

	if (!child) {
		int result;
		capng_get_caps_process();
		capng_update(CAPNG_DROP, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capability);
		if (capng_apply(CAPNG_SELECT_CAPS))
			_exit(1);
		result = places_make(&places, &settings, NULL);
		close(open(fixture->beside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		_exit(result ? FAILED : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_owner(const char *path, uid_t user)
{
	struct stat facts;

	assert_int_equal(lstat(path, &facts), 0);
	assert_int_equal(facts.st_uid, user);
	assert_int_equal(facts.st_gid, user);
}

/* Without the right to give anything away: it belongs to the user from the start. */
static void test_it_is_the_user_s_from_the_start(void **state)
{
	const struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(make_without(fixture, CAP_CHOWN), 0);
	assert_owner(fixture->state, USER);
	assert_owner(fixture->beside, 0);
}

static void test_what_is_there_stays(void **state)
{
	const struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(fixture->state, 0700), 0);
	assert_int_equal(make_without(fixture, CAP_CHOWN), 0);
	assert_owner(fixture->state, 0);
}

static void test_where_it_may_not_be_made_root_stays_root(void **state)
{
	const struct fixture *fixture = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(make_without(fixture, CAP_SETUID), FAILED);
	assert_int_equal(access(fixture->state, F_OK), -1);
	assert_owner(fixture->beside, 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_the_user_s_from_the_start),
		TEST(test_what_is_there_stays),
		TEST(test_where_it_may_not_be_made_root_stays_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
