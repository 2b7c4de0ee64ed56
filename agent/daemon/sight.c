#include "agent/daemon/sight.h"

#include <string.h>

#include "agent/rules/context.h"
#include "proctor/collector.h"

/* What rules ask of a process beside its status. */
enum {
	PROCESS_WANTED = PROCESS_KNOWS_STAT | PROCESS_KNOWS_CGROUP | PROCESS_KNOWS_EXECUTABLE |
			 PROCESS_KNOWS_NAMESPACES | PROCESS_KNOWS_THREADS | PROCESS_KNOWS_ROOT,
};

/* Whether the collector looked, and missed nothing. */
static bool missed_nothing(const struct snapshot *snapshot, const struct collector *collector)
{
	const struct coverage *coverage = snapshot_coverage(snapshot, collector->name);

	return coverage && !coverage->switched_off && !coverage->missed;
}

/* Pid 1 is always there, and where nobody may look at it that does not change: it hides nothing that was
 * seen. */
static bool is_unread(const struct process *process)
{
	return process->pid != 1 && process_is_judged(process) &&
	       (process->known & PROCESS_WANTED) != PROCESS_WANTED;
}

static uint64_t sight_of_container(const struct container *container)
{
	const struct limits *limits = &container->limits;
	uint64_t sight = SIGHT_PROCESSES;

	if (container->mount_namespace)
		sight |= SIGHT_MOUNTS;
	if (limits->memory.state && limits->cpu.state && limits->pids.state)
		sight |= SIGHT_LIMITS;
	if (container->files_walked)
		sight |= SIGHT_FILES;
	if (container->programs_known)
		sight |= SIGHT_PROGRAMS;
	if (container->identified)
		sight |= SIGHT_IDENTITY;
	if (container->learning && container->learning->whole)
		sight |= SIGHT_LEARNED;
	return sight;
}

static bool knows_host_mounts(const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->mount_namespace_count; i++)
		if (snapshot->mount_namespaces[i]->host)
			return true;
	return false;
}

static uint64_t sight_of_host(const struct snapshot *snapshot)
{
	uint64_t sight = SIGHT_PROCESSES | SIGHT_PROGRAMS | SIGHT_LIMITS | SIGHT_IDENTITY;

	if (knows_host_mounts(snapshot))
		sight |= SIGHT_MOUNTS;
	if (snapshot->files_walked && missed_nothing(snapshot, &collector_filesystem))
		sight |= SIGHT_FILES;
	if (snapshot->host.sysctl_count && snapshot->host.lsms_known)
		sight |= SIGHT_HOST;
	/* One is for root alone to read (net.core.bpf_jit_harden): that hides none of the others. */
	for (unsigned i = 0; i < SYSCTLS_MAX; i++)
		if (!(snapshot->host.sysctls_unread >> i & 1))
			sight |= SIGHT_SYSCTL(i);
	return sight;
}

struct seen *sight_of(const struct snapshot *snapshot, struct arena *arena)
{
	struct seen *seen = arena_array(arena, snapshot->container_count + 1, sizeof(*seen));

	if (!seen)
		return NULL;
	for (size_t i = 0; i < snapshot->container_count; i++) {
		seen[i].container = snapshot->containers[i]->id;
		seen[i].sight = sight_of_container(snapshot->containers[i]);
	}
	seen[snapshot->container_count].sight = sight_of_host(snapshot);
	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		if (is_unread(process))
			seen[container_index(snapshot, process->container)].sight &=
				~(uint64_t)SIGHT_PROCESSES;
	}
	return seen;
}

bool sight_is_complete(const struct snapshot *snapshot)
{
	return !snapshot->host.hidepid && snapshot_coverage(snapshot, collector_process.name);
}

/* The sysctl that the finding is about. */
static uint64_t sysctl_needed(const struct snapshot *snapshot, const struct finding *finding)
{
	const struct host *host = &snapshot->host;

	for (size_t i = 0; i < host->sysctl_count; i++)
		if (finding->path && !strcmp(host->sysctls[i].name, finding->path))
			return SIGHT_SYSCTL(host->sysctls[i].number);
	return 0;
}

/* By its name a finding of a container is known (agent/fingerprint.c), and by the program of its first
 * process where it has none: with another one it is another finding. */
static uint64_t identity_needed(const struct container *container)
{
	if (!container)
		return 0;
	return SIGHT_IDENTITY | (container->name || container->image ? 0 : SIGHT_PROCESSES);
}

uint64_t sight_needed(const struct snapshot *snapshot, const struct finding *finding)
{
	static const struct {
		const char *prefix;
		uint64_t needs;
	} families[] = {
		/* the first that fits */
		{"limit.", SIGHT_LIMITS},
		{"image.mutable-tag", SIGHT_IDENTITY},
		{"image.not-curated", SIGHT_IDENTITY},
		{"image.", SIGHT_FILES},
		{"capability.unused", SIGHT_LEARNED},
		{"capability.denied", SIGHT_LEARNED},
		{"capability.newly-denied", SIGHT_LEARNED},
	};
	static const uint32_t scopes[] = {
		[SCOPE_PROCESS] = SIGHT_PROCESSES | SIGHT_MOUNTS,
		[SCOPE_CONTAINER] = SIGHT_PROCESSES | SIGHT_MOUNTS,
		[SCOPE_MOUNT] = SIGHT_PROCESSES | SIGHT_MOUNTS,
		[SCOPE_FILE] = SIGHT_PROCESSES | SIGHT_FILES,
		[SCOPE_PROGRAM] = SIGHT_PROCESSES | SIGHT_PROGRAMS,
		[SCOPE_HOST] = SIGHT_HOST,
		[SCOPE_SYSCTL] = SIGHT_HOST,
		[SCOPE_EXCEPTION] = 0,
	};
	uint64_t needs = identity_needed(finding->container);
	const struct rule *rule = finding->rule;

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (!strncmp(rule->id, families[i].prefix, strlen(families[i].prefix)))
			return needs | families[i].needs;
	if (scopes[rule->scope] & SIGHT_HOST)
		needs |= sysctl_needed(snapshot, finding);
	return needs | scopes[rule->scope];
}
