/* In what form records are printed. */
#ifndef AGENT_FORMATS_FORMAT_H
#define AGENT_FORMATS_FORMAT_H

#include "proctor/error.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_NDJSON, FORMAT_COUNT };

struct format_entry {
	const char *name;
	const char *description; /* for --help and the manual */
};

/* In the order of enum format. */
extern const struct format_entry formats[FORMAT_COUNT];

/* The format of that name into *format; -1 and *error, which lists them all, when there is none. */
int format_parse(const char *name, enum format *format, struct error **error);

#endif
