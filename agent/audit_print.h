/* How an audit is printed: at its end, or (ndjson) as facts become known. */
#ifndef AGENT_AUDIT_PRINT_H
#define AGENT_AUDIT_PRINT_H

#include "agent/formats/format.h"
#include "agent/selection.h"
#include "agent/stage.h"
#include "proctor/collector.h"
#include "proctor/output.h"
#include "proctor/plan.h"
#include "proctor/record.h"

struct audit_print {
	enum format format;
	const char *output_file; /* NULL: standard output */
	bool with_arguments;
	struct selection selection; /* what of the snapshot is printed */

	struct output *output;
	const struct collector *const *enabled; /* ended by NULL */
	const struct stage *stage;              /* what is streamed next */
	const struct snapshot *snapshot;        /* being collected */
	struct record_context context;          /* of what is streamed */
	bool files_streamed;
	struct error *error; /* the first one while streaming */
};

/* Opens the output; closed by audit_print_close. */
int audit_print_open(struct audit_print *print, struct error **error);

/* For ndjson: has the collectors (ended by NULL) tell what they find, to be printed at once. */
void audit_print_watch(struct audit_print *print, const struct collector *const *enabled,
		       struct request *request);

/* True when lines appear on a terminal while facts are read: progress would get among them. */
bool audit_print_streams_to_terminal(const struct audit_print *print);

/* Prints what was not streamed, and commits the output. */
int audit_print_finish(struct audit_print *print, const struct snapshot *snapshot,
		       const struct findings *findings, struct error **error);

/* Prints plans instead: with the containers and findings that they are for, and the coverage. `part` is what
 * of the snapshot was asked for. Commits the output. */
int audit_print_plans(struct audit_print *print, const struct snapshot *part, const struct findings *findings,
		      const struct plans *plans, struct error **error);

void audit_print_close(struct audit_print *print);

#endif
