/* Sinks: where records go, each at its own pace, from the durable queue.
 *
 * A kind of sink is one file in agent/sinks/ and one line in sink_kinds[]; which one is told by the begin of
 * its URL. Each sink runs in a thread of its own, so it may block; nothing of it is shared with others. */
#ifndef PROCTOR_SINK_H
#define PROCTOR_SINK_H

#include "proctor/error.h"
#include "proctor/rule.h"

/* A record of the queue. */
struct queued {
	int64_t sequence;       /* ascending; not without gaps */
	enum severity severity; /* of its finding; SEVERITY_INFO for other records */
	const char *text;       /* one JSON object, UTF-8 without line feeds; lives during the call */
	size_t length;
};

struct sink_kind {
	const char *scheme; /* `file`: of `file:///var/log/proctor.json`; `stdout` */
	const char *form;   /* as the manual has it: `file:///PATH[?rotate=SIZE&keep=COUNT]` */
	const char *help;   /* one line */
	/* Checks the URL and opens nothing: for --check-config. -1 and *error when it is wrong. */
	int (*check)(const char *url, struct error **error);
	/* A sink for the URL, owned by the caller; it connects or opens when it first delivers. NULL and
	 * *error. */
	void *(*open)(const char *url, struct error **error);
	/* Delivers the records in their order. *out is set to how many of them, from the first on, are out
	 * for good (durable, or acknowledged by the receiver): they leave the queue. Returns 0 when all are;
	 * -1 and *error when the rest is to be tried again later, by a further call. `stop` is a descriptor
	 * that becomes readable when the sink is to give up waiting. */
	int (*deliver)(void *sink, const struct queued *records, size_t count, int stop, size_t *out,
		       struct error **error);
	void (*close)(void *sink);
};

/* Every kind: stdout file. Ends with NULL. */
extern const struct sink_kind *const sink_kinds[];

/* The kind of the URL; NULL and *error, with the kinds there are, when there is none. */
const struct sink_kind *sink_kind_of(const char *url, struct error **error);

#endif
