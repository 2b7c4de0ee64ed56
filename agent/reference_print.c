#include "agent/reference_print.h"

#include "agent/command.h"
#include "agent/formats/json.h"

int reference_print_option(struct reference_print *print, int id, const char *value, struct error **error)
{
	switch (id) {
	case OPTION_FORMAT:
		return format_parse(value, &print->format, error);
	case OPTION_OUTPUT_FILE:
		print->output_file = value;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

static int print_records(const struct reference_print *print, const struct reference *reference,
			 struct output *output, struct error **error)
{
	struct record_context context = {.reference = reference};
	int result = print->format == FORMAT_JSON ? json_document(output, print->kinds, &context, error)
						  : ndjson_records(output, print->kinds, &context, error);

	record_context_free(&context);
	return result;
}

int reference_print(const struct reference_print *print, const struct reference *reference,
		    struct error **error)
{
	struct output *output = output_open(print->output_file, error);
	int result;

	if (!output)
		return EXIT_FAILED;
	result = print->format == FORMAT_TABLE ? print->table(reference, output, error)
					       : print_records(print, reference, output, error);
	if (!result)
		result = output_commit(output, error);
	output_free(output);
	return result ? EXIT_FAILED : EXIT_AUDITED;
}
