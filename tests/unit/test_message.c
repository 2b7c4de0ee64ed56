#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/daemon/message.h"
#include "agent/daemon/message_form.h"
#include "collectors/fetch.h"
#include "proctor/cleanup.h"

enum { ALL = MESSAGE_BIT(MESSAGE_KINDS) - 1, PACKET_BYTES = 64 * 1024 };

struct sides {
	struct channel *left, *right;
};

/* Two ends of one channel that take these kinds. */
static struct sides make_sides(uint32_t left, uint32_t right)
{
	_cleanup_error_ struct error *error = NULL;
	struct sides sides;
	int sockets[2];

	assert_int_equal(channel_pair(sockets, &error), 0);
	sides.left = channel_new(sockets[0], left, &error);
	sides.right = channel_new(sockets[1], right, &error);
	assert_non_null(sides.left);
	assert_non_null(sides.right);
	return sides;
}

static void free_sides(struct sides *sides)
{
	channel_free(sides->left);
	channel_free(sides->right);
}

/* The next message, waited for. */
static struct message *receive(struct channel *channel)
{
	struct message *message = NULL;
	struct error *error = NULL;
	int result;

	while (!(result = channel_receive(channel, &message, &error))) {
		struct pollfd wanted = {.fd = channel_socket(channel), .events = POLLIN};
		assert_true(poll(&wanted, 1, -1) >= 0);
	}
	if (result < 0)
		fail_msg("%s", error_message(error));
	return message;
}

static struct message *pass_on(struct sides *sides, const struct message *message)
{
	struct error *error = NULL;

	if (channel_send(sides->left, message, &error))
		fail_msg("%s", error_message(error));
	return receive(sides->right);
}

/* ---- what is sent arrives -------------------------------------------------------------------------------
 */

static const struct seen seen[] = {{NULL, SIGHT_SYSCTL(55) | SIGHT_FILES},
				   {"b1", SIGHT_MOUNTS},
				   {"a2", 0},
				   {"c\x1b[2J\xff", SIGHT_LIMITS}};
static const char *const containers[] = {"c\x1b[2J\xff", "a2", "b1"};
static const struct observed observed[] = {
	{.id = "0123456789abcdef0123456789abcdef",
	 .rule = "file.setuid",
	 .severity = SEVERITY_CRITICAL,
	 .excepted = true,
	 .needs = SIGHT_FILES | SIGHT_PROCESSES,
	 .digest = UINT64_MAX,
	 .containers = containers,
	 .container_count = 3,
	 .container_name = "web\n",
	 .image = "shop/web:1",
	 .json = "{\"id\":\"\\u00e9\"}",
	 .json_length = 15},
	{.id = "ffffffffffffffffffffffffffffffff",
	 .rule = "host.x-1",
	 .severity = SEVERITY_INFO,
	 .task = "shop:7"},
};
static const struct message whole_pass = {.kind = MESSAGE_PASS,
					  .pass = {.time = {1700000000, 999999999},
						   .full = true,
						   .all_containers = true,
						   .seen = seen,
						   .seen_count = 4,
						   .observed = observed,
						   .observed_count = 2,
						   .summary = "{}",
						   .summary_length = 2}};

static void test_pass_arrives(void **state)
{
	struct sides sides = make_sides(0, MESSAGE_BIT(MESSAGE_PASS));
	struct message *got = pass_on(&sides, &whole_pass);
	const struct pass *pass = &got->pass;

	(void)state;
	assert_int_equal(got->kind, MESSAGE_PASS);
	assert_int_equal(pass->time.tv_sec, 1700000000);
	assert_int_equal(pass->time.tv_nsec, 999999999);
	assert_true(pass->full && pass->all_containers && !pass->truncated);
	assert_string_equal(pass->summary, "{}");
	assert_int_equal(pass->seen_count, 4);
	assert_null(pass->seen[0].container);
	assert_int_equal(pass->seen[0].sight, SIGHT_SYSCTL(55) | SIGHT_FILES);
	assert_string_equal(pass->seen[1].container, "b1");
	assert_string_equal(pass->seen[3].container, "c\\x1b[2J\\xff"); /* as documents have it */
	assert_int_equal(pass->observed_count, 2);
	assert_string_equal(pass->observed[0].id, observed[0].id);
	assert_string_equal(pass->observed[0].rule, "file.setuid");
	assert_int_equal(pass->observed[0].severity, SEVERITY_CRITICAL);
	assert_true(pass->observed[0].excepted);
	assert_int_equal(pass->observed[0].needs, SIGHT_FILES | SIGHT_PROCESSES);
	assert_true(pass->observed[0].digest == UINT64_MAX);
	assert_int_equal(pass->observed[0].container_count, 3);
	assert_ptr_equal(pass->observed[0].containers[0], pass->seen[3].container);
	assert_ptr_equal(pass->observed[0].containers[1], pass->seen[2].container);
	assert_ptr_equal(pass->observed[0].containers[2], pass->seen[1].container);
	assert_string_equal(pass->observed[0].container_name, "web\\n");
	assert_string_equal(pass->observed[0].image, "shop/web:1");
	assert_null(pass->observed[0].task);
	assert_string_equal(pass->observed[0].json, observed[0].json);
	assert_int_equal(pass->observed[0].json_length, observed[0].json_length);
	assert_int_equal(pass->observed[1].container_count, 0);
	assert_null(pass->observed[1].json);
	assert_string_equal(pass->observed[1].task, "shop:7");
	message_free(got);
	free_sides(&sides);
}

static void test_other_kinds_arrive(void **state)
{
	struct sides sides = make_sides(0, ALL);
	struct message ask = {.kind = MESSAGE_ASK, .endpoints = 1u << (ENDPOINT_COUNT - 1)};
	struct message ready = {.kind = MESSAGE_READY, .json = {"{\"a\":[]}", 8}};
	struct message answer = {.kind = MESSAGE_ANSWER,
				 .answer = {ENDPOINT_TASK, FETCH_STATUS, 404, {NULL, 0}}};
	struct message counters = {.kind = MESSAGE_COUNTERS, .counters = {1, 2, 3, 4, 5, 6, 7, 8}};
	struct message *got = pass_on(&sides, &ask);

	(void)state;
	assert_int_equal(got->kind, MESSAGE_ASK);
	assert_int_equal(got->endpoints, 1u << (ENDPOINT_COUNT - 1));
	message_free(got);
	got = pass_on(&sides, &ready);
	assert_int_equal(got->kind, MESSAGE_READY);
	assert_string_equal(got->json.data, "{\"a\":[]}");
	message_free(got);
	got = pass_on(&sides, &answer);
	assert_int_equal(got->answer.endpoint, ENDPOINT_TASK);
	assert_int_equal(got->answer.fault, FETCH_STATUS);
	assert_int_equal(got->answer.number, 404);
	assert_int_equal(got->answer.body.length, 0);
	message_free(got);
	got = pass_on(&sides, &counters);
	assert_memory_equal(&got->counters, &counters.counters, sizeof(counters.counters));
	message_free(got);
	free_sides(&sides);
}

static const char *const executables[] = {"/bin/a\n", "/bin/b", NULL};
static const struct watched watched = {.id = "4f",
				       .name = "web",
				       .image = "web:1",
				       .family = "shop",
				       .granted = 1,
				       .since = 7,
				       .saw_start = true};
static struct learned_use use = {.capability = 10,
				 .count = 2,
				 .first = 3,
				 .last = 4,
				 .required = true,
				 .reason = "it may be no need",
				 .executables = executables};
static struct learned_denial denial = {.capability = 21, .count = 5, .first = 6, .last = 7};
static const struct learned_container learned_container = {.watched = &watched,
							   .uses = &use,
							   .use_count = 1,
							   .denials = &denial,
							   .denial_count = 1,
							   .recommended = 1024,
							   .complete = true,
							   .observed_seconds = 9};
static const struct message whole_learned = {.kind = MESSAGE_LEARNED, .learned = {&learned_container, 1}};
static const struct learned_history history = {"4f", 1, 2, 3, 4};
static const struct message whole_history = {.kind = MESSAGE_HISTORY, .history = {&history, 1}};

static void test_learned_arrives(void **state)
{
	struct sides sides = make_sides(0, ALL);
	struct message *got = pass_on(&sides, &whole_learned);
	const struct learned_container *container = got->learned.list;

	(void)state;
	assert_int_equal(got->learned.count, 1);
	assert_string_equal(container->watched->id, "4f");
	assert_string_equal(container->watched->family, "shop");
	assert_null(container->watched->image_digest);
	assert_true(container->watched->saw_start && container->complete);
	assert_int_equal(container->observed_seconds, 9);
	assert_int_equal(container->use_count, 1);
	assert_int_equal(container->uses[0].capability, 10);
	assert_int_equal(container->uses[0].last, 4);
	assert_string_equal(container->uses[0].executables[0], "/bin/a\\n");
	assert_null(container->uses[0].executables[2]);
	assert_int_equal(container->denials[0].count, 5);
	assert_null(container->denials[0].reason);
	message_free(got);
	got = pass_on(&sides, &whole_history);
	assert_int_equal(got->history.count, 1);
	assert_string_equal(got->history.list[0].id, "4f");
	assert_int_equal(got->history.list[0].starts, 4);
	message_free(got);
	free_sides(&sides);
}

static void test_descriptor_arrives(void **state)
{
	struct sides sides = make_sides(0, MESSAGE_BIT(MESSAGE_PEER));
	int ends[2];
	struct message *got, peer = {.kind = MESSAGE_PEER};
	char byte = 0;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	peer.fd = ends[1];
	got = pass_on(&sides, &peer);
	close(ends[1]);
	assert_int_not_equal(got->fd, ends[1]);
	assert_true(fcntl(got->fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got->fd, "x", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	close(got->fd);
	close(ends[0]);
	message_free(got);
	free_sides(&sides);
}

/* An answer of as many bytes as there may be, none of them text. */
static struct message large_answer(char *body)
{
	for (size_t i = 0; i < FETCH_BYTES; i++)
		body[i] = (char)(i * 7);
	return (struct message){
		.kind = MESSAGE_ANSWER,
		.answer = {.endpoint = ENDPOINT_DOCKER_CONTAINERS, .body = {body, FETCH_BYTES}}};
}

struct large {
	struct channel *channel;
	bool receives;       /* when it has sent */
	struct message *got; /* then */
	bool sent;
};

static void *send_large(void *state)
{
	_cleanup_free_ char *body = malloc(FETCH_BYTES);
	struct large *large = state;
	struct message answer;

	if (!body)
		return NULL;
	answer = large_answer(body);
	large->sent = !channel_send(large->channel, &answer, NULL);
	if (large->receives)
		large->got = receive(large->channel);
	return NULL;
}

static void check_large(struct message *got)
{
	assert_int_equal(got->kind, MESSAGE_ANSWER);
	assert_int_equal(got->answer.body.length, FETCH_BYTES);
	for (size_t i = 0; i < FETCH_BYTES; i++)
		if (got->answer.body.data[i] != (char)(i * 7))
			fail_msg("byte %zu is another", i);
	message_free(got);
}

static void test_large_message_waits_for_the_receiver(void **state)
{
	struct sides sides = make_sides(0, ALL);
	struct large large = {.channel = sides.left};
	pthread_t sender;

	(void)state;
	assert_int_equal(pthread_create(&sender, NULL, send_large, &large), 0);
	check_large(receive(sides.right));
	assert_int_equal(pthread_join(sender, NULL), 0);
	assert_true(large.sent);
	free_sides(&sides);
}

/* Neither receives before it has sent. */
static void test_both_send_at_once(void **state)
{
	struct sides sides = make_sides(ALL, ALL);
	struct large large[] = {{sides.left, true, NULL, false}, {sides.right, true, NULL, false}};
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_large, &large[i]), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(large[i].sent);
		check_large(large[i].got);
	}
	free_sides(&sides);
}

/* ---- what does not fit is not sent ------------------------------------------------------------------------
 */

static void assert_not_sent(const struct message *message, const char *why)
{
	_cleanup_error_ struct error *error = NULL;
	struct sides sides = make_sides(0, ALL);
	struct message *none = NULL;

	assert_int_equal(channel_send(sides.left, message, &error), -1);
	assert_int_equal(error_number(error), EMSGSIZE);
	assert_non_null(strstr(error_message(error), why));
	assert_int_equal(channel_receive(sides.right, &none, NULL), 0);
	free_sides(&sides);
}

static void test_out_of_bounds_is_not_sent(void **state)
{
	_cleanup_free_ char *large = calloc(1, FETCH_BYTES + 1);
	struct message message = whole_pass;
	struct observed stray = observed[0];
	const char *unseen[] = {"z"};

	(void)state;
	assert_non_null(large);
	message.pass.observed_count = MESSAGE_FINDINGS_MAX + 1;
	assert_not_sent(&message, "more containers or findings");
	message.pass.observed = &stray;
	message.pass.observed_count = 1;
	stray.json_length = MESSAGE_FINDING_BYTES + 1;
	assert_not_sent(&message, "a finding");
	stray = observed[0];
	stray.containers = unseen;
	stray.container_count = 1;
	assert_not_sent(&message, "a finding's container that was not seen");
	message = (struct message){.kind = MESSAGE_READY, .json = {large, 16 * 1024 + 1}};
	assert_not_sent(&message, "JSON");
	message = (struct message){.kind = MESSAGE_ANSWER, .answer = {.body = {large, FETCH_BYTES + 1}}};
	assert_not_sent(&message, "a body");
}

static void test_fitting_findings_are_sent(void **state)
{
	enum { COUNT = 100, LENGTH = MESSAGE_FINDING_BYTES };
	_cleanup_free_ char *json = malloc(LENGTH);
	struct observed many[COUNT];
	struct message message = whole_pass;
	struct wire_writer writer = {0};

	(void)state;
	assert_non_null(json);
	memset(json, ' ', LENGTH);
	json[0] = '{';
	json[LENGTH - 1] = '}';
	for (size_t i = 0; i < COUNT; i++) {
		many[i] = observed[0];
		many[i].json = json;
		many[i].json_length = LENGTH;
	}
	message.pass.observed = many;
	message.pass.observed_count = COUNT;
	assert_int_equal(message_encode(&message, &writer, NULL), -1);
	free(writer.data);
	writer = (struct wire_writer){0};
	message.pass.observed_count = message_fitting(&message.pass);
	assert_int_equal(message.pass.observed_count, MESSAGE_PASS_BYTES / LENGTH - 2); /* and the summary */
	assert_int_equal(message_encode(&message, &writer, NULL), 0);
	assert_true(writer.length <= MESSAGE_PASS_BYTES);
	free(writer.data);
	assert_int_equal(message_fitting(&whole_pass.pass), 2);
}

/* ---- the other side is hostile
 * ------------------------------------------------------------------------------ */

static const char *decode_error(enum message_kind kind, const char *data, size_t length)
{
	static char text[200];
	_cleanup_error_ struct error *error = NULL;
	_cleanup_arena_ struct arena *arena = arena_new();
	struct message message = {.kind = kind, .arena = arena};

	if (!message_decode(&message, data, length, &error))
		return NULL;
	snprintf(text, sizeof(text), "%s", error_message(error));
	return text;
}

static void assert_part_is_none(const struct message *message, const char *why)
{
	struct wire_writer writer = {0};

	assert_int_equal(message_encode(message, &writer, NULL), 0);
	assert_null(decode_error(message->kind, writer.data, writer.length));
	for (size_t length = 0; length < writer.length; length++) {
		/* Its end is the end of what may be read. */
		_cleanup_free_ char *part = malloc(length ? length : 1);
		assert_non_null(part);
		memcpy(part, writer.data, length);
		assert_non_null(decode_error(message->kind, part, length));
	}
	wire_put_32(&writer, 0);
	assert_string_equal(decode_error(message->kind, writer.data, writer.length), why);
	free(writer.data);
}

static void test_part_of_a_message_is_none(void **state)
{
	(void)state;
	assert_part_is_none(&whole_pass, "receiving a pass: its end is not as it should be");
	assert_part_is_none(&whole_learned, "receiving what was learned: its end is not as it should be");
	assert_part_is_none(&whole_history, "receiving a history: its end is not as it should be");
}

/* Whatever is changed: either it is no message, or one within its bounds. */
static void assert_any_byte_may_be_another(const struct message *message)
{
	static const unsigned char others[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	struct wire_writer writer = {0};
	unsigned refused = 0;

	assert_int_equal(message_encode(message, &writer, NULL), 0);
	for (size_t i = 0; i < writer.length; i++) {
		char was = writer.data[i];
		for (size_t k = 0; k < sizeof(others); k++) {
			writer.data[i] = (char)others[k];
			refused += decode_error(message->kind, writer.data, writer.length) != NULL;
		}
		writer.data[i] = was;
	}
	assert_in_range(refused, writer.length / 4, 5 * writer.length);
	free(writer.data);
}

static void test_any_byte_may_be_another(void **state)
{
	(void)state;
	assert_any_byte_may_be_another(&whole_pass);
	assert_any_byte_may_be_another(&whole_learned);
	assert_any_byte_may_be_another(&whole_history);
}

static void test_numbers_of_what_was_learned(void **state)
{
	static const struct watched whose = {.id = "4f"};
	struct learned_use one = {.capability = 64, .count = 1};
	const struct learned_container container = {.watched = &whose, .uses = &one, .use_count = 1};
	const struct message learned = {.kind = MESSAGE_LEARNED, .learned = {&container, 1}};
	struct wire_writer writer = {0};

	(void)state;
	assert_int_equal(message_encode(&learned, &writer, NULL), 0);
	assert_string_equal(decode_error(MESSAGE_LEARNED, writer.data, writer.length),
			    "receiving what was learned: a capability is not as it should be");
	one.capability = 63;
	one.count = UINT64_MAX;
	writer.length = 0;
	assert_int_equal(message_encode(&learned, &writer, NULL), 0);
	assert_string_equal(decode_error(MESSAGE_LEARNED, writer.data, writer.length),
			    "receiving what was learned: a count is not as it should be");
	writer.length = 0;
	wire_put_32(&writer, MESSAGE_LEARNED_MAX + 1);
	assert_non_null(decode_error(MESSAGE_LEARNED, writer.data, writer.length));
	assert_non_null(decode_error(MESSAGE_HISTORY, writer.data, writer.length));
	free(writer.data);
}

static void put_observed(struct wire_writer *writer, const char *id, const char *rule, uint32_t severity,
			 const char *name, const char *json)
{
	const struct wire_text any = {"any", 4096, true, NULL};

	wire_put_64(writer, 1);
	for (int i = 0; i < 4; i++)
		wire_put_32(writer, 0);
	wire_put_text(writer, &any, "{}", 2);
	wire_put_32(writer, 0);
	wire_put_32(writer, 1);
	wire_put_text(writer, &any, id, strlen(id));
	wire_put_text(writer, &any, rule, strlen(rule));
	wire_put_32(writer, severity);
	wire_put_32(writer, 0);
	wire_put_64(writer, 0);
	wire_put_64(writer, 0);
	wire_put_32(writer, 0);
	wire_put_text(writer, &any, name, strlen(name));
	wire_put_text(writer, &any, NULL, 0);
	wire_put_text(writer, &any, NULL, 0);
	wire_put_text(writer, &any, json, strlen(json));
}

static void test_texts_and_numbers_of_a_finding(void **state)
{
	static const char id[] = "0123456789abcdef0123456789abcdef";
	static const struct {
		const char *id, *rule;
		uint32_t severity;
		const char *name, *json, *wrong;
	} cases[] = {
		{id, "a.b", SEVERITY_LOW, "web", "{\"a\":1}", NULL},
		{"0123456789abcdef0123456789abcde", "a.b", SEVERITY_LOW, "web", "{}", "a finding's id"},
		{"0123456789abcdef0123456789abcdeF", "a.b", SEVERITY_LOW, "web", "{}", "a finding's id"},
		{"0123456789abcdef0123456789abcdef0", "a.b", SEVERITY_LOW, "web", "{}", "a finding's id"},
		{id, "", SEVERITY_LOW, "web", "{}", "a rule"},
		{id, "a\"}", SEVERITY_LOW, "web", "{}", "a rule"},
		{id, "a.b", SEVERITY_NONE, "web", "{}", "a severity"},
		{id, "a.b", SEVERITY_COUNT, "web", "{}", "a severity"},
		{id, "a.b", SEVERITY_LOW, "\xff", "{}", "a container's name"},
		{id, "a.b", SEVERITY_LOW, "a\nb", "{}", "a container's name"},
		{id, "a.b", SEVERITY_LOW, "web", "", "a finding"},
		{id, "a.b", SEVERITY_LOW, "web", "[]", "a finding"},
		{id, "a.b", SEVERITY_LOW, "web", "{}{}", "a finding"},
		{id, "a.b", SEVERITY_LOW, "web", "{\n}", "a finding"},
		{id, "a.b", SEVERITY_LOW, "web", "{\"a\":\"\xff\"}", "a finding"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char expected[100];
		struct wire_writer writer = {0};
		const char *wrong;
		put_observed(&writer, cases[i].id, cases[i].rule, cases[i].severity, cases[i].name,
			     cases[i].json);
		wrong = decode_error(MESSAGE_PASS, writer.data, writer.length);
		snprintf(expected, sizeof(expected), "receiving a pass: %s is not as it should be",
			 cases[i].wrong ? cases[i].wrong : "");
		if (cases[i].wrong) {
			assert_non_null(wrong);
			assert_string_equal(wrong, expected);
		} else {
			assert_null(wrong);
		}
		free(writer.data);
	}
}

static void test_numbers_of_other_kinds(void **state)
{
	struct wire_writer writer = {0};

	(void)state;
	wire_put_32(&writer, 1u << ENDPOINT_COUNT);
	assert_non_null(decode_error(MESSAGE_ASK, writer.data, writer.length));
	assert_non_null(decode_error(MESSAGE_PEER, writer.data, writer.length));
	for (int i = 0; i < 9; i++)
		wire_put_32(&writer, UINT32_MAX);
	assert_non_null(decode_error(MESSAGE_COUNTERS, writer.data, writer.length));
	assert_non_null(decode_error(MESSAGE_ANSWER, writer.data, writer.length));
	writer.length = 0;
	wire_put_32(&writer, ENDPOINT_COUNT);
	wire_put_32(&writer, 0);
	wire_put_32(&writer, 200);
	wire_put_32(&writer, 0);
	assert_non_null(decode_error(MESSAGE_ANSWER, writer.data, writer.length));
	free(writer.data);
}

struct packet {
	uint8_t kind, flags;
	uint16_t zero;
	uint32_t length;
};

/* What the receiver of everything but passes says of these bytes, sent as one packet with that many
 * descriptors. */
static const char *packet_error(void *data, size_t length, size_t descriptors)
{
	static char text[200];
	_cleanup_error_ struct error *error = NULL;
	struct sides sides = make_sides(0, ALL & ~MESSAGE_BIT(MESSAGE_PASS));
	union {
		struct cmsghdr part;
		char room[CMSG_SPACE(8 * sizeof(int))];
	} control = {.part = {CMSG_LEN(descriptors * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec part = {data, length};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	struct message *got = NULL;
	int result;

	for (size_t i = 0; i < descriptors; i++)
		((int *)(void *)CMSG_DATA(&control.part))[i] = STDERR_FILENO;
	if (descriptors) {
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
	}
	assert_int_equal(sendmsg(channel_socket(sides.left), &header, 0), length);
	result = channel_receive(sides.right, &got, &error);
	if (result > 0 && got->kind == MESSAGE_PEER)
		close(got->fd);
	message_free(result > 0 ? got : NULL);
	free_sides(&sides);
	if (result >= 0)
		return NULL;
	snprintf(text, sizeof(text), "%s", error_message(error));
	return text;
}

static void test_packets_that_are_none(void **state)
{
	enum { FIRST = 1, LAST = 2, ONLY = FIRST | LAST };
	static const struct {
		struct packet packet;
		size_t length, descriptors;
		const char *wrong;
	} cases[] = {
		{{MESSAGE_ASK, ONLY, 0, 4}, 4, 0, NULL},
		{{MESSAGE_PEER, ONLY, 0, 0}, 0, 1, NULL},
		{{MESSAGE_ASK, ONLY, 0, 4}, 3, 0, "malformed"},
		{{MESSAGE_ASK, ONLY, 0, 4}, 5, 0, "malformed"},
		{{MESSAGE_ASK, ONLY, 1, 4}, 4, 0, "malformed"},
		{{MESSAGE_ASK, ONLY | 4, 0, 4}, 4, 0, "malformed"},
		{{MESSAGE_KINDS, ONLY, 0, 4}, 4, 0, "kind that is not expected"},
		{{255, ONLY, 0, 4}, 4, 0, "kind that is not expected"},
		{{MESSAGE_PASS, ONLY, 0, 4}, 4, 0, "kind that is not expected"},
		{{MESSAGE_ASK, LAST, 0, 4}, 4, 0, "began within another, or not at all"},
		{{MESSAGE_ASK, FIRST, 0, 4}, 4, 0, "not full"},
		{{MESSAGE_ASK, ONLY, 0, 400}, 400, 0, "too long"},
		{{MESSAGE_PEER, ONLY, 0, 1}, 1, 1, "too long"},
		{{MESSAGE_ANSWER, ONLY, 0, PACKET_BYTES + 1}, PACKET_BYTES + 1, 0, "too long"},
		{{MESSAGE_ASK, ONLY, 0, 4}, 4, 1, "a descriptor too many"},
		{{MESSAGE_PEER, ONLY, 0, 0}, 0, 0, "none where one belongs"},
		{{MESSAGE_PEER, ONLY, 0, 0}, 0, 2, "a descriptor too many"},
		{{MESSAGE_PEER, ONLY, 0, 0}, 0, 8, "too long"},
	};
	_cleanup_free_ char *data = calloc(1, sizeof(struct packet) + PACKET_BYTES + 1);
	int before = dup(STDERR_FILENO), after;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *wrong;
		memcpy(data, &cases[i].packet, sizeof(struct packet));
		wrong = packet_error(data, sizeof(struct packet) + cases[i].length, cases[i].descriptors);
		if (!wrong != !cases[i].wrong || (wrong && !strstr(wrong, cases[i].wrong)))
			fail_msg("case %zu: %s", i, wrong ? wrong : "taken");
	}
	assert_non_null(strstr(packet_error(data, 3, 0), "malformed"));
	after = dup(STDERR_FILENO); /* no descriptor that came is left open */
	assert_int_equal(after, before + 1);
	close(before);
	close(after);
}

static void test_message_without_an_end(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_free_ char *data = calloc(1, sizeof(struct packet) + PACKET_BYTES);
	struct sides sides = make_sides(0, ALL);
	struct packet packet = {MESSAGE_ANSWER, 1, 0, PACKET_BYTES};
	struct message *none = NULL;
	unsigned taken = 0;

	(void)state;
	assert_non_null(data);
	for (;; packet.flags = 0, taken++) {
		int result;
		memcpy(data, &packet, sizeof(packet));
		assert_int_equal(send(channel_socket(sides.left), data, sizeof(packet) + PACKET_BYTES, 0),
				 sizeof(packet) + PACKET_BYTES);
		result = channel_receive(sides.right, &none, &error);
		if (result)
			break;
	}
	assert_int_equal(taken, FETCH_BYTES / PACKET_BYTES);
	assert_non_null(strstr(error_message(error), "a message is too long"));
	free_sides(&sides);
}

static void test_other_side_is_gone(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	struct sides sides = make_sides(ALL, ALL);
	struct message *none = NULL, ask = {.kind = MESSAGE_ASK};

	(void)state;
	channel_free(sides.right);
	assert_int_equal(channel_send(sides.left, &ask, &error), -1); /* and no SIGPIPE */
	assert_int_equal(error_number(error), EPIPE);
	assert_int_equal(channel_receive(sides.left, &none, &error), -1);
	channel_free(sides.left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pass_arrives),
		cmocka_unit_test(test_other_kinds_arrive),
		cmocka_unit_test(test_learned_arrives),
		cmocka_unit_test(test_descriptor_arrives),
		cmocka_unit_test(test_large_message_waits_for_the_receiver),
		cmocka_unit_test(test_both_send_at_once),
		cmocka_unit_test(test_out_of_bounds_is_not_sent),
		cmocka_unit_test(test_fitting_findings_are_sent),
		cmocka_unit_test(test_part_of_a_message_is_none),
		cmocka_unit_test(test_any_byte_may_be_another),
		cmocka_unit_test(test_texts_and_numbers_of_a_finding),
		cmocka_unit_test(test_numbers_of_other_kinds),
		cmocka_unit_test(test_numbers_of_what_was_learned),
		cmocka_unit_test(test_packets_that_are_none),
		cmocka_unit_test(test_message_without_an_end),
		cmocka_unit_test(test_other_side_is_gone),
	};

	alarm(60); /* two that wait for each other would do so for ever */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
