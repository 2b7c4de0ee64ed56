/* Times and sizes as people write them: `5m`, `64MiB`, or a plain number of seconds or bytes. */
#ifndef AGENT_UNITS_H
#define AGENT_UNITS_H

#include <stdint.h>

#include "proctor/error.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* `s` `m` `h` `d`, and `B` `KiB` `MiB` `GiB` `TiB`; ended by one without a name. */
extern const struct unit time_units[], size_units[];

/* Reads a whole number and at most one unit. -1 and *error, with the units there are. */
int units_parse(const char *text, const struct unit *units, uint64_t *value, struct error **error);

#endif
