/* The inside of a store_reader, for agent/store/read*.c only. */
#ifndef AGENT_STORE_READ_PRIVATE_H
#define AGENT_STORE_READ_PRIVATE_H

#include <sqlite3.h>

#include "agent/store/read.h"
#include "proctor/error.h"

struct store_reader {
	sqlite3 *handle;
	sqlite3_stmt *findings, *detail, *status, *letters;
	int64_t pass_time;
	const struct finding_filter *filter;
	struct remembered remembered;
	struct dead_letter letter;
	json_t *finding, *host, *record;
	unsigned looks;
	struct error *error;
};

/* Sets *error to what SQLite says. Returns -1. */
int reader_failed(struct store_reader *reader, struct error **error);

/* Prepares the statement. -1 and *error. */
int reader_prepare(struct store_reader *reader, const char *text, sqlite3_stmt **statement,
		   struct error **error);

#endif
