#include "agent/formats/audit_table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/formats/wrap.h"
#include "proctor/cleanup.h"

/* Columns: of the severity, of what stands behind it, and of what stands behind `why` and `fix`. */
enum {
	SEVERITY_COLUMN = 2,
	TEXT_COLUMN = 12,
	WORDS_COLUMN = 17,
	LABEL_SIZE = 64,
	COVERAGE_COLUMN = 14,
	REASON_COLUMN = 19
};

struct printer {
	const struct snapshot *snapshot;
	const struct findings *findings;
	const struct table_look *look;
	struct output *output;
};

/* A finding and where it is listed: containers in the order of their worst finding, the host last. */
struct entry {
	const struct finding *finding;
	size_t group, index;
};

/* ---- order -------------------------------------------------------------------------------------- */

static bool same_container(const struct container *left, const struct container *right)
{
	char left_label[LABEL_SIZE], right_label[LABEL_SIZE];

	if (!left || !right)
		return left == right;
	return !strcmp(container_label(left, left_label, sizeof(left_label)),
		       container_label(right, right_label, sizeof(right_label)));
}

static size_t group_of(const struct entry *entries, size_t count, const struct finding *finding)
{
	if (!finding->container)
		return SIZE_MAX;
	for (size_t i = count; i-- > 0;) /* most likely of the container of the one before */
		if (same_container(entries[i].finding->container, finding->container))
			return entries[i].group;
	return count;
}

static int compare(const void *a, const void *b)
{
	const struct entry *left = a, *right = b;

	if (left->group != right->group)
		return left->group < right->group ? -1 : 1;
	return left->index < right->index ? -1 : left->index > right->index;
}

/* The findings in the order of printing, owned by the caller. */
static struct entry *order(const struct findings *findings, size_t *count)
{
	struct entry *entries = calloc(findings->count + 1, sizeof(*entries));

	*count = 0;
	for (size_t i = 0; entries && i < findings->count; i++) {
		const struct finding *finding = findings->list[i];
		if (finding->exception)
			continue;
		entries[*count] = (struct entry){
			.finding = finding, .group = group_of(entries, *count, finding), .index = i};
		(*count)++;
	}
	if (entries)
		qsort(entries, *count, sizeof(*entries), compare);
	return entries;
}

/* ---- findings ----------------------------------------------------------------------------------- */

static void put_styled(const struct printer *printer, enum table_style style, const char *text)
{
	output_text(printer->output, table_style_start(printer->look, style));
	output_text(printer->output, text);
	output_text(printer->output, table_style_end(printer->look, style));
}

/* Prints the text from `column` on, and ends the line. */
static int put_text(const struct printer *printer, const char *text, size_t column, size_t indent)
{
	int result = wrap_print(printer->output, text, column, indent, printer->look->width);

	output_text(printer->output, "\n");
	return result;
}

/* Where the further lines of a text begin that begins in `column`: where that is far into a narrow line, more
 * to the left. */
static size_t indent_of(const struct printer *printer, size_t column)
{
	size_t most = printer->look->width / 3;

	return printer->look->width && column > most ? most : column;
}

/* Prints a line that begins with `word` in column `start`, its text from `column` on. */
static int put_line(const struct printer *printer, size_t start, enum table_style style, const char *word,
		    size_t column, const char *text)
{
	size_t behind = start + strlen(word);

	output_format(printer->output, "%*s", (int)start, "");
	put_styled(printer, style, word);
	output_format(printer->output, "%*s", (int)(column - behind), "");
	return put_text(printer, text, column, indent_of(printer, column));
}

/* ` in task shop:42`, ` in pod prod/shop-1`, or nothing, owned by the caller; NULL: no memory. */
static char *owner_words(const struct container *container)
{
	const struct task *task = container->task;
	const struct pod *pod = container->pod;
	char *text = NULL;
	int length = 0;

	if (task && task->family)
		length = asprintf(&text, " in task %s%s%s", task->family, task->revision ? ":" : "",
				  task->revision ? task->revision : "");
	else if (pod && pod->name)
		length = asprintf(&text, " in pod %s%s%s", pod->name_space ? pod->name_space : "",
				  pod->name_space ? "/" : "", pod->name);
	else
		text = strdup("");
	return length < 0 ? NULL : text;
}

/* `checkout in task shop:42 (shop/checkout:42, docker, 3 processes)`. */
static int put_container(const struct printer *printer, const struct container *container)
{
	char label[LABEL_SIZE];
	_cleanup_free_ char *text = NULL, *owner = container ? owner_words(container) : NULL;
	int length;

	if (container && !owner)
		return -1;
	if (container)
		length =
			asprintf(&text, "%s%s (%s%s%s%s%zu process%s)",
				 container_label(container, label, sizeof(label)), owner,
				 container->image ? container->image : "", container->image ? ", " : "",
				 container->runtime ? container->runtime : "", container->runtime ? ", " : "",
				 container->process_count, container->process_count == 1 ? "" : "es");
	else if (printer->snapshot->host.view != VIEW_HOST)
		length = asprintf(&text, "in a container that could not be told");
	else
		length = asprintf(&text, "host%s%s%s", printer->snapshot->host.hostname ? " (" : "",
				  printer->snapshot->host.hostname ? printer->snapshot->host.hostname : "",
				  printer->snapshot->host.hostname ? ")" : "");
	if (length < 0) {
		text = NULL;
		return -1;
	}
	output_text(printer->output, table_style_start(printer->look, STYLE_STRONG));
	length = wrap_print(printer->output, text, 0, SEVERITY_COLUMN, printer->look->width);
	output_text(printer->output, table_style_end(printer->look, STYLE_STRONG));
	output_text(printer->output, "\n");
	return length;
}

/* What shows it, in brackets: `/usr/sbin/nginx, 12 processes, 3 containers`; "" for the container itself. */
static char *subject_of(const struct finding *finding)
{
	const char *name = finding->path ? finding->path : finding->executable;
	bool many = finding->count > 1;
	bool wide =
		finding->container_count > 1 && strcmp(finding->kind, "container") != 0; /* counted already */
	char count[48] = "", containers[48] = "";
	char *text;

	if (many)
		snprintf(count, sizeof(count), "%s%llu %s%s", name ? ", " : "",
			 (unsigned long long)finding->count, finding->kind,
			 !strcmp(finding->kind, "process") ? "es" : "s");
	if (wide)
		snprintf(containers, sizeof(containers), "%s%zu containers", name || many ? ", " : "",
			 finding->container_count);
	if (!name && !many && !wide)
		return strdup("");
	return asprintf(&text, " (%s%s%s)", name ? name : "", count, containers) < 0 ? NULL : text;
}

static int put_finding(const struct printer *printer, const struct finding *finding)
{
	_cleanup_free_ char *subject = subject_of(finding);
	_cleanup_free_ char *text = NULL;
	char severity[16] = "";

	if (!subject || asprintf(&text, "%s: %s%s", finding->rule->id, finding->title, subject) < 0) {
		text = NULL;
		return -1;
	}
	for (size_t i = 0; severity_names[finding->severity][i]; i++)
		severity[i] = (char)toupper((unsigned char)severity_names[finding->severity][i]);
	return put_line(printer, SEVERITY_COLUMN, table_style_of(finding->severity), severity, TEXT_COLUMN,
			text);
}

/* What to change where the container is described; NULL when that takes more than a line. */
static const char *change_of(const struct finding *finding)
{
	const struct remedy *remedy = &finding->rule->remedy;
	const char *kind = finding->container ? finding->container->kind : NULL, *change;

	if (!finding->container)
		return NULL;
	if (kind && (!strcmp(kind, "ecs") || !strcmp(kind, "fargate")))
		change = remedy->ecs;
	else
		change = kind && !strcmp(kind, "kubernetes") ? remedy->kubernetes : remedy->docker;
	return change && !strchr(change, '\n') ? change : NULL;
}

static int put_remedy(const struct printer *printer, const struct finding *finding)
{
	const char *change = change_of(finding), *text = finding->rule->remedy.text;
	_cleanup_free_ char *fix = NULL;

	if (!text && !change)
		return 0;
	if (asprintf(&fix, "%s%s%s", text ? text : "", text && change ? " " : "", change ? change : "") < 0) {
		fix = NULL;
		return -1;
	}
	return put_line(printer, TEXT_COLUMN, STYLE_FAINT, "fix", WORDS_COLUMN, fix);
}

/* Findings that follow each other and have all to say in common say it once. */
static bool says_the_same(const struct entry *left, const struct entry *right)
{
	return left->group == right->group && left->finding->rule == right->finding->rule &&
	       !strcmp(left->finding->why, right->finding->why);
}

static int put_entries(const struct printer *printer, const struct entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct finding *finding = entries[i].finding;
		bool first = i == 0 || entries[i].group != entries[i - 1].group;

		if (first && i)
			output_text(printer->output, "\n");
		if ((first && put_container(printer, finding->container)) || put_finding(printer, finding))
			return -1;
		if (i + 1 < count && says_the_same(&entries[i], &entries[i + 1]))
			continue;
		if (put_line(printer, TEXT_COLUMN, STYLE_FAINT, "why", WORDS_COLUMN, finding->why) ||
		    put_remedy(printer, finding))
			return -1;
	}
	return 0;
}

/* ---- summary and coverage ----------------------------------------------------------------------- */

static int put_summary(const struct printer *printer)
{
	const struct findings *findings = printer->findings;
	const uint64_t *count = findings->by_severity;
	_cleanup_free_ char *text = NULL;
	char unlisted[64] = "", excepted[64] = "";

	if (findings->below_minimum)
		snprintf(unlisted, sizeof(unlisted), "; %llu not listed: see --min-severity",
			 (unsigned long long)findings->below_minimum);
	if (findings->excepted)
		snprintf(excepted, sizeof(excepted), "; %llu accepted by exceptions",
			 (unsigned long long)findings->excepted);
	if (asprintf(&text, "Findings: %llu critical, %llu high, %llu medium, %llu low, %llu info%s%s",
		     (unsigned long long)count[SEVERITY_CRITICAL], (unsigned long long)count[SEVERITY_HIGH],
		     (unsigned long long)count[SEVERITY_MEDIUM], (unsigned long long)count[SEVERITY_LOW],
		     (unsigned long long)count[SEVERITY_INFO], unlisted, excepted) < 0) {
		text = NULL;
		return -1;
	}
	return put_text(printer, text, 0, SEVERITY_COLUMN);
}

static bool same_remedy(const struct coverage_reason *left, const struct coverage_reason *right)
{
	return right && left->remedy && right->remedy && !strcmp(left->remedy, right->remedy);
}

/* Reasons that follow each other and have one remedy name it once. */
static int put_reason(const struct printer *printer, const struct coverage_reason *reason)
{
	_cleanup_free_ char *text = NULL;
	char times[48] = "";

	if (reason->count > 1)
		snprintf(times, sizeof(times), " (%llu times)", (unsigned long long)reason->count);
	if (asprintf(&text, "%s%s%s%s", reason->reason, times, reason->example ? ", as " : "",
		     reason->example ? reason->example : "") < 0) {
		text = NULL;
		return -1;
	}
	if (put_line(printer, COVERAGE_COLUMN, STYLE_FAINT, "not", REASON_COLUMN, text))
		return -1;
	if (!reason->remedy || same_remedy(reason, reason->next))
		return 0;
	return put_line(printer, COVERAGE_COLUMN, STYLE_FAINT, "fix", REASON_COLUMN, reason->remedy);
}

static int put_coverage(const struct printer *printer)
{
	output_text(printer->output, "Coverage:\n");
	for (size_t i = 0; i < printer->snapshot->coverage_count; i++) {
		const struct coverage *coverage = &printer->snapshot->coverage[i];
		char missed[64] = "", text[128];

		if (coverage->missed)
			snprintf(missed, sizeof(missed), ", %llu in part or not at all",
				 (unsigned long long)coverage->missed);
		snprintf(text, sizeof(text), "%llu seen%s", (unsigned long long)coverage->seen, missed);
		if (put_line(printer, SEVERITY_COLUMN, STYLE_PLAIN, coverage->collector, COVERAGE_COLUMN,
			     text))
			return -1;
		for (const struct coverage_reason *reason = coverage->reasons; reason; reason = reason->next)
			if (put_reason(printer, reason))
				return -1;
	}
	return 0;
}

int audit_table_print(const struct snapshot *snapshot, const struct findings *findings,
		      const struct table_look *look, struct output *output, struct error **error)
{
	struct printer printer = {.snapshot = snapshot, .findings = findings, .look = look, .output = output};
	_cleanup_free_ struct entry *entries = NULL;
	size_t count;

	entries = order(findings, &count);
	if (!entries || put_entries(&printer, entries, count))
		return error_set(error, 0, "printing findings: out of memory");
	if (count)
		output_text(output, "\n");
	if (put_summary(&printer) || put_coverage(&printer))
		return error_set(error, 0, "printing the summary: out of memory");
	return 0;
}
