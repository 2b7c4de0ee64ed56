/* Every rule, by family. */
#include <string.h>

#include "proctor/rule.h"

const struct rule *const rule_families[] = {
	rules_process, rules_capability, rules_container, rules_mount, rules_file, rules_program,
	rules_image,   rules_tool,       rules_limit,     rules_host,  rules_ecs,  rules_policy,
	NULL,
};

const struct rule *rule_find(const char *id)
{
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++)
			if (!strcmp(rule->id, id))
				return rule;
	return NULL;
}
