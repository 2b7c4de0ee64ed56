#include "agent/sinks/fluent_answer.h"

#include <string.h>

bool fluent_text(const msgpack_object *object, struct bytes *text)
{
	if (object->type == MSGPACK_OBJECT_STR)
		*text = (struct bytes){object->via.str.ptr, object->via.str.size};
	else if (object->type == MSGPACK_OBJECT_BIN)
		*text = (struct bytes){object->via.bin.ptr, object->via.bin.size};
	else
		return false;
	return true;
}

static bool is_text(const msgpack_object *object, const char *expected)
{
	struct bytes text;

	return fluent_text(object, &text) && text.length == strlen(expected) &&
	       !memcmp(text.data, expected, text.length);
}

bool fluent_is_message(const msgpack_object *object, const char *name, size_t count)
{
	return object->type == MSGPACK_OBJECT_ARRAY && object->via.array.size >= count &&
	       is_text(&object->via.array.ptr[0], name);
}

void fluent_answer_free(const struct msgpack_library *library, msgpack_unpacked *answer)
{
	if (answer->zone)
		library->zone_free(answer->zone);
	*answer = (msgpack_unpacked){0};
}

/* ---- how much it claims to be ------------------------------------------------------------------- */

/* What follows the first byte of a value (https://github.com/msgpack/msgpack/blob/master/spec.md). */
struct follows {
	uint8_t size;  /* bytes that tell how long it is */
	uint8_t fixed; /* bytes beside that */
	bool items;    /* the size counts values, or pairs of them, not bytes */
};

static struct follows follows_of(uint8_t first)
{
	static const struct follows of_size[] = {
		[0xc4 - 0xc0] = {1, 0, false}, [0xc5 - 0xc0] = {2, 0, false}, [0xc6 - 0xc0] = {4, 0, false},
		[0xc7 - 0xc0] = {1, 1, false}, [0xc8 - 0xc0] = {2, 1, false}, [0xc9 - 0xc0] = {4, 1, false},
		[0xca - 0xc0] = {0, 4, false}, [0xcb - 0xc0] = {0, 8, false}, [0xcc - 0xc0] = {0, 1, false},
		[0xcd - 0xc0] = {0, 2, false}, [0xce - 0xc0] = {0, 4, false}, [0xcf - 0xc0] = {0, 8, false},
		[0xd0 - 0xc0] = {0, 1, false}, [0xd1 - 0xc0] = {0, 2, false}, [0xd2 - 0xc0] = {0, 4, false},
		[0xd3 - 0xc0] = {0, 8, false}, [0xd4 - 0xc0] = {0, 2, false}, [0xd5 - 0xc0] = {0, 3, false},
		[0xd6 - 0xc0] = {0, 5, false}, [0xd7 - 0xc0] = {0, 9, false}, [0xd8 - 0xc0] = {0, 17, false},
		[0xd9 - 0xc0] = {1, 0, false}, [0xda - 0xc0] = {2, 0, false}, [0xdb - 0xc0] = {4, 0, false},
		[0xdc - 0xc0] = {2, 0, true},  [0xdd - 0xc0] = {4, 0, true},  [0xde - 0xc0] = {2, 0, true},
		[0xdf - 0xc0] = {4, 0, true},
	};

	if (first >= 0xa0 && first < 0xc0)
		return (struct follows){.fixed = first & 0x1f};
	return first >= 0xc0 && first < 0xe0 ? of_size[first - 0xc0] : (struct follows){0};
}

/* msgpack-c takes memory for all that a length claims, before there is a byte of it: 100 GB for five bytes.
 */
static bool claims_too_much(const uint8_t *data, size_t length)
{
	for (size_t at = 0; at < length;) {
		struct follows follows = follows_of(data[at++]);
		size_t size = 0;
		for (unsigned i = 0; i < follows.size; i++)
			size = size << 8 | (at < length ? data[at++] : 0);
		if (size > FLUENT_ANSWER_MAX)
			return true;
		at += follows.fixed + (follows.items ? 0 : size);
	}
	return false;
}

/* ---- what it is --------------------------------------------------------------------------------- */

int fluent_answer_parse(const struct msgpack_library *library, const char *data, size_t length,
			msgpack_unpacked *answer, struct error **error)
{
	size_t used = 0;
	msgpack_unpack_return result;

	*answer = (msgpack_unpacked){0};
	if (claims_too_much((const uint8_t *)data, length))
		return error_set(error, 0, "its answer is longer than %d bytes", FLUENT_ANSWER_MAX);
	result = length ? library->unpack_next(answer, data, length, &used) : MSGPACK_UNPACK_CONTINUE;
	if (result == MSGPACK_UNPACK_SUCCESS && used == length)
		return 1;
	fluent_answer_free(library, answer);
	if (result == MSGPACK_UNPACK_CONTINUE)
		return 0;
	if (result == MSGPACK_UNPACK_SUCCESS)
		return error_set(error, 0, "it says more than it was asked");
	if (result == MSGPACK_UNPACK_NOMEM_ERROR)
		return error_set(error, 0, "its answer is nested too deep, or memory is exhausted");
	return error_set(error, 0, "its answer is no message of msgpack");
}

int fluent_check_ack(const msgpack_object *answer, const char *chunk, struct error **error)
{
	const msgpack_object_kv *member = answer->via.map.ptr;

	if (fluent_is_message(answer, "HELO", 1)) {
		error_set(error, 0, "it asks for a shared key");
		return error_remedy(error, "set shared_key_file");
	}
	if (answer->type != MSGPACK_OBJECT_MAP || answer->via.map.size != 1 || !is_text(&member->key, "ack"))
		return error_set(error, 0, "its answer is no acknowledgement");
	if (!is_text(&member->val, chunk))
		return error_set(error, 0, "it acknowledged something that was not sent");
	return 0;
}
