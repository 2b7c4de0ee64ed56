#include "agent/remedy/target.h"

#include <string.h>

#define OF_IMAGE (CHANGE(SET_ID_FILES) | CHANGE(FILE_CAPABILITIES) | CHANGE(FILE_MODES) | CHANGE(TOOLS))
#define ALL ((UINT32_C(1) << CHANGE_COUNT) - 1)

static const char in_image[] = "it is in the image: --remediate dockerfile";
static const char at_start[] = "it is in how the container is started: --remediate ecs, docker, compose or "
			       "kubernetes";

#define IMAGE_ELSEWHERE                                                                                      \
	[CHANGE_SET_ID_FILES] = in_image, [CHANGE_FILE_CAPABILITIES] = in_image,                             \
	[CHANGE_FILE_MODES] = in_image, [CHANGE_TOOLS] = in_image

#define ECS_ELSEWHERE                                                                                        \
	IMAGE_ELSEWHERE,                                                                                     \
		[CHANGE_PIDS] = "a task definition has no such limit: set ECS_TASK_PIDS_LIMIT in "           \
				"/etc/ecs/ecs.config; a ulimit `nproc` counts per user of the machine",      \
		[CHANGE_SECCOMP] = "a task definition does not set it: look for seccomp-profile in the "     \
				   "daemon's /etc/docker/daemon.json",                                       \
		[CHANGE_KERNEL_FILES] = "a task definition does not set it: look at how the daemon and its " \
					"mounts are configured",                                             \
		[CHANGE_CGROUP_NAMESPACE] =                                                                  \
			"a task definition does not set it: cgroup v2, or default-cgroupns-mode in the "     \
			"daemon's /etc/docker/daemon.json, gives each container its own",                    \
		[CHANGE_UTS_NAMESPACE] = "a task definition does not set it"

static const struct target targets[] = {
	{.name = "ecs",
	 .heading = "Members of the task definition",
	 .can = ALL & ~(OF_IMAGE | CHANGE(PIDS) | CHANGE(SECCOMP) | CHANGE(KERNEL_FILES) |
			CHANGE(CGROUP_NAMESPACE) | CHANGE(UTS_NAMESPACE)),
	 .lowers = CHANGE(CPU),
	 .elsewhere = {ECS_ELSEWHERE},
	 .write = write_ecs},
	{.name = "ecs",
	 .fargate = true,
	 .heading = "Members of the task definition",
	 .can = CHANGE(PRIVILEGED) | CHANGE(CAPABILITIES) | CHANGE(USER) | CHANGE(PID_NAMESPACE) |
		CHANGE(NETWORK_NAMESPACE) | CHANGE(IPC_NAMESPACE) | CHANGE(DEVICES) | CHANGE(MOUNTS) |
		CHANGE(READ_ONLY_ROOT) | CHANGE(MEMORY) | CHANGE(CPU) | CHANGE(IMAGE),
	 .lowers = CHANGE(CPU),
	 .otherwise = "Fargate has no setting for it",
	 .elsewhere = {IMAGE_ELSEWHERE,
		       [CHANGE_NEW_PRIVILEGES] =
			       "Fargate has no dockerSecurityOptions: take the marked files out of the image",
		       [CHANGE_LSM] = "Fargate has no dockerSecurityOptions"},
	 .write = write_ecs},
	{.name = "docker",
	 .heading = "Options of docker run",
	 .can = ALL & ~OF_IMAGE,
	 .elsewhere = {IMAGE_ELSEWHERE},
	 .write = write_docker},
	{.name = "compose",
	 .heading = "Members of the service",
	 .can = ALL & ~OF_IMAGE,
	 .elsewhere = {IMAGE_ELSEWHERE},
	 .write = write_compose},
	{.name = "kubernetes",
	 .heading = "Members of the pod",
	 .can = ALL & ~(OF_IMAGE | CHANGE(PIDS) | CHANGE(CGROUP_NAMESPACE)),
	 .elsewhere =
		 {IMAGE_ELSEWHERE, [CHANGE_PIDS] = "a pod has no such limit: set podPidsLimit of the kubelet",
		  [CHANGE_CGROUP_NAMESPACE] = "a pod has no setting for it: cgroup v2 gives each container "
					      "its own"},
	 .write = write_kubernetes},
	{.name = "dockerfile",
	 .heading = "Lines of the Dockerfile, at its end",
	 .can = OF_IMAGE | CHANGE(USER),
	 .otherwise = at_start,
	 .write = write_dockerfile},
};

enum { TARGET_COUNT = sizeof(targets) / sizeof(targets[0]) };

static const struct target systemd = {.name = "systemd",
				      .heading = "A drop-in of the service: systemctl edit",
				      .can = CHANGE(CAPABILITIES) | CHANGE(NEW_PRIVILEGES),
				      .write = write_systemd};

const struct target *target_parse(const char *name, struct error **error)
{
	for (size_t i = 0; i < TARGET_COUNT; i++)
		if (!strcmp(targets[i].name, name))
			return &targets[i];
	error_set(error, 0, "there are ecs, docker, compose, kubernetes and dockerfile");
	return NULL;
}

const char *target_name(size_t index)
{
	for (size_t i = 0; i < TARGET_COUNT; i++)
		if (!targets[i].fargate && index-- == 0)
			return targets[i].name;
	return NULL;
}

const struct target *target_on_fargate(const struct target *target)
{
	for (size_t i = 0; i < TARGET_COUNT; i++)
		if (targets[i].fargate && !strcmp(targets[i].name, target->name))
			return &targets[i];
	return target;
}

/* The next one from *index on; *index moves behind it. NULL: there is none. */
static const struct target *next_of_learned(size_t *index)
{
	while (*index < TARGET_COUNT) {
		const struct target *target = &targets[(*index)++];
		if (!target->fargate && (target->can & CHANGE(CAPABILITIES)))
			return target;
	}
	return (*index)++ == TARGET_COUNT ? &systemd : NULL;
}

const struct target *target_of_learned(const char *name)
{
	const struct target *target;
	size_t index = 0;

	do
		target = next_of_learned(&index);
	while (target && strcmp(target->name, name) != 0);
	return target;
}

const char *target_of_learned_name(size_t index)
{
	const struct target *target;
	size_t place = 0;

	do
		target = next_of_learned(&place);
	while (target && index--);
	return target ? target->name : NULL;
}

bool target_is_ecs(const struct target *target)
{
	return !strcmp(target->name, "ecs");
}
