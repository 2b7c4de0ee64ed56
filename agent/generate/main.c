/* generate manual TEMPLATE | bash | zsh | fish | schema: writes it to stdout. Runs at build time only. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent/generate/generate.h"
#include "proctor/cleanup.h"
#include "proctor/record.h"

static int generate_schema(struct error **error)
{
	_cleanup_json_ json_t *schema = record_schema();

	if (!schema || json_dumpf(schema, stdout, JSON_INDENT(2)))
		return error_set(error, 0, "writing the schema");
	putchar('\n');
	return 0;
}

static int generate(int argc, char **argv, struct error **error)
{
	static const struct {
		const char *name;
		int (*make)(struct error **error);
	} kinds[] = {
		{"bash", generate_bash},
		{"fish", generate_fish},
		{"schema", generate_schema},
		{"zsh", generate_zsh},
	};

	if (argc == 3 && !strcmp(argv[1], "manual"))
		return generate_manual(argv[2], error);
	for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name))
			return kinds[i].make(error);
	return error_set(error, 0, "usage: generate manual TEMPLATE | bash | fish | schema | zsh");
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *error = NULL;

	if (!generate(argc, argv, &error) && (fflush(stdout) || ferror(stdout)))
		error_set(&error, errno, "writing to standard output");
	if (!error)
		return 0;
	fprintf(stderr, "generate: %s\n", error_message(error));
	return 1;
}
