#include "tests/unit/store.h"

#include <dirent.h>
#include <sys/stat.h>

#include "tests/unit/build.h"

int64_t test_clock = 1000;
char test_notices[4096];

int64_t test_clock_read(void)
{
	return test_clock;
}

static void note(void *context, const char *line)
{
	size_t length = strlen(test_notices);

	(void)context;
	snprintf(test_notices + length, sizeof(test_notices) - length, "%s\n", line);
}

struct store_options test_options(const char *directory)
{
	test_notices[0] = '\0';
	return (struct store_options){.directory = directory, .clock = test_clock_read, .notice = note};
}

struct store *test_store(const struct store_options *options)
{
	static const struct queue_options sink = {
		.sink = "test", .minimum = SEVERITY_INFO, .heartbeats = true, .inventory = true};
	struct error *error = NULL;
	struct store *store = store_open(options, &error);

	if (!store || store_set_sinks(store, &sink, 1, &error))
		fail_msg("%s", error_message(error));
	return store;
}

/* ---- passes -------------------------------------------------------------------------------------- */

struct made {
	struct pass pass;
	struct observed observed[LOOK_MAX];
	struct seen seen[LOOK_MAX + 1];
	const char *containers[LOOK_MAX];
	char json[LOOK_MAX][512];
};

static void make_finding(struct made *made, const struct look *look, size_t i)
{
	struct observed *observed = &made->observed[i];

	*observed = (struct observed){
		.rule = "process.root-user",
		.severity = look->findings[i].severity ? look->findings[i].severity : SEVERITY_HIGH,
		.digest = look->findings[i].digest,
		.excepted = look->findings[i].excepted,
		.needs = look->findings[i].needs ? look->findings[i].needs : SIGHT_PROCESSES,
		.containers = &made->containers[i],
		.container_count = look->findings[i].container ? 1 : 0,
		.container_name = look->findings[i].container ? "web" : NULL,
	};
	memset(observed->id, look->findings[i].letter, FINDING_ID_SIZE - 1);
	made->containers[i] = look->findings[i].container;
	snprintf(made->json[i], sizeof(made->json[i]),
		 "{\"id\":\"%s\",\"rule\":\"process.root-user\",\"title\":\"digest %d\"}", observed->id,
		 (int)observed->digest);
	if (!look->findings[i].textless)
		observed->json = look->findings[i].json ? look->findings[i].json : made->json[i];
	observed->json_length = observed->json ? strlen(observed->json) : 0;
}

int look_at(struct store *store, const struct look *look)
{
	struct made *made = calloc(1, sizeof(*made));
	struct error *error = NULL;
	size_t count = 0, seen = 0;
	int result;

	if (!made)
		return -1;
	for (; count < LOOK_MAX && look->findings[count].letter; count++)
		make_finding(made, look, count);
	made->seen[seen++] = (struct seen){.sight = look->blind ? 0 : UINT64_MAX};
	for (size_t i = 0; i < LOOK_MAX && look->seen[i].container; i++)
		made->seen[seen++] = look->seen[i];
	made->pass = (struct pass){.time = {.tv_sec = look->time ? look->time : LOOK_TIME},
				   .all_containers = look->all_containers,
				   .truncated = look->truncated,
				   .observed = made->observed,
				   .observed_count = count,
				   .seen = made->seen,
				   .seen_count = seen,
				   .summary = LOOK_SUMMARY,
				   .summary_length = strlen(LOOK_SUMMARY)};
	result = store_pass(store, &made->pass, &error);
	if (result < 0)
		print_message("%s\n", error_message(error));
	error_free(error);
	free(made);
	return result;
}

/* ---- what is told -------------------------------------------------------------------------------- */

static json_t *last;

const json_t *told_last(void)
{
	return last;
}

static void add_record(char *text, size_t size, const struct queued *record)
{
	size_t length = strlen(text);
	const char *type, *status, *id;

	assert_null(memchr(record->text, '\n', record->length));
	json_decref(last);
	last = json_loadb(record->text, record->length, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(last);
	assert_int_equal(json_integer_value(json_object_get(last, "sequence")), record->sequence);
	assert_int_equal(json_string_length(json_object_get(last, "record_id")), 32);
	type = json_string_value(json_object_get(last, "type"));
	status = json_string_value(json_object_get(last, "status"));
	id = json_string_value(json_object_get(json_object_get(last, "finding"), "id"));
	assert_non_null(type);
	snprintf(text + length, size - length, "%s%s%s%.1s", length ? ", " : "", status ? status : type,
		 id ? " " : "", id ? id : "");
}

const char *told(struct store *store)
{
	static char text[4096];
	struct error *error = NULL;
	size_t count;

	text[0] = '\0';
	do {
		struct batch *batch = store_next(store, "test", 3, 1 << 20, &error);
		if (!batch)
			fail_msg("%s", error_message(error));
		const struct queued *records = batch_records(batch, &count);
		for (size_t i = 0; i < count; i++) {
			assert_true(i == 0 || records[i].sequence > records[i - 1].sequence);
			add_record(text, sizeof(text), &records[i]);
		}
		if (count && store_done(store, "test", records, count, &error))
			fail_msg("%s", error_message(error));
		batch_free(batch);
	} while (count);
	return text;
}

/* ---- directories --------------------------------------------------------------------------------- */

const char *test_directory(void)
{
	const char *path = own_path();

	test_directory_remove();
	assert_int_equal(mkdir(path, 0750), 0);
	return path;
}

void test_directory_remove(void)
{
	DIR *directory = opendir(own_path());
	const struct dirent *entry;

	while (directory && (entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(own_path());
}
