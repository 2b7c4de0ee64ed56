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

/* Nested deeper than msgpack-c's MSGPACK_EMBED_STACK_SIZE it is malformed. The memory that lengths ask for is
 * not touched before there are bytes for it. */
int fluent_answer_parse(const struct msgpack_library *library, const char *data, size_t length,
			msgpack_unpacked *answer, struct error **error)
{
	size_t used = 0;
	msgpack_unpack_return result;

	*answer = (msgpack_unpacked){0};
	result = length ? library->unpack_next(answer, data, length, &used) : MSGPACK_UNPACK_CONTINUE;
	if (result == MSGPACK_UNPACK_SUCCESS && used == length)
		return 1;
	fluent_answer_free(library, answer);
	if (result == MSGPACK_UNPACK_CONTINUE)
		return 0;
	if (result == MSGPACK_UNPACK_SUCCESS)
		return error_set(error, 0, "it says more than it was asked");
	if (result == MSGPACK_UNPACK_NOMEM_ERROR)
		return error_set(error, 0, "an answer larger than memory");
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
