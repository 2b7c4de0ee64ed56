/* Members of the definition of an ECS task: those of the task, and those of the container within. What
 * Fargate refuses is not written for it. */
#include <ctype.h>
#include <string.h>

#include "agent/remedy/writer.h"

enum { TMPFS_MIB = 64, MEMORY_MIB = 512, CPU_SHARES = 256, PATH_LENGTH = 100 };

static void put_privileges(struct writer *writer, json_t *container)
{
	const struct plan *plan = writer->plan;

	if (plan_has(plan, CHANGE_IMAGE))
		writer_put_text(writer, container, "image", plan->facts.image);
	if (plan_has(plan, CHANGE_PRIVILEGED) && !plan->target->fargate)
		writer_put(writer, container, "privileged", json_false());
	if (plan_has(plan, CHANGE_USER))
		writer_put_text(writer, container, "user", plan->facts.user);
	if (plan_has(plan, CHANGE_READ_ONLY_ROOT))
		writer_put(writer, container, "readonlyRootFilesystem", json_true());
	if (plan_has(plan, CHANGE_NEW_PRIVILEGES))
		writer_append_text(writer, writer_array(writer, container, "dockerSecurityOptions"),
				   "no-new-privileges");
	if (plan_has(plan, CHANGE_MEMORY))
		writer_put(writer, container, "memory", json_integer(MEMORY_MIB));
	if (plan_has(plan, CHANGE_CPU))
		writer_put(writer, container, "cpu", json_integer(CPU_SHARES));
}

static bool has_volume(const json_t *volumes, const char *name)
{
	const json_t *volume;
	size_t index;

	json_array_foreach(volumes, index, volume)
	{
		if (!strcmp(json_string_value(json_object_get(volume, "name")), name))
			return true;
	}
	return false;
}

/* `/var/cache/x` of `web` becomes `web-writable-var-cache-x`: at most 255 letters, digits, hyphens and
 * underscores are allowed. Containers that name one volume would share it, and so would two paths. */
static const char *volume_name(const struct writer *writer, const char *path)
{
	const json_t *volumes = json_object_get(writer->fragment, "volumes");
	char *base =
		arena_printf(writer->arena, "%s-writable%.*s", writer->plan->facts.name, PATH_LENGTH, path);
	const char *name = base;

	for (char *letter = base; letter && *letter; letter++)
		if (!isalnum((unsigned char)*letter) && *letter != '_')
			*letter = '-';
	for (unsigned number = 2; name && has_volume(volumes, name); number++)
		name = arena_printf(writer->arena, "%s-%u", base, number);
	return name;
}

/* Fargate has no tmpfs: a volume of the task without a place on a host. */
static void put_volume(struct writer *writer, json_t *container, const char *path)
{
	const char *name = volume_name(writer, path);
	json_t *mount = json_pack("{s:s, s:s, s:b}", "sourceVolume", name ? name : "", "containerPath", path,
				  "readOnly", 0);

	writer->failed |= !name;
	writer_append(writer, writer_array(writer, container, "mountPoints"), mount);
	writer_append(writer, writer_array(writer, writer->fragment, "volumes"),
		      json_pack("{s:s}", "name", name ? name : ""));
}

static void put_writable(struct writer *writer, json_t *container, const char *path)
{
	json_t *linux_parameters;

	if (writer->plan->target->fargate) {
		put_volume(writer, container, path);
		return;
	}
	linux_parameters = writer_object(writer, container, "linuxParameters");
	writer_append(writer, writer_array(writer, linux_parameters, "tmpfs"),
		      json_pack("{s:s, s:i, s:o}", "containerPath", path, "size", TMPFS_MIB, "mountOptions",
				writer_tmpfs_options(writer)));
}

/* Fargate adds none but SYS_PTRACE: there those of Docker's default are dropped one by one. */
static void put_capabilities(struct writer *writer, json_t *container)
{
	const struct plan *plan = writer->plan;
	capability_set keep = plan->facts.keep, add = keep;
	json_t *linux_parameters = writer_object(writer, container, "linuxParameters");
	json_t *capabilities = writer_object(writer, linux_parameters, "capabilities");
	json_t *drop = writer_array(writer, capabilities, "drop");

	if (plan->target->fargate && keep) {
		writer_append_capabilities(writer, drop, CAPABILITY_DOCKER_DEFAULT & ~keep);
		add = keep & CAPABILITY_MASK(CAP_SYS_PTRACE);
	} else {
		writer_append_text(writer, drop, "ALL");
	}
	if (add)
		writer_append_capabilities(writer, writer_array(writer, capabilities, "add"), add);
}

static void put_linux(struct writer *writer, json_t *container)
{
	const struct plan *plan = writer->plan;
	const struct path_list *writable = &plan->facts.writable;

	if (plan_has(plan, CHANGE_CAPABILITIES))
		put_capabilities(writer, container);
	for (size_t i = 0; plan_has(plan, CHANGE_READ_ONLY_ROOT) && i < writable->count; i++)
		put_writable(writer, container, writable->paths[i]);
}

static void put_left_out(struct writer *writer)
{
	const struct plan *plan = writer->plan;

	if (plan_has(plan, CHANGE_PRIVILEGED) && plan->target->fargate)
		writer_leave_out(writer, "privileged");
	if (plan_has(plan, CHANGE_CAPABILITIES))
		writer_leave_out_capabilities(writer, "linuxParameters.capabilities.add: ");
	if (plan_has(plan, CHANGE_LSM)) {
		writer_leave_out(writer, "dockerSecurityOptions: apparmor:unconfined");
		writer_leave_out(writer, "dockerSecurityOptions: label:disable");
	}
	if (plan_has(plan, CHANGE_PID_NAMESPACE))
		writer_leave_out(writer, "pidMode: host (of the task)");
	if (plan_has(plan, CHANGE_IPC_NAMESPACE))
		writer_leave_out(writer, "ipcMode: host (of the task)");
	if (plan_has(plan, CHANGE_DEVICES))
		writer_leave_out_devices(writer, "linuxParameters.devices: ");
	if (plan_has(plan, CHANGE_MOUNTS))
		writer_leave_out_mounts(writer, "mountPoints, and its volume of the task: ");
}

int write_ecs(struct plan *plan, struct arena *arena)
{
	struct writer writer = writer_start(plan, arena);
	json_t *container = json_object();
	bool empty;

	if (plan_has(plan, CHANGE_NETWORK_NAMESPACE))
		writer_put_text(&writer, writer.fragment, "networkMode", "awsvpc");
	writer_append(&writer, writer_array(&writer, writer.fragment, "containerDefinitions"), container);
	writer_put_text(&writer, container, "name", plan->facts.name);
	put_privileges(&writer, container);
	put_linux(&writer, container);
	put_left_out(&writer);
	empty = json_object_size(container) < 2 && json_object_size(writer.fragment) < 2;
	return writer_finish(&writer, empty ? "" : writer_json(writer.fragment, arena));
}
