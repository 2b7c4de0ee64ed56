/* What the store tells of itself, and what is told in its name. */
#include <errno.h>
#include <string.h>

#include "agent/store/record.h"
#include "proctor/cleanup.h"

/* ---- counts -------------------------------------------------------------------------------------- */

/* Counts one row of standing, severity, rule and number. */
static int add_count(struct store_state *state, sqlite3_stmt *row, size_t *capacity)
{
	const char *standing = (const char *)sqlite3_column_text(row, 0);
	const char *rule = (const char *)sqlite3_column_text(row, 2);
	int severity = sqlite3_column_int(row, 1);
	uint64_t count = (uint64_t)sqlite3_column_int64(row, 3);
	struct rule_count *rules;

	if (!standing || !rule || severity <= SEVERITY_NONE || severity >= SEVERITY_COUNT)
		return 0;
	if (!strcmp(standing, "suppressed"))
		state->suppressed += count;
	if (!strcmp(standing, "resolved"))
		state->resolved += count;
	if (strcmp(standing, "open") != 0)
		return 0;
	state->open[severity] += count;
	rules = arena_grow(state->arena, state->rules, state->rule_count, capacity, sizeof(*rules));
	if (!rules)
		return -1;
	state->rules = rules;
	rules[state->rule_count] = (struct rule_count){.rule = arena_string(state->arena, rule),
						       .severity = (enum severity)severity,
						       .count = count};
	return rules[state->rule_count++].rule ? 0 : -1;
}

static int read_counts(struct store *store, struct store_state *state)
{
	struct database *database = store_database(store);
	sqlite3_stmt *rows = query_start(database, QUERY_FINDING_COUNTS);
	size_t capacity = 0;
	int found;

	while ((found = store_step(store, database, rows)) == 1)
		if (add_count(state, rows, &capacity)) {
			query_end(rows);
			return -1;
		}
	return found;
}

/* ---- sinks --------------------------------------------------------------------------------------- */

/* For how long the oldest record that the sink waits for has been there, in seconds. */
static int read_oldest(struct store *store, const char *sink, double *oldest)
{
	struct database *queues[2];
	size_t count = store_queues(store, queues);
	struct place place = {0};

	if (place_find(store, sink, &place, NULL))
		return -1;
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *row = place_query(queues[i], QUERY_QUEUE_OLDEST_WANTED, &place);
		int found = store_step(store, queues[i], row);
		if (found < 0 && !queue_is_passed_over(store, queues[i]))
			return -1;
		if (found != 1)
			continue;
		*oldest = (double)(store->figures.clock - sqlite3_column_int64(row, 0)) / 1000;
		query_end(row);
		return 0;
	}
	return 0;
}

static int add_sink(struct store *store, struct store_state *state, sqlite3_stmt *row, size_t *capacity)
{
	const char *name = (const char *)sqlite3_column_text(row, 0);
	struct sink_state *sinks =
		arena_grow(state->arena, state->sinks, state->sink_count, capacity, sizeof(*sinks));
	struct sink_state *sink;
	int64_t letters;

	if (!sinks)
		return -1;
	state->sinks = sinks;
	sink = &sinks[state->sink_count++];
	*sink = (struct sink_state){.name = arena_string(state->arena, name ? name : ""),
				    .waiting = (uint64_t)sqlite3_column_int64(row, 1),
				    .waiting_bytes = (uint64_t)sqlite3_column_int64(row, 2),
				    .sent = (uint64_t)sqlite3_column_int64(row, 3),
				    .dropped = (uint64_t)sqlite3_column_int64(row, 4),
				    .refused = (uint64_t)sqlite3_column_int64(row, 5)};
	if (!sink->name || letters_count(store, sink->name, &letters))
		return -1;
	sink->dead_letters = (uint64_t)letters;
	return sink->waiting ? read_oldest(store, sink->name, &sink->oldest) : 0;
}

static int read_sinks(struct store *store, struct store_state *state)
{
	struct database *database = store_database(store);
	sqlite3_stmt *rows = query_start(database, QUERY_SINKS);
	size_t capacity = 0;
	int found;

	while ((found = store_step(store, database, rows)) == 1)
		if (add_sink(store, state, rows, &capacity)) {
			query_end(rows);
			return -1;
		}
	return found;
}

/* ---- the state ----------------------------------------------------------------------------------- */

static int read_state(struct store *store, void *context, struct error **error)
{
	struct store_state *state = context;
	struct arena *arena = state->arena;

	*state = (struct store_state){.arena = arena,
				      .sequence = store->figures.sequence,
				      .degraded = store->trouble != TROUBLE_NONE};
	if (!read_counts(store, state) && !read_sinks(store, state))
		return 0;
	return store->code ? -1 : error_set(error, ENOMEM, "reading the state");
}

struct store_state *store_state(struct store *store, struct error **error)
{
	struct arena *arena = arena_new();
	struct store_state *state = arena ? arena_alloc(arena, sizeof(*state)) : NULL;

	if (!state) {
		arena_free(arena);
		error_set(error, ENOMEM, "reading the state");
		return NULL;
	}
	state->arena = arena;
	if (!store_do(store, SAFETY_NONE, read_state, state, error))
		return state;
	arena_free(arena);
	return NULL;
}

void store_state_free(struct store_state *state)
{
	if (state)
		arena_free(state->arena);
}

static json_t *queue_json(const struct store_state *state, uint64_t *dropped)
{
	json_t *queue = json_array();

	*dropped = 0;
	for (size_t i = 0; queue && i < state->sink_count; i++) {
		const struct sink_state *sink = &state->sinks[i];
		*dropped += sink->dropped;
		json_array_append_new(
			queue,
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sink", sink->name, "waiting",
				  (json_int_t)sink->waiting, "waiting_bytes", (json_int_t)sink->waiting_bytes,
				  "oldest_seconds", (json_int_t)sink->oldest, "sent", (json_int_t)sink->sent,
				  "dropped", (json_int_t)sink->dropped, "refused", (json_int_t)sink->refused,
				  "dead_letters", (json_int_t)sink->dead_letters));
	}
	return queue;
}

json_t *store_state_json(const struct store_state *state)
{
	uint64_t dropped;
	json_t *queue = queue_json(state, &dropped);
	json_t *findings = json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I}", "critical", (json_int_t)state->open[SEVERITY_CRITICAL],
		"high", (json_int_t)state->open[SEVERITY_HIGH], "medium",
		(json_int_t)state->open[SEVERITY_MEDIUM], "low", (json_int_t)state->open[SEVERITY_LOW],
		"info", (json_int_t)state->open[SEVERITY_INFO], "suppressed", (json_int_t)state->suppressed);

	return json_pack("{s:o, s:I, s:o, s:b}", "findings", findings, "dropped", (json_int_t)dropped,
			 "queue", queue, "degraded", state->degraded);
}

/* ---- status -------------------------------------------------------------------------------------- */

struct text {
	const char *data;
	size_t length;
};

static int set_status(struct store *store, void *context, struct error **error)
{
	const struct text *text = context;
	sqlite3_stmt *row = query_start(store_database(store), QUERY_STATUS_SET);

	(void)error;
	sqlite3_bind_text64(row, 1, text->data, text->length, SQLITE_STATIC, SQLITE_UTF8);
	return store_run(store, row);
}

int store_set_status(struct store *store, const char *json, size_t length, struct error **error)
{
	struct text text = {json, length};

	return store_do(store, SAFETY_LATER, set_status, &text, error);
}

/* ---- a copy -------------------------------------------------------------------------------------- */

enum { PAGE_BYTES = 1 << 20, PAGE_LETTERS = 500 };

/* What is copied, and the copy. */
struct image {
	const struct image_part {
		const char *table, *condition;
	} * parts; /* ended by a NULL table */
	unsigned char *data;
	size_t length;
};

static int copy_parts(struct store *store, const struct image_part *parts, struct database *copy)
{
	for (; parts->table; parts++) {
		int read, code = database_copy(store_database(store), copy, parts->table, parts->condition,
					       COPY_REPLACES, &read);
		store->code = code != SQLITE_OK ? code : read != SQLITE_DONE ? read : SQLITE_OK;
		if (store->code)
			return -1;
	}
	return 0;
}

static int make_image(struct store *store, void *context, struct error **error)
{
	struct image *image = context;
	_cleanup_database_ struct database *copy = NULL;
	unsigned char *data;
	sqlite3_int64 length;

	if (database_open(NULL, &copy, error) != DATABASE_OPEN || copy_parts(store, image->parts, copy))
		return -1;
	data = sqlite3_serialize(copy->handle, "main", &length, 0);
	image->data = data ? malloc((size_t)length) : NULL;
	if (image->data)
		memcpy(image->data, data, (size_t)length);
	sqlite3_free(data);
	image->length = (size_t)length;
	return image->data ? 0 : error_set(error, ENOMEM, "copying the state");
}

/* Without the queue, which may be long, and is nobody's but the sinks'. */
int store_image(struct store *store, unsigned char **image, size_t *length, struct error **error)
{
	static const struct image_part parts[] = {{"figures", ""},
						  {"finding", ""},
						  {"detail", ""},
						  {"sink", ""},
						  {"learned", ""},
						  {"learned_use", ""},
						  {0}};
	struct image made = {.parts = parts};

	if (store_do(store, SAFETY_NONE, make_image, &made, error))
		return -1;
	*image = made.data;
	*length = made.length;
	return 0;
}

struct page {
	const char *sink;
	int64_t sequence;
	struct image image;
};

/* How many dead letters a page holds: one at least. -1 */
static int measure_page(struct store *store, const struct page *page)
{
	struct database *database = store_database(store);
	sqlite3_stmt *rows = query_start(database, QUERY_LETTERS_PAGE);
	int64_t bytes = 0;
	int count = 0, found = 0;

	query_bind_text(rows, 1, page->sink);
	sqlite3_bind_int64(rows, 2, page->sequence);
	while (bytes < PAGE_BYTES && count < PAGE_LETTERS &&
	       (found = store_step(store, database, rows)) == 1) {
		bytes += sqlite3_column_int64(rows, 0);
		count++;
	}
	query_end(rows);
	return found < 0 ? -1 : count;
}

static int make_page(struct store *store, void *context, struct error **error)
{
	struct page *page = context;
	int count = measure_page(store, page), result = -1;
	char *condition = count < 0 ? NULL
				    : sqlite3_mprintf("WHERE (sink, sequence) > (%Q, %lld) "
						      "ORDER BY sink, sequence LIMIT %d",
						      page->sink, (long long)page->sequence, count);
	const struct image_part parts[] = {{"figures", ""}, {"dead_letter", condition}, {0}};

	page->image.parts = parts;
	if (condition)
		result = make_image(store, &page->image, error);
	else if (count >= 0)
		error_set(error, ENOMEM, "copying dead letters");
	page->image.parts = NULL;
	sqlite3_free(condition);
	return result;
}

int store_letters_image(struct store *store, const char *sink, int64_t sequence, unsigned char **image,
			size_t *length, struct error **error)
{
	struct page page = {.sink = sink, .sequence = sequence};

	if (store_do(store, SAFETY_NONE, make_page, &page, error))
		return -1;
	*image = page.image.data;
	*length = page.image.length;
	return 0;
}
