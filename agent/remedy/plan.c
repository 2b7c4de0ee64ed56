#include "agent/remedy/plan.h"

#include <errno.h>
#include <string.h>

#include "agent/remedy/change.h"
#include "agent/remedy/facts.h"
#include "agent/remedy/target.h"

/* What becomes of a finding. */
struct outcome {
	const struct finding *finding;
	uint32_t changes;   /* all of which it takes; 0: it stays open */
	bool lowered;       /* it is not closed, but for information only then */
	const char *reason; /* why it stays open */
};

struct planner {
	struct arena *arena;
	const struct plan_request *request;
	struct plan *plan;
	uint32_t faulty; /* changes that mend a fault which the container has now */
	struct outcome *outcomes;
	size_t count;
	size_t path_count; /* of findings that are to be closed */
};

enum { PATHS_MAX = 1000 }; /* that a plan names: an image can have any number of such files */

static const char unsafe_path[] = "its path has characters that cannot be written here safely";
static const char too_many[] = "there are more of them than one plan names: change those, and audit again";

/* ---- one finding ------------------------------------------------------------------------------- */

static bool is_about(const struct finding *finding, const struct container *container)
{
	if (finding->exception || !finding->container)
		return false;
	if (finding->container == container)
		return true;
	for (size_t i = 0; i < finding->container_count; i++)
		if (finding->containers[i] == container)
			return true;
	return false;
}

/* The first way that the target can go; NULL: none. */
static const struct way *way_for(const struct plan *plan, const struct finding *finding)
{
	for (const struct way *way = ways; way->rule; way++) {
		if (strcmp(way->rule, finding->rule->id) != 0 || (way->changes & ~plan->target->can) ||
		    (way->effect == WAY_CLOSES_PRIVILEGED && !plan->facts.privileged) ||
		    (way->effect == WAY_LOWERS && finding->severity <= SEVERITY_INFO))
			continue;
		return way;
	}
	return NULL;
}

static bool is_one(uint32_t changes)
{
	return !(changes & (changes - 1));
}

static const struct evidence *evidence_of(const struct finding *finding, const char *name)
{
	const struct evidence *evidence = finding->evidence;

	while (evidence && strcmp(evidence->name, name) != 0)
		evidence = evidence->next;
	return evidence;
}

/* The changes that mend what the finding says; none for one that takes several. */
static uint32_t faults_of(const struct finding *finding)
{
	const struct evidence *by = evidence_of(finding, "by");
	uint32_t changes = 0;

	for (const struct way *way = ways; way->rule; way++)
		if (!strcmp(way->rule, finding->rule->id) && is_one(way->changes) &&
		    way->effect != WAY_LOWERS)
			changes |= way->changes;
	if (!strcmp(finding->rule->id, "process.root-regain") && by && by->text &&
	    !strcmp(by->text, "its real or saved uid"))
		changes |= CHANGE(USER); /* it is not root now, and changed to that user by itself */
	return changes;
}

/* Where the changes are made that the target cannot express. */
static const char *elsewhere(const struct plan *plan, const struct finding *finding)
{
	const struct target *target = plan->target;

	for (const struct way *way = ways; way->rule; way++) {
		if (strcmp(way->rule, finding->rule->id) != 0 || way->effect == WAY_CLOSES_PRIVILEGED)
			continue;
		for (unsigned kind = 0; kind < CHANGE_COUNT; kind++)
			if ((way->changes & ~target->can & UINT32_C(1) << kind) && target->elsewhere[kind])
				return target->elsewhere[kind];
		if (target->otherwise)
			return target->otherwise;
	}
	return finding->rule->remedy.text;
}

/* A mount at /proc or /sys is the runtime's, one of the kernel's file systems elsewhere was asked for. */
static uint32_t changes_for_kernel_files(const struct finding *finding, uint32_t changes)
{
	bool of_runtime =
		finding->path && (!strncmp(finding->path, "/proc", 5) || !strncmp(finding->path, "/sys", 4));

	return (changes & CHANGE(KERNEL_FILES)) && !of_runtime
		       ? (changes & ~CHANGE(KERNEL_FILES)) | CHANGE(MOUNTS)
		       : changes;
}

/* True for a path that does not lie on the root's mount. */
static bool is_on_own_mount(const struct plan *plan, const char *path)
{
	const struct mount_namespace *mounts = plan->container->mount_namespace;

	return path && mounts && mount_of_path(mounts, path) != mounts->root;
}

/* Where a file is that no line of a Dockerfile reaches; NULL: in the image, as far as is known. */
static const char *outside_image(const struct finding *finding)
{
	const struct evidence *origin = evidence_of(finding, "origin");

	if (!origin || origin->type != EVIDENCE_TEXT || !strcmp(origin->text, "image"))
		return NULL;
	return !strcmp(origin->text, "mount")
		       ? "it lies on a volume or another mount: the image does not have it"
		       : "it was put there, or changed, since the container was started: a container that is "
			 "started anew does not have it so";
}

/* Why the tools of a kind cannot be removed; NULL: they can. */
static const char *tool_obstacle(const struct container *container, uint32_t kind)
{
	if (facts_tool_in_use(container, kind))
		return "the container runs it: removing it would end the program";
	if (facts_tool_paths(container, kind) > PATHS_MAX)
		return too_many;
	return facts_tools_are_plain(container, kind) ? NULL : unsafe_path;
}

/* Why the changes cannot be written for this container; NULL: they can. */
static const char *obstacle(const struct planner *planner, const struct finding *finding, uint32_t changes)
{
	static const uint32_t of_file = CHANGE(SET_ID_FILES) | CHANGE(FILE_CAPABILITIES) | CHANGE(FILE_MODES);
	const struct plan *plan = planner->plan;

	if ((changes & (of_file | CHANGE(MOUNTS))) && (!finding->path || !is_plain(finding->path)))
		return unsafe_path;
	if ((changes & (of_file | CHANGE(MOUNTS))) && planner->path_count >= PATHS_MAX)
		return too_many;
	if ((changes & CHANGE(MOUNTS)) && !strcmp(finding->path, "/"))
		return "it is the root itself: give it the propagation `rprivate`";
	if (!strcmp(finding->rule->id, "file.writable-executable") && is_on_own_mount(plan, finding->path))
		return "it lies on a mount of its own, which a read-only root does not cover";
	if ((changes & CHANGE(IMAGE)) && !plan->facts.image)
		return "the digest of its image is not known here, or its name cannot be written safely";
	if (changes & CHANGE(TOOLS))
		return tool_obstacle(plan->container, facts_tool_kind(finding->rule->id));
	return changes & of_file ? outside_image(finding) : NULL;
}

/* Of a way that takes several changes those count that mend something. */
static struct outcome outcome_of(const struct planner *planner, const struct finding *finding)
{
	const struct plan *plan = planner->plan;
	const struct way *way = way_for(plan, finding);
	struct outcome outcome = {.finding = finding};

	if (way)
		outcome.changes = is_one(way->changes) ? changes_for_kernel_files(finding, way->changes)
						       : way->changes & planner->faulty;
	if (!outcome.changes) {
		outcome.reason = elsewhere(plan, finding);
		return outcome;
	}
	outcome.lowered = way->effect == WAY_LOWERS || (way->changes & plan->target->lowers);
	outcome.reason = obstacle(planner, finding, outcome.changes);
	if (outcome.reason)
		outcome.changes = 0;
	return outcome;
}

/* ---- what the findings tell of the changes ------------------------------------------------------ */

static bool is_true(const struct finding *finding, const char *name)
{
	const struct evidence *evidence = evidence_of(finding, name);

	return evidence && evidence->type == EVIDENCE_BOOLEAN && evidence->number;
}

static int add_open_file(struct planner *planner, const struct finding *finding)
{
	struct path_list *list = &planner->plan->facts.open_files;
	const char *slash = strrchr(finding->path, '/');

	if (is_true(finding, "writable_by_others") && path_list_add(list, finding->path, planner->arena))
		return -1;
	if (!is_true(finding, "writable_directory") || !slash || slash == finding->path)
		return 0;
	slash = arena_copy(planner->arena, finding->path, (size_t)(slash - finding->path));
	return slash ? path_list_add(list, slash, planner->arena) : -1;
}

static int add_tools(struct planner *planner, uint32_t kind)
{
	const struct container *container = planner->plan->container;
	struct path_list *list = &planner->plan->facts.tools;

	for (size_t i = 0; i < container->tool_count; i++) {
		const struct tool *tool = &container->tools[i];
		if (!(tool->kinds & kind))
			continue;
		if (path_list_add(list, tool->path, planner->arena))
			return -1;
		for (size_t k = 0; k < tool->name_count; k++)
			if (path_list_add(list, tool->names[k], planner->arena))
				return -1;
	}
	return 0;
}

static int add_paths(struct planner *planner, const struct outcome *outcome)
{
	struct plan_facts *facts = &planner->plan->facts;
	const char *path = outcome->finding->path;

	if ((outcome->changes & CHANGE(MOUNTS)) && path_list_add(&facts->mounts, path, planner->arena))
		return -1;
	if ((outcome->changes & CHANGE(SET_ID_FILES)) &&
	    path_list_add(&facts->set_id_files, path, planner->arena))
		return -1;
	if ((outcome->changes & CHANGE(FILE_CAPABILITIES)) &&
	    path_list_add(&facts->capability_files, path, planner->arena))
		return -1;
	if ((outcome->changes & CHANGE(FILE_MODES)) && add_open_file(planner, outcome->finding))
		return -1;
	if (outcome->changes & CHANGE(TOOLS))
		return add_tools(planner, facts_tool_kind(outcome->finding->rule->id));
	return 0;
}

/* ---- the list of changes ------------------------------------------------------------------------ */

/* The findings that a change closes, or lowers; ended by NULL. NULL when memory is exhausted. */
static const struct finding *const *findings_of(const struct planner *planner, enum change_kind kind,
						bool lowered)
{
	const struct finding **list = arena_array(planner->arena, planner->count + 1, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; list && i < planner->count; i++) {
		const struct outcome *outcome = &planner->outcomes[i];
		if ((outcome->changes & UINT32_C(1) << kind) && !(outcome->changes & ~planner->plan->kinds) &&
		    outcome->lowered == lowered)
			list[count++] = outcome->finding;
	}
	return list;
}

static const char *const *side_effects_of(const struct plan *plan, enum change_kind kind, struct arena *arena)
{
	const char **list = arena_array(arena, SIDE_EFFECTS_MAX + 1, sizeof(*list));
	size_t count = 0;

	for (size_t i = 0; list && i < SIDE_EFFECTS_MAX; i++) {
		const struct side_effect *effect = &change_texts[kind].side_effects[i];
		if (effect->text && (!effect->target || !strcmp(effect->target, plan->target->name)))
			list[count++] = effect->text;
	}
	return list;
}

static int add_change(struct planner *planner, enum change_kind kind)
{
	struct plan *plan = planner->plan;
	struct change *change = &plan->changes[plan->change_count];

	change->kind = kind;
	change->id = change_texts[kind].id;
	change->what = change_texts[kind].what;
	change->closes = findings_of(planner, kind, false);
	change->lowers = findings_of(planner, kind, true);
	change->side_effects = side_effects_of(plan, kind, planner->arena);
	if (!change->closes || !change->lowers || !change->side_effects ||
	    facts_question(plan, kind, planner->arena, &change->question))
		return -1;
	plan->change_count++;
	return 0;
}

static int add_changes(struct planner *planner)
{
	struct plan *plan = planner->plan;

	plan->changes = arena_array(planner->arena, CHANGE_COUNT, sizeof(*plan->changes));
	plan->left = arena_array(planner->arena, planner->count + 1, sizeof(*plan->left));
	if (!plan->changes || !plan->left)
		return -1;
	for (size_t i = 0; i < planner->count; i++)
		if (!(planner->outcomes[i].changes & ~plan->kinds) &&
		    add_paths(planner, &planner->outcomes[i]))
			return -1;
	for (unsigned kind = 0; kind < CHANGE_COUNT; kind++)
		if (plan_has(plan, kind) && add_change(planner, kind))
			return -1;
	return 0;
}

/* ---- one container ------------------------------------------------------------------------------ */

static int judge_findings(struct planner *planner, const struct findings *findings)
{
	planner->outcomes = arena_array(planner->arena, findings->count + 1, sizeof(*planner->outcomes));
	if (!planner->outcomes)
		return -1;
	for (size_t i = 0; i < findings->count; i++)
		if (is_about(findings->list[i], planner->plan->container))
			planner->faulty |= faults_of(findings->list[i]);
	for (size_t i = 0; i < findings->count; i++) {
		struct outcome outcome;
		if (!is_about(findings->list[i], planner->plan->container))
			continue;
		outcome = outcome_of(planner, findings->list[i]);
		planner->outcomes[planner->count++] = outcome;
		planner->path_count += outcome.changes && outcome.finding->path;
		if (outcome.finding->severity >= planner->request->minimum)
			planner->plan->kinds |= outcome.changes;
	}
	return 0;
}

/* What is not closed, as far as it is bad enough to be told. */
static void tell_left(struct planner *planner)
{
	struct plan *plan = planner->plan;

	for (size_t i = 0; i < planner->count; i++) {
		const struct outcome *outcome = &planner->outcomes[i];
		if (!outcome->changes && outcome->finding->severity >= planner->request->minimum)
			plan->left[plan->left_count++] =
				(struct left_finding){outcome->finding, outcome->reason};
	}
}

static bool is_on_fargate(const struct plan_request *request, const struct container *container)
{
	const char *type = container->task ? container->task->launch_type : NULL;

	return request->fargate || (type && !strcmp(type, "FARGATE")) ||
	       (container->kind && !strcmp(container->kind, "fargate"));
}

/* True when one of its findings says so. */
static bool is_privileged(const struct findings *findings, const struct container *container)
{
	for (size_t i = 0; i < findings->count; i++)
		if (is_about(findings->list[i], container) &&
		    !strcmp(findings->list[i]->rule->id, "container.privileged"))
			return true;
	return container->declared && (container->declared->known & DECLARED_PRIVILEGED) &&
	       container->declared->privileged;
}

static int plan_make(struct plan *plan, const struct snapshot *snapshot, const struct findings *findings,
		     const struct plan_request *request, struct arena *arena)
{
	struct planner planner = {.arena = arena, .request = request, .plan = plan};

	plan->target = is_on_fargate(request, plan->container) ? target_on_fargate(request->target)
							       : request->target;
	plan->facts.privileged = is_privileged(findings, plan->container);
	if (facts_gather(plan, snapshot, arena) || judge_findings(&planner, findings) ||
	    add_changes(&planner))
		return -1;
	tell_left(&planner);
	return plan->target->write(plan, arena);
}

static struct plans *plans_new(size_t capacity)
{
	struct arena *arena = arena_new();
	struct plans *plans = arena ? arena_alloc(arena, sizeof(*plans)) : NULL;

	if (plans) {
		plans->arena = arena;
		plans->list = arena_array(arena, capacity + 1, sizeof(*plans->list));
	}
	if (plans && plans->list)
		return plans;
	arena_free(arena);
	return NULL;
}

struct plans *plans_make(const struct snapshot *snapshot, const struct findings *findings,
			 const struct plan_request *request, struct error **error)
{
	struct plans *plans = plans_new(snapshot->container_count);

	for (size_t i = 0; plans && i < snapshot->container_count; i++) {
		struct plan *plan = &plans->list[plans->count++];
		plan->container = snapshot->containers[i];
		if (plan_make(plan, snapshot, findings, request, plans->arena)) {
			plans_free(plans);
			plans = NULL;
			break;
		}
		if (plan->change_count || plan->left_count)
			continue;
		json_decref(plan->fragment);
		*plan = (struct plan){0};
		plans->count--;
	}
	if (!plans)
		error_set(error, ENOMEM, "planning what to change");
	return plans;
}

void plans_free(struct plans *plans)
{
	if (!plans)
		return;
	for (size_t i = 0; i < plans->count; i++)
		json_decref(plans->list[i].fragment);
	json_decref(plans->task_definition);
	free(plans->diff);
	arena_free(plans->arena);
}
