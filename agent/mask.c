#include "agent/mask.h"

#include <string.h>
#include <strings.h>

#include "proctor/text.h"

enum { SHOWN = 60 }; /* bytes of an operand that an error repeats */

static int parse_digits(const char *text, const char *digits, capability_set *set, struct error **error)
{
	const char *end = digits + strlen(digits);

	if (!text_read_number(&digits, end, 16, set))
		return error_set(error, 0, "'%.*s' has more than 64 bits", SHOWN, text);
	return 0;
}

void mask_offer_names(struct nearest *nearest)
{
	char name[CAPABILITY_NAME_SIZE], constant[CAPABILITY_NAME_SIZE];

	for (unsigned number = 0; number <= CAP_LAST_CAP; number++) {
		capability_name(number, name);
		nearest_offer(nearest, name, name);
		nearest_offer(nearest, name, capability_constant(number, constant));
	}
}

static int refuse_name(const char *name, struct error **error)
{
	struct nearest nearest;

	error_set(error, 0, "no capability is called '%s'", name);
	nearest_to(&nearest, name);
	mask_offer_names(&nearest);
	if (*nearest.name)
		return error_remedy(error, "the nearest is '%s'", nearest.name);
	return error_remedy(error, "give a mask in hexadecimal, or names as net_raw,sys_admin");
}

/* Adds the capability whose name has `length` bytes. */
static int add_name(const char *text, size_t length, capability_set *set, struct error **error)
{
	char name[SHOWN + 1];
	int number;

	if (length > SHOWN)
		length = SHOWN; /* no name is that long */
	memcpy(name, text, length);
	name[length] = '\0';
	number = capability_number(name);
	if (number < 0)
		return refuse_name(name, error);
	*set |= CAPABILITY_MASK(number);
	return 0;
}

int mask_parse(const char *text, capability_set *set, struct error **error)
{
	static const char hexadecimal[] = "0123456789abcdefABCDEF";
	const char *digits = strncasecmp(text, "0x", 2) ? text : text + 2;

	*set = 0;
	if (*digits && !digits[strspn(digits, hexadecimal)])
		return parse_digits(text, digits, set, error);
	if (digits != text)
		return error_set(error, 0, "'%.*s' is no number in hexadecimal", SHOWN, text);
	for (;; text++) {
		size_t length = strcspn(text, ",");
		if (add_name(text, length, set, error))
			return -1;
		text += length;
		if (!*text)
			return 0;
	}
}
