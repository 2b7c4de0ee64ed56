/* proctor explain: all that is known of one rule or capability. */
#include <string.h>

#include "agent/command.h"
#include "agent/explain_print.h"
#include "agent/mask.h"
#include "agent/nearest.h"
#include "agent/reference_print.h"

enum { SHOWN = 60 }; /* bytes of a wrong name that an error repeats */

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	return reference_print_option(state, id, value, error);
}

/* Offers the ids of all rules, also without their family. */
static void offer_rules(struct nearest *nearest)
{
	for (const struct rule *const *family = rule_families; *family; family++)
		for (const struct rule *rule = *family; rule->id; rule++) {
			const char *dot = strchr(rule->id, '.');
			nearest_offer(nearest, rule->id, rule->id);
			if (dot)
				nearest_offer(nearest, rule->id, dot + 1);
		}
}

static int refuse(const char *name, struct error **error)
{
	struct nearest nearest;

	error_set(error, 0, "no rule or capability is called '%.*s'", SHOWN, name);
	nearest_to(&nearest, name);
	offer_rules(&nearest);
	mask_offer_names(&nearest);
	if (*nearest.name)
		error_remedy(error, "the nearest is '%s'", nearest.name);
	else
		error_remedy(error, "'proctor rules' lists the rules, capabilities(7) the capabilities");
	return EXIT_USAGE;
}

static int explain(const struct reference_print *options, const char *name, struct error **error)
{
	static const struct record_kind *const rules[] = {&record_about, &record_rule, NULL};
	static const struct record_kind *const capabilities[] = {&record_about, &record_capability, NULL};
	const struct rule *rule = rule_find(name);
	int number = capability_number(name);
	unsigned capability = (unsigned)number;
	struct reference_print print = *options;
	struct reference reference = {.rules = &rule, .capabilities = &capability};

	if (rule)
		reference.rule_count = 1;
	else if (number >= 0 && capability_describe(capability))
		reference.capability_count = 1;
	else
		return refuse(name, error);
	print.kinds = rule ? rules : capabilities;
	return reference_print(&print, &reference, error);
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct reference_print print = {.table = explain_print};
	int operands, parsed = command_parse(command, argc, argv, handle_option, &print, &operands, error);

	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	if (argc - operands == 1)
		return explain(&print, argv[operands], error);
	if (operands == argc)
		error_set(error, 0, "name a rule or a capability; 'proctor rules' lists the rules");
	else
		error_set(error, 0, "'%s' is one argument too many", argv[operands + 1]);
	return EXIT_USAGE;
}

static const struct option_entry options[] = {
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor explain mount.runtime-socket",
	"a rule, by the id that stands in a finding",
	"proctor explain net_raw",
	"a capability; CAP_NET_RAW and 13 mean the same",
	NULL,
};

const struct command command_explain = {
	.name = "explain",
	.synopsis = "RULE|CAPABILITY",
	.summary = "one rule or capability: why it matters, how it is used, how to fix it",
	.description = "Tells why a rule matters, how an attacker uses what it finds, and what to change in "
		       "a Dockerfile, for docker run, in an ECS task definition and in Kubernetes. Of a "
		       "capability it tells what it lets a process do, how an attacker uses it, what to do "
		       "instead of granting it, and whether Docker grants it by default.\n\n'proctor rules' "
		       "lists the rules, capabilities(7) the capabilities.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_RULE_OR_CAPABILITY,
	.run = run,
};
