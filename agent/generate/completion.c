#include <stdio.h>
#include <string.h>

#include "agent/formats/format.h"
#include "agent/generate/generate.h"
#include "agent/ps_columns.h"
#include "agent/remedy/target.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "proctor/rule.h"

const char *default_command(void)
{
	return commands[0] ? commands[0]->name : "";
}

bool option_is_list(const struct option_entry *entry)
{
	const char *argument = entry->argument ? entry->argument : "";
	size_t length = strlen(argument), tail = strlen(",…");

	return length > tail && !strcmp(argument + length - tail, ",…");
}

static void put_formats(FILE *out)
{
	for (size_t i = 0; i < FORMAT_COUNT; i++)
		fprintf(out, "%s ", formats[i].name);
}

static void put_severities(FILE *out)
{
	for (int i = SEVERITY_INFO; i < SEVERITY_COUNT; i++)
		fprintf(out, "%s ", severity_names[i]);
}

static void put_rules(FILE *out)
{
	for (size_t i = 0; rule_families[i]; i++)
		for (const struct rule *rule = rule_families[i]; rule->id; rule++)
			fprintf(out, "%s ", rule->id);
}

static void put_capabilities(FILE *out)
{
	char name[CAPABILITY_NAME_SIZE];

	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		fprintf(out, "%s ", capability_name(i, name));
}

static void put_collectors(FILE *out)
{
	for (size_t i = 0; collectors[i]; i++)
		if (!collectors[i]->required)
			fprintf(out, "%s ", collectors[i]->name);
}

static void put_columns(FILE *out)
{
	for (const struct ps_column *column = ps_columns; column->name; column++)
		fprintf(out, "%s ", column->name);
}

static void put_formats_and_targets(FILE *out)
{
	const char *name;

	put_formats(out);
	for (size_t i = 0; (name = target_of_learned_name(i)); i++)
		fprintf(out, "%s ", name);
}

static void put_targets(FILE *out)
{
	const char *name;

	for (size_t i = 0; (name = target_name(i)); i++)
		fprintf(out, "%s ", name);
}

static void put_words(FILE *out, enum completion completion)
{
	switch (completion) {
	case COMPLETE_FORMAT:
		put_formats(out);
		break;
	case COMPLETE_SEVERITY:
		put_severities(out);
		break;
	case COMPLETE_RULE:
		put_rules(out);
		break;
	case COMPLETE_RULE_OR_CAPABILITY:
		put_rules(out);
		put_capabilities(out);
		break;
	case COMPLETE_COLLECTOR:
		put_collectors(out);
		break;
	case COMPLETE_PS_COLUMN:
		put_columns(out);
		break;
	case COMPLETE_TARGET:
		put_targets(out);
		break;
	case COMPLETE_FORMAT_OR_LEARNED_TARGET:
		put_formats_and_targets(out);
		break;
	case COMPLETE_NONE:
	case COMPLETE_FILE:
	case COMPLETE_DIRECTORY:
	case COMPLETE_PID:
		break;
	}
}

char *completion_words(enum completion completion)
{
	char *words = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&words, &size);

	if (!out)
		return NULL;
	put_words(out, completion);
	if (fclose(out)) {
		free(words);
		return NULL;
	}
	if (size)
		words[size - 1] = '\0'; /* the space behind the last word */
	return words;
}
