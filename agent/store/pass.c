/* A pass compared with what is known, and what differs told.
 *
 * Both are read in the order of ids, side by side. First it is only read and decided; then what has to be
 * written is, in one transaction. A pass that changes nothing writes one row. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/lifecycle.h"
#include "agent/store/record.h"
#include "proctor/cleanup.h"

struct change {
	struct known known;
	const struct observed *observed; /* NULL: not in the pass */
	enum tidings tidings;
	enum severity worst; /* before and after: whoever was told of the one is told of the other */
	bool details;        /* those of the pass are to be kept */
};

struct comparison {
	const struct pass *pass;
	struct arena *arena;
	const struct observed **observed; /* by id */
	const struct seen **seen;         /* by container, the host first */
	struct change *changes;
	size_t count, capacity;
	bool told; /* there is one with tidings */
	bool lacks_text;
	char *host; /* JSON; NULL: not told */
	struct moment moment;
};

/* ---- the pass, in order -------------------------------------------------------------------------- */

static int compare_observed(const void *a, const void *b)
{
	const struct observed *const *left = a, *const *right = b;

	return strcmp((*left)->id, (*right)->id);
}

static int compare_containers(const char *left, const char *right)
{
	if (!left || !right)
		return (left != NULL) - (right != NULL);
	return strcmp(left, right);
}

static int compare_seen(const void *a, const void *b)
{
	const struct seen *const *left = a, *const *right = b;

	return compare_containers((*left)->container, (*right)->container);
}

/* Whether each id ends where it has to. */
static bool has_ids(const struct pass *pass)
{
	for (size_t i = 0; i < pass->observed_count; i++)
		if (!memchr(pass->observed[i].id, '\0', FINDING_ID_SIZE))
			return false;
	return true;
}

static int put_in_order(struct comparison *comparison)
{
	const struct pass *pass = comparison->pass;

	comparison->observed =
		arena_array(comparison->arena, pass->observed_count + 1, sizeof(*comparison->observed));
	comparison->seen = arena_array(comparison->arena, pass->seen_count + 1, sizeof(*comparison->seen));
	if (!comparison->observed || !comparison->seen)
		return -1;
	for (size_t i = 0; i < pass->observed_count; i++)
		comparison->observed[i] = &pass->observed[i];
	for (size_t i = 0; i < pass->seen_count; i++)
		comparison->seen[i] = &pass->seen[i];
	qsort(comparison->observed, pass->observed_count, sizeof(*comparison->observed), compare_observed);
	qsort(comparison->seen, pass->seen_count, sizeof(*comparison->seen), compare_seen);
	return 0;
}

/* ---- sight --------------------------------------------------------------------------------------- */

/* Whether the pass would have shown it, had it been in that container (NULL: the host). */
static bool could_see(const struct comparison *comparison, const char *container, uint64_t needs)
{
	struct seen wanted = {.container = container};
	const struct seen *key = &wanted;
	const struct seen *const *found = bsearch(&key, comparison->seen, comparison->pass->seen_count,
						  sizeof(*comparison->seen), compare_seen);

	if (!found)
		return container && comparison->pass->all_containers;
	return !(needs & ~(*found)->sight);
}

/* Whether what is not in the pass is not there: 1, 0, or -1. */
static int is_gone(struct store *store, const struct comparison *comparison, const struct known *known)
{
	struct database *database = store_database(store);
	sqlite3_stmt *row;
	int found, gone = 1;

	if (comparison->pass->truncated)
		return 0;
	row = query_start(database, QUERY_CONTAINERS);
	query_bind_text(row, 1, known->id);
	found = store_step(store, database, row);
	if (found < 0)
		return -1;
	const char *container = found ? sqlite3_column_blob(row, 0) : NULL;
	const char *end = container ? container + sqlite3_column_bytes(row, 0) : NULL;
	if (!container)
		gone = could_see(comparison, NULL, known->needs);
	for (const char *stop; gone && container && container < end; container = stop + 1) {
		stop = memchr(container, '\0', (size_t)(end - container));
		gone = stop && could_see(comparison, container, known->needs);
		if (!stop)
			break;
	}
	query_end(row);
	return gone;
}

/* ---- comparing ----------------------------------------------------------------------------------- */

static uint64_t add_to_hash(uint64_t hash, const char *text)
{
	for (; text && *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return (hash ^ (text ? 0x100 : 0x200)) * UINT64_C(0x100000001b3);
}

/* FNV-1a of the containers that show it and of what they are called. */
static uint64_t places_of(const struct observed *observed)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < observed->container_count; i++)
		hash = add_to_hash(hash, observed->containers[i]);
	hash = add_to_hash(hash, observed->container_name);
	hash = add_to_hash(hash, observed->image);
	return add_to_hash(hash, observed->task);
}

static int add_change(struct comparison *comparison, const struct change *change)
{
	struct change *changes = arena_grow(comparison->arena, comparison->changes, comparison->count,
					    &comparison->capacity, sizeof(*changes));

	if (!changes)
		return -1;
	comparison->changes = changes;
	changes[comparison->count++] = *change;
	comparison->told = comparison->told || change->tidings;
	return 0;
}

/* Whether the row has to be written. */
static bool differs(const struct known *left, const struct known *right)
{
	return left->standing != right->standing || left->severity != right->severity ||
	       left->digest != right->digest || left->places != right->places ||
	       left->needs != right->needs || left->present != right->present ||
	       left->missed_at != right->missed_at || left->held_until != right->held_until;
}

/* Whether the store has the text of the finding with that digest: 1, 0, or -1. */
static int has_text(struct store *store, const struct observed *observed, const struct known *known)
{
	sqlite3_stmt *row;
	int found;

	if (known->standing == STANDING_NONE || known->digest != observed->digest)
		return 0;
	if (known->standing != STANDING_RESOLVED)
		return 1;
	row = query_start(store_database(store), QUERY_DETAIL);
	query_bind_text(row, 1, observed->id);
	found = store_step(store, store_database(store), row);
	query_end(row);
	return found;
}

/* One whose text is not known is still there, and that is all that can be said. */
static int observe_without_text(struct comparison *comparison, const struct observed *observed,
				const struct known *known)
{
	struct change change = {.known = *known, .observed = observed};

	comparison->lacks_text = true;
	if (known->standing != STANDING_OPEN && known->standing != STANDING_SUPPRESSED)
		return 0;
	change.known.present = true;
	change.known.missed_at = 0;
	return differs(&change.known, known) ? add_change(comparison, &change) : 0;
}

static int observe(struct store *store, struct comparison *comparison, const struct observed *observed,
		   const struct known *known)
{
	struct change change = {.known = *known, .observed = observed};
	uint64_t places = places_of(observed);
	int has = observed->json ? 1 : has_text(store, observed, known);

	if (has <= 0)
		return has ? -1 : observe_without_text(comparison, observed, known);
	memcpy(change.known.id, observed->id, sizeof(change.known.id));
	change.tidings = lifecycle_observe(&comparison->moment, observed, places, &change.known);
	change.worst = known->severity > observed->severity ? known->severity : observed->severity;
	change.details = known->places != places ||
			 (observed->json && (change.tidings || known->digest != observed->digest));
	if (!change.tidings && !differs(&change.known, known))
		return 0;
	return add_change(comparison, &change);
}

static int miss(struct store *store, struct comparison *comparison, const struct known *known)
{
	struct change change = {.known = *known, .worst = known->severity};
	int gone = is_gone(store, comparison, known);

	if (gone < 0)
		return -1;
	change.tidings = lifecycle_miss(&comparison->moment, gone, &change.known);
	if (!change.tidings && !differs(&change.known, known))
		return 0;
	return add_change(comparison, &change);
}

/* In the pass, and not among those that are not resolved. */
static int observe_other(struct store *store, struct comparison *comparison, const struct observed *observed)
{
	struct known known;
	int found = known_find(store, observed->id, &known);

	if (found < 0)
		return -1;
	if (!found)
		known = (struct known){.standing = STANDING_NONE};
	return observe(store, comparison, observed, &known);
}

/* One step of both: *index moves behind what was dealt with; *next says whether the row was. */
static int step(struct store *store, struct comparison *comparison, size_t *index, const struct known *known,
		bool *next)
{
	const struct observed *observed =
		*index < comparison->pass->observed_count ? comparison->observed[*index] : NULL;
	int order = !known ? -1 : !observed ? 1 : strcmp(observed->id, known->id);

	*next = order >= 0;
	if (order > 0)
		return miss(store, comparison, known);
	/* Of several with one id the first stands. */
	for ((*index)++; *index < comparison->pass->observed_count &&
			 !strcmp(comparison->observed[*index]->id, observed->id);)
		(*index)++;
	return order ? observe_other(store, comparison, observed)
		     : observe(store, comparison, observed, known);
}

static int compare_all(struct store *store, struct comparison *comparison, sqlite3_stmt *rows)
{
	struct known known;
	size_t index = 0;
	int found = known_next(store, rows, &known), failed = found < 0;

	while (!failed && (found == 1 || index < comparison->pass->observed_count)) {
		bool next;
		failed = step(store, comparison, &index, found == 1 ? &known : NULL, &next) != 0;
		if (!failed && next)
			found = known_next(store, rows, &known);
		failed = failed || found < 0;
	}
	return failed ? -1 : 0;
}

static int compare(struct store *store, void *context, struct error **error)
{
	struct comparison *comparison = context;
	sqlite3_stmt *rows = known_unresolved(store);
	int result;

	comparison->count = 0;
	comparison->told = comparison->lacks_text = false;
	comparison->moment = (struct moment){
		.time = (int64_t)comparison->pass->time.tv_sec * 1000 +
			comparison->pass->time.tv_nsec / 1000000,
		.time_last = store->figures.pass_time,
		.clock = store->figures.clock,
		.resolve_after = (int64_t)store->options.resolve_after * 1000,
		.flap_window = (int64_t)store->options.flap_window * 1000,
	};
	result = compare_all(store, comparison, rows);
	query_end(rows);
	return result && !store->code ? error_set(error, ENOMEM, "comparing a pass") : result;
}

/* ---- writing ------------------------------------------------------------------------------------- */

/* The ids of the containers, each ended by NUL, owned by the caller. */
static char *join_containers(const struct observed *observed, size_t *length)
{
	char *joined, *end;

	*length = 0;
	for (size_t i = 0; i < observed->container_count; i++)
		*length += strlen(observed->containers[i]) + 1;
	joined = end = malloc(*length + 1);
	for (size_t i = 0; joined && i < observed->container_count; i++)
		end = stpcpy(end, observed->containers[i]) + 1;
	return joined;
}

static int save_details(struct store *store, const struct observed *observed)
{
	size_t length;
	_cleanup_free_ char *containers = join_containers(observed, &length);
	sqlite3_stmt *row = query_start(store_database(store),
					observed->json ? QUERY_DETAIL_SET : QUERY_DETAIL_SET_PLACES);

	if (!containers) {
		store->code = SQLITE_NOMEM;
		return -1;
	}
	query_bind_text(row, 1, observed->id);
	if (length)
		sqlite3_bind_blob64(row, 2, containers, length, SQLITE_STATIC);
	query_bind_text(row, 3, observed->container_name);
	query_bind_text(row, 4, observed->image);
	query_bind_text(row, 5, observed->task);
	if (observed->json)
		sqlite3_bind_text64(row, 6, observed->json, observed->json_length, SQLITE_STATIC,
				    SQLITE_UTF8);
	return store_run(store, row);
}

/* The finding as it was kept, owned by the caller; of one whose text was lost with a damaged file, its id. */
static json_t *kept_finding(struct store *store, const char *id, struct error **error)
{
	sqlite3_stmt *row = query_start(store_database(store), QUERY_DETAIL);
	json_t *json = NULL;
	int found;

	query_bind_text(row, 1, id);
	found = store_step(store, store_database(store), row);
	if (found == 1)
		json = record_parse((const char *)sqlite3_column_text(row, 0),
				    (size_t)sqlite3_column_bytes(row, 0), "a finding that was kept", error);
	query_end(row);
	return found ? json : json_pack("{s:s}", "id", id);
}

static const char *status_of(enum tidings tidings)
{
	return agent_statuses[tidings - 1];
}

/* Appends the record of it, and tells its row. */
static int tell(struct store *store, const struct comparison *comparison, const struct change *change,
		json_t *host, struct error **error)
{
	const struct known *known = &change->known;
	const struct observed *observed = change->observed;
	bool has = observed && observed->json;
	_cleanup_json_ json_t *finding =
		has ? record_parse(observed->json, observed->json_length, "a finding", error)
		    : kept_finding(store, known->id, error);
	char id[RECORD_ID_SIZE];
	struct agent_record record = {.time = comparison->moment.time,
				      .first_seen = known->first_seen,
				      /* A clock that was set back shows none that was last seen before. */
				      .last_seen = known->last_seen > known->first_seen ? known->last_seen
											: known->first_seen,
				      .status = status_of(change->tidings),
				      .host = host,
				      .finding = finding};

	if (!finding || record_begin(store, &record, id, error))
		return -1;
	struct told told = {.rule = observed ? observed->rule : NULL,
			    .status = record.status,
			    .record_id = id,
			    .time = record.time,
			    .sequence = (int64_t)record.sequence};
	if (known_save(store, known, &told))
		return -1;
	return queue_add(store, QUEUED_FINDING, change->worst, &record, error);
}

static int apply_change(struct store *store, const struct comparison *comparison, const struct change *change,
			json_t *host, struct error **error)
{
	static const struct told nothing;

	if (change->details && save_details(store, change->observed))
		return -1;
	if (change->tidings)
		return tell(store, comparison, change, host, error);
	return known_save(store, &change->known, &nothing);
}

/* Keeps who the host is, for the records of the agent itself. */
static int save_host(struct store *store, const char *host)
{
	sqlite3_stmt *row;

	if (!host || (store->host && !strcmp(store->host, host)))
		return 0;
	free(store->host);
	store->host = strdup(host);
	row = query_start(store_database(store), QUERY_HOST_SET);
	query_bind_text(row, 1, host);
	return store_run(store, row);
}

static int apply(struct store *store, void *context, struct error **error)
{
	const struct comparison *comparison = context;
	_cleanup_json_ json_t *host = NULL;
	bool forget = false;

	if (save_host(store, comparison->host))
		return -1;
	host = store->host ? json_loads(store->host, 0, NULL) : NULL;
	for (size_t i = 0; i < comparison->count; i++) {
		if (apply_change(store, comparison, &comparison->changes[i], host, error))
			return -1;
		forget = forget || comparison->changes[i].tidings == TIDINGS_RESOLVED;
	}
	store->figures.passed = true;
	store->figures.pass_time = comparison->moment.time;
	return forget ? known_forget(store) : 0;
}

/* ---- the pass ------------------------------------------------------------------------------------ */

/* What of the summary's host tells which one it is, as JSON owned by the caller; NULL: nothing. */
static int read_host(const struct pass *pass, char **text, struct error **error)
{
	static const char *const names[] = {"hostname", "boot_id", "view", "ecs"};
	_cleanup_json_ json_t *summary = NULL, *host = json_object();
	const json_t *whole;

	*text = NULL;
	if (!pass->summary)
		return 0;
	summary = record_parse(pass->summary, pass->summary_length, "the summary of a pass", error);
	if (!summary)
		return -1;
	whole = json_object_get(summary, "host");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		json_t *value = json_object_get(whole, names[i]);
		if (value)
			json_object_set(host, names[i], value);
	}
	if (json_object_size(host))
		*text = json_dumps(host, JSON_COMPACT);
	return 0;
}

int store_pass(struct store *store, const struct pass *pass, struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct comparison comparison = {.pass = pass, .arena = arena};
	int result;

	if (!has_ids(pass))
		return error_set(error, 0, "comparing a pass: an id has no end");
	if (!arena || put_in_order(&comparison))
		return error_set(error, ENOMEM, "comparing a pass");
	if (read_host(pass, &comparison.host, error))
		return -1;
	result = store_do(store, SAFETY_NONE, compare, &comparison, error);
	if (!result)
		result = store_do(store, comparison.told ? SAFETY_NOW : SAFETY_LATER, apply, &comparison,
				  error);
	free(comparison.host);
	if (result)
		return -1;
	return comparison.lacks_text ? STORE_PASS_LACKS_TEXT : 0;
}

static int forget_all(struct store *store, void *context, struct error **error)
{
	struct database *database = store_database(store);

	(void)context, (void)error;
	return store_run(store, query_start(database, QUERY_FINDINGS_FORGET)) ||
			       store_run(store, query_start(database, QUERY_DETAILS_FORGET))
		       ? -1
		       : 0;
}

int store_forget(struct store *store, struct error **error)
{
	return store_do(store, SAFETY_LATER, forget_all, NULL, error);
}
