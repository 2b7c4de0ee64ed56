/* The agent's settings, as tables: reading them, --check-config, the manual and the sample configuration are
 * made from the same entries. */
#ifndef AGENT_SETTING_TABLE_H
#define AGENT_SETTING_TABLE_H

#include <stdbool.h>

#include "agent/settings.h"

struct setting {
	const char *key;       /* in its section; in capitals behind PROCTOR_ its variable */
	size_t option;         /* of its text in struct settings_options, as --KEY; 0: it has none */
	const char *form;      /* of a value, as the manual has it: `SECONDS` */
	const char *otherwise; /* the value when none is given; NULL: none */
	const char *help;      /* sentences without the last full stop */
	/* Puts the value in its place in `owner`: the struct settings or sink_setting. -1 and *error. */
	int (*put)(const struct setting *setting, struct arena *arena, const char *value, void *owner,
		   struct error **error);
	size_t offset;            /* of its member in the owner */
	uint64_t least, most;     /* of numbers */
	const char *const *words; /* of a choice: the member is an enum, or bool, that counts them; ended by
				     NULL */
	bool of_some;             /* only the sinks whose kind lists it have it */
	bool is_read;             /* the path of a file that the shipper reads */
	bool secret;              /* not shown, and not to be given by an option, which ps(1) shows */
};

/* The keys of [agent], and those of [sink.NAME]; each ended by one without a key. */
extern const struct setting agent_settings[], sink_settings[];

/* The entry of that key; NULL when there is none. */
const struct setting *setting_find(const struct setting *table, const char *key);

/* Whether sinks of that kind have the setting. */
bool setting_is_of_kind(const struct setting *setting, const struct sink_kind *kind);

/* The path of a file that the sink reads, by a setting that has one; NULL: none is given. */
const char *setting_file(const struct setting *setting, const struct sink_setting *sink);

/* Variables for the sections that `proctor audit` reads as well. */
struct config_variable {
	const char *name; /* behind PROCTOR_ */
	const char *section, *key;
	const char *form;
	const char *help;
};

/* Ended by one without a name. */
extern const struct config_variable config_variables[];

/* How the variables of [sink.NAME] and [exception NAME] begin, behind PROCTOR_. */
#define SINK_VARIABLE "SINK_"
#define EXCEPTION_VARIABLE "EXCEPTION_"

#endif
