/* Reads what an agent remembers, whether it runs or not: from its file, or from the copy that a running one
 * gives. Whoever wrote that is not trusted: nothing in it is run, and all is bounded. */
#ifndef AGENT_STORE_READ_H
#define AGENT_STORE_READ_H

#include "proctor/learned.h"
#include "proctor/record.h"

struct store_reader;

/* Opens the database in that directory for reading. Owned by the caller. NULL and *error: there is none, it
 * may not be read, is damaged, or of another version. */
struct store_reader *store_read_open(const char *directory, struct error **error);

/* The same for a copy by store_image, which is copied. */
struct store_reader *store_read_open_image(const unsigned char *image, size_t length, struct error **error);
void store_read_close(struct store_reader *reader);

/* Which findings are told. */
struct finding_filter {
	const char *standing;  /* `open`, `suppressed`, `resolved`; NULL: all */
	int64_t since;         /* milliseconds since 1970: only those of which something was told since */
	const char *rule;      /* glob; NULL: any */
	const char *container; /* its name, or 12 or more characters of its id; NULL: any */
};

/* The newest state of a finding. */
struct remembered {
	struct agent_record record; /* of when it was last told of, but for last_seen, which is newer */
	const char *standing;       /* as in struct finding_filter */
	enum severity severity;
	const char *rule, *container_name; /* the name NULL: not known */
	bool on_host;                      /* in no container */
};

/* Begins to read the findings that the filter lets through, worst first. The filter lives as long. -1 and
 * *error. */
int store_read_findings(struct store_reader *reader, const struct finding_filter *filter,
			struct error **error);

/* The next one, which lives until the next call; NULL: there is none, or store_read_failed tells why. */
const struct remembered *store_read_next(struct store_reader *reader);

/* -1 and *error when reading ended before its end. */
int store_read_failed(struct store_reader *reader, struct error **error);

/* Begins to read dead letters, by sinks, each one's oldest first. -1 and *error. */
int store_read_letters(struct store_reader *reader, struct error **error);

/* The next one, which lives until the next call; NULL as of store_read_next. */
const struct dead_letter *store_read_letter(struct store_reader *reader);

/* What is kept of what was learned, those that were watched last first; of one container that the name, the
 * image or its digest is; NULL: all. Each has `kept`; `id` only where nothing else was known of a container,
 * of which 12 or more characters will do. Owned by the
 * caller, by learned_free. NULL and *error, also where it is not what Proctor writes. */
struct learned *store_read_learned(struct store_reader *reader, const char *container, struct error **error);

/* What the agent told of itself last, JSON that lives as long as the reader; NULL: nothing. */
const char *store_read_status(struct store_reader *reader);

#endif
