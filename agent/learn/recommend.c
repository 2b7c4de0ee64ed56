#include "agent/learn/recommend.h"

#include <string.h>

#include "agent/remedy/change.h"
#include "agent/remedy/facts.h"
#include "agent/remedy/target.h"
#include "agent/since.h"

struct recommender {
	const struct learned *learned;
	const struct recommend_request *request;
	struct plans *plans;
	struct snapshot *snapshot;
};

/* ---- containers --------------------------------------------------------------------------------- */

static const char *some_name(const struct watched *watched)
{
	const char *const names[] = {watched->id, watched->name, watched->image, watched->image_digest};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i])
			return names[i];
	return "";
}

static struct container *container_of(const struct watched *watched, struct arena *arena)
{
	struct container *container = arena_alloc(arena, sizeof(*container));
	struct task *task = watched->family ? arena_alloc(arena, sizeof(*task)) : NULL;

	if (!container || (watched->family && !task))
		return NULL;
	if (task)
		task->family = watched->family;
	*container = (struct container){.id = some_name(watched),
					.name = watched->name,
					.image = watched->image,
					.image_digest = watched->image_digest,
					.task = task};
	return container;
}

static bool are_same(const char *left, const char *right)
{
	return left == right || (left && right && !strcmp(left, right));
}

/* Whether one that ran later goes by the same name, in the same family: the first ones ran last. */
static bool is_outdated(const struct learned *learned, size_t index)
{
	const struct watched *watched = learned->containers[index].watched;

	for (size_t i = 0; i < index; i++) {
		const struct watched *later = learned->containers[i].watched;
		if (are_same(later->family, watched->family) && are_same(later->name, watched->name) &&
		    (watched->name || are_same(later->image, watched->image)))
			return true;
	}
	return false;
}

/* ---- plans -------------------------------------------------------------------------------------- */

/* `image shop/web:1, watched for 12d with 3 starts`. */
static const char *tell_of(const struct learned_container *learned, struct arena *arena)
{
	const char *image =
		learned->watched->image ? learned->watched->image : learned->watched->image_digest;
	uint64_t seconds = learned->observed_seconds < INT32_MAX ? learned->observed_seconds : INT32_MAX;
	unsigned long long starts = learned->kept ? learned->kept->starts : learned->watched->saw_start;
	const char *word = starts == 1 ? "start" : "starts";
	char escaped[1024], age[AGE_SIZE];

	if (!image)
		return arena_printf(arena, "It was watched for %s with %llu %s.",
				    since_age((int64_t)seconds * 1000, age), starts, word);
	text_escape(escaped, sizeof(escaped), image, strlen(image));
	return arena_printf(arena, "Its image %s was watched for %s with %llu %s.", escaped,
			    since_age((int64_t)seconds * 1000, age), starts, word);
}

static int describe(struct plan *plan, const struct learned_container *learned, struct arena *arena)
{
	static const char question[] =
		"What more did it need when it started? No start of it was seen whole: "
		"start it anew while it is watched.";
	static const struct finding *const no_findings[] = {NULL};
	const struct change_text *text = &change_texts[CHANGE_CAPABILITIES];
	const char **effects = arena_array(arena, 2, sizeof(*effects));
	const char *told = tell_of(learned, arena);
	struct change *change = arena_alloc(arena, sizeof(*change));

	if (!effects || !told || !change)
		return -1;
	effects[0] = plan->facts.keep ? NULL : text->side_effects[0].text;
	*change = (struct change){
		.kind = CHANGE_CAPABILITIES,
		.id = text->id,
		.what = arena_printf(arena, "%s %s",
				     plan->facts.keep ? "Drop all capabilities but those that it needed."
						      : text->what,
				     told),
		.question = learned->complete ? NULL : question,
		.side_effects = effects,
		.closes = no_findings,
		.lowers = no_findings};
	plan->changes = change;
	plan->change_count = 1;
	plan->kinds = CHANGE(CAPABILITIES);
	return change->what ? 0 : -1;
}

static int add(struct recommender *recommender, const struct learned_container *learned)
{
	const struct target *target = recommender->request->target;
	struct plans *plans = recommender->plans;
	struct plan *plan = &plans->list[plans->count++];
	struct container *container = container_of(learned->watched, plans->arena);

	plan->container = container;
	plan->target = recommender->request->fargate ? target_on_fargate(target) : target;
	plan->facts.keep = learned->recommended;
	plan->facts.held = learned->watched->granted;
	if (!container || facts_gather_name(plan, plans->arena) || describe(plan, learned, plans->arena))
		return -1;
	recommender->snapshot->containers[recommender->snapshot->container_count++] = container;
	return target->write(plan, plans->arena);
}

static struct plans *begin(struct recommender *recommender, size_t count)
{
	struct arena *arena = arena_new();
	struct plans *plans = arena ? arena_alloc(arena, sizeof(*plans)) : NULL;

	recommender->snapshot = plans ? arena_alloc(arena, sizeof(*recommender->snapshot)) : NULL;
	if (recommender->snapshot) {
		plans->arena = arena;
		plans->list = arena_array(arena, count + 1, sizeof(*plans->list));
		recommender->snapshot->containers = arena_array(arena, count + 1, sizeof(struct container *));
	}
	if (recommender->snapshot && plans->list && recommender->snapshot->containers)
		return plans;
	arena_free(arena);
	return NULL;
}

struct plans *recommend_plans(const struct learned *learned, const struct recommend_request *request,
			      const struct snapshot **snapshot)
{
	struct recommender recommender = {.learned = learned, .request = request};
	int result = 0;

	recommender.plans = begin(&recommender, learned->count);
	if (!recommender.plans)
		return NULL;
	for (size_t i = 0; i < learned->count && !result; i++)
		if (!request->newest || !is_outdated(learned, i))
			result = add(&recommender, &learned->containers[i]);
	*snapshot = recommender.snapshot;
	if (!result)
		return recommender.plans;
	plans_free(recommender.plans);
	return NULL;
}
