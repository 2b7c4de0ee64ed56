#include "tests/unit/test.h"

#include <string.h>

#include "agent/sinks/receiver.h"
#include "proctor/cleanup.h"

static const struct receiver_scheme schemes[] = {
	{"https", TRANSPORT_TLS, 443},      {"http", TRANSPORT_TCP, 80},
	{"fluent", TRANSPORT_TCP, 24224},   {"syslog+tls", TRANSPORT_TLS, 0},
	{"fluent+unix", TRANSPORT_UNIX, 0}, {0},
};

static void assert_text(const char *text, const char *expected)
{
	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
}

static void test_parts(void **state)
{
	static const struct {
		const char *url;
		enum transport transport;
		const char *host;
		unsigned port;
		const char *path, *user;
		bool local;
	} cases[] = {
		{"https://host", TRANSPORT_TLS, "host", 443, "/", NULL, false},
		{"https://host:1/a?b=c&d", TRANSPORT_TLS, "host", 1, "/a?b=c&d", NULL, false},
		{"https://host?b", TRANSPORT_TLS, "host", 443, "/?b", NULL, false},
		{"https://u:p@host/", TRANSPORT_TLS, "host", 443, "/", "u:p", false},
		{"https://u%40:p%3A%2F@host/", TRANSPORT_TLS, "host", 443, "/", "u@:p:/", false},
		{"https://u@host/", TRANSPORT_TLS, "host", 443, "/", "u:", false},
		{"https://[2001:db8::1]:2/", TRANSPORT_TLS, "2001:db8::1", 2, "/", NULL, false},
		{"http://127.0.0.1", TRANSPORT_TCP, "127.0.0.1", 80, "/", NULL, true},
		{"http://127.9.9.9/", TRANSPORT_TCP, "127.9.9.9", 80, "/", NULL, true},
		{"http://LocalHost/", TRANSPORT_TCP, "LocalHost", 80, "/", NULL, true},
		{"http://[::1]:8080/", TRANSPORT_TCP, "::1", 8080, "/", NULL, true},
		{"fluent://localhost", TRANSPORT_TCP, "localhost", 24224, "/", NULL, true},
		{"syslog+tls://host:6514", TRANSPORT_TLS, "host", 6514, "/", NULL, false},
		{"fluent+unix:///run/a%20b", TRANSPORT_UNIX, NULL, 0, "/run/a b", NULL, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct sink_options options = {.url = cases[i].url};
		_cleanup_receiver_ struct receiver receiver = {0};
		_cleanup_error_ struct error *error = NULL;
		assert_int_equal(receiver_parse(&receiver, schemes, &options, &error), 0);
		assert_int_equal(receiver.transport, cases[i].transport);
		assert_text(receiver.host, cases[i].host);
		assert_int_equal(receiver.port, cases[i].port);
		assert_text(receiver.path, cases[i].path);
		assert_text(receiver.user, cases[i].user);
		assert_int_equal(receiver.local, cases[i].local);
	}
}

static void assert_refused(const struct sink_options *options, const char *words)
{
	_cleanup_receiver_ struct receiver receiver = {0};
	_cleanup_error_ struct error *error = NULL;

	if (!receiver_parse(&receiver, schemes, options, &error) || !strstr(error_message(error), words))
		fail_msg("%s: %s", options->url, error_message(error));
	assert_null(strstr(error_message(error), "hunter2"));
}

/* Nothing of them is told, for anything of them may be a password. */
static void test_hostile_urls(void **state)
{
	static const char *const urls[] = {
		"",
		"https",
		"https:",
		"https:/hunter2",
		"https://",
		"https:///hunter2",
		"https://:hunter2@",
		"https://:443/hunter2",
		"https://u:hunter2@host:0/",
		"https://u:hunter2@host:65536/",
		"https://u:hunter2@host:-1/",
		"https://u:hunter2@host:1x/",
		"https://hunter2 host/",
		"https://host\n/hunter2",
		"https://host\r\nX: hunter2/",
		"https://ho%00st/hunter2",
		"https://ho%0ast/hunter2",
		"https://ho%2fst/hunter2",
		"https://[::1/hunter2",
		"https://[hunter2]/",
		"https://::1/hunter2",
		"hunter2://host/",
		"HTTPSX://hunter2",
		"syslog+tls://hunter2",
		"fluent+unix://hunter2/x",
		"fluent+unix://",
		"fluent+unix:///hunter2%",
		"fluent+unix:///hunter2%00",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++)
		assert_refused(&(struct sink_options){.url = urls[i]}, "");
}

static void test_what_is_wrong_is_said(void **state)
{
	(void)state;
	assert_refused(&(struct sink_options){.url = "https://host:65536/"},
		       "its port is no number of 1 to 65535");
	assert_refused(&(struct sink_options){.url = "https://host:x/"}, "its port is no number");
	assert_refused(&(struct sink_options){.url = "https://"}, "it has no host");
	assert_refused(&(struct sink_options){.url = "https://[::1"}, "libcurl-errors(3)");
	assert_refused(&(struct sink_options){.url = "fluent+unix://x/y"}, "fluent+unix:///PATH");
}

/* What is local is told by name and number alone. */
static void test_in_clear(void **state)
{
	static const char *const far[] = {
		"http://host/",
		"http://10.0.0.1/",
		"http://128.0.0.1/",
		"http://0.0.0.0/",
		"http://[::2]/",
		"http://[::ffff:10.0.0.1]/",
		"http://localhost.example/",
		"http://127.0.0.1.example/",
		"http://localhost@example/",
		"fluent://host",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++) {
		struct sink_options options = {.url = far[i]};
		_cleanup_receiver_ struct receiver receiver = {0};
		assert_refused(&options, "goes in clear; use TLS, or say insecure");
		options.insecure = true;
		assert_int_equal(receiver_parse(&receiver, schemes, &options, NULL), 0);
		assert_false(receiver.local);
	}
}

static void test_certificates(void **state)
{
	(void)state;
	assert_refused(&(struct sink_options){.url = "https://host", .certificate_file = "/c"},
		       "go together");
	assert_refused(&(struct sink_options){.url = "https://host", .key_file = "/k"}, "go together");
	assert_refused(&(struct sink_options){.url = "http://localhost", .ca_file = "/c"}, "has no TLS");
	assert_refused(
		&(struct sink_options){.url = "fluent+unix:///s", .certificate_file = "/c", .key_file = "/k"},
		"has no TLS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_hostile_urls),
		cmocka_unit_test(test_what_is_wrong_is_said),
		cmocka_unit_test(test_in_clear),
		cmocka_unit_test(test_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
