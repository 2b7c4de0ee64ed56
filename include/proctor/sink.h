/* Sinks: where records go, each at its own pace, from the durable queue.
 *
 * A kind of sink is one file in agent/sinks/ and one line in sink_kinds[]; which one is told by the begin of
 * its URL. Each sink runs in a thread of its own, so it may block; nothing of it is shared with others. */
#ifndef PROCTOR_SINK_H
#define PROCTOR_SINK_H

#include <stdbool.h>

#include "proctor/error.h"
#include "proctor/rule.h"

/* A record of the queue. */
struct queued {
	int64_t sequence;       /* ascending; not without gaps */
	enum severity severity; /* of its finding; SEVERITY_INFO for other records */
	const char *text;       /* one JSON object, UTF-8 without line feeds; lives during the call */
	size_t length;
};

/* What a sink is told: the keys of its section, as agent/setting_table.c has them. Texts live as long as the
 * sink; NULL: not given. */
struct sink_options {
	const char *name; /* of its section: for messages */
	const char *url;
	enum sink_format { SINK_LINES, SINK_ARRAY } format; /* of a body of HTTP */
	bool gzip;
	const char *headers; /* NAME=VALUE,NAME=VALUE, values with %XX; secret */
	const char *token;   /* for `Authorization: Bearer`; secret */
	const char *token_file;
	const char *ca_file; /* what its certificate is checked with, instead of the system's */
	const char *certificate_file, *key_file; /* our own, for mutual TLS */
	const char *shared_key;                  /* of Fluent's handshake; secret */
	const char *shared_key_file;
	const char *tag;      /* of Fluent's records */
	unsigned facility;    /* of syslog: RFC 5424, 6.2.1 */
	unsigned window;      /* records that are sent again when a connection of syslog breaks */
	uint64_t max_message; /* bytes of a message of syslog */
	bool insecure;        /* in clear to other machines */
	unsigned timeout;     /* seconds for one exchange with the receiver */
};

/* What became of the records that a sink was given, from the first on. */
struct delivered {
	size_t out;       /* out for good (durable, or acknowledged by the receiver): they leave the queue */
	size_t refused;   /* of those that follow: the receiver will never take them; dead letters */
	char reason[256]; /* why it refused them: what it said, as it said it */
	unsigned wait;    /* seconds for which it asks to be left alone before the rest; 0: it does not */
};

struct sink_kind {
	/* `file`: of `file:///var/log/proctor.json`; the first names the kind. Ended by NULL. */
	const char *const *schemes;
	const char *form; /* as the manual has it: `file:///PATH[?rotate=SIZE&keep=COUNT]` */
	const char *help; /* one line */
	/* The keys of [sink.NAME] that it has beside those of every sink; ended by NULL. NULL: none. */
	const char *const *keys;
	/* Checks what it is told and opens nothing: for --check-config. -1 and *error when it is wrong. */
	int (*check)(const struct sink_options *options, struct error **error);
	/* A sink, owned by the caller; it connects or opens when it first delivers. NULL and *error. */
	void *(*open)(const struct sink_options *options, struct error **error);
	/* Delivers the records in their order; *delivered, zeroed before, tells how many, whatever it
	 * returns: 0 when all that is left can be given to it again at once; -1 and *error when that is to be
	 * tried later. `stop` is a descriptor that becomes readable when the sink is to give up waiting; -1:
	 * there is none. */
	int (*deliver)(void *sink, const struct queued *records, size_t count, int stop,
		       struct delivered *delivered, struct error **error);
	/* Called now and then while there are no records, as deliver: for who may have to send again what was
	 * out. NULL: nothing of that. */
	int (*tend)(void *sink, int stop, struct error **error);
	void (*close)(void *sink);
};

/* Every kind: file firelens fluent https otlp stdout syslog. Ends with NULL. */
extern const struct sink_kind *const sink_kinds[];

/* The kind of the URL; NULL and *error, with the kinds there are, when there is none. */
const struct sink_kind *sink_kind_of(const char *url, struct error **error);

#endif
