#include "tests/unit/test.h"

#include <string.h>

#include "agent/sinks/http_answer.h"
#include "agent/sinks/http_batch.h"
#include "agent/sinks/http_headers.h"
#include "proctor/cleanup.h"

/* ---- answers ------------------------------------------------------------------------------------ */

static struct bytes body_of(const char *text)
{
	return (struct bytes){text, strlen(text)};
}

static void test_meanings(void **state)
{
	static const struct {
		long first, last;
		enum http_meaning meaning;
	} meanings[] = {
		{-1, 199, HTTP_LATER},    {200, 299, HTTP_ACCEPTED}, {300, 399, HTTP_LATER},
		{400, 400, HTTP_REFUSED}, {401, 412, HTTP_LATER},    {413, 413, HTTP_TOO_LARGE},
		{414, 421, HTTP_LATER},   {422, 422, HTTP_REFUSED},  {423, 999, HTTP_LATER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++)
		for (long status = meanings[i].first; status <= meanings[i].last; status++)
			assert_int_equal(http_meaning_of(status, body_of("")), meanings[i].meaning);
	assert_null(http_advice_on(503, body_of("")));
	assert_non_null(http_advice_on(308, body_of("")));
}

/* Of a 400 that nginx gives before it looks at a record. */
static void test_meaning_of_the_connection(void **state)
{
	const struct bytes body = body_of("<title>400 No required SSL certificate was sent</title>");

	(void)state;
	assert_int_equal(http_meaning_of(400, body), HTTP_LATER);
	assert_non_null(http_advice_on(400, body));
	assert_int_equal(http_meaning_of(422, body), HTTP_REFUSED);
	assert_int_equal(http_meaning_of(200, body), HTTP_ACCEPTED);
}

static void test_reasons(void **state)
{
	static const char *const secrets[] = {"hunter2", "hunter2-longer", "short", NULL};
	static const struct {
		const char *body, *reason;
	} cases[] = {
		{"", "400"},
		{" \r\n\t\n", "400"},
		{"wrong", "400 wrong"},
		{"\n\n  wrong  \nmore", "400 wrong"},
		{"<html>\n<h1>wrong</h1> here</html>", "400 wrong here"},
		{"400 Bad Request", "400 Bad Request"},
		{"4000", "4000"},
		{"a < b", "400 a < b"},
		{"<<>x", "400 x"},
		{"\x1b[2J\x7f\xff", "400 \\x1b[2J\\x7f\\xff"},
		{"hunter2", "400 ***"},
		{"xhunter2hunter2-longerhunter", "400 x******hunter"},
		{"short hunter1", "400 short hunter1"},
		{"<hunter2>hunter2", "400 ***"},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		http_reason(400, body_of(cases[i].body), secrets, out, sizeof(out));
		assert_string_equal(out, cases[i].reason);
	}
	http_reason(400, (struct bytes){0}, secrets, out, sizeof(out));
	assert_string_equal(out, "400");
}

/* Also one that was cut off. */
static void test_masks(void **state)
{
	static const char *const secrets[] = {"hunter2", "hunter2-longer", "short", NULL};
	static const char *const cases[][2] = {
		{"", ""},
		{"no: hunter2!", "no: ***!"},
		{"hunter2hunter2-longer.", "******."},
		{"hunter2-long", "***"},
		{"is it hunter", "is it ***"},
		{"is it hunte", "is it hunte"},
		{"short", "short"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[64];
		strcpy(text, cases[i][0]);
		http_mask(text, secrets);
		assert_string_equal(text, cases[i][1]);
	}
}

/* It is cut between two characters, wherever the room ends. */
static void test_long_reasons(void **state)
{
	static const char *const none[] = {NULL};
	static char body[8192];
	char out[256];

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(body); i += 2)
		memcpy(body + i, "\xc3\xa4", 2);
	for (size_t size = 1; size <= sizeof(out); size++) {
		memset(out, 'x', sizeof(out));
		http_reason(400, body_of(body), none, out, size);
		assert_true(strlen(out) < size);
		assert_true(text_is_safe(out, strlen(out)));
	}
}

/* ---- batches ------------------------------------------------------------------------------------ */

static void test_batches(void **state)
{
	static struct queued records[100];
	struct http_batch batch;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		records[i].length = 10;
	http_batch_start(&batch);
	assert_int_equal(http_batch_choose(&batch, records, 100), 100);
	http_batch_refused(&batch, 100);
	assert_int_equal(http_batch_choose(&batch, records, 100), 50);
	assert_int_equal(http_batch_choose(&batch, records, 7), 7);
	http_batch_refused(&batch, 3);
	assert_int_equal(http_batch_choose(&batch, records, 100), 1);
	http_batch_refused(&batch, 1);
	assert_int_equal(http_batch_choose(&batch, records, 100), 1);
	http_batch_accepted(&batch);
	http_batch_accepted(&batch);
	assert_int_equal(http_batch_choose(&batch, records, 100), 4);
}

/* At once for some; then ever more slowly, until one is taken. */
static void test_refused_one_after_the_other(void **state)
{
	struct http_batch batch;
	unsigned waited = 0;

	(void)state;
	http_batch_start(&batch);
	for (int i = 0; i < 16; i++)
		assert_int_equal(http_batch_set_aside(&batch), 0);
	for (unsigned wait = 1; wait < 900; wait *= 2)
		assert_int_equal(http_batch_set_aside(&batch), wait);
	for (int i = 0; i < 1000; i++)
		waited += http_batch_set_aside(&batch);
	assert_int_equal(waited, 900 * 1000);
	http_batch_accepted(&batch);
	for (int i = 0; i < 16; i++)
		assert_int_equal(http_batch_set_aside(&batch), 0);
	assert_int_equal(http_batch_set_aside(&batch), 1);
}

/* It comes back within a few hundred requests, but not within ten. */
static void test_batches_of_bytes(void **state)
{
	static struct queued records[100];
	struct http_batch batch;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		records[i].length = 10;
	http_batch_start(&batch);
	http_batch_too_large(&batch, records, 100);
	assert_int_equal(http_batch_choose(&batch, records, 100), 50);
	http_batch_too_large(&batch, records, 1);
	assert_int_equal(http_batch_choose(&batch, records, 100), 50);
	for (int i = 0; i < 10; i++)
		http_batch_accepted(&batch);
	assert_in_range(http_batch_choose(&batch, records, 100), 51, 60);
	for (int i = 0; i < 300; i++)
		http_batch_accepted(&batch);
	assert_int_equal(http_batch_choose(&batch, records, 100), 100);
	for (int i = 0; i < 100000; i++)
		http_batch_accepted(&batch);
	assert_int_equal(http_batch_choose(&batch, records, 100), 100);
	batch.bytes = 5; /* one goes, however large */
	assert_int_equal(http_batch_choose(&batch, records, 100), 1);
}

/* ---- headers ------------------------------------------------------------------------------------ */

static void test_headers(void **state)
{
	_cleanup_http_headers_ struct http_headers headers = {0};

	(void)state;
	assert_int_equal(http_headers_parse(&headers, NULL, NULL), 0);
	assert_int_equal(http_headers_parse(&headers, "", NULL), 0);
	assert_int_equal(headers.count, 0);
	assert_int_equal(http_headers_parse(&headers, "A=1, b-C=%2C=%C3%A4,\tD= x", NULL), 0);
	assert_int_equal(headers.count, 3);
	assert_string_equal(headers.lines[1], "b-C: ,=\xc3\xa4");
	assert_string_equal(http_headers_find(&headers, "B-c"), ",=\xc3\xa4");
	assert_string_equal(http_header_value(headers.lines[2]), " x");
	assert_null(http_headers_find(&headers, "b"));
	assert_null(http_headers_find(&headers, "b-C: "));
}

static void test_hostile_headers(void **state)
{
	static const char *const texts[] = {
		"hunter2",
		",",
		"A=hunter2,",
		"=hunter2",
		"A:=hunter2",
		"A\n=hunter2",
		"\xff=hunter2",
		"A=",
		"A=%0a",
		"A=  %20",
		"A=hunter2%",
		"A=hunter2%0d%0aB: 1",
		"A=hunter2%00",
		"A=hunter2,a=1",
		"A=\x7f",
		"host =hunter2",
		"Content-Length=1",
		"transfer-encoding=chunked",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		_cleanup_http_headers_ struct http_headers headers = {0};
		_cleanup_error_ struct error *error = NULL;
		/* A comma at the end is no error: nothing stands behind it. */
		bool good = !strcmp(texts[i], "A=hunter2,");
		assert_int_equal(http_headers_parse(&headers, texts[i], &error), good ? 0 : -1);
		assert_null(strstr(good ? "" : error_message(error), "hunter2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meanings),         cmocka_unit_test(test_meaning_of_the_connection),
		cmocka_unit_test(test_reasons),          cmocka_unit_test(test_masks),
		cmocka_unit_test(test_long_reasons),     cmocka_unit_test(test_batches),
		cmocka_unit_test(test_batches_of_bytes), cmocka_unit_test(test_refused_one_after_the_other),
		cmocka_unit_test(test_headers),          cmocka_unit_test(test_hostile_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
