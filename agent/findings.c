/* The engine: asks every rule about every subject of its scope, and lists what they answer. */
#include <stdlib.h>
#include <string.h>

#include "agent/exceptions.h"
#include "agent/finding_groups.h"
#include "agent/rules/context.h"
#include "proctor/finding.h"

enum {
	SCRATCH_MAX = 256 * 1024, /* evidence of answers that were not kept, before it is freed */
};

struct judging {
	const struct snapshot *snapshot;
	const struct policy *policy;
	const struct context *context;
	struct findings *findings;
	struct arena *scratch; /* of the verdicts, until one is kept */
	struct finding_groups groups;
	bool *process_chosen;   /* for each process of the snapshot */
	bool *container_chosen; /* for each container, then the host */
};

/* ---- what is asked about ----------------------------------------------------------------------- */

static void choose_processes(struct judging *judging)
{
	const struct snapshot *snapshot = judging->snapshot;
	const struct policy *policy = judging->policy;

	memset(judging->container_chosen, 0, snapshot->container_count + 1);
	for (size_t i = 0; i < policy->pid_count; i++) {
		const struct process *process = snapshot_process(snapshot, policy->pids[i]);
		if (!process)
			continue;
		judging->process_chosen[process - snapshot->processes] = true;
		judging->container_chosen[container_index(snapshot, process->container)] = true;
	}
}

static void choose_containers(struct judging *judging)
{
	const struct snapshot *snapshot = judging->snapshot;

	for (size_t i = 0; i < snapshot->container_count; i++)
		judging->container_chosen[i] &=
			container_is_called(snapshot->containers[i], judging->policy->container);
	judging->container_chosen[snapshot->container_count] = false;
}

static int choose_subjects(struct judging *judging)
{
	const struct snapshot *snapshot = judging->snapshot;
	struct arena *arena = judging->findings->arena;

	judging->process_chosen = arena_array(arena, snapshot->process_count, sizeof(bool));
	judging->container_chosen = arena_array(arena, snapshot->container_count + 1, sizeof(bool));
	if (!judging->process_chosen || !judging->container_chosen)
		return -1;
	memset(judging->process_chosen, !judging->policy->pids, snapshot->process_count);
	memset(judging->container_chosen, true, snapshot->container_count + 1);
	if (judging->policy->pids)
		choose_processes(judging);
	if (judging->policy->container)
		choose_containers(judging);
	return 0;
}

static bool is_chosen(const struct judging *judging, const struct container *container)
{
	return judging->container_chosen[container_index(judging->snapshot, container)];
}

/* ---- one answer --------------------------------------------------------------------------------- */

static enum severity overridden(const struct policy *policy, const struct rule *rule, enum severity severity)
{
	for (size_t i = policy->override_count; i-- > 0;)
		if (text_glob(policy->overrides[i].rule, rule->id))
			return policy->overrides[i].severity;
	return severity;
}

static int judge(struct judging *judging, const struct rule *rule, const struct subject *subject)
{
	struct verdict verdict = {.arena = judging->scratch};
	enum severity severity = rule->judge(subject, &verdict);

	if (verdict.failed)
		return -1;
	if (severity != SEVERITY_NONE && overridden(judging->policy, rule, severity) != SEVERITY_NONE &&
	    finding_groups_add(&judging->groups, rule, subject, &verdict, severity))
		return -1;
	if (arena_size(judging->scratch) > SCRATCH_MAX) {
		arena_free(judging->scratch);
		judging->scratch = arena_new();
	}
	return judging->scratch ? 0 : -1;
}

/* ---- the subjects of each scope ---------------------------------------------------------------- */

static struct subject subject_of(const struct judging *judging, const struct container *container)
{
	return (struct subject){.snapshot = judging->snapshot,
				.context = judging->context,
				.container = container,
				.process = container ? container->init : NULL};
}

static int judge_processes(struct judging *judging, const struct rule *rule)
{
	const struct snapshot *snapshot = judging->snapshot;

	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		struct subject subject = subject_of(judging, process->container);
		if (!judging->process_chosen[i] || !process_is_judged(process) ||
		    !is_chosen(judging, process->container))
			continue;
		subject.process = process;
		/* What came into a container later is not how it was started: process.more-than-init tells.
		 */
		if (rule->of_container && process_surplus(&subject).any)
			continue;
		if (judge(judging, rule, &subject))
			return -1;
	}
	return 0;
}

static int judge_containers(struct judging *judging, const struct rule *rule)
{
	for (size_t i = 0; i < judging->snapshot->container_count; i++) {
		struct subject subject = subject_of(judging, judging->snapshot->containers[i]);
		if (judging->container_chosen[i] && judge(judging, rule, &subject))
			return -1;
	}
	return 0;
}

static int judge_mounts(struct judging *judging, const struct rule *rule)
{
	for (size_t i = 0; i < judging->snapshot->container_count; i++) {
		struct subject subject = subject_of(judging, judging->snapshot->containers[i]);
		subject.mount_namespace = subject.container->mount_namespace;
		if (!judging->container_chosen[i] || !subject.mount_namespace)
			continue;
		for (size_t k = 0; k < subject.mount_namespace->mount_count; k++) {
			subject.mount = &subject.mount_namespace->mounts[k];
			if (judge(judging, rule, &subject))
				return -1;
		}
	}
	return 0;
}

static int judge_files(struct judging *judging, const struct rule *rule)
{
	for (size_t i = 0; i < judging->snapshot->file_count; i++) {
		const struct file *file = &judging->snapshot->files[i];
		struct subject subject = {.snapshot = judging->snapshot,
					  .context = judging->context,
					  .container = file->container,
					  .file = file};
		if (is_chosen(judging, file->container) && judge(judging, rule, &subject))
			return -1;
	}
	return 0;
}

/* One program for each process that executes it. */
static int judge_program(struct judging *judging, const struct rule *rule, struct subject *subject)
{
	for (size_t i = 0; i < subject->program->process_count; i++) {
		subject->process = subject->program->processes[i];
		if (judging->process_chosen[subject->process - judging->snapshot->processes] &&
		    process_is_judged(subject->process) && judge(judging, rule, subject))
			return -1;
	}
	return 0;
}

static int judge_programs(struct judging *judging, const struct rule *rule)
{
	for (size_t i = 0; i < judging->snapshot->container_count; i++) {
		const struct container *container = judging->snapshot->containers[i];
		struct subject subject = subject_of(judging, container);
		for (size_t k = 0; judging->container_chosen[i] && k < container->program_count; k++) {
			subject.program = &container->programs[k];
			if (judge_program(judging, rule, &subject))
				return -1;
		}
	}
	return 0;
}

static int judge_sysctls(struct judging *judging, const struct rule *rule)
{
	for (size_t i = 0; i < judging->snapshot->host.sysctl_count; i++) {
		struct subject subject = subject_of(judging, NULL);
		subject.sysctl = &judging->snapshot->host.sysctls[i];
		if (judge(judging, rule, &subject))
			return -1;
	}
	return 0;
}

static int judge_exceptions(struct judging *judging, const struct rule *rule)
{
	for (size_t i = 0; i < judging->policy->exception_count; i++) {
		struct subject subject = subject_of(judging, NULL);
		subject.exception = &judging->policy->exceptions[i];
		if (judge(judging, rule, &subject))
			return -1;
	}
	return 0;
}

static int judge_scope(struct judging *judging, const struct rule *rule)
{
	bool some = judging->policy->pids || judging->policy->container; /* then nothing of the machine */

	switch (rule->scope) {
	case SCOPE_PROCESS:
		return judge_processes(judging, rule);
	case SCOPE_CONTAINER:
		return judge_containers(judging, rule);
	case SCOPE_MOUNT:
		return judge_mounts(judging, rule);
	case SCOPE_FILE:
		return judging->policy->pids ? 0 : judge_files(judging, rule);
	case SCOPE_PROGRAM:
		return judge_programs(judging, rule);
	case SCOPE_HOST:
		return some ? 0
			    : judge(judging, rule,
				    &(struct subject){.snapshot = judging->snapshot,
						      .context = judging->context});
	case SCOPE_SYSCTL:
		return some ? 0 : judge_sysctls(judging, rule);
	case SCOPE_EXCEPTION:
		return judge_exceptions(judging, rule);
	}
	return 0;
}

/* ---- which rules ------------------------------------------------------------------------------- */

static bool matches_any(const char *const *globs, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (text_glob(globs[i], id))
			return true;
	return false;
}

static bool is_wanted(const struct policy *policy, const struct rule *rule)
{
	return (!policy->only || matches_any(policy->only, policy->only_count, rule->id)) &&
	       !matches_any(policy->without, policy->without_count, rule->id);
}

static int judge_all(struct judging *judging)
{
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++)
			if (is_wanted(judging->policy, rule) && judge_scope(judging, rule))
				return -1;
	return 0;
}

/* ---- the list ---------------------------------------------------------------------------------- */

/* NULL before any text. */
static int compare_text(const char *left, const char *right)
{
	if (!left || !right)
		return (left != NULL) - (right != NULL);
	return strcmp(left, right);
}

/* By label; the host last. */
static int compare_places(const struct container *left, const struct container *right)
{
	char left_label[64], right_label[64];

	if (!left || !right)
		return !left - !right;
	return strcmp(container_label(left, left_label, sizeof(left_label)),
		      container_label(right, right_label, sizeof(right_label)));
}

static int compare_findings(const void *a, const void *b)
{
	const struct finding *left = *(struct finding *const *)a, *right = *(struct finding *const *)b;
	int order = (left->severity < right->severity) - (left->severity > right->severity);

	if (!order)
		order = compare_places(left->container, right->container);
	if (!order)
		order = strcmp(left->rule->id, right->rule->id);
	if (!order)
		order = compare_text(left->executable, right->executable);
	if (!order)
		order = compare_text(left->path, right->path);
	return order ? order : strcmp(left->id, right->id);
}

/* Counts the finding as the policy has it; false when it is not bad enough for the list. */
static bool count_finding(struct findings *findings, const struct policy *policy, struct finding *finding)
{
	finding->severity = overridden(policy, finding->rule, finding->severity);
	finding->exception = exception_find(policy, finding);
	if (finding->exception)
		findings->excepted++;
	else
		findings->by_severity[finding->severity]++;
	findings->below_minimum += finding->severity < policy->minimum;
	return finding->severity >= policy->minimum;
}

static int list_findings(struct judging *judging)
{
	struct findings *findings = judging->findings;
	size_t count;

	if (finding_groups_merge(&judging->groups))
		return -1;
	findings->list = arena_array(findings->arena, judging->groups.count, sizeof(*findings->list));
	if (!findings->list)
		return -1;
	count = finding_groups_take(&judging->groups, findings->list);
	for (size_t i = 0; i < count; i++) {
		struct finding *finding = findings->list[i];
		if (!count_finding(findings, judging->policy, finding))
			continue;
		if (finding->container_count == 1) {
			finding->containers = NULL;
			finding->container_count = 0;
		}
		findings->list[findings->count++] = finding;
	}
	if (findings->count)
		qsort(findings->list, findings->count, sizeof(*findings->list), compare_findings);
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */

static struct findings *findings_new(void)
{
	struct arena *arena = arena_new();
	struct findings *findings = arena ? arena_alloc(arena, sizeof(*findings)) : NULL;

	if (!findings) {
		arena_free(arena);
		return NULL;
	}
	findings->arena = arena;
	return findings;
}

static int judge_into(struct judging *judging)
{
	judging->context = context_new(judging->snapshot, judging->policy, judging->findings->arena);
	judging->scratch = arena_new();
	if (!judging->context || !judging->scratch || choose_subjects(judging) || judge_all(judging))
		return -1;
	return list_findings(judging);
}

struct findings *findings_judge(const struct snapshot *snapshot, const struct policy *policy,
				struct error **error)
{
	struct judging judging = {.snapshot = snapshot, .policy = policy, .findings = findings_new()};
	int result = -1;

	if (judging.findings) {
		judging.groups.arena = judging.findings->arena;
		result = judge_into(&judging);
	}
	arena_free(judging.scratch);
	finding_groups_free(&judging.groups);
	if (!result)
		return judging.findings;
	findings_free(judging.findings);
	error_set(error, 0, "judging the facts: out of memory");
	return NULL;
}

void findings_free(struct findings *findings)
{
	if (findings)
		arena_free(findings->arena);
}
