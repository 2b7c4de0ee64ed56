/* The changes: what each is, what it breaks, and which of them close the findings of which rule. */
#ifndef AGENT_REMEDY_CHANGE_H
#define AGENT_REMEDY_CHANGE_H

#include "proctor/plan.h"

/* What a change may break, told for the targets where it does. */
struct side_effect {
	const char *text;
	const char *target; /* NULL: all */
};

enum { SIDE_EFFECTS_MAX = 4 };

struct change_text {
	const char *id, *what;
	struct side_effect side_effects[SIDE_EFFECTS_MAX];
};

/* In the order of enum change_kind. */
extern const struct change_text change_texts[CHANGE_COUNT];

enum way_effect {
	WAY_CLOSES,
	WAY_CLOSES_PRIVILEGED, /* closes it in a privileged container: it comes of that */
	WAY_LOWERS,            /* leaves it there, at info */
};

/* One way to deal with the findings of a rule. */
struct way {
	const char *rule;
	uint32_t changes; /* all of them together */
	enum way_effect effect;
};

/* The best first; ended by an entry without a rule. */
extern const struct way ways[];

#endif
