#include "agent/formats/format.h"

#include <string.h>

const struct format_entry formats[FORMAT_COUNT] = {
	[FORMAT_TABLE] = {"table", "columns for people, as wide as the terminal"},
	[FORMAT_JSON] = {"json", "one JSON document, by the schema that is installed with Proctor"},
	[FORMAT_NDJSON] = {"ndjson", "one JSON record a line, each with its type, as they are found"},
};

int format_parse(const char *name, enum format *format, struct error **error)
{
	for (unsigned i = 0; i < FORMAT_COUNT; i++)
		if (!strcmp(formats[i].name, name)) {
			*format = (enum format)i;
			return 0;
		}
	return error_set(error, 0, "no format is called `%s`: there are %s, %s and %s", name,
			 formats[FORMAT_TABLE].name, formats[FORMAT_JSON].name, formats[FORMAT_NDJSON].name);
}
