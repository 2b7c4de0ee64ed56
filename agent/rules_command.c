/* proctor rules: what an audit judges by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "agent/config.h"
#include "agent/formats/table.h"
#include "agent/reference_print.h"
#include "proctor/cleanup.h"

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	return reference_print_option(state, id, value, error);
}

/* ---- the table ---------------------------------------------------------------------------------- */

static void put_rules(struct table *table, const struct reference *reference)
{
	for (size_t i = 0; i < reference->rule_count; i++) {
		const struct rule *rule = reference->rules[i];
		table_text(table, STYLE_STRONG, rule->id);
		table_text(table, table_style_of(rule->severity), severity_names[rule->severity]);
		table_text(table, STYLE_PLAIN, rule->bad);
		table_texts(table, STYLE_FAINT, rule->references, "; ");
	}
}

static int print_table(const struct reference *reference, struct output *output, struct error **error)
{
	static const struct table_column rule = {.header = "RULE", .keep = KEEP_LONGER},
					 severity = {.header = "SEVERITY"},
					 sentence = {.header = "SENTENCE",
						     .weight = 4,
						     .minimum = 20,
						     .keep = KEEP_ALWAYS},
					 references = {.header = "REFERENCES", .weight = 1, .minimum = 10};
	const struct table_column *columns[] = {&rule, &severity, &sentence, &references};
	struct table_look look = table_look_of(output);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int result;

	if (!table)
		return error_set(error, ENOMEM, "printing rules");
	put_rules(table, reference);
	result = table_print(table, &look, output, error);
	table_free(table);
	return result;
}

/* ---- the command -------------------------------------------------------------------------------- */

static bool is_chosen(const struct rule *rule, char **globs)
{
	for (char **glob = globs; *glob; glob++)
		if (text_glob(*glob, rule->id))
			return true;
	return !*globs;
}

/* Writes the rules that the globs choose into `chosen`, unless it is NULL; returns how many there are. */
static size_t choose(char **globs, const struct rule **chosen)
{
	size_t count = 0;

	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++) {
			if (!is_chosen(rule, globs))
				continue;
			if (chosen)
				chosen[count] = rule;
			count++;
		}
	return count;
}

static int show(const struct reference_print *print, char **globs, struct error **error)
{
	struct reference reference = {.rule_count = choose(globs, NULL)};
	_cleanup_free_ const struct rule **chosen = calloc(reference.rule_count + 1, sizeof(*chosen));

	if (!chosen) {
		error_set(error, ENOMEM, "choosing rules");
		return EXIT_FAILED;
	}
	choose(globs, chosen);
	reference.rules = chosen;
	return reference_print(print, &reference, error);
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_about, &record_rule, NULL};
	struct reference_print print = {.kinds = kinds, .table = print_table};
	int operands, parsed = command_parse(command, argc, argv, handle_option, &print, &operands, error);

	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	for (char **glob = argv + operands; *glob; glob++)
		if (config_check_rule(*glob, error))
			return EXIT_USAGE;
	return show(&print, argv + operands, error);
}

static const struct option_entry options[] = {
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor rules",
	"every rule",
	"proctor rules 'mount.*' 'file.*'",
	"those of two families",
	"proctor rules --format json",
	"with why each matters, how to mend it and who asks for it",
	NULL,
};

const struct command command_rules = {
	.name = "rules",
	.synopsis = "[GLOB…]",
	.summary = "every rule: id, severity, sentence, references",
	.description = "Lists the rules that an audit judges by, or those whose ids match a GLOB.\n\nThe "
		       "severity is what a rule says where nothing around its subject makes it better or "
		       "worse: an audit judges each in its context. 'proctor explain' tells all of one rule.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_RULE,
	.run = run,
};
