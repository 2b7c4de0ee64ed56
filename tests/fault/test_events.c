/* Every event source, with each of its calls failing in turn: it is refused with a reason, or ends with one,
 * or goes on; and whichever it is, nothing stays open. */
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proctor/cleanup.h"
#include "proctor/event.h"
#include "tests/fault/inject.h"

enum { CALLS_MAX = 3000, PATH_SIZE = 128 };

static const struct {
	enum call call;
	int error;
	bool lasting;
} faults[] = {
	{CALL_ALLOCATE, ENOMEM, false}, {CALL_ALLOCATE, ENOMEM, true}, {CALL_OPEN, EACCES, false},
	{CALL_OPEN, EMFILE, true},      {CALL_READ, EIO, false},       {CALL_READ, EINTR, false},
	{CALL_LOOK, EACCES, false},     {CALL_LOOK, EACCES, true},     {CALL_LOOK, ENOENT, false},
};

static unsigned descriptors(void)
{
	_cleanup_closedir_ DIR *directory = opendir("/proc/self/fd");
	unsigned count = 0;

	while (directory && readdir(directory))
		count++;
	return count;
}

/* ---- something to tell ------------------------------------------------------------------------- */

/* A hierarchy that may be written to; else nothing comes of it. */
static const char *hierarchy(void)
{
	static const char *const paths[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup/devices",
					    "/sys/fs/cgroup"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (access(paths[i], W_OK) == 0)
			return paths[i];
	return "/nowhere";
}

static void cause_events(void)
{
	char path[PATH_SIZE];
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	int fd = open(own_path(), O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
	fchmod(fd, 04700);
	close(fd);
	snprintf(path, sizeof(path), "%s/proctor-fault-%d", hierarchy(), (int)getpid());
	mkdir(path, 0755);
}

static void undo_events(void)
{
	char path[PATH_SIZE];

	unlink(own_path());
	snprintf(path, sizeof(path), "%s/proctor-fault-%d", hierarchy(), (int)getpid());
	rmdir(path);
}

/* ---- one round --------------------------------------------------------------------------------- */

static void count(void *context, const struct event *event)
{
	size_t *events = context;

	assert_in_range(event->kind, EVENT_FORK, EVENT_OVERRUN);
	++*events;
}

/* The source from its opening to its end. -1 and *error as it says. */
static int live(const struct event_source *source, size_t *events, struct error **error)
{
	_cleanup_close_ int fd = source->open(error);
	int result = 0;

	if (fd < 0)
		return -1;
	void *state = source->begin ? source->begin(fd, error) : NULL;
	if (source->begin && !state)
		return -1;
	cause_events();
	result = source->read(fd, state, count, events, error);
	undo_events();
	if (!result && source->renew)
		result = source->renew(fd, state, error);
	if (!result && source->unseen && source->unseen(state))
		assert_true(strlen(source->unseen(state)) > 0);
	if (source->end)
		source->end(state);
	return result;
}

/* Lets the calls fail one after the other. */
static void fail_each(const struct event_source *source, size_t fault)
{
	for (unsigned long nth = 1; nth < CALLS_MAX; nth++) {
		_cleanup_error_ struct error *error = NULL;
		size_t events = 0;
		unsigned before = descriptors();
		inject_arm(faults[fault].call, nth, faults[fault].error, faults[fault].lasting);
		int result = live(source, &events, &error);
		unsigned long calls = inject_disarm();
		if (result && !error)
			fail_msg("%s: %s %lu (%s) failed: no reason is given", source->name,
				 call_names[faults[fault].call], nth, inject_what());
		if (descriptors() != before)
			fail_msg("%s: %s %lu (%s) failed: %u descriptors before, %u after", source->name,
				 call_names[faults[fault].call], nth, inject_what(), before, descriptors());
		if (nth > calls)
			return;
	}
	fail_msg("%s makes more than %d calls", source->name, CALLS_MAX);
}

static void test_source(void **state)
{
	const struct event_source *source = *state;
	_cleanup_error_ struct error *error = NULL;
	size_t events = 0;

	if (live(source, &events, &error)) {
		print_message("%s: %s\n", source->name, error_message(error));
		skip();
	}
	assert_true(events > 0);
	for (size_t fault = 0; fault < sizeof(faults) / sizeof(faults[0]); fault++)
		fail_each(source, fault);
}

int main(void)
{
	enum { SOURCES = 4 };
	struct CMUnitTest tests[SOURCES];
	size_t count_of_sources = 0;

	for (; count_of_sources < SOURCES && event_sources[count_of_sources]; count_of_sources++) {
		const struct event_source *source = event_sources[count_of_sources];
		tests[count_of_sources] = (struct CMUnitTest){
			.name = source->name, .test_func = test_source, .initial_state = (void *)source};
	}
	return _cmocka_run_group_tests("tests", tests, count_of_sources, NULL, NULL);
}
