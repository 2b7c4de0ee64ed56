/* What an audit sends, with each allocation and each write failing in turn: it is delivered, or it is told
 * that it is not; and nothing is leaked. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/audit_send.h"
#include "agent/command.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"
#include "tests/unit/build.h"

enum { CONTAINERS = 3 };

struct place {
	struct build *build;
	char directory[64], file[96], url[112], spool[96];
	int said, stderr_before;
};

static int setup(void **state)
{
	static const char *const names[CONTAINERS] = {"a", "b", "c"};
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	*state = place;
	place->build = build_new(CONTAINERS);
	for (int i = 0; i < CONTAINERS; i++)
		build_root(build_process(place->build, 10 + i, build_container(place->build, names[i]),
					 "/bin/a"),
			   CAPABILITY_MASK(CAP_SYS_ADMIN));
	strcpy(place->directory, "/tmp/proctor-fault-send-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/out", place->directory);
	snprintf(place->url, sizeof(place->url), "file://%s", place->file);
	snprintf(place->spool, sizeof(place->spool), "%s/spool", place->directory);
	place->said = memfd_create("said", MFD_CLOEXEC);
	place->stderr_before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	return place->said < 0 || place->stderr_before < 0 ? -1 : 0;
}

static void remove_files(const struct place *place)
{
	static const char *const names[] = {"proctor.db", "proctor.db-wal", "proctor.db-shm"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", place->spool, names[i]);
		unlink(path);
	}
	rmdir(place->spool);
	unlink(place->file);
}

static int teardown(void **state)
{
	struct place *place = *state;

	remove_files(place);
	assert_int_equal(rmdir(place->directory), 0); /* nothing else is in it */
	build_free(place->build);
	close(place->said);
	close(place->stderr_before);
	free(place);
	return 0;
}

static size_t delivered(const struct place *place)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	const char *cursor, *line;
	size_t length, count = 0;

	if (buffer_read(&buffer, AT_FDCWD, place->file, 1 << 24) < 0)
		return 0;
	for (cursor = buffer.data; line_next(&cursor, buffer.data + buffer.length, &line, &length); count++)
		;
	return count;
}

/* With stderr taken up. Whether all was delivered. */
static bool send_all(const struct place *place, const struct findings *findings, bool spool)
{
	const char *const to[] = {place->url};
	struct audit_send send = {
		.options = {.to = to, .to_count = 1}, .within = 20, .spool = spool ? place->spool : NULL};
	_cleanup_error_ struct error *error = NULL;
	int status, result = -1;

	assert_int_equal(ftruncate(place->said, 0), 0);
	assert_true(dup2(place->said, STDERR_FILENO) >= 0);
	status = audit_send_open(&send, true, &error);
	if (status == EXIT_AUDITED)
		result = audit_send(&send, place->build->snapshot, findings);
	audit_send_close(&send);
	inject_disarm();
	assert_true(dup2(place->stderr_before, STDERR_FILENO) >= 0);
	assert_true(status == EXIT_AUDITED ? !error && lseek(place->said, 0, SEEK_END) > 0
					   : error && *error_message(error));
	return !result;
}

static void with_each_failure(const struct place *place, enum call call, int number, bool spool)
{
	const struct findings *findings = build_judge(place->build);
	unsigned long failures = 0;

	for (unsigned long nth = 1, calls = nth; nth <= calls + 1; nth++) {
		inject_arm(call, nth, number, false);
		if (send_all(place, findings, spool)) {
			assert_true(delivered(place) >= findings->count + 1);
		} else {
			failures++;
			assert_true(send_all(place, findings, spool));
		}
		calls = inject_disarm();
		remove_files(place);
	}
	assert_true(failures > 0);
}

static void test_no_memory(void **state)
{
	with_each_failure(*state, CALL_ALLOCATE, ENOMEM, false);
}

static void test_no_memory_with_a_spool(void **state)
{
	with_each_failure(*state, CALL_ALLOCATE, ENOMEM, true);
}

static void test_no_threads(void **state)
{
	with_each_failure(*state, CALL_THREAD, EAGAIN, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory_with_a_spool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_threads, setup, teardown),
	};

	unsetenv("PROCTOR_TO");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
