#include "agent/selection.h"

bool selection_has_container(const struct selection *selection, const struct snapshot *snapshot,
			     const struct container *container)
{
	if (selection->container && !(container && container_is_called(container, selection->container)))
		return false;
	if (!selection->pids)
		return true;
	for (size_t i = 0; i < selection->pid_count; i++) {
		const struct process *process = snapshot_process(snapshot, selection->pids[i]);
		if (process && process->container == container)
			return true;
	}
	return false;
}

static bool has_process(const struct selection *selection, const struct snapshot *snapshot,
			const struct process *process)
{
	if (!selection->pids)
		return selection_has_container(selection, snapshot, process->container);
	for (size_t i = 0; i < selection->pid_count; i++)
		if (selection->pids[i] == process->pid)
			return selection_has_container(selection, snapshot, process->container);
	return false;
}

/* A mount namespace belongs to the containers that live in it; one without any is the host's. */
static bool has_namespace(const struct selection *selection, const struct snapshot *snapshot,
			  const struct mount_namespace *namespace)
{
	bool lived_in = false;

	for (size_t i = 0; i < snapshot->container_count; i++) {
		if (snapshot->containers[i]->mount_namespace != namespace)
			continue;
		if (selection_has_container(selection, snapshot, snapshot->containers[i]))
			return true;
		lived_in = true;
	}
	return !lived_in && selection_has_container(selection, snapshot, NULL);
}

int selection_make(const struct selection *selection, const struct snapshot *snapshot, struct arena *arena,
		   struct snapshot *part)
{
	*part = *snapshot;
	if (!selection->container && !selection->pids)
		return 0;
	part->process_count = part->container_count = part->mount_namespace_count = part->file_count = 0;
	part->processes = arena_array(arena, snapshot->process_count, sizeof(*part->processes));
	part->containers = arena_array(arena, snapshot->container_count, sizeof(*part->containers));
	part->mount_namespaces =
		arena_array(arena, snapshot->mount_namespace_count, sizeof(*part->mount_namespaces));
	part->files = arena_array(arena, snapshot->file_count, sizeof(*part->files));
	if (!part->processes || !part->containers || !part->mount_namespaces || !part->files)
		return -1;
	for (size_t i = 0; i < snapshot->process_count; i++)
		if (has_process(selection, snapshot, &snapshot->processes[i]))
			part->processes[part->process_count++] = snapshot->processes[i];
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (selection_has_container(selection, snapshot, snapshot->containers[i]))
			part->containers[part->container_count++] = snapshot->containers[i];
	for (size_t i = 0; i < snapshot->mount_namespace_count; i++)
		if (has_namespace(selection, snapshot, snapshot->mount_namespaces[i]))
			part->mount_namespaces[part->mount_namespace_count++] = snapshot->mount_namespaces[i];
	for (size_t i = 0; i < snapshot->file_count; i++)
		if (selection_has_container(selection, snapshot, snapshot->files[i].container))
			part->files[part->file_count++] = snapshot->files[i];
	return 0;
}
