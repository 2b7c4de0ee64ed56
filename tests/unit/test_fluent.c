/* The forward protocol: messages by known bytes, the handshake by digests that others made, and what a
 * receiver may say that it should not. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sinks/fluent_encode.h"
#include "agent/sinks/fluent_handshake.h"
#include "proctor/cleanup.h"

#define BYTES(text) (text), sizeof(text) - 1

static struct msgpack_library msgpack;

static int setup(void **state)
{
	(void)state;
	return msgpack_library_load(&msgpack);
}

/* ---- messages ----------------------------------------------------------------------------------- */

static void encode(const struct fluent_form *form, const char *const *texts, size_t count,
		   struct buffer *message)
{
	struct queued records[8];

	for (size_t i = 0; i < count; i++)
		records[i] = (struct queued){.text = texts[i], .length = strlen(texts[i])};
	assert_int_equal(fluent_encode(form, records, count, message, NULL), 0);
}

static void assert_message(const struct fluent_form *form, const char *const *texts, size_t count,
			   const char *expected, size_t length)
{
	_cleanup_buffer_ struct buffer message = {0};

	encode(form, texts, count, &message);
	assert_int_equal(message.length, length);
	assert_memory_equal(message.data, expected, length);
}

static void test_message(void **state)
{
	static const char *const texts[] = {
		"{\"time\":\"1970-01-01T00:01:40.000000005Z\",\"a\":[1,-1,true,null]}",
		"{\"time\":\"1970-01-01T00:00:00Z\",\"b\":0.5}"};
	const struct fluent_form form = {.tag = "t", .chunk = "c"};

	(void)state;
	assert_message(&form, texts, 2,
		       BYTES("\x93\xa1t\xc4\x68"
			     "\x92\xd7\0\0\0\0\x64\0\0\0\5\x82\xa4time\xbe"
			     "1970-01-01T00:01:40.000000005Z\xa1"
			     "a\x94\1\xff\xc3\xc0"
			     "\x92\xd7\0\0\0\0\0\0\0\0\0\x82\xa4time\xb4"
			     "1970-01-01T00:00:00Z\xa1"
			     "b\xcb\x3f\xe0\0\0\0\0\0\0"
			     "\x82\xa5"
			     "chunk\xa1"
			     "c\xa4size\2"));
}

static void test_no_records(void **state)
{
	const struct fluent_form form = {.tag = "t", .chunk = "c"};

	(void)state;
	assert_message(&form, NULL, 0,
		       BYTES("\x93\xa1t\xc4\0\x82\xa5"
			     "chunk\xa1"
			     "c\xa4size\0"));
}

/* It comes as its text. */
static void test_what_is_no_object(void **state)
{
	static const char *const wrong[] = {"",
					    "[]",
					    "null",
					    "{\"a\":",
					    "{} x",
					    "{\"a\":1e999}",
					    "{\"a\":99999999999999999999}",
					    "{\"a\":1,\"a\":2}",
					    "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]}",
					    "{\"\xff\":1}"};
	const struct fluent_form form = {.tag = "t", .chunk = "c"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		_cleanup_buffer_ struct buffer message = {0};
		size_t length = strlen(wrong[i]);
		encode(&form, &wrong[i], 1, &message);
		assert_memory_equal(message.data + 16, "\x81\xa3log", 5);
		assert_memory_equal(message.data + 21 + 1 + (length > 31), wrong[i], length);
	}
}

/* As deep as what is taken apart may be. */
static void test_a_deep_object(void **state)
{
	static const char *const text = "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]}";
	const struct fluent_form form = {.tag = "t", .chunk = "c"};
	_cleanup_buffer_ struct buffer message = {0};

	(void)state;
	encode(&form, &text, 1, &message);
	assert_memory_equal(message.data + 16,
			    "\x81\xa1"
			    "a\x91\x91",
			    5);
}

static void test_compressed(void **state)
{
	static const char *const text = "{\"time\":\"1970-01-01T00:00:00Z\"}";
	const struct fluent_form form = {.tag = "t", .chunk = "c", .gzip = true};
	static const char end[] = "\x83\xa5"
				  "chunk\xa1"
				  "c\xa4size\1\xaa"
				  "compressed\xa4gzip";
	_cleanup_buffer_ struct buffer message = {0};

	(void)state;
	encode(&form, &text, 1, &message);
	assert_memory_equal(message.data, "\x93\xa1t\xc4", 4);
	assert_memory_equal(message.data + 5, "\x1f\x8b\x08", 3); /* RFC 1952 */
	assert_memory_equal(message.data + message.length - sizeof(end) + 1, end, sizeof(end) - 1);
}

/* ---- what a receiver says ----------------------------------------------------------------------- */

typedef int (*reader)(const msgpack_object *object, void *context, struct error **error);

/* Reads the answer; its beginnings are no answers yet. */
static int read_answer(const char *data, size_t length, reader read, void *context, struct error **error)
{
	msgpack_unpacked answer;
	int result = fluent_answer_parse(&msgpack, data, length, &answer, error);

	if (result != 1)
		return result - 1;
	result = read(&answer.data, context, error);
	fluent_answer_free(&msgpack, &answer);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(fluent_answer_parse(&msgpack, data, i, &answer, NULL), 0);
	return result;
}

static void assert_answer(const char *data, size_t length, reader read, void *context, const char *fault)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_free_ char *exact = malloc(length + !length); /* for a sanitizer to see its end */

	memcpy(exact, data, length);
	assert_int_equal(read_answer(exact, length, read, context, &error) == 0, !fault);
	if (fault && !strstr(error_message(error), fault))
		fail_msg("%s: %s", fault, error_message(error));
}

static int read_ack(const msgpack_object *object, void *context, struct error **error)
{
	return fluent_check_ack(object, context, error);
}

static void test_acknowledgements(void **state)
{
	static const struct {
		const char *data;
		size_t length;
		const char *fault; /* NULL: it is one */
	} answers[] = {
		{BYTES("\x81\xa3"
		       "ack\xa2"
		       "id"),
		 NULL},
		{BYTES("\x81\xc4\3"
		       "ack\xc4\2"
		       "id"),
		 NULL},
		{BYTES("\xdf\0\0\0\1\xdb\0\0\0\3"
		       "ack\xda\0\2"
		       "id"),
		 NULL},
		{BYTES("\x81\xa3"
		       "ack\xa2"
		       "ie"),
		 "not sent"},
		{BYTES("\x81\xa3"
		       "ack\xa3"
		       "id\0"),
		 "not sent"},
		{BYTES("\x81\xa3"
		       "ack\xa1"
		       "i"),
		 "not sent"},
		{BYTES("\x81\xa3"
		       "ack\xc0"),
		 "not sent"},
		{BYTES("\x81\xa3"
		       "ack\x2a"),
		 "not sent"},
		{BYTES("\x81\xa3"
		       "acl\xa2"
		       "id"),
		 "no acknowledgement"},
		{BYTES("\x82\xa3"
		       "ack\xa2"
		       "id\xa1"
		       "a\1"),
		 "no acknowledgement"},
		{BYTES("\x80"), "no acknowledgement"},
		{BYTES("\x90"), "no acknowledgement"},
		{BYTES("\xa2"
		       "id"),
		 "no acknowledgement"},
		{BYTES("\x92\xa4"
		       "HELO\x80"),
		 "asks for a shared key"},
		{BYTES("\x81\xa3"
		       "ack\xa2"
		       "id\x81"),
		 "more than it was asked"},
		{BYTES("\xc1"), "no message of msgpack"},
		{BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
		       "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\xc0"),
		 "nested too deep"},
		{BYTES("\xdd\xff\xff\xff\xff"), "longer than 8192 bytes"},
		{BYTES("\x92\xa5\xdd\xff\xff\xff\xff\xdf\0\1\0\0"), "longer than 8192 bytes"},
		{BYTES("\xdb\0\0\x20\1"), "longer than 8192 bytes"},
		{BYTES("\xc9\x7f\xff\xff\xff\1"), "longer than 8192 bytes"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		assert_answer(answers[i].data, answers[i].length, read_ack, (char *)"id", answers[i].fault);
}

/* ---- the handshake ------------------------------------------------------------------------------ */

static const struct fluent_proof proof = {
	.hostname = "proctor@host", .salt = "salt", .shared_key = "key", .user = "user:pass:word"};

static int read_helo(const msgpack_object *object, void *context, struct error **error)
{
	return fluent_read_helo(object, context, error);
}

static int read_pong(const msgpack_object *object, void *context, struct error **error)
{
	return fluent_check_pong(object, &proof, context, error);
}

static void test_helo(void **state)
{
	struct fluent_helo helo;

	(void)state;
	assert_answer(BYTES("\x92\xa4HELO\x83\xa5nonce\xc4\3n\0c\xa4"
			    "auth\xa2\xff\xfe\xa9keepalive\xc2"),
		      read_helo, &helo, NULL);
	assert_int_equal(helo.nonce.length, 3);
	assert_memory_equal(helo.nonce.data, "n\0c", 3);
	assert_int_equal(helo.auth.length, 2);
	assert_false(helo.keepalive);
	assert_answer(BYTES("\x92\xa4HELO\x82\xa5nonce\xa1n\xa4"
			    "auth\xa0"),
		      read_helo, &helo, NULL);
	assert_int_equal(helo.auth.length, 0);
	assert_true(helo.keepalive);
}

static void test_no_helo(void **state)
{
	static const struct {
		const char *data;
		size_t length;
	} answers[] = {
		{BYTES("\x80")},
		{BYTES("\x90")},
		{BYTES("\x91\xa4HELO")},
		{BYTES("\x92\xa4HELP\x81\xa5nonce\xa1n")},
		{BYTES("\x92\xa4HELO\x90")},
		{BYTES("\x92\xa4HELO\x80")},
		{BYTES("\x92\xa4HELO\x81\xa5nonce\xa0")},
		{BYTES("\x92\xa4HELO\x81\xa5nonce\5")},
		{BYTES("\x92\xa4HELO\x81\5\xa1n")},
		{BYTES("\x92\xa4HELO\x82\xa5nonce\xa1n\xa4"
		       "auth\x80")},
	};
	char nonce[300] = "\x92\xa4HELO\x81\xa5nonce\xc5\1\1"; /* of 257 bytes */
	struct fluent_helo helo;

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		assert_answer(answers[i].data, answers[i].length, read_helo, &helo, "no HELO");
	assert_answer(nonce, 16 + 257, read_helo, &helo, "no HELO");
	nonce[15] = 0;
	assert_answer(nonce, 16 + 256, read_helo, &helo, NULL);
	assert_int_equal(helo.nonce.length, FLUENT_NONCE_MAX);
}

/* printf 'saltproctor@hostnoncekey' | sha512sum; printf 'authuserpass:word' | sha512sum */
#define KEY_DIGEST                                                                                           \
	"fe455fd0c584c05357e555d3c02808d4c3775b7c2e7b74a42e975542b796d9f5"                                   \
	"3724a46e005e8692a7f06656e980f31dfaf03b66775870613fba11f6493d30d7"
#define USER_DIGEST                                                                                          \
	"3a580fc2c630217fa294f1902fe7cb3363054650cc9fec4f920c237d3ecf3f0e"                                   \
	"ad5e4549b504e795ce6622c1af2c30106f0f28d0cf06b217f18db60e23f8fedf"
/* printf 'saltreceivernoncekey' | sha512sum */
#define RECEIVER_DIGEST                                                                                      \
	"2d5b62f300e08a61eeaa89c4636e31ce3b648d2e2f7b0ab42f28affe23a99067"                                   \
	"72e028c473ab73d554a850bc933115bb35dcaac8c94e1db4083bbdf3e4ceed51"

static const struct fluent_helo helo_of_users = {
	.nonce = {"nonce", 5}, .auth = {"auth", 4}, .keepalive = true};
static const struct fluent_helo helo_of_all = {.nonce = {"nonce", 5}, .keepalive = true};

static void assert_ping(const struct fluent_proof *of, const struct fluent_helo *helo, const char *expected,
			size_t length)
{
	_cleanup_buffer_ struct buffer ping = {0};

	assert_int_equal(fluent_write_ping(of, helo, &ping, NULL), 0);
	assert_int_equal(ping.length, length);
	assert_memory_equal(ping.data, expected, length);
}

static void test_ping(void **state)
{
	struct fluent_proof nobody = proof;
	_cleanup_buffer_ struct buffer ping = {0};
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	assert_ping(&proof, &helo_of_users,
		    BYTES("\x96\xa4PING\xacproctor@host\xa4salt\xd9\x80" KEY_DIGEST
			  "\xa4user\xd9\x80" USER_DIGEST));
	assert_ping(&proof, &helo_of_all,
		    BYTES("\x96\xa4PING\xacproctor@host\xa4salt\xd9\x80" KEY_DIGEST "\xa0\xa0"));
	nobody.user = NULL;
	assert_int_equal(fluent_write_ping(&nobody, &helo_of_users, &ping, &error), -1);
	assert_non_null(strstr(error_message(error), "asks for a user"));
}

static void test_pong(void **state)
{
	static const struct {
		const char *data;
		size_t length;
		const char *fault;
	} answers[] = {
		{BYTES("\x95\xa4PONG\xc3\xa0\xa8receiver\xd9\x80" RECEIVER_DIGEST), NULL},
		{BYTES("\x95\xa4PONG\xc3\xa0\xa8Receiver\xd9\x80" RECEIVER_DIGEST),
		 "does not know the shared key"},
		{BYTES("\x95\xa4PONG\xc3\xa0\xacproctor@host\xd9\x80" KEY_DIGEST),
		 "does not know the shared key"},
		{BYTES("\x95\xa4PONG\xc3\xa0\xa8receiver\xa0"), "does not know the shared key"},
		{BYTES("\x95\xa4PONG\xc2\xa3why\xa8receiver\xd9\x80" RECEIVER_DIGEST), "refuses us: why"},
		{BYTES("\x95\xa4PONG\x01\xa0\xa8receiver\xd9\x80" RECEIVER_DIGEST), "no PONG"},
		{BYTES("\x95\xa4PONG\xc3\xc0\xa8receiver\xd9\x80" RECEIVER_DIGEST), "no PONG"},
		{BYTES("\x95\xa4PONG\xc3\xa0\xc0\xd9\x80" RECEIVER_DIGEST), "no PONG"},
		{BYTES("\x95\xa4PONG\xc3\xa0\xa8receiver\xc0"), "no PONG"},
		{BYTES("\x94\xa4PONG\xc3\xa0\xa8receiver"), "no PONG"},
		{BYTES("\x92\xa4HELO\x80"), "no PONG"},
		{BYTES("\x80"), "no PONG"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		assert_answer(answers[i].data, answers[i].length, read_pong, (void *)&helo_of_all,
			      answers[i].fault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_no_records),
		cmocka_unit_test(test_what_is_no_object),
		cmocka_unit_test(test_a_deep_object),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_acknowledgements),
		cmocka_unit_test(test_helo),
		cmocka_unit_test(test_no_helo),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_pong),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
