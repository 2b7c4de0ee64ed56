/* Evidence: the facts that decided, in the order in which they were given. */
#include <stdarg.h>
#include <strings.h>

#include "proctor/rule.h"

const char *const severity_names[SEVERITY_COUNT] = {"none", "info", "low", "medium", "high", "critical"};

enum severity severity_parse(const char *name)
{
	for (unsigned i = 0; i < SEVERITY_COUNT; i++)
		if (!strcasecmp(name, severity_names[i]))
			return (enum severity)i;
	return SEVERITY_COUNT;
}

static struct evidence *verdict_add(struct verdict *verdict, const char *name, enum evidence_type type)
{
	struct evidence *evidence = arena_alloc(verdict->arena, sizeof(*evidence));

	if (!evidence) {
		verdict->failed = true;
		return NULL;
	}
	evidence->name = name;
	evidence->type = type;
	if (verdict->last)
		verdict->last->next = evidence;
	else
		verdict->evidence = evidence;
	verdict->last = evidence;
	return evidence;
}

void verdict_text(struct verdict *verdict, const char *name, const char *text)
{
	struct evidence *evidence = text ? verdict_add(verdict, name, EVIDENCE_TEXT) : NULL;

	if (evidence)
		evidence->text = text;
}

void verdict_number(struct verdict *verdict, const char *name, int64_t number)
{
	struct evidence *evidence = verdict_add(verdict, name, EVIDENCE_NUMBER);

	if (evidence)
		evidence->number = number;
}

void verdict_boolean(struct verdict *verdict, const char *name, bool value)
{
	struct evidence *evidence = verdict_add(verdict, name, EVIDENCE_BOOLEAN);

	if (evidence)
		evidence->number = value;
}

void verdict_capabilities(struct verdict *verdict, const char *name, capability_set set)
{
	struct evidence *evidence = verdict_add(verdict, name, EVIDENCE_CAPABILITIES);

	if (evidence)
		evidence->capabilities = set;
}

void verdict_incidental(struct verdict *verdict)
{
	if (verdict->last)
		verdict->last->incidental = true;
}

const char *verdict_format(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;
	const char *text;

	va_start(arguments, format);
	text = arena_vprintf(verdict->arena, format, arguments);
	va_end(arguments);
	verdict->failed |= !text;
	return text;
}

void verdict_why(struct verdict *verdict, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	verdict->why = arena_vprintf(verdict->arena, format, arguments);
	va_end(arguments);
	verdict->failed |= !verdict->why;
}
