/* The store with each of its calls failing in turn, once and for a while: allocations, SQLite's allocations,
 * and what SQLite asks of the kernel. Whatever fails, a call tells it or does without; and when nothing fails
 * any more, what was told comes to what is there, and no finding was opened twice. */
#include "tests/unit/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "agent/store/learned.h"
#include "agent/store/read.h"
#include "tests/fault/inject.h"

enum { LETTERS = 5 };

/* ---- what SQLite asks for ------------------------------------------------------------------------ */

static struct {
	const char *call; /* of the system, or `malloc` of SQLite; NULL: none fails */
	unsigned long count, nth;
	bool lasting;
	int error;
} armed;

static bool fails(const char *call)
{
	if (!armed.call || strcmp(armed.call, call) != 0)
		return false;
	armed.count++;
	if (!armed.nth || armed.count < armed.nth || (armed.count > armed.nth && !armed.lasting))
		return false;
	errno = armed.error;
	return true;
}

static ssize_t own_pread(int fd, void *data, size_t size, off_t offset)
{
	return fails("pread64") ? -1 : pread(fd, data, size, offset);
}

static ssize_t own_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return fails("pwrite64") ? -1 : pwrite(fd, data, size, offset);
}

static int own_truncate(int fd, off_t size)
{
	return fails("ftruncate") ? -1 : ftruncate(fd, size);
}

static int own_open(const char *path, int flags, int mode)
{
	return fails("open") ? -1 : open(path, flags, mode);
}

static sqlite3_mem_methods heap;

static void *own_malloc(int size)
{
	return fails("malloc") ? NULL : heap.xMalloc(size);
}

static void *own_realloc(void *memory, int size)
{
	return fails("malloc") ? NULL : heap.xRealloc(memory, size);
}

static void take_over(void)
{
	sqlite3_mem_methods own;
	sqlite3_vfs *vfs;

	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap), SQLITE_OK);
	own = heap;
	own.xMalloc = own_malloc;
	own.xRealloc = own_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &own), SQLITE_OK);
	vfs = sqlite3_vfs_find(NULL);
	vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)own_pread);
	vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)own_pwrite);
	vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)own_truncate);
	vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)own_open);
}

/* ---- what was told ------------------------------------------------------------------------------- */

static bool open_letters[LETTERS];
/* What cannot be read for a while comes later, behind what was told meanwhile. */
static bool in_order = true;

/* Replays the record, unless it or one behind it was before: its own sequence stays when it is tried again.
 */
static void replay(const struct queued *record, int64_t *last)
{
	_cleanup_json_ json_t *json = json_loadb(record->text, record->length, 0, NULL);
	const char *status = json_string_value(json_object_get(json, "status"));
	const char *id = json_string_value(json_object_get(json_object_get(json, "finding"), "id"));
	int64_t sequence = json_integer_value(json_object_get(json, "sequence"));

	assert_non_null(json);
	if (sequence <= *last)
		return;
	*last = sequence;
	if (!status)
		return;
	assert_non_null(id);
	if (in_order && !strcmp(status, "opened") == open_letters[id[0] - 'a'])
		fail_msg("%s %.1s", status, id);
	open_letters[id[0] - 'a'] = !strcmp(status, "opened");
}

/* Takes what waits. What is taken is done, even where that cannot be noted: it may come again. */
static void drain(struct store *store, int64_t *last)
{
	size_t count = 1;

	while (count) {
		struct batch *batch = store_next(store, "test", 100, 1 << 20, NULL);
		const struct queued *records = batch ? batch_records(batch, &count) : NULL;
		if (!records)
			count = 0;
		for (size_t i = 0; i < count; i++)
			replay(&records[i], last);
		if (count && store_done(store, "test", records, count, NULL))
			count = 0;
		batch_free(batch);
	}
}

/* ---- the story ----------------------------------------------------------------------------------- */

static const struct queue_options sink = {.sink = "test", .minimum = SEVERITY_INFO, .heartbeats = true};
static bool failing;

static struct store *begin(void)
{
	struct store_options options = test_options(own_path());
	struct store *store = store_open(&options, NULL);

	if (store && store_set_sinks(store, &sink, 1, NULL)) {
		store_close(store);
		return NULL;
	}
	return store;
}

static void look(struct store *store, const char *letters)
{
	struct look seen = {.time = LOOK_TIME};

	for (size_t i = 0; letters[i]; i++)
		seen.findings[i].letter = letters[i];
	if (look_at(store, &seen) && !failing)
		fail_msg("a pass failed when nothing else did");
}

static void learn(struct store *store)
{
	const char *const executables[] = {"/bin/chown", NULL};
	const struct watched watched = {.id = "a", .image = "web", .saw_start = true};
	struct learned_use use = {.capability = 0, .count = 1, .required = true, .executables = executables};
	const struct learned_container container = {.watched = &watched, .uses = &use, .use_count = 1};
	struct learned_history history;
	struct store_reader *reader;

	if (store_learn(store, &container, 1, &history, NULL) && !failing)
		fail_msg("it was not learned when nothing failed");
	reader = store_read_open(own_path(), NULL);
	if (reader)
		learned_free(store_read_learned(reader, NULL, NULL));
	store_read_close(reader);
}

static void read_back(struct store *store)
{
	static const struct finding_filter filter = {.standing = "open"};
	unsigned char *image = NULL;
	size_t length;
	struct store_reader *reader = store_read_open(own_path(), NULL);

	while (reader && !store_read_findings(reader, &filter, NULL) && store_read_next(reader))
		break;
	store_read_close(reader);
	if (store_image(store, &image, &length, NULL))
		return;
	reader = store_read_open_image(image, length, NULL);
	store_read_close(reader);
	free(image);
}

/* Has all that waits refused, and tried again: what cannot be is by check(), before anything else is told. */
static void refuse(struct store *store)
{
	struct batch *batch = store_next(store, "test", 100, 1 << 20, NULL);
	const struct queued *records;
	uint64_t retried;
	size_t count = 0;

	records = batch ? batch_records(batch, &count) : NULL;
	store_refuse(store, "test", records, count, "no", NULL);
	batch_free(batch);
	store_retry(store, NULL, &retried, NULL);
}

static void tell(struct store *store, int64_t *last)
{
	store_append(store, "heartbeat", "{\"version\":\"1\"}", 15, NULL);
	look(store, "ab");
	look(store, "bc");
	drain(store, last);
	store_set_status(store, "{}", 2, NULL);
	store_state_free(store_state(store, NULL));
	read_back(store);
	learn(store);
	look(store, "cd");
	refuse(store);
}

/* What was told, in all, is what is there. */
static void check(struct store *store, int64_t *last)
{
	static const bool expected[LETTERS] = {[2] = true, [4] = true};
	uint64_t retried;

	test_clock += 20000;
	store_state_free(store_state(store, NULL)); /* it notices the time, and goes back to the disk next */
	assert_int_equal(store_retry(store, NULL, &retried, NULL), 0);
	look(store, "ce");
	learn(store);
	drain(store, last);
	assert_false(store_is_degraded(store));
	if (in_order)
		assert_memory_equal(open_letters, expected, sizeof(expected));
}

/* Tells it with whatever is armed, and once more with nothing. */
static unsigned long tell_story(unsigned long (*disarm)(void))
{
	int64_t last = 0;
	unsigned long count;
	struct store *store;

	memset(open_letters, 0, sizeof(open_letters));
	failing = true;
	store = begin();
	if (store)
		tell(store, &last);
	count = disarm();
	failing = false;
	if (!store)
		store = begin();
	assert_non_null(store);
	check(store, &last);
	store_close(store);
	return count;
}

/* ---- failing ------------------------------------------------------------------------------------- */

static unsigned long disarm_sqlite(void)
{
	unsigned long count = armed.count;

	armed.call = NULL;
	return count;
}

static void fail_each(const char *call, int error, bool lasting)
{
	unsigned long nth = 1, step = 1, count;
	bool reached;

	do {
		test_directory();
		armed.count = 0;
		armed.nth = nth;
		armed.lasting = lasting;
		armed.error = error;
		armed.call = call;
		count = tell_story(disarm_sqlite);
		reached = count >= nth;
		nth += step;
		step = 1 + nth / 100; /* far in, they are much alike */
	} while (reached);
	print_message("%s%s: %lu calls\n", call, lasting ? " and all after it" : "", count);
	test_directory_remove();
}

static void test_writes(void **state)
{
	(void)state;
	fail_each("pwrite64", ENOSPC, true);
	fail_each("pwrite64", EIO, false);
	fail_each("ftruncate", EIO, false);
}

static void test_opens(void **state)
{
	(void)state;
	fail_each("open", EMFILE, false);
}

static void test_reads(void **state)
{
	(void)state;
	fail_each("pread64", EIO, false);
	in_order = false;
	fail_each("pread64", EIO, true);
	in_order = true;
}

static void test_memory_of_sqlite(void **state)
{
	(void)state;
	fail_each("malloc", ENOMEM, false);
	fail_each("malloc", ENOMEM, true);
}

static void test_memory(void **state)
{
	unsigned long nth = 1, count;

	(void)state;
	do {
		test_directory();
		inject_arm(CALL_ALLOCATE, nth, ENOMEM, false);
		count = tell_story(inject_disarm);
	} while (count >= nth++);
	print_message("malloc: %lu calls\n", count);
	test_directory_remove();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writes),
		cmocka_unit_test(test_opens),
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_of_sqlite),
	};

	take_over();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
