/* A plan made real in a task definition: the members of its fragment are set, what it leaves out is taken
 * away. */
#include <string.h>

#include "agent/remedy/facts.h"
#include "agent/remedy/target.h"
#include "agent/remedy/task_definition.h"

enum { LEAST_MEMORY_MIB = 6, LEAST_CPU = 2 }; /* that ECS takes */

/* ---- setting ------------------------------------------------------------------------------------ */

/* Two items of arrays stand for the same thing: by what names them, else as a whole. */
static bool same_item(const json_t *left, const json_t *right)
{
	static const char *const keys[] = {"containerPath", "name"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *key = json_object_get(right, keys[i]);
		if (key)
			return json_equal(json_object_get(left, keys[i]), key);
	}
	return json_equal(left, right);
}

/* Adds the items that are not there. */
static int merge_array(json_t *into, const json_t *from)
{
	json_t *item, *present;
	size_t index, other;

	json_array_foreach((json_t *)from, index, item)
	{
		bool found = false;
		json_array_foreach(into, other, present) found |= same_item(present, item);
		if (!found && json_array_append_new(into, json_deep_copy(item)))
			return -1;
	}
	return 0;
}

/* Sets what `from` has, and leaves all else; an array keeps its items. */
static int merge(json_t *into, const json_t *from)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)from, name, value)
	{
		json_t *present = json_object_get(into, name);
		int result;
		if (!strcmp(name, "containerDefinitions") || !strcmp(name, "name"))
			continue; /* each is merged into its own */
		if (json_is_object(value) && json_is_object(present))
			result = merge(present, value);
		else if (json_is_array(value) && json_is_array(present))
			result = merge_array(present, value);
		else
			result = json_object_set_new(into, name, json_deep_copy(value));
		if (result)
			return -1;
	}
	return 0;
}

/* ---- taking away -------------------------------------------------------------------------------- */

static void drop_text(json_t *array, const char *text)
{
	for (size_t i = json_array_size(array); i-- > 0;) {
		const char *item = json_string_value(json_array_get(array, i));
		if (item && !strcmp(item, text))
			json_array_remove(array, i);
	}
}

static bool is_mounted(const json_t *containers, const char *volume)
{
	const json_t *container, *mount;
	size_t index, other;

	json_array_foreach(containers, index, container)
		json_array_foreach(json_object_get(container, "mountPoints"), other, mount)
	{
		const char *source = json_string_value(json_object_get(mount, "sourceVolume"));
		if (source && !strcmp(source, volume))
			return true;
	}
	return false;
}

/* A volume that no container mounts any more. */
static void drop_volume(json_t *definition, const char *name)
{
	json_t *volumes = json_object_get(definition, "volumes");

	if (is_mounted(json_object_get(definition, "containerDefinitions"), name))
		return;
	for (size_t i = json_array_size(volumes); i-- > 0;) {
		const char *volume = json_string_value(json_object_get(json_array_get(volumes, i), "name"));
		if (volume && !strcmp(volume, name))
			json_array_remove(volumes, i);
	}
}

static void drop_mounts(json_t *definition, json_t *container, const struct path_list *points)
{
	json_t *mounts = json_object_get(container, "mountPoints");

	for (size_t i = json_array_size(mounts); i-- > 0;) {
		json_t *mount = json_incref(json_array_get(mounts, i));
		const char *point = json_string_value(json_object_get(mount, "containerPath"));
		const char *volume = json_string_value(json_object_get(mount, "sourceVolume"));
		if (point && path_list_has(points, point)) {
			json_array_remove(mounts, i);
			if (volume)
				drop_volume(definition, volume);
		}
		json_decref(mount);
	}
}

/* Members that awsvpc does not go with; a host port has to be the container's. */
static void drop_host_network(json_t *definition)
{
	static const char *const refused[] = {"links", "hostname", "extraHosts", "dnsServers",
					      "dnsSearchDomains"};
	json_t *container, *port;
	size_t index, other;

	json_array_foreach(json_object_get(definition, "containerDefinitions"), index, container)
	{
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
			json_object_del(container, refused[i]);
		json_array_foreach(json_object_get(container, "portMappings"), other, port)
			json_object_del(port, "hostPort");
	}
}

static void drop_host_mode(json_t *definition, const char *member)
{
	const char *mode = json_string_value(json_object_get(definition, member));

	if (mode && !strcmp(mode, "host"))
		json_object_del(definition, member);
}

static void take_away(json_t *definition, json_t *container, const struct plan *plan)
{
	json_t *linux_parameters = json_object_get(container, "linuxParameters");
	json_t *options = json_object_get(container, "dockerSecurityOptions");

	if (plan_has(plan, CHANGE_PRIVILEGED) && plan->target->fargate)
		json_object_del(container, "privileged");
	if (plan_has(plan, CHANGE_CAPABILITIES))
		json_object_clear(json_object_get(linux_parameters, "capabilities"));
	if (plan_has(plan, CHANGE_DEVICES))
		json_object_del(linux_parameters, "devices");
	if (plan_has(plan, CHANGE_LSM)) {
		drop_text(options, "apparmor:unconfined");
		drop_text(options, "label:disable");
	}
	if (plan_has(plan, CHANGE_PID_NAMESPACE))
		drop_host_mode(definition, "pidMode");
	if (plan_has(plan, CHANGE_IPC_NAMESPACE))
		drop_host_mode(definition, "ipcMode");
	if (plan_has(plan, CHANGE_NETWORK_NAMESPACE))
		drop_host_network(definition);
	drop_mounts(definition, container, &plan->facts.mounts);
}

/* ---- sizes -------------------------------------------------------------------------------------- */

/* The size of the whole task, a number or its digits; 0: none, or in other words (`1 vCPU`). */
static json_int_t task_size(const json_t *definition, const char *member)
{
	const json_t *value = json_object_get(definition, member);
	const char *text = json_string_value(value), *end = text ? text + strlen(text) : NULL;
	uint64_t number;

	if (!text)
		return json_integer_value(value);
	return text_read_number(&text, end, 10, &number) && text == end && number < INT32_MAX
		       ? (json_int_t)number
		       : 0;
}

/* What the other containers have of it. */
static json_int_t others_size(const json_t *definition, const json_t *but, const char *member,
			      const char *reserved)
{
	const json_t *container;
	json_int_t sum = 0;
	size_t index;

	json_array_foreach(json_object_get(definition, "containerDefinitions"), index, container)
	{
		json_int_t part = json_integer_value(json_object_get(container, reserved));
		if (!part)
			part = json_integer_value(json_object_get(container, member));
		if (container != but && part > 0 && part < INT32_MAX)
			sum += part;
	}
	return sum;
}

/* Sets a size that was merged back to what its owner had, else to what the task has room for. */
static int fit_size(const json_t *definition, json_t *container, const char *member, const char *reserved,
		    json_int_t before, json_int_t least)
{
	json_int_t size = json_integer_value(json_object_get(container, member));
	json_int_t reservation = json_integer_value(json_object_get(container, reserved));
	json_int_t whole = task_size(definition, member);
	json_int_t room = whole - others_size(definition, container, member, reserved);

	if (!size)
		return 0;
	if (before > 0)
		return json_object_set_new(container, member, json_integer(before));
	if (strcmp(member, reserved) != 0 && size < reservation)
		size = reservation;
	if (whole && size > room)
		size = room;
	if (size < least)
		return json_object_del(container, member);
	return json_object_set_new(container, member, json_integer(size));
}

int task_definition_change(struct task_definition *definition, json_t *container, const struct plan *plan)
{
	const json_t *fragment = json_array_get(json_object_get(plan->fragment, "containerDefinitions"), 0);
	json_int_t memory = json_integer_value(json_object_get(container, "memory"));
	json_int_t cpu = json_integer_value(json_object_get(container, "cpu"));

	take_away(definition->json, container, plan);
	if (merge(definition->json, plan->fragment) || merge(container, fragment))
		return -1;
	if (plan_has(plan, CHANGE_MEMORY) &&
	    fit_size(definition->json, container, "memory", "memoryReservation", memory, LEAST_MEMORY_MIB))
		return -1;
	return plan_has(plan, CHANGE_CPU)
		       ? fit_size(definition->json, container, "cpu", "cpu", cpu, LEAST_CPU)
		       : 0;
}
