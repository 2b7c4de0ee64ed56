/* The columns of `proctor ps`: what each shows, and which facts it needs. */
#ifndef AGENT_PS_COLUMNS_H
#define AGENT_PS_COLUMNS_H

#include "agent/formats/table.h"
#include "agent/names.h"
#include "agent/ps_detail.h"
#include "proctor/collector.h"

/* One line of the table: a process, or one of its threads. */
struct ps_row {
	const struct process *process;
	const struct thread *thread; /* NULL: the process, by its thread group leader */
	const char *branch;          /* of the tree, in front of the command; "" for none */
};

/* The facts by which it is found which container a process is in. */
#define PS_CONTAINER_FACTS                                                                                   \
	(REQUEST_CGROUP | (uint32_t)REQUEST_NAMESPACE << NAMESPACE_MNT |                                     \
	 (uint32_t)REQUEST_NAMESPACE << NAMESPACE_PID)

struct ps_table {
	const struct snapshot *snapshot;
	struct names *names;
	const struct ps_detail *detail; /* NULL when no column wants it */
	struct table *table;
};

struct ps_column {
	const char *name; /* as in --output, upper case */
	struct table_column column;
	uint32_t facts; /* enum request_fact */
	bool detail;    /* read by libproc2 for the processes that are shown */
	const char *help;
	void (*cell)(struct ps_table *ps, const struct ps_row *row);
};

/* Every column, ended by one without a name. */
extern const struct ps_column ps_columns[];

/* The column of that name, in any case; NULL when there is none. */
const struct ps_column *ps_column_find(const char *name, size_t length);

/* The credentials of the row's task. */
const struct credentials *ps_row_credentials(const struct ps_row *row);

#endif
