#include "agent/daemon/observe.h"

#include <string.h>

#include "agent/daemon/message.h"
#include "agent/daemon/sight.h"
#include "agent/fingerprint.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "proctor/record.h"

/* ---- JSON -------------------------------------------------------------------------------------- */

/* The JSON as text in the arena; takes it. NULL data when memory is exhausted. */
static struct bytes keep_json(json_t *json, struct arena *arena)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct bytes kept = {0};

	json_decref(json);
	if (text) {
		kept.length = strlen(text);
		kept.data = arena_copy(arena, text, kept.length);
	}
	return kept;
}

static json_t *records_of(const struct record_kind *kind, struct record_context *context)
{
	json_t *array = json_array();
	const void *record;

	for (size_t i = 0; array && (record = kind->at(context, i)); i++)
		if (json_array_append_new(array, record_json(kind, record, context, false))) {
			json_decref(array);
			return NULL;
		}
	return array;
}

/* What the header tells of the machine, what was seen, and coverage. */
static json_t *summary_of(struct record_context *context)
{
	const struct snapshot *snapshot = context->snapshot;
	_cleanup_json_ json_t *header = record_json(&record_header, snapshot, context, false);
	_cleanup_json_ json_t *summary = record_json(&record_summary, context, context, false);

	return json_pack("{s:O, s:O, s:o, s:I}", "host", json_object_get(header, "host"), "seen",
			 json_object_get(summary, "seen"), "coverage", records_of(&record_coverage, context),
			 "duration_ms", (json_int_t)(snapshot->duration_ns / 1000000));
}

/* ---- one finding ------------------------------------------------------------------------------- */

/* What decided, and in which words, without what changes as a container runs. */
static uint64_t digest_of(const struct finding *finding)
{
	struct fingerprint digest = {{0}};
	struct evidence words[] = {
		{.name = "title", .type = EVIDENCE_TEXT, .text = finding->title, .next = &words[1]},
		{.name = "executable", .type = EVIDENCE_TEXT, .text = finding->executable, .next = &words[2]},
		{.name = "exception",
		 .type = EVIDENCE_TEXT,
		 .text = finding->exception ? finding->exception->name : NULL},
	};
	uint64_t number;

	digest = fingerprint_decided(&digest, finding->severity, words);
	digest = fingerprint_decided(&digest, finding->severity, finding->evidence);
	memcpy(&number, digest.bytes, sizeof(number));
	return number;
}

static int copy_text(struct arena *arena, const char **to, const char *text)
{
	*to = text ? arena_string(arena, text) : NULL;
	return text && !*to ? -1 : 0;
}

/* A finding lists its containers when they are several. */
static int keep_containers(const struct finding *finding, struct arena *arena, struct observed *observed)
{
	size_t count = finding->container_count ? finding->container_count : finding->container != NULL;
	const char **ids = count ? arena_array(arena, count, sizeof(*ids)) : NULL;

	if (!ids)
		return count ? -1 : 0;
	ids[0] = finding->container->id;
	for (size_t i = 0; i < finding->container_count; i++)
		ids[i] = finding->containers[i]->id;
	observed->containers = ids;
	observed->container_count = count;
	return 0;
}

/* How many of its containers the finding's JSON names: three quarters of what it may have in bytes. */
static size_t named_containers(const struct finding *finding)
{
	size_t left = (size_t)MESSAGE_FINDING_BYTES / 4 * 3, named = 0;

	for (; named < finding->container_count; named++) {
		const char *id = finding->containers[named]->id;
		size_t length = strlen(id), size = (text_is_safe(id, length) ? length : 6 * length) + 3;
		if (size > left)
			break;
		left -= size;
	}
	return named;
}

static struct bytes json_of_finding(const struct finding *finding, struct record_context *context,
				    struct arena *arena)
{
	struct finding told = *finding;

	told.container_count = named_containers(finding);
	return keep_json(record_json(&record_finding, &told, context, false), arena);
}

static int observe_finding(const struct finding *finding, struct record_context *context, struct arena *arena,
			   struct observed *observed)
{
	const struct container *container = finding->container;
	struct bytes json = json_of_finding(finding, context, arena);
	_cleanup_free_ char *task = NULL;

	memcpy(observed->id, finding->id, sizeof(observed->id));
	observed->rule = finding->rule->id;
	observed->severity = finding->severity;
	observed->excepted = finding->exception != NULL;
	observed->needs = sight_needed(context->snapshot, finding);
	observed->digest = digest_of(finding);
	observed->json = json.data;
	observed->json_length = json.length;
	if (!json.data || keep_containers(finding, arena, observed) ||
	    copy_text(arena, &observed->container_name, container ? container->name : NULL) ||
	    copy_text(arena, &observed->image, container ? container->image : NULL) ||
	    task_label(container, &task) || copy_text(arena, &observed->task, task))
		return -1;
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static struct observed *observe_all(const struct findings *findings, bool whole,
				    struct record_context *context, struct arena *arena, struct pass *pass)
{
	size_t count = whole || findings->count < OBSERVED_MAX ? findings->count : OBSERVED_MAX;
	struct observed *observed = arena_array(arena, count + 1, sizeof(*observed));

	pass->observed = observed;
	pass->observed_count = 0;
	for (size_t i = 0; observed && i < count; i++) {
		struct observed *next = &observed[pass->observed_count];
		if (observe_finding(findings->list[i], context, arena, next))
			return NULL;
		pass->observed_count += whole || next->json_length <= MESSAGE_FINDING_BYTES;
	}
	return observed;
}

/* What is of the host alone; of containers nothing is said, so none is taken for gone. */
static void leave_out_containers(struct observed *observed, struct pass *pass)
{
	size_t kept = 0;

	for (size_t i = 0; i < pass->observed_count; i++)
		if (!observed[i].container_count)
			observed[kept++] = observed[i];
	pass->observed_count = kept;
	pass->seen += pass->seen_count - 1; /* the host comes last */
	pass->seen_count = 1;
	pass->all_containers = false;
}

static void note(struct snapshot *snapshot, const struct collector *collector, const char *reason,
		 size_t count)
{
	struct coverage *coverage = snapshot_coverage(snapshot, collector->name);

	if (count && coverage)
		coverage_note_count(coverage, snapshot->arena, reason, count, NULL, NULL);
}

/* Containers that findings do not name, though they show them. */
static size_t count_unnamed(const struct findings *findings)
{
	size_t unnamed = 0;

	for (size_t i = 0; i < findings->count; i++)
		unnamed += findings->list[i]->container_count - named_containers(findings->list[i]);
	return unnamed;
}

/* Cuts the pass to what one message holds, and tells of what is left out. */
static void fit(struct snapshot *snapshot, const struct findings *findings, struct observed *observed,
		struct pass *pass)
{
	if (!message_fits_seen(pass)) {
		leave_out_containers(observed, pass);
		note(snapshot, &collector_container,
		     "more containers than a pass holds: what was found in them is not told",
		     snapshot->container_count);
	}
	pass->observed_count = message_fitting(pass);
	pass->truncated = pass->observed_count < findings->count;
	note(snapshot, &collector_process,
	     "more findings than a pass holds: this one is not told, and none is resolved meanwhile",
	     findings->count - pass->observed_count);
}

int observe(struct snapshot *snapshot, const struct findings *findings, bool whole, bool full,
	    struct arena *arena, struct pass *pass, struct error **error)
{
	struct record_context context = {.snapshot = snapshot, .findings = findings};
	struct observed *observed = observe_all(findings, whole, &context, arena, pass);
	struct bytes summary = {0};

	pass->time = snapshot->started_at;
	pass->full = full;
	pass->all_containers = sight_is_complete(snapshot);
	pass->seen = sight_of(snapshot, arena);
	pass->seen_count = snapshot->container_count + 1;
	if (observed && pass->seen) {
		if (!whole)
			fit(snapshot, findings, observed, pass);
		note(snapshot, &collector_container,
		     "more containers than a finding names: this one is not named in it",
		     count_unnamed(findings));
		summary = keep_json(summary_of(&context), arena);
	}
	record_context_free(&context);
	pass->summary = summary.data;
	pass->summary_length = summary.length;
	return summary.data ? 0 : error_set(error, 0, "telling what was found: out of memory");
}

struct bytes observe_inventory(const struct snapshot *snapshot, struct arena *arena)
{
	static const struct record_kind *const kinds[] = {&record_container, &record_process, &record_mount,
							  &record_file};
	struct record_context context = {.snapshot = snapshot};
	json_t *inventory = json_object();

	for (size_t i = 0; inventory && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (json_object_set_new(inventory, kinds[i]->member, records_of(kinds[i], &context))) {
			json_decref(inventory);
			inventory = NULL;
		}
	record_context_free(&context);
	return keep_json(inventory, arena);
}
