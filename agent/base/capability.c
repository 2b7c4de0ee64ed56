#include "proctor/capability.h"

#include <cap-ng.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *capability_name(unsigned number, char name[CAPABILITY_NAME_SIZE])
{
	const char *known = number <= (unsigned)CAP_LAST_CAP ? capng_capability_to_name(number) : NULL;

	if (known)
		snprintf(name, CAPABILITY_NAME_SIZE, "%s", known);
	else
		snprintf(name, CAPABILITY_NAME_SIZE, "cap_%u", number);
	return name;
}

const char *capability_constant(unsigned number, char name[CAPABILITY_NAME_SIZE])
{
	char lower[CAPABILITY_NAME_SIZE];

	capability_name(number, lower);
	snprintf(name, CAPABILITY_NAME_SIZE, "CAP_%.26s", strncmp(lower, "cap_", 4) ? lower : lower + 4);
	for (char *at = name; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	return name;
}

int capability_number(const char *name)
{
	char *end;
	long number;

	if (!strncasecmp(name, "cap_", 4))
		name += 4;
	number = strtol(name, &end, 10);
	if (isdigit((unsigned char)*name) && !*end)
		return number < 64 ? (int)number : -1;
	return capng_name_to_capability(name);
}

const char *securebit_name(unsigned bit, char name[CAPABILITY_NAME_SIZE])
{
	/* Each is followed by the bit that locks it: linux/securebits.h, the last two from Linux 6.14 on. */
	static const char *const names[] = {"noroot",
					    "no_setuid_fixup",
					    "keep_caps",
					    "no_cap_ambient_raise",
					    "exec_restrict_file",
					    "exec_deny_interactive"};

	if (bit / 2 < sizeof(names) / sizeof(names[0]))
		snprintf(name, CAPABILITY_NAME_SIZE, "%s%s", names[bit / 2], bit % 2 ? "_locked" : "");
	else
		snprintf(name, CAPABILITY_NAME_SIZE, "bit_%u", bit);
	return name;
}

capability_set capability_all(unsigned last)
{
	return last >= 63 ? ~(capability_set)0 : CAPABILITY_MASK(last + 1) - 1;
}

/* Text under construction, as snprintf(3) over several calls. */
struct words {
	char *out;
	size_t size, length;
};

static void words_add(struct words *words, const char *text)
{
	if (words->length < words->size)
		snprintf(words->out + words->length, words->size - words->length, "%s", text);
	words->length += strlen(text);
}

/* Adds the names of the set, each behind `sign`, parted by spaces. */
static void words_add_set(struct words *words, const char *sign, capability_set set)
{
	char name[CAPABILITY_NAME_SIZE];

	for (unsigned number = 0; number < 64; number++) {
		if (!(set & CAPABILITY_MASK(number)))
			continue;
		if (words->length)
			words_add(words, " ");
		words_add(words, sign);
		words_add(words, capability_name(number, name));
	}
}

size_t capability_words(char *out, size_t size, capability_set set, capability_set all)
{
	const struct {
		const char *word;
		capability_set set;
	} bases[] = {{"", 0}, {"docker-default", CAPABILITY_DOCKER_DEFAULT}, {"full", all}};
	struct words words = {.out = out, .size = size};
	size_t best = 0, fewest = 65;

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		size_t count = (size_t)__builtin_popcountll(set ^ bases[i].set) + (*bases[i].word != '\0');
		if (count < fewest) {
			fewest = count;
			best = i;
		}
	}
	if (size)
		out[0] = '\0';
	words_add(&words, set ? bases[best].word : "none");
	words_add_set(&words, *bases[best].word ? "+" : "", set & ~bases[best].set);
	words_add_set(&words, "-", bases[best].set & ~set);
	return words.length;
}
