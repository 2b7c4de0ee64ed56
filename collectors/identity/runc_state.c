#include "collectors/identity/runc_state.h"

#include <string.h>

#include "proctor/cleanup.h"

/* `name=value`, annotations among them. */
static json_t *labels_of(const json_t *list)
{
	json_t *labels = json_object(), *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		const char *text = json_string_value(entry);
		const char *equals = text ? strchr(text, '=') : NULL;
		_cleanup_free_ char *name = equals ? strndup(text, (size_t)(equals - text)) : NULL;
		if (name && strcmp(name, "bundle") != 0)
			json_object_set_new(labels, name, json_string(equals + 1));
	}
	return labels;
}

/* Moves a member under the name that a bundle has for it. */
static void move(json_t *into, const char *name, const json_t *from, const char *member)
{
	json_object_set(into, name, json_object_get(from, member));
}

/* The same in the shape of a bundle's config.json. The user is not kept. */
void runc_state_read(struct identification *identification, json_t *state, struct claim *claim)
{
	static const char *const kinds[][2] = {{"bounding", "Bounding"},
					       {"effective", "Effective"},
					       {"permitted", "Permitted"},
					       {"inheritable", "Inheritable"},
					       {"ambient", "Ambient"}};
	const json_t *config = json_object_get(state, "config");
	const json_t *granted = json_object_get(config, "capabilities");
	const json_t *cgroups = json_object_get(config, "cgroups");
	_cleanup_json_ json_t *sets = json_object();
	_cleanup_json_ json_t *cpu = json_object();
	_cleanup_json_ json_t *labels = labels_of(json_object_get(config, "labels"));

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		move(sets, kinds[i][0], granted, kinds[i][1]);
	move(cpu, "quota", cgroups, "cpu_quota");
	move(cpu, "period", cgroups, "cpu_period");
	_cleanup_json_ json_t *spec = json_pack(
		"{s:O, s:{s:O*}, s:{s:O*}, s:{s:{s:O, s:{s:O*}, s:{s:O*}}}}", "annotations", labels,
		"process", "capabilities", granted ? sets : NULL, "root", "readonly",
		json_object_get(config, "readonlyfs"), "linux", "resources", "cpu", cpu, "memory", "limit",
		json_object_get(cgroups, "memory"), "pids", "limit", json_object_get(cgroups, "pids_limit"));
	if (spec)
		spec_read(identification, spec, claim);
	else
		identification->failed = true;
}
