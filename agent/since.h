/* A moment in the past, as people write it. */
#ifndef AGENT_SINCE_H
#define AGENT_SINCE_H

#include <stdint.h>
#include <time.h>

#include "proctor/error.h"

/* Reads an age before `now` (`90s`, `30m`, `12h`, `7d`, `2w`) or a time (`2026-11-24`, with `T10:00` or `
 * 10:00` behind it, with seconds, in local time unless a `Z` ends it) into *since, milliseconds since 1970.
 * -1 and *error when it is neither. */
int since_parse(const char *text, time_t now, int64_t *since, struct error **error);

enum { AGE_SIZE = 24 };

/* `95s`, `5m`, `30h`, `12d`: how long ago, as kubectl(1) has it. Returns `text`. */
const char *since_age(int64_t milliseconds, char text[AGE_SIZE]);

#endif
