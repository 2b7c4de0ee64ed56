#include "agent/learn/learned_print.h"

#include "agent/formats/json.h"
#include "agent/learn/learn_table.h"
#include "agent/run/proof_table.h"

static int print_table(const struct record_context *context, struct output *output, struct error **error)
{
	if (learn_table_print(context->learned, output, error))
		return -1;
	return context->proof ? proof_table_print(context->proof, output, error) : 0;
}

int learned_print(const char *file, enum format format, const struct learned *learned,
		  const struct proof *proof, struct error **error)
{
	struct record_context context = {.learned = learned, .proof = proof};
	struct output *output = output_open(file, error);
	int result;

	if (!output)
		return -1;
	result = format == FORMAT_TABLE ? print_table(&context, output, error)
					: json_records(format, output, learned_kinds, &context, error);
	if (!result)
		result = output_commit(output, error);
	record_context_free(&context);
	output_free(output);
	return result;
}
