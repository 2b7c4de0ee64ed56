/* The agent's own log on stderr: one line each, key=value or JSON, a level; no finding's contents. */
#ifndef AGENT_DAEMON_LOG_H
#define AGENT_DAEMON_LOG_H

#include "agent/settings.h"

struct log {
	enum log_format format;
	enum log_level level; /* what is less urgent is not written */
	const char *process;  /* `parent`, `auditor`, `shipper` */
	int fd;
};

/* Writes one line, at once and whole: time, level, process, `message`, then pairs of key and value ended by
 * NULL; values are hostile bytes, and escaped. A line that cannot be written is lost: nobody waits for the
 * log. */
void log_write(const struct log *log, enum log_level level, const char *message, ...)
	__attribute__((sentinel));

/* The message of the error, which is freed and set to NULL, as a line of that level. */
void log_error(const struct log *log, enum log_level level, const char *message, struct error **error);

#endif
