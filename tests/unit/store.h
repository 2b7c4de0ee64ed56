/* Passes made by hand, and what a store tells of them; for tests of agent/store/. */
#ifndef TESTS_UNIT_STORE_H
#define TESTS_UNIT_STORE_H

#include "tests/unit/test.h"

#include <string.h>

#include "agent/store/store.h"
#include "proctor/cleanup.h"

enum { LOOK_MAX = 16 };

/* What an auditor saw: zeroed, nothing but the host, whole. */
struct look {
	bool blind; /* nothing of the host was seen whole */
	bool truncated, all_containers;
	time_t time; /* 0: LOOK_TIME */
	struct {
		char letter;            /* its id is 32 of them; 0: ends the list */
		enum severity severity; /* 0: high */
		uint64_t digest;
		bool excepted, textless;
		const char *container; /* NULL: the host */
		uint64_t needs;
		const char *json; /* NULL: one is made */
	} findings[LOOK_MAX];
	struct seen seen[LOOK_MAX]; /* containers; ends with NULL */
};

#define LOOK_TIME 1800000000
#define LOOK_SUMMARY "{\"host\":{\"hostname\":\"machine\",\"kernel\":\"6.1\"},\"coverage\":[]}"

extern int64_t test_clock; /* milliseconds */
int64_t test_clock_read(void);

/* Options with that clock, everything at once; notices are appended to test_notices. */
extern char test_notices[4096];
struct store_options test_options(const char *directory);

/* Opens it with one sink `test` that wants all. */
struct store *test_store(const struct store_options *options);

/* What store_pass returns for it; an error is printed. */
int look_at(struct store *store, const struct look *look);

/* What waits for the sink `test`, as `opened a, changed b, heartbeat`; each of it is taken from the queue.
 * Lives until the next call. Sequences that do not ascend, and records that are not JSON, fail the test. */
const char *told(struct store *store);

/* The last record that told() saw; owned by it. */
const json_t *told_last(void);

/* An empty directory for this process, removed with all in it by test_directory_remove. */
const char *test_directory(void);
void test_directory_remove(void);

#endif
