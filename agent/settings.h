/* What the agent is told to do: one INI file, variables of the environment and options, each setting one
 * entry of a table. An option wins over a variable, that over the file, that over the default; where each
 * came from is kept. */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include "agent/config.h"
#include "proctor/output.h"
#include "proctor/sink.h"

enum log_format { LOG_LOGFMT, LOG_JSON };
enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct sink_setting {
	const char *name; /* of its section [sink.NAME]; url_name() for those by --to and PROCTOR_TO */
	const struct sink_kind *kind;
	struct sink_options options;
	enum severity minimum;             /* SEVERITY_INFO: all */
	bool heartbeats, inventory;        /* `records = findings, heartbeats, inventory` */
	unsigned batch;                    /* records at once, at most */
	uint64_t batch_bytes;              /* and bytes, but for one record that is larger */
	unsigned batch_age;                /* seconds in which one that is not full waits for more */
	uint64_t max_queue_bytes, max_age; /* of what waits for it; seconds; 0: as the queue has them */
	const char *from;                  /* of its URL, as of settings_print */
};

/* A key and its value as they were given, and what gave them. */
struct given {
	struct ini_entry entry; /* entry.key NULL: its section begins here */
	const char *from;       /* as of settings_print */
	enum given_by { GIVEN_BY_DEFAULT, GIVEN_BY_FILE, GIVEN_BY_VARIABLE, GIVEN_BY_OPTION } by;
};

struct settings {
	struct arena *arena;
	const struct given *given; /* all that is in force, section by section */
	size_t given_count;
	const char *file;    /* that was read; NULL: none */
	unsigned interval;   /* seconds between full audits */
	unsigned quick;      /* seconds between looks at credentials where no process events are to be had */
	const char *state;   /* directory; NULL: memory */
	const char *control; /* path of the control socket */
	const char *user, *auditor_user; /* NULL: `proctor` where there is one, and as `user` */
	bool process_events, mount_events, cgroup_events, file_events;
	enum learning_wish { LEARN_OFF, LEARN_AUTO, LEARN_ON } learn;
	unsigned learn_days, learn_starts; /* of its image, before a capability counts as unused */
	bool inventory;                    /* once a day and at start */
	uint64_t queue_bytes, queue_age;   /* bytes, seconds */
	unsigned resolve_after, flap_window, stop_timeout; /* seconds */
	const char *metrics;                               /* ADDRESS:PORT; NULL: off */
	const char *docker_socket;                         /* NULL: not asked */
	enum log_format log_format;
	enum log_level log_level;
	struct sink_setting *sinks;
	size_t sink_count;
	struct config *config; /* rules, exceptions, severities, paths, images: of the file and of variables;
				  never NULL */
};

enum { SINKS_MAX = 16 };

/* Read where no other file is named, and it is there. */
#define SETTINGS_FILE "/etc/proctor/proctor.conf"

/* What options said: the texts as given; NULL, or 0: not given. */
struct settings_options {
	const char *config_file, *interval, *state;
	const char *const *to;
	size_t to_count;
};

/* Reads all of it; owned by the caller. Without config_file (and PROCTOR_CONFIG), SETTINGS_FILE where it is
 * there. A variable that is empty counts as not set. NULL and *error with the file's place, or the variable's
 * or option's name, for what is not understood; a variable PROCTOR_… that is not known is an error, too. */
struct settings *settings_read(const struct settings_options *options, char *const *environment, time_t now,
			       struct error **error);
void settings_free(struct settings *settings);

/* The sinks alone that options->to names, else PROCTOR_TO: for a command that sends once. No file and no
 * other variable is read; all else is as by default. Without either there are none. */
struct settings *settings_read_sinks(const struct settings_options *options, char *const *environment,
				     struct error **error);

/* Prints what is in force, one setting a line, and from where: `FILE:LINE`, `PROCTOR_X`, `--x`, `default`. It
 * is a configuration again, but for secrets, which are not shown: user, password and query of a URL. */
void settings_print(const struct settings *settings, struct output *output);

#endif
