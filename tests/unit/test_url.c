#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

static void test_shown(void **state)
{
	static const char *const urls[][2] = {
		{"stdout", "stdout"},
		{"file:///a@b?rotate=1", "file:///a@b?rotate=1"},
		{"https://host/path", "https://host/path"},
		{"https://host/path?token=secret&x=secret", "https://host/path?***"},
		{"https://user:secret@host:1/path?x=secret", "https://***@host:1/path?***"},
		{"https://secret@host", "https://***@host"},
		{"https://user:sec/ret@host/path", "https://***@host/path"},
		{"https://user:sec?ret@host/path?secret", "https://***@host/path?***"},
		{"https://user:sec@ret@host", "https://***@host"},
		{"user:secret@host", "***@host"},
		{"otlp+https://user:%40secret@host", "otlp+https://***@host"},
		{"https:user:secret@host", "***@host"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		_cleanup_free_ char *shown = url_shown(urls[i][0]);
		assert_string_equal(shown, urls[i][1]);
	}
}

static void test_schemes(void **state)
{
	(void)state;
	assert_true(url_has_scheme("file:///x", "file"));
	assert_true(url_has_scheme("stdout", "stdout"));
	assert_false(url_has_scheme("stdoutx", "stdout"));
	assert_false(url_has_scheme("file:/x", "file"));
	assert_false(url_has_scheme("File:///x", "file"));
	assert_false(url_has_scheme("", "file"));
}

static int note(void *state, const char *key, const char *value, struct error **error)
{
	char *text = state;

	sprintf(text + strlen(text), "[%s=%s]", key, value);
	return strcmp(key, "bad") ? 0 : error_set(error, 0, "bad");
}

static void assert_query(const char *url, const char *expected)
{
	_cleanup_error_ struct error *error = NULL;
	char text[256] = "";
	int result = url_query(url, note, text, &error);

	assert_int_equal(result, expected ? 0 : -1);
	if (expected)
		assert_string_equal(text, expected);
	else
		assert_non_null(error);
}

static void test_queries(void **state)
{
	(void)state;
	assert_query("file:///x", "");
	assert_query("file:///x?", "[=]");
	assert_query("file:///x?a=1&b=%3D%26&c", "[a=1][b==&][c=]");
	assert_query("file:///x?a=b=c", "[a=b=c]");
	assert_query("file:///x?a=1&&", "[a=1][=][=]");
	assert_query("file:///x?a=%", NULL);
	assert_query("file:///x?a=%4", NULL);
	assert_query("file:///x?%00=1", NULL);
	assert_query("file:///x?a=%-1", NULL);
	assert_query("file:///x?bad=1&a=1", NULL);
}

static void test_paths(void **state)
{
	static const char *const urls[][2] = {
		{"file:///var/log/x.json?rotate=1", "/var/log/x.json"},
		{"file:///a%20b%3F", "/a b?"},
		{"fluent+unix:///run/fluent.sock", "/run/fluent.sock"},
		{"file:///", "/"},
		{"file://host/x", NULL},
		{"file://", NULL},
		{"file:/x", NULL},
		{"file:///x%00", NULL},
		{"stdout", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		_cleanup_error_ struct error *error = NULL;
		_cleanup_free_ char *path = url_path(urls[i][0], &error);
		if (urls[i][1])
			assert_string_equal(path, urls[i][1]);
		else
			assert_null(path);
		assert_true(!path == !!error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_schemes),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
