#include "agent/run/proof_table.h"

#include <errno.h>

#include "agent/formats/table.h"

static const char *words(char *into, size_t size, capability_set set)
{
	capability_words(into, size, set, capability_all(CAP_LAST_CAP));
	return into;
}

static void put_try(struct table *table, const struct proof_try *one)
{
	char set[1024];

	table_text(table, STYLE_PLAIN, words(set, sizeof(set), one->set));
	table_text(table, one->passed ? STYLE_STRONG : STYLE_FAINT, one->passed ? "passes" : "fails");
}

static void put_proven(const struct proof *proof, struct output *output)
{
	char set[1024];

	output_format(output, "\nProven: %s: the check passes with it, and fails without any one of it\n",
		      words(set, sizeof(set), proof->proven));
	if (proof->learned & ~proof->proven)
		output_format(output, "Learned, but not missed: %s\n",
			      words(set, sizeof(set), proof->learned & ~proof->proven));
	if (proof->proven & ~proof->learned)
		output_format(output, "Missed, but not learned: %s\n",
			      words(set, sizeof(set), proof->proven & ~proof->learned));
}

int proof_table_print(const struct proof *proof, struct output *output, struct error **error)
{
	static const struct table_column set = {.header = "WITH NOTHING BUT", .weight = 1, .minimum = 16},
					 outcome = {.header = "THE CHECK", .keep = KEEP_ALWAYS};
	static const struct table_column *const columns[] = {&set, &outcome};
	struct table_look look = table_look_of(output);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int result;

	if (!table)
		return error_set(error, ENOMEM, "printing what was proven");
	for (size_t i = 0; i < proof->count; i++)
		put_try(table, &proof->tries[i]);
	output_text(output, "\n");
	result = table_print(table, &look, output, error);
	table_free(table);
	if (!result)
		put_proven(proof, output);
	return result;
}
