/* Printing what Proctor knows, as rules, explain and decode do. */
#ifndef AGENT_REFERENCE_PRINT_H
#define AGENT_REFERENCE_PRINT_H

#include "agent/formats/format.h"
#include "proctor/output.h"
#include "proctor/record.h"

struct reference_print {
	enum format format;
	const char *output_file;                /* NULL: standard output */
	const struct record_kind *const *kinds; /* for JSON, ended by NULL */
	/* For people. -1 and *error when memory ran out. */
	int (*table)(const struct reference *reference, struct output *output, struct error **error);
};

/* Handles --format and --output-file. */
int reference_print_option(struct reference_print *print, int id, const char *value, struct error **error);

/* Prints it and commits the output. Returns an enum exit_status. */
int reference_print(const struct reference_print *print, const struct reference *reference,
		    struct error **error);

#endif
