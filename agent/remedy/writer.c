#include "agent/remedy/writer.h"

#include <string.h>

#include "agent/remedy/facts.h"
#include "agent/remedy/yaml.h"
#include "proctor/cleanup.h"

struct writer writer_start(struct plan *plan, struct arena *arena)
{
	struct writer writer = {.plan = plan, .arena = arena, .fragment = json_object()};

	writer.failed = !writer.fragment;
	return writer;
}

void writer_put(struct writer *writer, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value))
		writer->failed = true;
}

void writer_put_text(struct writer *writer, json_t *object, const char *name, const char *text)
{
	writer_put(writer, object, name, json_string(text));
}

void writer_append(struct writer *writer, json_t *array, json_t *value)
{
	if (json_array_append_new(array, value))
		writer->failed = true;
}

void writer_append_text(struct writer *writer, json_t *array, const char *text)
{
	writer_append(writer, array, json_string(text));
}

void writer_append_capabilities(struct writer *writer, json_t *array, capability_set set)
{
	char name[CAPABILITY_NAME_SIZE];

	for (unsigned number = 0; number < 64; number++)
		if (set & CAPABILITY_MASK(number))
			writer_append_text(writer, array, capability_constant(number, name) + strlen("CAP_"));
}

json_t *writer_object(struct writer *writer, json_t *object, const char *name)
{
	if (!json_object_get(object, name))
		writer_put(writer, object, name, json_object());
	return json_object_get(object, name);
}

json_t *writer_array(struct writer *writer, json_t *object, const char *name)
{
	if (!json_object_get(object, name))
		writer_put(writer, object, name, json_array());
	return json_object_get(object, name);
}

/* Whose a tmpfs is to be: the user that the container is to run as; false when that is not known. */
static bool tmpfs_owner(const struct plan *plan, uint32_t *uid, uint32_t *gid)
{
	const struct plan_facts *facts = &plan->facts;
	bool changed = plan_has(plan, CHANGE_USER);

	*uid = changed ? facts->uid : facts->uid_now;
	*gid = changed ? facts->gid : facts->gid_now;
	return changed || facts->user_now;
}

json_t *writer_tmpfs_options(struct writer *writer)
{
	json_t *options = json_array();
	uint32_t uid, gid;

	writer_append_text(writer, options, "mode=1777");
	if (tmpfs_owner(writer->plan, &uid, &gid)) {
		writer_append(writer, options, json_sprintf("uid=%u", uid));
		writer_append(writer, options, json_sprintf("gid=%u", gid));
	}
	return options;
}

const char *writer_tmpfs(struct writer *writer, const char *path)
{
	uint32_t uid, gid;

	if (!tmpfs_owner(writer->plan, &uid, &gid))
		return arena_printf(writer->arena, "%s:size=64m,mode=1777", path);
	return arena_printf(writer->arena, "%s:size=64m,mode=1777,uid=%u,gid=%u", path, uid, gid);
}

void writer_leave_out(struct writer *writer, const char *format, ...)
{
	const char **grown = arena_grow(writer->arena, writer->leave_out, writer->count, &writer->capacity,
					sizeof(*grown));
	va_list arguments;

	if (!grown) {
		writer->failed = true;
		return;
	}
	writer->leave_out = grown;
	va_start(arguments, format);
	grown[writer->count] = arena_vprintf(writer->arena, format, arguments);
	va_end(arguments);
	writer->failed |= !grown[writer->count++];
}

void writer_leave_out_capabilities(struct writer *writer, const char *before)
{
	capability_set beyond =
		writer->plan->facts.held & ~writer->plan->facts.keep & ~CAPABILITY_DOCKER_DEFAULT;
	char name[CAPABILITY_NAME_SIZE];

	if (writer->plan->facts.privileged)
		return; /* they come of privileged mode */
	for (unsigned number = 0; number < 64; number++)
		if (beyond & CAPABILITY_MASK(number))
			writer_leave_out(writer, "%s%s", before,
					 capability_constant(number, name) + strlen("CAP_"));
}

void writer_leave_out_devices(struct writer *writer, const char *before)
{
	const struct container *container = writer->plan->container;

	for (size_t i = 0; i < container->device_count; i++)
		if (is_plain(container->devices[i].path))
			writer_leave_out(writer, "%s%s", before, container->devices[i].path);
	if (container->all_devices_known && container->all_devices)
		writer_leave_out(writer, "%severy device (a rule a *:* rwm of the devices cgroup)", before);
}

/* Where the host's files of that mount point lie; NULL: not known. */
static const char *host_path_of(const struct container *container, const char *point)
{
	const struct mount_namespace *mounts = container->mount_namespace;

	for (size_t i = 0; mounts && i < mounts->mount_count; i++) {
		const struct mount *mount = &mounts->mounts[i];
		if (!mount->covered && !strcmp(mount->point, point))
			return mount->host_path && is_plain(mount->host_path) ? mount->host_path : NULL;
	}
	return NULL;
}

void writer_leave_out_mounts(struct writer *writer, const char *before)
{
	const struct path_list *mounts = &writer->plan->facts.mounts;

	for (size_t i = 0; i < mounts->count; i++) {
		const char *path = host_path_of(writer->plan->container, mounts->paths[i]);
		writer_leave_out(writer, "%s%s:%s", before, path ? path : "…", mounts->paths[i]);
	}
}

int writer_finish(struct writer *writer, const char *text)
{
	struct plan *plan = writer->plan;
	const char **leave_out = arena_array(writer->arena, writer->count + 1, sizeof(*leave_out));

	plan->fragment = writer->fragment;
	if (writer->failed || !text || !leave_out)
		return -1;
	if (writer->count)
		memcpy(leave_out, writer->leave_out, writer->count * sizeof(*leave_out));
	plan->leave_out = leave_out;
	plan->text = *text ? text : NULL;
	return 0;
}

const char *writer_json(const json_t *fragment, struct arena *arena)
{
	_cleanup_free_ char *text = json_dumps(fragment, JSON_INDENT(4));

	return text ? arena_printf(arena, "%s\n", text) : NULL;
}

const char *writer_yaml(const json_t *fragment, struct arena *arena)
{
	_cleanup_free_ char *text = yaml_dump(fragment);

	return text ? arena_string(arena, text) : NULL;
}
