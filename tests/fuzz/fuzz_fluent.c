/* Feeds libFuzzer's bytes to who talks the forward protocol: as what a receiver says, an acknowledgement or
 * its part of a handshake, or as a record that is sent. The first byte says which. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/sinks/fluent_encode.h"
#include "agent/sinks/fluent_handshake.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct fluent_proof proof = {
	.hostname = "proctor@host", .salt = "salt", .shared_key = "key", .user = "user:password"};

static void read_ack(const msgpack_object *answer)
{
	fluent_check_ack(answer, "AAAAAAAAAAAAAAAAAAAAAA==", NULL);
}

static void read_helo(const msgpack_object *answer)
{
	_cleanup_buffer_ struct buffer ping = {0};
	struct fluent_helo helo;

	if (!fluent_read_helo(answer, &helo, NULL) && fluent_write_ping(&proof, &helo, &ping, NULL))
		abort();
}

/* No one who does not know the key proves that he does. */
static void read_pong(const msgpack_object *answer)
{
	const struct fluent_helo helo = {.nonce = {"nonce", 5}};

	if (!fluent_check_pong(answer, &proof, &helo, NULL))
		abort();
}

static void read_answer(const struct msgpack_library *library, const char *data, size_t size,
			void (*read)(const msgpack_object *answer))
{
	msgpack_unpacked answer;

	if (fluent_answer_parse(library, data, size, &answer, NULL) != 1)
		return;
	read(&answer.data);
	fluent_answer_free(library, &answer);
}

/* Whether it is [EventTime, record], which any msgpack-c reads. */
static bool is_entry(const struct msgpack_library *library, const msgpack_object_bin *packed)
{
	msgpack_unpacked entry = {0};
	size_t used = 0;
	bool whole =
		library->unpack_next(&entry, packed->ptr, packed->size, &used) == MSGPACK_UNPACK_SUCCESS &&
		used == packed->size && entry.data.type == MSGPACK_OBJECT_ARRAY &&
		entry.data.via.array.size == 2 && entry.data.via.array.ptr[1].type == MSGPACK_OBJECT_MAP;

	fluent_answer_free(library, &entry);
	return whole;
}

/* What is encoded is one message of three members, the second of which holds the record. */
static void write_record(const struct msgpack_library *library, const char *data, size_t size)
{
	const struct fluent_form form = {.tag = "tag", .chunk = "chunk"};
	const struct queued record = {.text = data, .length = size};
	_cleanup_buffer_ struct buffer message = {0};
	msgpack_unpacked answer = {0};
	size_t used = 0;

	if (fluent_encode(&form, &record, 1, &message, NULL))
		abort();
	if (library->unpack_next(&answer, message.data, message.length, &used) != MSGPACK_UNPACK_SUCCESS ||
	    used != message.length || !fluent_is_message(&answer.data, "tag", 3) ||
	    !is_entry(library, &answer.data.via.array.ptr[1].via.bin))
		abort();
	fluent_answer_free(library, &answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const msgpack_object *) = {read_ack, read_helo, read_pong};
	struct msgpack_library library;

	if (msgpack_library_load(&library))
		abort();
	if (!size)
		return 0;
	if (data[0] % 4 == 3)
		write_record(&library, (const char *)data + 1, size - 1);
	else
		read_answer(&library, (const char *)data + 1, size - 1, readers[data[0] % 4]);
	return 0;
}
