/* Keeps audits as an agent does, for tests of who reads that.
 *
 *     remember DIR DOCUMENT… [-]
 *
 * Each DOCUMENT is one of `proctor audit --format json`: its findings are a pass. With `-` the state stays
 * open until standard input ends. Prints what was told, one record a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/store.h"
#include "proctor/cleanup.h"

static void die(const char *what, struct error *error)
{
	fprintf(stderr, "remember: %s: %s\n", what, error_message(error));
	exit(1);
}

static void notice(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "%s\n", line);
}

static uint64_t hash(const char *text)
{
	uint64_t value = 5381;

	for (; *text; text++)
		value = value * 33 + (unsigned char)*text;
	return value;
}

static const char *text_of(const json_t *finding, const char *name)
{
	return json_string_value(json_object_get(finding, name));
}

/* The containers that show it, and how many. */
static const char **containers_of(const json_t *finding, size_t *count)
{
	const json_t *ids = json_object_get(finding, "container_ids");
	const char **containers = calloc(json_array_size(ids) + 1, sizeof(*containers));

	*count = json_array_size(ids);
	for (size_t i = 0; containers && i < *count; i++)
		containers[i] = json_string_value(json_array_get(ids, i));
	if (containers && !*count && text_of(finding, "container_id"))
		containers[(*count)++] = text_of(finding, "container_id");
	return containers;
}

static void observe(struct observed *observed, const json_t *finding)
{
	char *json = json_dumps(finding, JSON_COMPACT);

	*observed = (struct observed){.rule = text_of(finding, "rule"),
				      .severity = severity_parse(text_of(finding, "severity")),
				      .excepted = json_object_get(finding, "exception") != NULL,
				      .needs = SIGHT_PROCESSES,
				      .digest = hash(json),
				      .container_name = text_of(finding, "container_name"),
				      .image = text_of(finding, "image"),
				      .json = json,
				      .json_length = strlen(json)};
	snprintf(observed->id, sizeof(observed->id), "%s", text_of(finding, "id"));
	observed->containers = containers_of(finding, &observed->container_count);
}

static void pass_of(struct store *store, const char *path)
{
	_cleanup_json_ json_t *document = json_load_file(path, 0, NULL);
	const json_t *findings = json_object_get(document, "findings");
	size_t count = json_array_size(findings);
	_cleanup_json_ json_t *summary = json_pack("{s:O}", "host", json_object_get(document, "host"));
	_cleanup_free_ char *text = json_dumps(summary, 0);
	struct observed *observed = calloc(count + 1, sizeof(*observed));
	const struct seen host = {.sight = UINT32_MAX};
	struct error *error = NULL;

	for (size_t i = 0; i < count; i++)
		observe(&observed[i], json_array_get(findings, i));
	const struct pass pass = {.time = {.tv_sec = time(NULL)},
				  .all_containers = true,
				  .seen = &host,
				  .seen_count = 1,
				  .observed = observed,
				  .observed_count = count,
				  .summary = text,
				  .summary_length = text ? strlen(text) : 0};
	if (store_pass(store, &pass, &error))
		die(path, error);
	for (size_t i = 0; i < count; i++) {
		free((char *)observed[i].json);
		free((void *)observed[i].containers);
	}
	free(observed);
}

static void print_records(struct store *store)
{
	struct error *error = NULL;
	size_t count;

	do {
		struct batch *batch = store_next(store, "test", 100, 1 << 20, &error);
		if (!batch)
			die("the queue", error);
		const struct queued *records = batch_records(batch, &count);
		for (size_t i = 0; i < count; i++)
			printf("%s\n", records[i].text);
		if (count && store_done(store, "test", records, count, &error))
			die("the queue", error);
		batch_free(batch);
	} while (count);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct queue_options sink = {.sink = "test", .minimum = SEVERITY_INFO};
	const struct store_options options = {.directory = argv[1], .notice = notice};
	struct error *error = NULL;
	struct store *store = argc > 1 ? store_open(&options, &error) : NULL;

	if (!store || store_set_sinks(store, &sink, 1, &error))
		die("opening", error);
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "-") != 0)
			pass_of(store, argv[i]);
		print_records(store);
		if (!strcmp(argv[i], "-"))
			while (getchar() != EOF)
				;
	}
	store_close(store);
	return 0;
}
