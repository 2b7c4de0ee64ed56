/* What defaults, the file, variables and options say, gathered into one list in which each key has the value
 * that is in force. Names are checked here, values by whoever takes the list. */
#ifndef AGENT_GIVEN_H
#define AGENT_GIVEN_H

#include "agent/settings.h"

struct given_list {
	struct arena *arena; /* of all of it */
	const char *file;    /* NULL: none */
	struct given *list;  /* the entries of a section stand together */
	size_t count, capacity;
};

/* To be called in this order: what comes later wins over what was before. -1 and *error. */
int given_defaults(struct given_list *list, struct error **error);
int given_file(struct given_list *list, const char *path, struct error **error);
int given_variables(struct given_list *list, char *const *environment, const struct settings_options *options,
		    struct error **error);
int given_options(struct given_list *list, const struct settings_options *options, struct error **error);

/* What follows from the rest: a sink where there is none, and what is missing of each sink. */
int given_finish(struct given_list *list, struct error **error);

/* The value of a key; NULL when it has none. */
const char *given_value(const struct given_list *list, const char *section, const char *key);

/* The value of a variable; NULL when it is not set, or empty. */
const char *given_variable(char *const *environment, const char *name);

/* NAME of [sink.NAME]; NULL for another section. */
const char *given_sink(const char *section);

#endif
