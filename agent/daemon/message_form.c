#include "agent/daemon/message_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/fetch.h"
#include "proctor/cleanup.h"

enum {
	JSON_BYTES = 16 * 1024,
	/* The shortest that each can be: what is counted cannot be more than the bytes that came. */
	SEEN_LEAST = 3 * sizeof(uint32_t),
	OBSERVED_LEAST = 12 * sizeof(uint32_t) + FINDING_ID_SIZE,
	USE_LEAST = 3 * sizeof(uint32_t) + 3 * sizeof(uint64_t),
	DENIAL_LEAST = 2 * sizeof(uint32_t) + 3 * sizeof(uint64_t),
	LEARNED_LEAST = 9 * sizeof(uint32_t) + 4 * sizeof(uint64_t),
	HISTORY_LEAST = sizeof(uint32_t) + 4 * sizeof(uint64_t),
	NANOSECONDS = 1000 * 1000 * 1000,
};

#define SIGHTS UINT64_MAX /* each bit is one */

/* ---- texts ------------------------------------------------------------------------------------------ */

static bool is_id(const char *data, size_t length)
{
	return length == FINDING_ID_SIZE - 1 && strspn(data, "0123456789abcdef") == length;
}

static bool is_rule(const char *data, size_t length)
{
	return length && strspn(data, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length;
}

/* One object on one line: it becomes part of a record. */
static bool is_object(const char *data, size_t length)
{
	_cleanup_json_ json_t *json = NULL;

	if (memchr(data, '\n', length) || memchr(data, '\r', length))
		return false;
	json = json_loadb(data, length, 0, NULL);
	return json_is_object(json);
}

static const struct wire_text container_text = {"a container's id", 1024, true, text_is_safe};
static const struct wire_text name_text = {"a container's name", 4096, true, text_is_safe};
static const struct wire_text image_text = {"an image", 4096, true, text_is_safe};
static const struct wire_text task_text = {"a task", 4096, true, text_is_safe};
static const struct wire_text learned_text = {"a container's id", 1024, false, text_is_safe};
static const struct wire_text executable_text = {"an executable", 512, false, text_is_safe};
static const struct wire_text reason_text = {"a reason", 512, true, text_is_safe};
static const struct wire_text id_text = {"a finding's id", FINDING_ID_SIZE - 1, false, is_id};
static const struct wire_text rule_text = {"a rule", 64, false, is_rule};
static const struct wire_text finding_text = {"a finding", MESSAGE_FINDING_BYTES, true, is_object};
static const struct wire_text summary_text = {"a summary", MESSAGE_SUMMARY_BYTES, false, is_object};
static const struct wire_text json_text = {"JSON", JSON_BYTES, false, is_object};
static const struct wire_text inventory_text = {"an inventory", MESSAGE_INVENTORY_BYTES, false, is_object};
static const struct wire_text body_text = {"a body", FETCH_BYTES, false, NULL};

/* A name as it came from outside: made safe where it is not. */
static void put_name(struct wire_writer *writer, const struct wire_text *rule, const char *name)
{
	_cleanup_free_ char *safe = NULL;
	size_t length = name ? strlen(name) : 0;

	if (!name || (length <= rule->max && text_is_safe(name, length))) {
		wire_put_text(writer, rule, name, length);
		return;
	}
	safe = malloc(rule->max + 1);
	if (safe)
		text_escape(safe, rule->max + 1, name, length);
	wire_put_text(writer, rule, safe, safe ? strlen(safe) : 0);
}

/* ---- a pass: where findings name containers, they do so by their place in `seen` ---------------------- */

struct place {
	const char *container;
	uint32_t index;
};

static int compare_places(const void *left, const void *right)
{
	return strcmp(((const struct place *)left)->container, ((const struct place *)right)->container);
}

/* The containers that were seen, in order; freed by the caller. */
static struct place *places_make(const struct pass *pass, size_t *count)
{
	struct place *places = calloc(pass->seen_count + 1, sizeof(*places));

	*count = 0;
	for (size_t i = 0; places && i < pass->seen_count; i++)
		if (pass->seen[i].container)
			places[(*count)++] = (struct place){pass->seen[i].container, (uint32_t)i};
	if (places)
		qsort(places, *count, sizeof(*places), compare_places);
	return places;
}

static void put_containers(struct wire_writer *writer, const struct observed *observed,
			   const struct place *places, size_t count)
{
	wire_put_32(writer, (uint32_t)observed->container_count);
	for (size_t i = 0; i < observed->container_count; i++) {
		struct place wanted = {observed->containers[i], 0};
		const struct place *found = bsearch(&wanted, places, count, sizeof(*places), compare_places);
		if (!found) {
			writer->fault = "a finding's container that was not seen";
			return;
		}
		wire_put_32(writer, found->index);
	}
}

static void put_observed(struct wire_writer *writer, const struct observed *observed,
			 const struct place *places, size_t count)
{
	wire_put_text(writer, &id_text, observed->id, strlen(observed->id));
	wire_put_text(writer, &rule_text, observed->rule, strlen(observed->rule));
	wire_put_32(writer, observed->severity);
	wire_put_32(writer, observed->excepted);
	wire_put_64(writer, observed->needs);
	wire_put_64(writer, observed->digest);
	put_containers(writer, observed, places, count);
	put_name(writer, &name_text, observed->container_name);
	put_name(writer, &image_text, observed->image);
	put_name(writer, &task_text, observed->task);
	wire_put_text(writer, &finding_text, observed->json, observed->json_length);
}

/* No name is longer on the wire than four times what it is here (text_escape), or its bound. */
static size_t name_size(const struct wire_text *rule, const char *name)
{
	size_t length = name ? strlen(name) : 0;

	if (!name || text_is_safe(name, length))
		length = length < rule->max ? length : rule->max;
	else
		length = length < rule->max / 4 ? 4 * length : rule->max;
	return wire_text_size(name, length);
}

static size_t observed_size(const struct observed *observed)
{
	return OBSERVED_LEAST + strlen(observed->rule) + observed->container_count * sizeof(uint32_t) +
	       name_size(&name_text, observed->container_name) + name_size(&image_text, observed->image) +
	       name_size(&task_text, observed->task) + wire_text_size(observed->json, observed->json_length);
}

static size_t seen_size(const struct pass *pass)
{
	size_t size = 0;

	for (size_t i = 0; i < pass->seen_count; i++)
		size += sizeof(uint64_t) + name_size(&container_text, pass->seen[i].container);
	return size;
}

bool message_fits_seen(const struct pass *pass)
{
	return seen_size(pass) <= MESSAGE_SEEN_BYTES;
}

size_t message_fitting(const struct pass *pass)
{
	size_t size = 16 * sizeof(uint32_t) + MESSAGE_SUMMARY_BYTES + seen_size(pass), fitting = 0;

	while (fitting < pass->observed_count && fitting < MESSAGE_FINDINGS_MAX) {
		size += observed_size(&pass->observed[fitting]);
		if (size > MESSAGE_PASS_BYTES)
			break;
		fitting++;
	}
	return fitting;
}

static void put_pass(struct wire_writer *writer, const struct message *message)
{
	const struct pass *pass = &message->pass;
	_cleanup_free_ struct place *places = NULL;
	size_t count;

	if (!message_fits_seen(pass) || pass->observed_count > MESSAGE_FINDINGS_MAX) {
		writer->fault = "more containers or findings than are sent";
		return;
	}
	places = places_make(pass, &count);
	if (!places) {
		writer->fault = "memory is exhausted";
		return;
	}
	wire_put_64(writer, (uint64_t)pass->time.tv_sec);
	wire_put_32(writer, (uint32_t)pass->time.tv_nsec);
	wire_put_32(writer, pass->full);
	wire_put_32(writer, pass->all_containers);
	wire_put_32(writer, pass->truncated);
	wire_put_text(writer, &summary_text, pass->summary, pass->summary_length);
	wire_put_32(writer, (uint32_t)pass->seen_count);
	for (size_t i = 0; i < pass->seen_count; i++) {
		put_name(writer, &container_text, pass->seen[i].container);
		wire_put_64(writer, pass->seen[i].sight);
	}
	wire_put_32(writer, (uint32_t)pass->observed_count);
	for (size_t i = 0; i < pass->observed_count; i++)
		put_observed(writer, &pass->observed[i], places, count);
}

static const struct seen *take_seen(struct wire_reader *reader, struct arena *arena, size_t *count)
{
	struct seen *seen;

	*count = wire_take_count(reader, MESSAGE_SEEN_BYTES / SEEN_LEAST, SEEN_LEAST,
				 "a number of containers");
	seen = arena_array(arena, *count, sizeof(*seen));
	if (!seen) {
		*count = 0;
		wire_fault(reader, "memory is exhausted");
		return NULL;
	}
	for (size_t i = 0; i < *count; i++) {
		seen[i].container = wire_take_text(reader, &container_text, NULL);
		seen[i].sight = wire_take_64(reader, SIGHTS, "a sight");
	}
	return seen;
}

static void take_containers(struct wire_reader *reader, struct arena *arena, const struct pass *pass,
			    struct observed *observed)
{
	size_t count = wire_take_count(reader, pass->seen_count, sizeof(uint32_t),
				       "a finding's number of containers");
	const char **containers = arena_array(arena, count, sizeof(*containers));

	if (!containers) {
		wire_fault(reader, "memory is exhausted");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		uint32_t at = wire_take_32(reader, UINT32_MAX, "a finding's container");
		containers[i] = at < pass->seen_count ? pass->seen[at].container : NULL;
		if (!containers[i])
			wire_fault(reader, "a finding's container");
	}
	observed->containers = containers;
	observed->container_count = count;
}

static void take_observed(struct wire_reader *reader, struct arena *arena, const struct pass *pass,
			  struct observed *observed)
{
	const char *id = wire_take_text(reader, &id_text, NULL);

	snprintf(observed->id, sizeof(observed->id), "%s", id ? id : "");
	observed->rule = wire_take_text(reader, &rule_text, NULL);
	observed->severity = wire_take_32(reader, SEVERITY_COUNT - 1, "a severity");
	if (observed->severity == SEVERITY_NONE)
		wire_fault(reader, "a severity");
	observed->excepted = wire_take_32(reader, true, "an exception");
	observed->needs = wire_take_64(reader, SIGHTS, "a finding's sight");
	observed->digest = wire_take_64(reader, UINT64_MAX, "a digest");
	take_containers(reader, arena, pass, observed);
	observed->container_name = wire_take_text(reader, &name_text, NULL);
	observed->image = wire_take_text(reader, &image_text, NULL);
	observed->task = wire_take_text(reader, &task_text, NULL);
	observed->json = wire_take_text(reader, &finding_text, &observed->json_length);
}

static void take_pass(struct wire_reader *reader, struct message *message)
{
	struct pass *pass = &message->pass;
	struct observed *observed;

	pass->time.tv_sec = (time_t)wire_take_64(reader, INT64_MAX, "a time");
	pass->time.tv_nsec = wire_take_32(reader, NANOSECONDS - 1, "a time");
	pass->full = wire_take_32(reader, true, "whether all was read");
	pass->all_containers = wire_take_32(reader, true, "whether all processes were listed");
	pass->truncated = wire_take_32(reader, true, "whether findings were left out");
	pass->summary = wire_take_text(reader, &summary_text, &pass->summary_length);
	pass->seen = take_seen(reader, message->arena, &pass->seen_count);
	pass->observed_count =
		wire_take_count(reader, MESSAGE_FINDINGS_MAX, OBSERVED_LEAST, "a number of findings");
	observed = arena_array(message->arena, pass->observed_count, sizeof(*observed));
	if (!observed) {
		wire_fault(reader, "memory is exhausted");
		return;
	}
	for (size_t i = 0; i < pass->observed_count && !reader->fault; i++)
		take_observed(reader, message->arena, pass, &observed[i]);
	pass->observed = observed;
}

/* ---- the other kinds ---------------------------------------------------------------------------------- */

static void put_json(struct wire_writer *writer, const struct message *message)
{
	wire_put_text(writer, &json_text, message->json.data, message->json.length);
}

static void take_json(struct wire_reader *reader, struct message *message)
{
	message->json.data = wire_take_text(reader, &json_text, &message->json.length);
}

static void put_inventory(struct wire_writer *writer, const struct message *message)
{
	wire_put_text(writer, &inventory_text, message->json.data, message->json.length);
}

static void take_inventory(struct wire_reader *reader, struct message *message)
{
	message->json.data = wire_take_text(reader, &inventory_text, &message->json.length);
}

static void put_ask(struct wire_writer *writer, const struct message *message)
{
	wire_put_32(writer, message->endpoints);
}

static void take_ask(struct wire_reader *reader, struct message *message)
{
	message->endpoints = wire_take_32(reader, (1u << ENDPOINT_COUNT) - 1, "a set of endpoints");
}

static void put_answer(struct wire_writer *writer, const struct message *message)
{
	const struct bytes *body = &message->answer.body;

	wire_put_32(writer, message->answer.endpoint);
	wire_put_32(writer, message->answer.fault);
	wire_put_32(writer, (uint32_t)message->answer.number);
	wire_put_text(writer, &body_text, body->length ? body->data : "", body->length);
}

static void take_answer(struct wire_reader *reader, struct message *message)
{
	message->answer.endpoint = wire_take_32(reader, ENDPOINT_COUNT - 1, "an endpoint");
	message->answer.fault = wire_take_32(reader, FETCH_FAULTS - 1, "a fault");
	message->answer.number = (int32_t)wire_take_32(reader, UINT16_MAX, "a status");
	message->answer.body.data = wire_take_text(reader, &body_text, &message->answer.body.length);
	if (message->answer.fault != FETCH_NO_FAULT && message->answer.body.length)
		wire_fault(reader, "a body of none");
}

static void put_counters(struct wire_writer *writer, const struct message *message)
{
	const struct message_counters *counters = &message->counters;

	wire_put_64(writer, counters->events);
	wire_put_64(writer, counters->overruns);
	wire_put_64(writer, counters->passes);
	wire_put_64(writer, counters->full_passes);
	wire_put_64(writer, counters->unread);
	wire_put_64(writer, counters->checks);
	wire_put_64(writer, counters->checks_lost);
	wire_put_64(writer, counters->checks_unseen);
}

static void take_counters(struct wire_reader *reader, struct message *message)
{
	struct message_counters *counters = &message->counters;

	counters->events = wire_take_64(reader, INT64_MAX, "a counter");
	counters->overruns = wire_take_64(reader, INT64_MAX, "a counter");
	counters->passes = wire_take_64(reader, INT64_MAX, "a counter");
	counters->full_passes = wire_take_64(reader, INT64_MAX, "a counter");
	counters->unread = wire_take_64(reader, INT64_MAX, "a counter");
	counters->checks = wire_take_64(reader, INT64_MAX, "a counter");
	counters->checks_lost = wire_take_64(reader, INT64_MAX, "a counter");
	counters->checks_unseen = wire_take_64(reader, INT64_MAX, "a counter");
}

/* ---- what was learned, and what is kept of it ---------------------------------------------------------- */

static void put_executables(struct wire_writer *writer, const char *const *executables)
{
	uint32_t count = 0;

	while (executables && executables[count] && count < MESSAGE_EXECUTABLES_MAX)
		count++;
	wire_put_32(writer, count);
	for (uint32_t i = 0; i < count; i++)
		put_name(writer, &executable_text, executables[i]);
}

static const char *const *take_executables(struct wire_reader *reader, struct arena *arena)
{
	size_t count =
		wire_take_count(reader, MESSAGE_EXECUTABLES_MAX, sizeof(uint32_t), "a number of executables");
	const char **executables = arena_array(arena, count + 1, sizeof(*executables));

	if (!executables)
		wire_fault(reader, "memory is exhausted");
	for (size_t i = 0; executables && i < count; i++)
		executables[i] = wire_take_text(reader, &executable_text, NULL);
	return executables;
}

static void put_use(struct wire_writer *writer, const struct learned_use *use)
{
	wire_put_32(writer, use->capability);
	wire_put_64(writer, use->count);
	wire_put_64(writer, (uint64_t)use->first);
	wire_put_64(writer, (uint64_t)use->last);
	wire_put_32(writer, use->required);
	put_name(writer, &reason_text, use->reason);
	put_executables(writer, use->executables);
}

static void take_use(struct wire_reader *reader, struct arena *arena, struct learned_use *use)
{
	use->capability = wire_take_32(reader, CAPABILITY_BITS - 1, "a capability");
	use->count = wire_take_64(reader, INT64_MAX, "a count");
	use->first = (int64_t)wire_take_64(reader, INT64_MAX, "a time");
	use->last = (int64_t)wire_take_64(reader, INT64_MAX, "a time");
	use->required = wire_take_32(reader, true, "whether it is required");
	use->reason = wire_take_text(reader, &reason_text, NULL);
	use->executables = take_executables(reader, arena);
}

static void put_denial(struct wire_writer *writer, const struct learned_denial *denial)
{
	wire_put_32(writer, denial->capability);
	wire_put_64(writer, denial->count);
	wire_put_64(writer, (uint64_t)denial->first);
	wire_put_64(writer, (uint64_t)denial->last);
	put_name(writer, &reason_text, denial->reason);
	put_executables(writer, denial->executables);
}

static void take_denial(struct wire_reader *reader, struct arena *arena, struct learned_denial *denial)
{
	denial->capability = wire_take_32(reader, CAPABILITY_BITS - 1, "a capability");
	denial->count = wire_take_64(reader, INT64_MAX, "a count");
	denial->first = (int64_t)wire_take_64(reader, INT64_MAX, "a time");
	denial->last = (int64_t)wire_take_64(reader, INT64_MAX, "a time");
	denial->reason = wire_take_text(reader, &reason_text, NULL);
	denial->executables = take_executables(reader, arena);
}

static void put_watched(struct wire_writer *writer, const struct watched *watched)
{
	put_name(writer, &learned_text, watched->id);
	put_name(writer, &name_text, watched->name);
	put_name(writer, &image_text, watched->image);
	put_name(writer, &image_text, watched->image_digest);
	put_name(writer, &task_text, watched->family);
	wire_put_64(writer, watched->granted);
	wire_put_64(writer, (uint64_t)watched->since);
	wire_put_32(writer, watched->saw_start);
}

static const struct watched *take_watched(struct wire_reader *reader, struct arena *arena)
{
	struct watched *watched = arena_alloc(arena, sizeof(*watched));

	if (!watched) {
		wire_fault(reader, "memory is exhausted");
		return NULL;
	}
	watched->id = wire_take_text(reader, &learned_text, NULL);
	watched->name = wire_take_text(reader, &name_text, NULL);
	watched->image = wire_take_text(reader, &image_text, NULL);
	watched->image_digest = wire_take_text(reader, &image_text, NULL);
	watched->family = wire_take_text(reader, &task_text, NULL);
	watched->granted = wire_take_64(reader, UINT64_MAX, "a set of capabilities");
	watched->since = (int64_t)wire_take_64(reader, INT64_MAX, "a time");
	watched->saw_start = wire_take_32(reader, true, "whether its start was seen");
	return watched;
}

static void put_learned_container(struct wire_writer *writer, const struct learned_container *container)
{
	put_watched(writer, container->watched);
	wire_put_64(writer, container->recommended);
	wire_put_32(writer, container->complete);
	wire_put_64(writer, container->observed_seconds);
	wire_put_32(writer, (uint32_t)container->use_count);
	for (size_t i = 0; i < container->use_count; i++)
		put_use(writer, &container->uses[i]);
	wire_put_32(writer, (uint32_t)container->denial_count);
	for (size_t i = 0; i < container->denial_count; i++)
		put_denial(writer, &container->denials[i]);
}

static void take_learned_container(struct wire_reader *reader, struct arena *arena,
				   struct learned_container *container)
{
	container->watched = take_watched(reader, arena);
	container->recommended = wire_take_64(reader, UINT64_MAX, "a set of capabilities");
	container->complete = wire_take_32(reader, true, "whether all was seen");
	container->observed_seconds = wire_take_64(reader, INT32_MAX, "a time");
	container->use_count =
		wire_take_count(reader, CAPABILITY_BITS, USE_LEAST, "a number of capabilities");
	container->uses = arena_array(arena, container->use_count, sizeof(*container->uses));
	for (size_t i = 0; container->uses && i < container->use_count; i++)
		take_use(reader, arena, &container->uses[i]);
	container->denial_count =
		wire_take_count(reader, CAPABILITY_BITS, DENIAL_LEAST, "a number of capabilities");
	container->denials = arena_array(arena, container->denial_count, sizeof(*container->denials));
	for (size_t i = 0; container->denials && i < container->denial_count; i++)
		take_denial(reader, arena, &container->denials[i]);
	if (!container->uses || !container->denials)
		wire_fault(reader, "memory is exhausted");
}

static void put_learned(struct wire_writer *writer, const struct message *message)
{
	wire_put_32(writer, (uint32_t)message->learned.count);
	for (size_t i = 0; i < message->learned.count; i++)
		put_learned_container(writer, &message->learned.list[i]);
}

static void take_learned(struct wire_reader *reader, struct message *message)
{
	size_t count = wire_take_count(reader, MESSAGE_LEARNED_MAX, LEARNED_LEAST, "a number of containers");
	struct learned_container *list = arena_array(message->arena, count, sizeof(*list));

	if (!list)
		wire_fault(reader, "memory is exhausted");
	message->learned.list = list;
	message->learned.count = count;
	for (size_t i = 0; list && i < count && !reader->fault; i++)
		take_learned_container(reader, message->arena, &list[i]);
}

static void put_history(struct wire_writer *writer, const struct message *message)
{
	wire_put_32(writer, (uint32_t)message->history.count);
	for (size_t i = 0; i < message->history.count; i++) {
		const struct learned_history *history = &message->history.list[i];
		put_name(writer, &learned_text, history->id);
		wire_put_64(writer, history->required);
		wire_put_64(writer, history->optional);
		wire_put_64(writer, history->seconds);
		wire_put_64(writer, history->starts);
	}
}

static void take_history(struct wire_reader *reader, struct message *message)
{
	size_t count = wire_take_count(reader, MESSAGE_LEARNED_MAX, HISTORY_LEAST, "a number of containers");
	struct learned_history *list = arena_array(message->arena, count, sizeof(*list));

	if (!list)
		wire_fault(reader, "memory is exhausted");
	message->history.list = list;
	message->history.count = count;
	for (size_t i = 0; list && i < count; i++) {
		list[i].id = wire_take_text(reader, &learned_text, NULL);
		list[i].required = wire_take_64(reader, UINT64_MAX, "a set of capabilities");
		list[i].optional = wire_take_64(reader, UINT64_MAX, "a set of capabilities");
		list[i].seconds = wire_take_64(reader, INT64_MAX, "a time");
		list[i].starts = wire_take_64(reader, INT64_MAX, "a number of starts");
	}
}

/* All there is of it is its kind, or its descriptor. */
static void put_nothing(struct wire_writer *writer, const struct message *message)
{
	(void)writer;
	(void)message;
}

static void take_nothing(struct wire_reader *reader, struct message *message)
{
	(void)reader;
	(void)message;
}

const struct message_form message_forms[MESSAGE_KINDS] = {
	[MESSAGE_READY] = {"a word of readiness", JSON_BYTES + 64, false, put_json, take_json},
	[MESSAGE_ASK] = {"a request", 64, false, put_ask, take_ask},
	[MESSAGE_ANSWER] = {"an answer", FETCH_BYTES + 64, false, put_answer, take_answer},
	[MESSAGE_PASS] = {"a pass", MESSAGE_PASS_BYTES, false, put_pass, take_pass},
	[MESSAGE_INVENTORY] = {"an inventory", MESSAGE_INVENTORY_BYTES + 64, false, put_inventory,
			       take_inventory},
	[MESSAGE_COUNTERS] = {"counters", 128, false, put_counters, take_counters},
	[MESSAGE_CONFINED] = {"a word of confinement", JSON_BYTES + 64, false, put_json, take_json},
	[MESSAGE_LEARNED] = {"what was learned", MESSAGE_LEARNED_BYTES, false, put_learned, take_learned},
	[MESSAGE_HISTORY] = {"a history", MESSAGE_LEARNED_BYTES, false, put_history, take_history},
	[MESSAGE_AGAIN] = {"a question for everything", 0, false, put_nothing, take_nothing},
	[MESSAGE_PEER] = {"a descriptor", 0, true, put_nothing, take_nothing},
};

int message_encode(const struct message *message, struct wire_writer *writer, struct error **error)
{
	const struct message_form *form = &message_forms[message->kind];

	form->put(writer, message);
	if (!writer->fault && writer->length > form->limit)
		writer->fault = "all of it";
	if (!writer->fault)
		return 0;
	return error_set(error, EMSGSIZE, "sending %s: out of bounds: %s", form->name, writer->fault);
}

int message_decode(struct message *message, const char *data, size_t length, struct error **error)
{
	const struct message_form *form = &message_forms[message->kind];
	struct wire_reader reader = {.cursor = data, .end = bytes_end((struct bytes){data, length})};

	form->take(&reader, message);
	if (!reader.fault && reader.cursor != reader.end)
		reader.fault = "its end";
	if (!reader.fault)
		return 0;
	return error_set(error, 0, "receiving %s: %s is not as it should be", form->name, reader.fault);
}
