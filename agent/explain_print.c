#include "agent/explain_print.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/formats/prose.h"
#include "proctor/cleanup.h"

enum { INDENT = 2, CODE_INDENT = 4, DEFAULT_WIDTH = 80 };

/* ---- parts -------------------------------------------------------------------------------------- */

/* A paragraph that begins with a capital, unless with a name as no_new_privs, and ends in a full stop. */
static void put_sentence(struct prose *prose, const char *text)
{
	_cleanup_free_ char *sentence = NULL;
	size_t length = strlen(text), word = strcspn(text, " ");
	bool name = strcspn(text, "_./0123456789") < word;

	if (asprintf(&sentence, "%s%s", text, length && strchr(".!?", text[length - 1]) ? "" : ".") < 0) {
		sentence = NULL;
		prose->failed = true;
		return;
	}
	if (!name)
		sentence[0] = (char)toupper((unsigned char)sentence[0]);
	prose_paragraph(prose, INDENT, sentence);
}

static void put_part(struct prose *prose, const char *heading, const char *text)
{
	output_text(prose->output, "\n");
	prose_heading(prose, heading);
	put_sentence(prose, text);
}

static void put_code(struct prose *prose, const char *where, const char *lines)
{
	if (!lines)
		return;
	output_text(prose->output, "\n");
	prose_paragraph(prose, INDENT, where);
	prose_code(prose, CODE_INDENT, lines);
}

/* JSON over several lines; what is none, as it stands. */
static void put_json(struct prose *prose, const char *where, const char *text)
{
	_cleanup_json_ json_t *json = text ? json_loads(text, 0, NULL) : NULL;
	_cleanup_free_ char *lines = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

	put_code(prose, where, lines ? lines : text);
}

static void put_references(struct prose *prose, const char *const *references)
{
	if (!references || !*references)
		return;
	output_text(prose->output, "\n");
	prose_heading(prose, "References");
	for (; *references; references++)
		prose_code(prose, INDENT, *references); /* addresses are not to be broken */
}

static void put_places(struct prose *prose, const struct remedy *remedy)
{
	put_code(prose, "Dockerfile:", remedy->dockerfile);
	put_code(prose, "docker run:", remedy->docker);
	put_json(prose, "ECS task definition:", remedy->ecs);
	put_code(prose, "Kubernetes:", remedy->kubernetes);
}

/* ---- rules -------------------------------------------------------------------------------------- */

static void put_rule(struct prose *prose, const struct rule *rule)
{
	char severity[80];

	snprintf(severity, sizeof(severity), "Severity: %s, unless its context makes it better or worse.",
		 severity_names[rule->severity]);
	prose_heading(prose, rule->id);
	put_sentence(prose, rule->bad);
	prose_paragraph(prose, INDENT, severity);
	put_part(prose, "Why it matters", rule->why);
	if (rule->attack)
		put_part(prose, "How an attacker uses it", rule->attack);
	put_part(prose, "How to fix it", rule->remedy.text ? rule->remedy.text : "See the references.");
	put_places(prose, &rule->remedy);
	put_references(prose, rule->references);
}

/* ---- capabilities ------------------------------------------------------------------------------- */

static void put_drop(struct prose *prose, const char *name)
{
	char docker[64], ecs[128], kubernetes[128];
	struct remedy remedy = {.docker = docker, .ecs = ecs, .kubernetes = kubernetes};

	snprintf(docker, sizeof(docker), "--cap-drop %s", name);
	snprintf(ecs, sizeof(ecs), "{\"linuxParameters\": {\"capabilities\": {\"drop\": [\"%s\"]}}}", name);
	snprintf(kubernetes, sizeof(kubernetes), "securityContext:\n  capabilities:\n    drop: [\"%s\"]",
		 name);
	put_places(prose, &remedy);
}

static void put_capability(struct prose *prose, unsigned number)
{
	const struct capability_text *text = capability_describe(number);
	char constant[CAPABILITY_NAME_SIZE], heading[64];
	bool by_default = CAPABILITY_DOCKER_DEFAULT & CAPABILITY_MASK(number);

	capability_constant(number, constant);
	snprintf(heading, sizeof(heading), "%s (%u)", constant, number);
	prose_heading(prose, heading);
	prose_paragraph(prose, INDENT,
			by_default
				? "In Docker's default set: containers have it unless it is dropped."
				: "Not in Docker's default set: containers have it only when it is added.");
	put_part(prose, "What it lets a process do", text->allows);
	put_part(prose, "How an attacker uses it",
		 text->attack ? text->attack : "It gives little by itself.");
	put_part(prose, "What to do instead of granting it",
		 text->instead ? text->instead : "Drop it: nothing has to take its place.");
	put_drop(prose, constant + strlen("CAP_"));
	put_references(prose, (const char *const[]){"capabilities(7)", NULL});
}

int explain_print(const struct reference *reference, struct output *output, struct error **error)
{
	struct prose prose = {.output = output, .look = table_look_of(output)};

	if (!prose.look.width)
		prose.look.width = DEFAULT_WIDTH;
	for (size_t i = 0; i < reference->rule_count; i++)
		put_rule(&prose, reference->rules[i]);
	for (size_t i = 0; i < reference->capability_count; i++)
		put_capability(&prose, reference->capabilities[i]);
	return prose.failed ? error_set(error, ENOMEM, "printing an explanation") : 0;
}
