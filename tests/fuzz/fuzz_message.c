/* Feeds libFuzzer's bytes to who receives messages: as the bytes of one message, as changes to those of a
 * pass, or as packets of a channel. The first byte says which, the second which kinds are taken. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/daemon/message_form.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken can be sent again, as it came. */
static void check_again(const struct message *message)
{
	struct wire_writer writer = {0};
	_cleanup_arena_ struct arena *arena = arena_new();
	struct message again = {.kind = message->kind, .arena = arena};

	if (!arena || message_encode(message, &writer, NULL) ||
	    message_decode(&again, writer.data, writer.length, NULL))
		abort();
	free(writer.data);
}

static void read_bytes(enum message_kind kind, const char *data, size_t size)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct message message = {.kind = kind, .arena = arena};

	if (!arena)
		abort();
	if (!message_decode(&message, data, size, NULL))
		check_again(&message);
}

/* The message, some bytes of which are others: two bytes of place and one of value each. */
static void read_changed(const struct message *message, const uint8_t *data, size_t size)
{
	struct wire_writer writer = {0};

	if (message_encode(message, &writer, NULL))
		abort();
	for (; size >= 3; data += 3, size -= 3)
		writer.data[(data[0] | (size_t)data[1] << 8) % writer.length] = (char)data[2];
	read_bytes(message->kind, writer.data, writer.length);
	free(writer.data);
}

/* A pass of two findings. */
static void read_changed_pass(const uint8_t *data, size_t size)
{
	static const char *const containers[] = {"4f", "1c"};
	static const struct seen seen[] = {{NULL, SIGHT_HOST}, {"1c", SIGHT_FILES}, {"4f", 0}};
	static const struct observed observed[] = {
		{.id = "0123456789abcdef0123456789abcdef",
		 .rule = "file.setuid",
		 .severity = SEVERITY_HIGH,
		 .needs = SIGHT_FILES,
		 .digest = 1,
		 .containers = containers,
		 .container_count = 2,
		 .container_name = "web",
		 .json = "{\"a\":[1]}",
		 .json_length = 9},
		{.id = "ffffffffffffffffffffffffffffffff", .rule = "host.sysctl", .severity = SEVERITY_LOW},
	};
	const struct message pass = {.kind = MESSAGE_PASS,
				     .pass = {.seen = seen,
					      .seen_count = 3,
					      .observed = observed,
					      .observed_count = 2,
					      .summary = "{}",
					      .summary_length = 2}};

	read_changed(&pass, data, size);
}

/* The same of what was learned of a container. */
static void read_changed_learned(const uint8_t *data, size_t size)
{
	static const char *const executables[] = {"/bin/a", "/bin/b", NULL};
	static const struct watched watched = {.id = "4f", .image = "web:1", .family = "shop", .granted = 1};
	static struct learned_use use = {
		.count = 1, .required = true, .reason = "it may be no need", .executables = executables};
	static struct learned_denial denial = {.capability = 21, .count = 1, .executables = executables};
	static const struct learned_container container = {.watched = &watched,
							   .uses = &use,
							   .use_count = 1,
							   .denials = &denial,
							   .denial_count = 1,
							   .observed_seconds = 9};
	const struct message learned = {.kind = MESSAGE_LEARNED, .learned = {&container, 1}};

	read_changed(&learned, data, size);
}

/* Packets: two bytes of length each. */
static void read_packets(uint32_t accepted, const uint8_t *data, size_t size)
{
	int sockets[2];
	struct channel *channel;
	struct message *message;
	int result = 0;

	if (channel_pair(sockets, NULL) || !(channel = channel_new(sockets[0], accepted, NULL)))
		abort();
	while (size >= 2 && result >= 0) {
		size_t length = data[0] | (size_t)data[1] << 8;
		length = length < size - 2 ? length : size - 2;
		if (send(sockets[1], data + 2, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			abort();
		data += 2 + length;
		size -= 2 + length;
		result = channel_receive(channel, &message, NULL);
		if (result != 1)
			continue;
		if (!(accepted & MESSAGE_BIT(message->kind)))
			abort();
		check_again(message);
		message_free(message);
	}
	channel_free(channel);
	close(sockets[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of shipper, auditor and parent. */
	static const uint32_t sides[] = {
		MESSAGES_OF_AUDITOR,
		MESSAGES_OF_SHIPPER | MESSAGE_BIT(MESSAGE_PEER),
		MESSAGE_BIT(MESSAGE_CONFINED),
	};

	if (size < 2)
		return 0;
	if (data[0] & 4)
		read_changed_learned(data + 2, size - 2);
	else if (data[0] & 2)
		read_changed_pass(data + 2, size - 2);
	else if (data[0] & 1)
		read_packets(sides[data[1] % 3], data + 2, size - 2);
	else
		read_bytes(data[1] % MESSAGE_KINDS, (const char *)data + 2, size - 2);
	return 0;
}
