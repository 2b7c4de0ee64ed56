#include "tests/unit/test.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/task/task_records.h"

/* A record as the program writes it, of a process with one thread. */
static struct task_process process_of(uint32_t pid)
{
	struct task_process record = {
		.kind = TASK_PROCESS,
		.pid = pid,
		.parent = 1,
		.threads = 1,
		.start = 1230000000,
		.cgroups = 0xffff888000000000,
		.comm = "web",
	};

	for (unsigned kind = 0; kind < TASK_NAMESPACES; kind++)
		record.namespaces[kind] = 1000 + kind;
	return record;
}

/* Another, of a thread that differs from its process. */
static struct task_process thread_of(uint32_t process, uint32_t thread)
{
	struct task_process record = {0};
	const struct task_thread told = {.kind = TASK_THREAD_DIFFERS, .process = process, .thread = thread};

	memcpy(&record, &told, sizeof(told));
	return record;
}

static void assert_refused(void *bytes, size_t length)
{
	struct task_records records;

	errno = 0;
	assert_int_equal(task_records_parse(&records, bytes, length), -1);
	assert_int_equal(errno, EBADMSG);
	assert_null(records.list);
	assert_int_equal(records.count, 0);
}

/* ---- all of them -------------------------------------------------------------------------------- */

static void test_processes_are_found(void **state)
{
	struct task_process all[] = {process_of(1), process_of(7), process_of(INT_MAX)};
	struct task_records records;

	(void)state;
	assert_int_equal(task_records_parse(&records, all, sizeof(all)), 0);
	assert_int_equal(records.count, 3);
	assert_ptr_equal(task_records_find(&records, 7), &all[1]);
	assert_ptr_equal(task_records_find(&records, INT_MAX), &all[2]);
	assert_null(task_records_find(&records, 6));
	assert_null(task_records_find(&records, 0));
	assert_null(task_records_find(&records, -7));
	task_records_free(&records);
}

/* Thread ids begin anew when they are used up: a thread may be told of before its process. */
static void test_threads_mark_their_process(void **state)
{
	struct task_process all[] = {thread_of(9, 3), process_of(7),           thread_of(7, 8),
				     process_of(9),   process_of(10),          thread_of(11, 12),
				     thread_of(0, 0), thread_of(UINT32_MAX, 1)};
	struct task_records records;

	(void)state;
	assert_int_equal(task_records_parse(&records, all, sizeof(all)), 0);
	assert_int_equal(records.count, 3);
	assert_int_equal(task_records_find(&records, 7)->differing, 1);
	assert_int_equal(task_records_find(&records, 9)->differing, 1);
	assert_int_equal(task_records_find(&records, 10)->differing, 0);
	task_records_free(&records);
}

static void test_nothing(void **state)
{
	struct task_records records;

	(void)state;
	assert_int_equal(task_records_parse(&records, NULL, 0), 0);
	assert_int_equal(records.count, 0);
	assert_null(task_records_find(&records, 1));
	task_records_free(&records);
}

static void test_cut_records_are_refused(void **state)
{
	struct task_process all[] = {process_of(1), process_of(7)};

	(void)state;
	for (size_t length = 1; length < sizeof(all); length++)
		if (length != sizeof(all[0]))
			assert_refused(all, length);
}

static void test_garbled_records_are_refused(void **state)
{
	struct task_process all[3];

	(void)state;
	for (unsigned wrong = 0; wrong < 7; wrong++) {
		all[0] = process_of(1);
		all[1] = process_of(7);
		all[2] = process_of(9);
		switch (wrong) {
		case 0:
			all[1].kind = 0;
			break;
		case 1:
			all[1].kind = UINT32_MAX;
			break;
		case 2:
			all[1].pid = 9; /* twice */
			break;
		case 3:
			all[1].pid = 1;
			break;
		case 4:
			all[0].pid = 0;
			break;
		case 5:
			all[2].pid = (uint32_t)INT_MAX + 1;
			break;
		case 6:
			all[2].parent = UINT32_MAX;
			break;
		}
		assert_refused(all, sizeof(all));
	}
	all[0] = process_of(1);
	all[0].differing = 1;
	assert_refused(all, sizeof(all[0]));
}

/* Whatever the bytes are: refused, or records that can be found. */
static void test_any_bytes(void **state)
{
	enum { COUNT = 4 };
	struct task_process all[COUNT];
	unsigned seed = 1;

	(void)state;
	for (unsigned turn = 0; turn < 2000; turn++) {
		struct task_records records;
		for (unsigned i = 0; i < COUNT; i++)
			all[i] = i % 2 ? thread_of(turn, i) : process_of(i + 1);
		for (unsigned i = 0; i < 8; i++)
			((uint8_t *)all)[(unsigned)rand_r(&seed) % sizeof(all)] = (uint8_t)rand_r(&seed);
		if (task_records_parse(&records, all, sizeof(all))) {
			assert_int_equal(errno, EBADMSG);
			continue;
		}
		for (size_t i = 0; i < records.count; i++) {
			struct process process = {0};
			assert_ptr_equal(task_records_find(&records, (pid_t)records.list[i]->pid),
					 records.list[i]);
			task_record_take(records.list[i], &process);
			task_record_take_stat(records.list[i], &process);
			assert_true(!task_record_is_whole(records.list[i]) ||
				    strnlen(records.list[i]->comm, TASK_COMM_SIZE) < TASK_COMM_SIZE);
		}
		task_records_free(&records);
	}
}

/* ---- one of them -------------------------------------------------------------------------------- */

static void test_what_is_whole(void **state)
{
	enum { DEAD = 0x10, ZOMBIE = 0x20, EXITING = 0x4, WORKER = 0x20, KERNEL_THREAD = 0x00200000 };
	struct task_process record = process_of(7);

	(void)state;
	assert_true(task_record_is_whole(&record));
	record.group_count = TASK_GROUPS;
	assert_true(task_record_is_whole(&record));
	record.group_count = TASK_GROUPS + 1;
	assert_false(task_record_is_whole(&record));
	record.group_count = UINT32_MAX;
	assert_false(task_record_is_whole(&record));

	record = process_of(7);
	record.exit_state = ZOMBIE;
	record.flags = EXITING;
	memset(record.namespaces, 0, sizeof(record.namespaces));
	assert_true(task_record_is_whole(&record));
	record.threads = 2; /* which go on */
	assert_false(task_record_is_whole(&record));
	record.threads = 1;
	record.exit_state = ZOMBIE | DEAD;
	assert_false(task_record_is_whole(&record));
	record.exit_state = DEAD;
	assert_false(task_record_is_whole(&record));
	record.exit_state = ZOMBIE;
	record.flags = KERNEL_THREAD;
	assert_false(task_record_is_whole(&record));
	record = process_of(7);
	record.flags = EXITING;
	assert_false(task_record_is_whole(&record));
	record = process_of(7);
	record.threads = 0;
	assert_false(task_record_is_whole(&record));
	record = process_of(7);
	record.namespaces[NAMESPACE_PID] = 0;
	assert_false(task_record_is_whole(&record));
	record = process_of(7);
	memset(record.comm, 'x', sizeof(record.comm));
	assert_false(task_record_is_whole(&record));

	record = process_of(7);
	record.flags = KERNEL_THREAD;
	memcpy(record.comm, "fourteen-chars", 15);
	assert_true(task_record_is_whole(&record));
	memcpy(record.comm, "fifteen-chars-x", 16); /* its name may go on */
	assert_false(task_record_is_whole(&record));
	record.flags = 0;
	assert_true(task_record_is_whole(&record));
	record = process_of(7);
	record.flags = KERNEL_THREAD | WORKER;
	assert_false(task_record_is_whole(&record));
}

static void test_what_is_taken(void **state)
{
	enum { PRIVILEGE_USED = 0x100 };
	struct task_process record = process_of(7);
	struct process process = {0};
	const struct credentials *credentials = &process.credentials;

	(void)state;
	record.credentials = (struct task_credentials){.uid = {1, 2, 3, 4},
						       .gid = {5, 6, 7, 8},
						       .effective = 1,
						       .permitted = 2,
						       .inheritable = 4,
						       .bounding = 8,
						       .ambient = 16,
						       .no_new_privs = 1,
						       .seccomp = SECCOMP_FILTERED,
						       .seccomp_filters = 3};
	record.flags = PRIVILEGE_USED;
	record.threads = 5;
	task_record_take(&record, &process);
	assert_int_equal(process.ppid, 1);
	assert_int_equal(process.thread_count, 5);
	assert_false(process.kernel_thread);
	assert_int_equal(process.known, PROCESS_KNOWS_STATUS);
	assert_int_equal(credentials->uid[ID_FILESYSTEM], 4);
	assert_int_equal(credentials->gid[ID_EFFECTIVE], 6);
	assert_int_equal(credentials->effective, 1);
	assert_int_equal(credentials->permitted, 2);
	assert_int_equal(credentials->inheritable, 4);
	assert_int_equal(credentials->bounding, 8);
	assert_int_equal(credentials->ambient, 16);
	assert_true(credentials->no_new_privs);
	assert_int_equal(credentials->seccomp, SECCOMP_FILTERED);
	assert_true(credentials->seccomp_filters_known);
	assert_int_equal(credentials->seccomp_filters, 3);
	assert_int_equal(process.start_time, 0);
	task_record_take_stat(&record, &process);
	assert_int_equal(process.start_time, 123);
	assert_true(process.privilege_used);
	assert_int_equal(process.known, PROCESS_KNOWS_STATUS | PROCESS_KNOWS_STAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processes_are_found),
		cmocka_unit_test(test_threads_mark_their_process),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_cut_records_are_refused),
		cmocka_unit_test(test_garbled_records_are_refused),
		cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_what_is_whole),
		cmocka_unit_test(test_what_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
