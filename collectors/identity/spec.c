/* config.json of an OCI bundle (runtime-spec, config.md and config-linux.md): what a container was declared
 * to be, and the annotations of who made it. */
#include <string.h>

#include "collectors/identity/identity.h"

/* `user` as `docker run --user` has it. */
static const char *read_user(struct identification *identification, const json_t *user)
{
	const json_t *uid = json_object_get(user, "uid"), *gid = json_object_get(user, "gid");
	const char *text;

	if (!json_is_integer(uid))
		return NULL;
	text = arena_printf(identification->snapshot->arena, "%lld:%lld", json_integer_value(uid),
			    json_integer_value(gid));
	identification->failed |= !text;
	return text;
}

/* All that the container is granted in any set: what is in none it cannot have. */
static void read_capabilities(const json_t *sets, struct declared *declared)
{
	static const char *const kinds[] = {"bounding", "effective", "permitted", "inheritable", "ambient"};

	if (!json_is_object(sets))
		return;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const json_t *name;
		size_t k;
		json_array_foreach(json_object_get(sets, kinds[i]), k, name)
		{
			int number = json_is_string(name) ? capability_number(json_string_value(name)) : -1;
			if (number >= 0 && number < 64)
				declared->capabilities |= CAPABILITY_MASK(number);
		}
	}
	declared->known |= DECLARED_CAPABILITIES;
}

/* 0 and less stand for none. */
static void read_limit(const json_t *value, struct limit *limit)
{
	if (json_is_integer(value) && json_integer_value(value) > 0)
		*limit = (struct limit){LIMIT_SET, (uint64_t)json_integer_value(value), NULL};
}

static void read_cpu(const json_t *cpu, struct limit *limit)
{
	json_int_t quota = json_integer_value(json_object_get(cpu, "quota"));
	json_int_t period = json_integer_value(json_object_get(cpu, "period"));

	if (!period)
		period = 100000; /* the kernel's default */
	if (quota > 0 && period > 0 && quota < INT64_MAX / 1000)
		*limit = (struct limit){LIMIT_SET, (uint64_t)(quota * 1000 / period), NULL};
}

static void read_resources(const json_t *resources, struct declared *declared)
{
	read_limit(json_object_get(json_object_get(resources, "memory"), "limit"), &declared->memory);
	read_limit(json_object_get(json_object_get(resources, "pids"), "limit"), &declared->pids);
	read_cpu(json_object_get(resources, "cpu"), &declared->cpu);
}

void spec_read(struct identification *identification, json_t *spec, struct claim *claim)
{
	const json_t *process = json_object_get(spec, "process");
	const json_t *root = json_object_get(spec, "root");
	struct declared *declared = &claim->declared;

	identity_labels(identification, claim, json_object_get(spec, "annotations"));
	declared->user = read_user(identification, json_object_get(process, "user"));
	read_capabilities(json_object_get(process, "capabilities"), declared);
	if (json_is_object(root)) {
		declared->read_only = json_is_true(json_object_get(root, "readonly"));
		declared->known |= DECLARED_READ_ONLY;
	}
	read_resources(json_object_get(json_object_get(spec, "linux"), "resources"), declared);
}
