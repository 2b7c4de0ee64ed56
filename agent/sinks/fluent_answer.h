/* What a receiver of the forward protocol says: a message of msgpack, taken apart without trust. */
#ifndef AGENT_SINKS_FLUENT_ANSWER_H
#define AGENT_SINKS_FLUENT_ANSWER_H

#include <stdbool.h>

#include "agent/sinks/msgpack_library.h"
#include "proctor/error.h"
#include "proctor/text.h"

enum { FLUENT_ANSWER_MAX = 8192 }; /* bytes; the longest that has a reason to be, PONG, takes some 500 */

/* Takes the one message that `data` holds, freed by fluent_answer_free; it points into `data`. 1: it is
 * whole; 0: there is more to come; -1 and *error: it is none, is longer than FLUENT_ANSWER_MAX or claims to
 * be, is followed by more, or memory is exhausted. */
int fluent_answer_parse(const struct msgpack_library *library, const char *data, size_t length,
			msgpack_unpacked *answer, struct error **error);
void fluent_answer_free(const struct msgpack_library *library, msgpack_unpacked *answer);

/* Whether it is {"ack": CHUNK} and nothing besides. -1 and *error when it is not. */
int fluent_check_ack(const msgpack_object *answer, const char *chunk, struct error **error);

/* A text, be it str or bin; false for all else. It lives as long as the answer's bytes. */
bool fluent_text(const msgpack_object *object, struct bytes *text);

/* Whether it is an array of `count`, or of more, whose first is the text `name`. */
bool fluent_is_message(const msgpack_object *object, const char *name, size_t count);

#endif
