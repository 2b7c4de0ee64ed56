#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "agent/daemon/places.h"
#include "proctor/cleanup.h"

/* A directory with `token`, which is `..data/token`, which is `..1/token`, as Kubernetes mounts secrets; and
 * with `socket`, which somebody listens at. */
static char directory[] = "/tmp/proctor-test-places-XXXXXX";
static int listener = -1;

static const char *in_directory(const char *name)
{
	static char paths[4][256];
	static size_t next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(*paths), "%s/%s", directory, name);
	return path;
}

static int make_directory(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int token = -1;

	(void)state;
	if (!mkdtemp(directory) || chmod(directory, 0755) || mkdir(in_directory("..1"), 0755))
		return -1;
	token = open(in_directory("..1/token"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(address.sun_path, in_directory("socket"));
	return token < 0 || symlink("..1", in_directory("..data")) ||
			       symlink("..data/token", in_directory("token")) ||
			       bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
			       chmod(in_directory("socket"), 0777)
		       ? -1
		       : 0;
}

static int remove_directory(void **state)
{
	(void)state;
	close(listener);
	return unlink(in_directory("socket")) || unlink(in_directory("token")) ||
			       unlink(in_directory("..data")) || unlink(in_directory("..1/token")) ||
			       rmdir(in_directory("..1")) || rmdir(directory)
		       ? -1
		       : 0;
}

static struct settings *settings_with(struct sink_options options)
{
	static struct sink_setting sink;
	static struct settings settings;

	if (!options.url)
		options.url = "https://localhost/";
	sink = (struct sink_setting){.name = "far", .options = options};
	settings = (struct settings){
		.control = "/run/proctor/control", .user = "64123", .sinks = &sink, .sink_count = 1};
	return &settings;
}

static void assert_list(char *const *list, const char *const *expected)
{
	size_t i = 0;

	for (; list && list[i] && expected[i]; i++)
		assert_string_equal(list[i], expected[i]);
	assert_null(expected[i]);
	assert_true(!list || !list[i]);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void assert_places(struct sink_options options, const char *const *written, const char *const *read)
{
	_cleanup_error_ struct error *error = NULL;
	struct places places;

	assert_int_equal(places_of(&places, settings_with(options), &error), 0);
	assert_list(places.written, written);
	assert_list(places.read, read);
	places_free(&places);
}

static void test_what_is_written(void **state)
{
	(void)state;
	assert_places((struct sink_options){0}, LIST("/run/proctor/control"), LIST());
	assert_places((struct sink_options){.url = "file:///a%20b/c?rotate=0"},
		      LIST("/run/proctor/control", "/a b/c"), LIST());
	assert_places((struct sink_options){.url = "fluent+unix:///run/x"}, LIST("/run/proctor/control"),
		      LIST());
}

static void test_what_is_read(void **state)
{
	(void)state;
	assert_places((struct sink_options){.token_file = in_directory("token"),
					    .ca_file = "/nothing/here/ca.pem",
					    .key_file = "/nothing"},
		      LIST("/run/proctor/control"),
		      LIST("/nothing/here", "/nothing", directory, in_directory("..1")));
}

static void test_no_path(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	struct places places;

	(void)state;
	assert_int_equal(
		places_of(&places, settings_with((struct sink_options){.url = "file:///%00"}), &error), -1);
	assert_non_null(error);
	places_free(&places);
}

/* `said`: parts of the error; none: it is all right. */
static void assert_checked(struct sink_options options, const char *const *said)
{
	_cleanup_error_ struct error *error = NULL;
	struct settings *settings = settings_with(options);
	struct places places;

	assert_int_equal(places_of(&places, settings, &error), 0);
	assert_int_equal(places_check(&places, settings, &error), *said ? -1 : 0);
	for (; *said; said++)
		if (!strstr(error_message(error), *said))
			fail_msg("'%s' does not say '%s'", error_message(error), *said);
	places_free(&places);
}

static void test_what_can_be_read(void **state)
{
	(void)state;
	assert_checked((struct sink_options){.token_file = in_directory("token"), .ca_file = "/etc/passwd"},
		       LIST());
	assert_checked((struct sink_options){.url = "stdout"}, LIST());
}

static void test_what_cannot(void **state)
{
	(void)state;
	assert_checked((struct sink_options){.token_file = "/nothing/here"},
		       LIST("sink 'far': token_file: the user ", " cannot read /nothing/here: No such file"));
	assert_checked((struct sink_options){.key_file = directory}, LIST("key_file", "Is a directory"));
	assert_checked((struct sink_options){.key_file = in_directory("socket")}, LIST("key_file"));
}

static void test_who_cannot(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(in_directory("token"), 0600), 0);
	assert_checked((struct sink_options){.token_file = in_directory("token")},
		       LIST("the user 64123 cannot read", "Permission denied", "chown(1)", "'user'"));
	assert_int_equal(chown(in_directory("token"), 64123, 0), 0);
	assert_checked((struct sink_options){.token_file = in_directory("token")}, LIST());
	assert_int_equal(chmod(in_directory("token"), 0644), 0);
	assert_int_equal(chmod(directory, 0700), 0);
	assert_checked((struct sink_options){.token_file = in_directory("token")}, LIST("Permission denied"));
	assert_int_equal(chmod(directory, 0755), 0);
}

static char *socket_url(const char *name)
{
	char *url = NULL;

	assert_true(asprintf(&url, "fluent+unix://%s/%s", directory, name) > 0);
	return url;
}

static void test_sockets(void **state)
{
	_cleanup_free_ char *there = socket_url("socket"), *later = socket_url("later");

	(void)state;
	assert_checked((struct sink_options){.url = there}, LIST());
	assert_checked((struct sink_options){.url = later}, LIST());
	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(in_directory("socket"), 0700), 0);
	assert_checked(
		(struct sink_options){.url = there},
		LIST("sink 'far': url: the user 64123 cannot connect to", "/socket: Permission denied"));
}

static void test_no_such_user(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	struct settings *settings = settings_with((struct sink_options){0});
	struct places places;

	(void)state;
	if (geteuid() != 0)
		skip();
	settings->user = "no such user";
	assert_int_equal(places_of(&places, settings, &error), 0);
	assert_int_equal(places_check(&places, settings, &error), -1);
	assert_true(error_has_remedy(error));
	places_free(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written), cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_no_path),         cmocka_unit_test(test_what_can_be_read),
		cmocka_unit_test(test_what_cannot),     cmocka_unit_test(test_who_cannot),
		cmocka_unit_test(test_sockets),         cmocka_unit_test(test_no_such_user),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
