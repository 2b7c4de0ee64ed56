#include "agent/coverage_report.h"

#include <stdio.h>
#include <string.h>

/* Escaped, for the example is a path that a container may have chosen. */
static void print_escaped(const char *text)
{
	char escaped[1024];

	text_escape(escaped, sizeof(escaped), text, strlen(text));
	fputs(escaped, stderr);
}

static void print_reason(const struct coverage *coverage, const struct coverage_reason *reason)
{
	fprintf(stderr, "proctor: %s: not seen: ", coverage->collector);
	print_escaped(reason->reason);
	if (reason->count > 1)
		fprintf(stderr, " (%llu times)", (unsigned long long)reason->count);
	if (reason->example) {
		fputs(", as ", stderr);
		print_escaped(reason->example);
	}
	if (reason->remedy) {
		fputs("; ", stderr);
		print_escaped(reason->remedy);
	}
	fputc('\n', stderr);
}

void coverage_report(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->coverage_count; i++)
		for (const struct coverage_reason *reason = snapshot->coverage[i].reasons; reason;
		     reason = reason->next)
			if (reason->example || reason->remedy)
				print_reason(&snapshot->coverage[i], reason);
}

void coverage_report_columns(size_t left_out)
{
	if (left_out)
		fprintf(stderr, "proctor: %zu column%s left out: the terminal is too narrow\n", left_out,
			left_out == 1 ? " is" : "s are");
}
