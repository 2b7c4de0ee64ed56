#include "agent/units.h"

#include <stdio.h>
#include <string.h>

#include "proctor/text.h"

const struct unit time_units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {0}};

const struct unit size_units[] = {
	{"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}, {"TiB", 1ULL << 40}, {0}};

static uint64_t factor_of(const struct unit *units, const char *name)
{
	if (!*name)
		return 1;
	for (; units->name; units++)
		if (!strcmp(units->name, name))
			return units->factor;
	return 0;
}

static int not_a_number(const char *text, const struct unit *units, struct error **error)
{
	char names[64] = "";
	size_t length = 0;

	for (; units->name; units++)
		length += (size_t)snprintf(names + length, sizeof(names) - length, " %s", units->name);
	return error_set(error, 0, "'%s' is not a whole number, alone or with one of%s", text, names);
}

int units_parse(const char *text, const struct unit *units, uint64_t *value, struct error **error)
{
	const char *at = text;
	uint64_t number, factor;

	if (!text_read_number(&at, text + strlen(text), 10, &number))
		return not_a_number(text, units, error);
	factor = factor_of(units, at + strspn(at, " "));
	if (!factor)
		return not_a_number(text, units, error);
	if (__builtin_mul_overflow(number, factor, value))
		return error_set(error, 0, "'%s' is too large", text);
	return 0;
}
