#include "agent/findings_table.h"

#include <errno.h>

#include "agent/formats/table.h"
#include "agent/since.h"

static const char *container_of(const struct remembered *remembered)
{
	if (remembered->on_host)
		return "host";
	if (remembered->container_name)
		return remembered->container_name;
	return json_string_value(json_object_get(remembered->record.finding, "container_id"));
}

static void put_age(struct table *table, enum table_style style, int64_t now, int64_t time)
{
	char text[AGE_SIZE];

	table_text(table, style, since_age(now - time, text));
}

static void put_finding(struct table *table, const struct remembered *remembered, int64_t now)
{
	const struct agent_record *record = &remembered->record;
	/* What is accepted or over stands back. */
	bool open = remembered->standing[0] == 'o';
	enum table_style style = open ? STYLE_PLAIN : STYLE_FAINT;

	table_text(table, open ? table_style_of(remembered->severity) : style,
		   severity_names[remembered->severity]);
	table_text(table, style, remembered->standing);
	put_age(table, style, now, record->first_seen);
	put_age(table, style, now, record->last_seen);
	table_text(table, style, container_of(remembered));
	table_text(table, style, remembered->rule);
	table_text(table, style, json_string_value(json_object_get(record->finding, "title")));
}

int findings_table_print(struct store_reader *reader, int64_t now, struct output *output, size_t *left_out,
			 struct error **error)
{
	static const struct table_column
		severity = {.header = "SEVERITY", .keep = KEEP_ALWAYS},
		standing = {.header = "STATUS"}, first_seen = {.header = "AGE", .right = true},
		last_seen = {.header = "SEEN", .right = true},
		container = {.header = "CONTAINER", .weight = 1, .minimum = 9, .keep = KEEP_LONGER},
		rule = {.header = "RULE", .weight = 1, .minimum = 12, .keep = KEEP_ALWAYS},
		title = {.header = "TITLE", .weight = 3, .minimum = 20};
	static const struct table_column *const columns[] = {&severity,  &standing, &first_seen, &last_seen,
							     &container, &rule,     &title};
	struct table_look look = table_look_of(output);
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	const struct remembered *remembered;
	int result;

	if (!table)
		return error_set(error, ENOMEM, "printing findings");
	while ((remembered = store_read_next(reader)))
		put_finding(table, remembered, now);
	result = store_read_failed(reader, error);
	if (!result)
		result = table_print(table, &look, output, error);
	*left_out = table_left_out(table, &look);
	table_free(table);
	return result;
}
