/* What could not be seen, told on stderr by the commands whose table has no place for it. */
#ifndef AGENT_COVERAGE_REPORT_H
#define AGENT_COVERAGE_REPORT_H

#include "proctor/snapshot.h"

/* Prints one line for each reason for which facts are missing and something can be done or seen. */
void coverage_report(const struct snapshot *snapshot);

/* Prints that so many columns had no room on the terminal; nothing for 0. */
void coverage_report_columns(size_t left_out);

#endif
