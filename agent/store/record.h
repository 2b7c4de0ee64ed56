/* The text of records. */
#ifndef AGENT_STORE_RECORD_H
#define AGENT_STORE_RECORD_H

#include "agent/store/private.h"
#include "proctor/record.h"

enum { RECORD_ID_SIZE = 33 };

/* Gives the record the next sequence and an id, which is put into `id`. -1 and *error without random bytes.
 */
int record_begin(struct store *store, struct agent_record *record, char id[RECORD_ID_SIZE],
		 struct error **error);

/* The text as an object, owned by the caller. NULL and *error, which calls it `what`. */
json_t *record_parse(const char *text, size_t length, const char *what, struct error **error);

/* The record as one line, owned by the caller. NULL and *error without memory. */
char *record_text(const struct record_kind *kind, const struct agent_record *record, struct error **error);

#endif
