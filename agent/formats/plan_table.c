#include "agent/formats/plan_table.h"

#include <errno.h>
#include <string.h>

#include "agent/formats/prose.h"
#include "proctor/cleanup.h"

enum { CHANGE_COLUMN = 2, TERM_COLUMN = 4, TEXT_COLUMN = 14, DEFAULT_WIDTH = 100 };

/* `rule, rule (3)`: the findings of a list by rule, with their number when it is more than one. Owned by the
 * caller;
 * "" for none, NULL when memory is exhausted. */
static char *rules_of(const struct finding *const *findings)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	for (size_t i = 0; findings[i]; i++) {
		size_t first = 0, count = 0;
		while (findings[first]->rule != findings[i]->rule)
			first++;
		for (size_t k = i; first == i && findings[k]; k++)
			count += findings[k]->rule == findings[i]->rule;
		if (count)
			fprintf(file, "%s%s", i ? ", " : "", findings[i]->rule->id);
		if (count > 1)
			fprintf(file, " (%zu)", count);
	}
	if (fclose(file) == 0)
		return text;
	free(text);
	return NULL;
}

static void put_rules(struct prose *prose, const char *term, const struct finding *const *findings)
{
	_cleanup_free_ char *rules = rules_of(findings);

	if (!rules)
		prose->failed = true;
	else if (*rules)
		prose_entry(prose, TERM_COLUMN, term, TEXT_COLUMN, rules);
}

static void put_change(struct prose *prose, const struct change *change)
{
	prose_entry(prose, CHANGE_COLUMN, change->id, CHANGE_COLUMN + 26, change->what);
	put_rules(prose, "closes", change->closes);
	put_rules(prose, "lowers", change->lowers);
	for (const char *const *effect = change->side_effects; *effect; effect++)
		prose_entry(prose, TERM_COLUMN, "effect", TEXT_COLUMN, *effect);
	if (change->question)
		prose_entry(prose, TERM_COLUMN, "question", TEXT_COLUMN, change->question);
}

/* Findings that follow each other and are left for one reason name it once. */
static void put_left(struct prose *prose, const struct plan *plan)
{
	if (!plan->left_count)
		return;
	prose_paragraph(prose, CHANGE_COLUMN, "Not closed by this:");
	for (size_t i = 0; i < plan->left_count; i++) {
		const struct left_finding *left = &plan->left[i];
		const char *path = left->finding->path;
		_cleanup_free_ char *term = NULL;
		if (asprintf(&term, "%s%s%s", left->finding->rule->id, path ? " " : "", path ? path : "") <
		    0) {
			term = NULL;
			prose->failed = true;
			return;
		}
		prose_paragraph(prose, TERM_COLUMN, term);
		if (i + 1 == plan->left_count || left[1].reason != left->reason || !left->reason)
			prose_paragraph(prose, TERM_COLUMN + 2,
					left->reason ? left->reason : left->finding->title);
	}
}

/* What to paste, and what to take away. */
static void put_fragment(struct prose *prose, const struct plan *plan)
{
	_cleanup_free_ char *heading = NULL;

	if (plan->text && asprintf(&heading, "%s:", plan->target->heading) < 0) {
		heading = NULL;
		prose->failed = true;
	}
	if (heading) {
		prose_paragraph(prose, CHANGE_COLUMN, heading);
		prose_code(prose, TERM_COLUMN, plan->text);
	}
	if (*plan->leave_out)
		prose_paragraph(prose, CHANGE_COLUMN, "To be taken away, where it is there:");
	for (const char *const *item = plan->leave_out; *item; item++)
		prose_paragraph(prose, TERM_COLUMN, *item);
}

/* The diff of a task definition has what the fragment has. */
static void put_plan(struct prose *prose, const struct plan *plan, bool with_fragment)
{
	char label[16], escaped[256];
	const char *name = container_label(plan->container, label, sizeof(label));

	text_escape(escaped, sizeof(escaped), name, strlen(name));
	prose_heading(prose, escaped);
	for (size_t i = 0; i < plan->change_count; i++)
		put_change(prose, &plan->changes[i]);
	if (with_fragment)
		put_fragment(prose, plan);
	put_left(prose, plan);
}

int plan_table_print(const struct plans *plans, const struct table_look *look, struct output *output,
		     struct error **error)
{
	struct prose prose = {.output = output, .look = *look};

	if (!prose.look.width)
		prose.look.width = DEFAULT_WIDTH;
	if (!plans->count)
		prose_paragraph(&prose, 0, "There is nothing to change.");
	for (size_t i = 0; i < plans->count; i++) {
		output_text(output, i ? "\n" : "");
		put_plan(&prose, &plans->list[i], !plans->diff);
	}
	if (plans->diff && *plans->diff) {
		output_text(output, "\n");
		prose_code(&prose, 0, plans->diff);
	}
	return prose.failed ? error_set(error, ENOMEM, "printing what to change") : 0;
}
