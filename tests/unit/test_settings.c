#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/setting_table.h"
#include "agent/settings.h"
#include "agent/units.h"
#include "proctor/cleanup.h"

/* Noon of 2024-02-29. */
static const time_t today = 1709208000;

static char path[] = "/tmp/proctor-test-settings-XXXXXX", printed_path[] = "/tmp/proctor-test-printed-XXXXXX";

static void cleanup_settings(struct settings **settings)
{
	settings_free(*settings);
}

#define _cleanup_settings_ __attribute__((cleanup(cleanup_settings)))

#define VARIABLES(...) ((char *const *)(const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static int make_files(void **state)
{
	int fd = mkostemp(path, O_CLOEXEC), printed = mkostemp(printed_path, O_CLOEXEC);

	(void)state;
	return fd < 0 || printed < 0 || close(fd) || close(printed) ? -1 : 0;
}

static int remove_files(void **state)
{
	(void)state;
	return unlink(path) || unlink(printed_path) ? -1 : 0;
}

static void write_file(const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static struct settings *read_all(const char *text, char *const *environment, struct settings_options options)
{
	_cleanup_error_ struct error *error = NULL;
	struct settings *settings;

	write_file(text);
	options.config_file = path;
	settings = settings_read(&options, environment, today, &error);
	if (!settings)
		print_message("%s\n", error_message(error));
	assert_non_null(settings);
	return settings;
}

static void assert_refused_with(const char *text, char *const *environment, struct settings_options options,
				const char *start, const char *part)
{
	_cleanup_error_ struct error *error = NULL;
	_cleanup_settings_ struct settings *settings = NULL;

	write_file(text);
	options.config_file = path;
	settings = settings_read(&options, environment, today, &error);
	assert_null(settings);
	if (strncmp(error_message(error), start, strlen(start)) != 0 || !strstr(error_message(error), part))
		fail_msg("'%s' is not '%s…%s…'", error_message(error), start, part);
}

static void assert_file_refused(const char *text, const char *place, const char *part)
{
	_cleanup_free_ char *start = NULL;

	assert_true(asprintf(&start, "%s:%s: ", path, place) > 0);
	assert_refused_with(text, VARIABLES(), (struct settings_options){0}, start, part);
}

static void assert_variable_refused(const char *variable, const char *part)
{
	_cleanup_free_ char *start = NULL;

	assert_true(asprintf(&start, "%.*s: ", (int)strcspn(variable, "="), variable) > 0);
	assert_refused_with("", VARIABLES(variable), (struct settings_options){0}, start, part);
}

/* What --check-config prints. */
static const char *printed(const struct settings *settings)
{
	_cleanup_error_ struct error *error = NULL;
	struct output *output = output_open(printed_path, &error);
	static char text[64 * 1024];
	_cleanup_close_ int fd = -1;
	ssize_t length;

	assert_non_null(output);
	settings_print(settings, output);
	assert_int_equal(output_commit(output, &error), 0);
	output_free(output);
	fd = open(printed_path, O_RDONLY | O_CLOEXEC);
	length = read(fd, text, sizeof(text) - 1);
	assert_true(length >= 0);
	text[length] = '\0';
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in:\n%s", part, text);
}

/* ---- what is understood ------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
	_cleanup_settings_ struct settings *settings =
		read_all("", VARIABLES("PATH=/bin", "PROCTOR=/x"), (struct settings_options){0});

	(void)state;
	assert_int_equal(settings->interval, 300);
	assert_int_equal(settings->quick, 10);
	assert_string_equal(settings->state, "/var/lib/proctor");
	assert_string_equal(settings->control, "/var/lib/proctor/control");
	assert_null(settings->user);
	assert_null(settings->auditor_user);
	assert_true(settings->process_events && settings->mount_events && settings->cgroup_events);
	assert_false(settings->file_events || settings->inventory);
	assert_int_equal(settings->queue_bytes, 64 << 20);
	assert_int_equal(settings->queue_age, 7 * 24 * 60 * 60);
	assert_int_equal(settings->resolve_after, 60);
	assert_int_equal(settings->flap_window, 3600);
	assert_int_equal(settings->stop_timeout, 25);
	assert_null(settings->metrics);
	assert_null(settings->docker_socket);
	assert_int_equal(settings->log_level, LOG_INFO);
	assert_int_equal(settings->log_format, LOG_LOGFMT);
	assert_int_equal(settings->sink_count, 1);
	assert_string_equal(settings->sinks[0].name, "stdout");
	assert_string_equal(settings->sinks[0].options.url, "stdout");
	assert_string_equal(settings->sinks[0].from, "default");
	assert_int_equal(settings->sinks[0].minimum, SEVERITY_INFO);
	assert_true(settings->sinks[0].heartbeats && settings->sinks[0].inventory);
	assert_int_equal(settings->sinks[0].batch, 100);
	assert_int_equal(settings->config->exception_count, 0);
}

static void test_all_of_it(void **state)
{
	_cleanup_settings_ struct settings *settings = read_all("[agent]\n"
								"interval = 30 s\n"
								"quick=2\n"
								"state = memory\n"
								"user = 1000\n"
								"auditor_user: other\n"
								"process_events = off\n"
								"mount_events = off\n"
								"cgroup_events = off\n"
								"file_events = fanotify\n"
								"[sink.web]\n"
								"url = file:///var/log/a%20b?keep=2\n"
								"min_severity = high\n"
								"records = findings,heartbeats\n"
								"batch = 7\n"
								"[rules]\n"
								"off = mount.*\n"
								"[agent] ; more\n"
								"inventory = yes\n"
								"queue_bytes = 1GiB\n"
								"queue_age = 1h\n"
								"resolve_after = 0\n"
								"flap_window = 0\n"
								"stop_timeout = 2m\n"
								"metrics = [::1]:9469\n"
								"docker_socket = /run/docker.sock\n"
								"log_level = debug\n"
								"log_format = json\n"
								"[exception a]\n"
								"rule = *\n"
								"path = /x\n"
								"reason = it\n"
								" goes on\n"
								"[sink.second]\n"
								"url = stdout\n",
								VARIABLES(), (struct settings_options){0});

	(void)state;
	assert_int_equal(settings->interval, 30);
	assert_int_equal(settings->quick, 2);
	assert_null(settings->state);
	assert_string_equal(settings->control, "/dev/shm/proctor.control");
	assert_string_equal(settings->user, "1000");
	assert_string_equal(settings->auditor_user, "other");
	assert_false(settings->process_events || settings->mount_events || settings->cgroup_events);
	assert_true(settings->file_events && settings->inventory);
	assert_int_equal(settings->queue_bytes, 1 << 30);
	assert_int_equal(settings->queue_age, 3600);
	assert_int_equal(settings->resolve_after, 0);
	assert_int_equal(settings->flap_window, 0);
	assert_int_equal(settings->stop_timeout, 120);
	assert_string_equal(settings->metrics, "[::1]:9469");
	assert_string_equal(settings->docker_socket, "/run/docker.sock");
	assert_int_equal(settings->log_level, LOG_DEBUG);
	assert_int_equal(settings->log_format, LOG_JSON);
	assert_int_equal(settings->sink_count, 2);
	assert_string_equal(settings->sinks[0].name, "web");
	assert_int_equal(settings->sinks[0].minimum, SEVERITY_HIGH);
	assert_true(settings->sinks[0].heartbeats);
	assert_false(settings->sinks[0].inventory);
	assert_int_equal(settings->sinks[0].batch, 7);
	assert_string_equal(settings->sinks[1].options.url, "stdout");
	assert_string_equal(settings->config->rules_off[0], "mount.*");
	assert_string_equal(settings->config->exceptions[0].reason, "it goes on");
}

/* An option wins over a variable, that over the file, that over the default. */
static void test_who_wins(void **state)
{
	static const char text[] = "[agent]\ninterval = 1m\nstate = /file\nquick = 3\n";
	_cleanup_settings_ struct settings *settings =
		read_all(text, VARIABLES("PROCTOR_INTERVAL=2m", "PROCTOR_STATE=/variable", "PROCTOR_QUICK="),
			 (struct settings_options){.interval = "180"});
	char place[128];

	(void)state;
	assert_int_equal(settings->interval, 180);
	assert_string_equal(settings->state, "/variable");
	assert_string_equal(settings->control, "/variable/control");
	assert_int_equal(settings->quick, 3);
	snprintf(place, sizeof(place), "\nquick = 3                                    ; %s:4\n", path);
	assert_has(printed(settings), place);
	assert_has(printed(settings), "; --interval\n");
	assert_has(printed(settings), "\nstate = /variable                            ; PROCTOR_STATE\n");
	assert_has(printed(settings), "\nmetrics = off                                ; default\n");
}

static void test_variables_for_sections(void **state)
{
	_cleanup_settings_ struct settings *settings = read_all(
		"[rules]\noff = mount.*\noff = limit.*\n"
		"[severity]\nprocess.root-user = low\nlimit.cpu = low\n"
		"[exception the web's root]\nrule = *\nimage = web*\nreason = old\n  more\n"
		"[sink.to_disk]\nurl = file:///var/log/x\nbatch = 5\n",
		VARIABLES("PROCTOR_RULES_OFF= file.setuid   host.* ", "PROCTOR_PATHS_EXCLUDE=/a\n/b,c",
			  "PROCTOR_IMAGES_CURATED=docker.io/library/*",
			  "PROCTOR_SEVERITY=limit.cpu=high mount.*=medium",
			  "PROCTOR_EXCEPTION_THE_WEB_S_ROOT_REASON=new; and = short",
			  "PROCTOR_EXCEPTION_NODE_EXPORTER_RULE=container.host-pid",
			  "PROCTOR_EXCEPTION_NODE_EXPORTER_IMAGE=*node-exporter*",
			  "PROCTOR_EXCEPTION_NODE_EXPORTER_REASON=reads processes",
			  "PROCTOR_EXCEPTION_NODE_EXPORTER_EXPIRES=2024-02-28",
			  "PROCTOR_SINK_TO_DISK_BATCH=6", "PROCTOR_SINK_NEW_ONE_URL=stdout",
			  "PROCTOR_SINK_NEW_ONE_MIN_SEVERITY=high"),
		(struct settings_options){0});
	const struct config *config = settings->config;

	(void)state;
	assert_int_equal(config->rule_off_count, 2);
	assert_string_equal(config->rules_off[0], "file.setuid");
	assert_string_equal(config->rules_off[1], "host.*");
	assert_int_equal(config->excluded_count, 2);
	assert_string_equal(config->excluded_paths[1], "/b,c");
	assert_string_equal(config->curated[0], "docker.io/library/*");
	assert_int_equal(config->override_count, 3);
	assert_string_equal(config->overrides[1].rule, "limit.cpu");
	assert_int_equal(config->overrides[1].severity, SEVERITY_HIGH);
	assert_int_equal(config->overrides[2].severity, SEVERITY_MEDIUM);
	assert_int_equal(config->exception_count, 2);
	assert_string_equal(config->exceptions[0].name, "the web's root");
	assert_string_equal(config->exceptions[0].reason, "new; and = short");
	assert_string_equal(config->exceptions[1].name, "node-exporter");
	assert_true(config->exceptions[1].expired);
	assert_int_equal(settings->sink_count, 2);
	assert_string_equal(settings->sinks[0].name, "to_disk");
	assert_int_equal(settings->sinks[0].batch, 6);
	assert_string_equal(settings->sinks[1].name, "new-one");
	assert_int_equal(settings->sinks[1].minimum, SEVERITY_HIGH);
}

/* SHARED_KEY_FILE ends as KEY_FILE does: it is the key of a sink that there is, else the longer one. */
static void test_variables_that_end_alike(void **state)
{
	_cleanup_settings_ struct settings *settings = read_all(
		"", VARIABLES("PROCTOR_SINK_A_SHARED_KEY_FILE=/s", "PROCTOR_SINK_A_URL=fluent://localhost"),
		(struct settings_options){0});

	(void)state;
	assert_int_equal(settings->sink_count, 1);
	assert_string_equal(settings->sinks[0].name, "a");
	assert_string_equal(settings->sinks[0].options.shared_key_file, "/s");
	settings_free(settings);
	settings = read_all("[sink.a-shared]\nurl = https://localhost/\ncertificate_file = /c\n",
			    VARIABLES("PROCTOR_SINK_A_SHARED_KEY_FILE=/k"), (struct settings_options){0});
	assert_int_equal(settings->sink_count, 1);
	assert_string_equal(settings->sinks[0].options.key_file, "/k");
}

static void test_destinations(void **state)
{
	static const char *const to[] = {"file:///option,with,commas"};
	_cleanup_settings_ struct settings *settings =
		read_all("[sink.own]\nurl = stdout\n", VARIABLES("PROCTOR_TO=file:///a,b\tfile:///c "),
			 (struct settings_options){0});

	(void)state;
	assert_int_equal(settings->sink_count, 3);
	assert_string_equal(settings->sinks[1].options.url, "file:///a,b");
	assert_string_equal(settings->sinks[1].from, "PROCTOR_TO");
	settings_free(settings);
	settings = read_all("", VARIABLES("PROCTOR_TO=file:///a file:///b"),
			    (struct settings_options){.to = to, .to_count = 1});
	assert_int_equal(settings->sink_count, 1);
	assert_string_equal(settings->sinks[0].options.url, "file:///option,with,commas");
	assert_string_equal(settings->sinks[0].from, "--to");
}

static void assert_names(const char *variable, const char *first, const char *second)
{
	_cleanup_settings_ struct settings *settings =
		read_all("", VARIABLES(variable), (struct settings_options){0});

	assert_int_equal(settings->sink_count, 2);
	assert_string_equal(settings->sinks[0].name, first);
	assert_string_equal(settings->sinks[1].name, second);
}

/* By their names their places in the queue are found. */
static void test_names_of_destinations(void **state)
{
	(void)state;
	assert_names("PROCTOR_TO=file:///a https://b:8443/x", "file-49f91603", "https-381a1c14");
	assert_names("PROCTOR_TO=https://b:8443/x file:///a", "https-381a1c14", "file-49f91603");
	assert_names("PROCTOR_TO=https://u:secret@b:8443/x#batch=3 file:///a#min_severity=high",
		     "https-b895f1c3", "file-49f91603");
	assert_names("PROCTOR_TO=https://u:other@b:8443/x?key=other https://u:secret@b:8443/x?key=secret",
		     "https-d7095e2d", "https-d7095e2d-2");
}

/* The sinks of who sends once: not those of the agent. */
static void test_sinks_alone(void **state)
{
	static const char *const to[] = {"file:///option#batch=7"};
	char *const *environment =
		VARIABLES("PROCTOR_TO=stdout file:///b", "PROCTOR_SINK_OWN_URL=stdout", "PROCTOR_QUICK=none");
	_cleanup_settings_ struct settings *settings =
		settings_read_sinks(&(struct settings_options){.to = to, .to_count = 1}, environment, NULL);
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	assert_int_equal(settings->sink_count, 1);
	assert_string_equal(settings->sinks[0].options.url, "file:///option");
	assert_int_equal(settings->sinks[0].batch, 7);
	assert_true(settings->sinks[0].heartbeats);
	assert_int_equal(settings->queue_bytes, 64 << 20);
	settings_free(settings);
	settings = settings_read_sinks(&(struct settings_options){0}, environment, NULL);
	assert_int_equal(settings->sink_count, 2);
	assert_string_equal(settings->sinks[1].from, "PROCTOR_TO");
	settings_free(settings);
	settings = settings_read_sinks(&(struct settings_options){0}, VARIABLES("PROCTOR_TO="), NULL);
	assert_int_equal(settings->sink_count, 0);
	settings_free(settings);
	settings = settings_read_sinks(&(struct settings_options){0}, VARIABLES("PROCTOR_TO=gopher://x"),
				       &error);
	assert_null(settings);
	assert_has(error_message(error), "PROCTOR_TO: ");
}

/* Keys behind a `#` are those of the section. */
static void test_keys_of_destinations(void **state)
{
	_cleanup_settings_ struct settings *settings = read_all(
		"",
		VARIABLES("PROCTOR_TO=stdout#min_severity=high&records=findings%2Cheartbeats file:///a%23b"),
		(struct settings_options){0});

	(void)state;
	assert_int_equal(settings->sink_count, 2);
	assert_string_equal(settings->sinks[0].options.url, "stdout");
	assert_string_equal(settings->sinks[0].options.name, "stdout-63d42d26");
	assert_int_equal(settings->sinks[0].minimum, SEVERITY_HIGH);
	assert_true(settings->sinks[0].heartbeats);
	assert_false(settings->sinks[0].inventory);
	assert_string_equal(settings->sinks[1].options.url, "file:///a%23b");
}

/* All keys of a sink of HTTP; its secrets are not printed. */
static void test_https(void **state)
{
	_cleanup_settings_ struct settings *settings = read_all(
		"[sink.a]\nurl = https://host/\nca_file = /ca\ncertificate_file = /c\nkey_file = /k\n"
		"format = array\ncompress = gzip\nheaders = A=hunter2,B=2\ntoken_file = /t\ntimeout = 5s\n"
		"[sink.b]\nurl = http://host/\ninsecure = yes, in clear\ntoken = hunter2\n",
		VARIABLES(), (struct settings_options){0});
	const struct sink_options *options = &settings->sinks[0].options;

	(void)state;
	assert_string_equal(options->ca_file, "/ca");
	assert_string_equal(options->certificate_file, "/c");
	assert_string_equal(options->key_file, "/k");
	assert_int_equal(options->format, SINK_ARRAY);
	assert_true(options->gzip);
	assert_string_equal(options->headers, "A=hunter2,B=2");
	assert_string_equal(options->token_file, "/t");
	assert_int_equal(options->timeout, 5);
	assert_true(settings->sinks[1].options.insecure);
	assert_int_equal(settings->sinks[1].options.timeout, 30);
	assert_string_equal(settings->sinks[1].options.token, "hunter2");
	assert_null(strstr(printed(settings), "hunter2"));
}

static void test_the_file_that_a_variable_names(void **state)
{
	_cleanup_free_ char *variable = NULL;
	_cleanup_settings_ struct settings *settings = NULL;
	_cleanup_error_ struct error *error = NULL;

	(void)state;
	write_file("[agent]\ninterval = 77\n");
	assert_true(asprintf(&variable, "PROCTOR_CONFIG=%s", path) > 0);
	settings = settings_read(&(struct settings_options){0}, VARIABLES(variable), today, NULL);
	assert_non_null(settings);
	assert_int_equal(settings->interval, 77);
	assert_string_equal(settings->file, path);
	assert_null(settings_read(&(struct settings_options){0}, VARIABLES("PROCTOR_CONFIG=/nonexistent/x"),
				  today, &error));
	assert_has(error_message(error), "/nonexistent/x");
}

/* A service or container that is called proctor. */
static void test_variables_of_others(void **state)
{
	_cleanup_settings_ struct settings *settings = read_all(
		"",
		VARIABLES("PROCTOR_SERVICE_HOST=10.0.0.1", "PROCTOR_SERVICE_PORT=9469",
			  "PROCTOR_SERVICE_PORT_METRICS=9469", "PROCTOR_PORT=tcp://10.0.0.1:9469",
			  "PROCTOR_PORT_9469_TCP=tcp://10.0.0.1:9469", "PROCTOR_PORT_9469_TCP_PROTO=tcp",
			  "PROCTOR_PORT_9469_TCP_PORT=9469", "PROCTOR_PORT_9469_TCP_ADDR=10.0.0.1",
			  "PROCTOR_METRICS_SERVICE_HOST=10.0.0.1", "PROCTORED=x", "PROCTOR=x", "=", ""),
		(struct settings_options){0});

	(void)state;
	assert_null(settings->metrics);
}

/* What is printed is a configuration that says the same. */
static void test_printed_again(void **state)
{
	static const char text[] = "[sink.a]\nurl = file:///a?rotate=1MiB&keep=3\n[severity]\nmount.* = low\n"
				   "[exception b c]\nrule = *\npath = /x\nreason = r\n  more\n";
	_cleanup_settings_ struct settings *settings =
		read_all(text, VARIABLES("PROCTOR_INTERVAL=1h"), (struct settings_options){0});
	_cleanup_free_ char *first = strdup(printed(settings));
	_cleanup_settings_ struct settings *again =
		read_all(first, VARIABLES(), (struct settings_options){0});

	(void)state;
	assert_int_equal(again->interval, 3600);
	assert_string_equal(again->sinks[0].options.url, "file:///a?rotate=1MiB&keep=3");
	assert_string_equal(again->config->exceptions[0].reason, "r more");
	assert_int_equal(again->config->overrides[0].severity, SEVERITY_LOW);
	assert_int_equal(again->given_count, settings->given_count);
}

/* ---- what is not -------------------------------------------------------------------------------- */

static void test_refused_in_the_file(void **state)
{
	(void)state;
	assert_file_refused("[agent]\nintervall = 3\n", "2:1", "the nearest is 'interval'");
	assert_file_refused("[agent]\nxyzzy = 3\n", "2:1", "no key of [agent] is called 'xyzzy'");
	assert_file_refused("[agent]\ninterval = 3\n", "2:12", "not within 10 and 86400");
	assert_file_refused("[agent]\ninterval = 2d\n", "2:12", "not within");
	assert_file_refused("[agent]\ninterval = 5 min\n", "2:12", "one of s m h d");
	assert_file_refused("[agent]\ninterval =\n", "2:11", "not a whole number");
	assert_file_refused("[agent]\ninterval = -5\n", "2:12", "not a whole number");
	assert_file_refused("[agent]\ninterval = 99999999999999999999\n", "2:12", "not a whole number");
	assert_file_refused("[agent]\nqueue_bytes = 99999999TiB\n", "2:15", "is too large");
	assert_file_refused("[agent]\nqueue_bytes = 64MB\n", "2:15", "one of B KiB MiB GiB TiB");
	assert_file_refused("[agent]\nstate = here\n", "2:9", "not an absolute path");
	assert_file_refused("[agent]\nuser = a b\n", "2:8", "no user's name");
	assert_file_refused("[agent]\nfile_events = auto\n", "2:15", "not one of fanotify|off");
	assert_file_refused("[agent]\ninventory = true\n", "2:13", "not one of yes|no");
	assert_file_refused("[agent]\nlog_level = INFO\n", "2:13", "not one of error|");
	assert_file_refused("[agent]\nmetrics = localhost:9469\n", "2:11", "not ADDRESS:PORT");
	assert_file_refused("[agent]\nmetrics = 127.0.0.1:0\n", "2:11", "not ADDRESS:PORT");
	assert_file_refused("[agent]\nmetrics = 127.0.0.1:65536\n", "2:11", "not ADDRESS:PORT");
	assert_file_refused("[agent]\nmetrics = [::1:9469\n", "2:11", "not ADDRESS:PORT");
	assert_file_refused("[agent]\nmetrics = ::1:9469\n", "2:11", "not ADDRESS:PORT");
	assert_file_refused("[agent]\nmetrics = :9469\n", "2:11", "not ADDRESS:PORT");
	assert_file_refused("[agent]\nquick = 1\nquick = 2\n", "3:1", "given twice: in line 2, too");
	assert_file_refused("[agent]\nquick = 1\n  2\n", "3:3", "does not begin in the first column");
	assert_file_refused("[agent x]\n", "1:2", "no section");
	assert_file_refused("[sink]\n", "1:2", "no section");
	assert_file_refused("[sink.]\n", "1:2", "has a name");
	assert_file_refused("[sink.a b]\n", "1:2", "has a name");
	assert_file_refused("[sink.aaaaaaaaaabbbbbbbbbbccccccccccddd]\n", "1:2", "has a name");
	assert_file_refused("[sink.a]\nurl = stdout\nmin = low\n", "3:1", "is called 'min'");
	assert_file_refused("[sink.a]\nurl = gopher://x:secret@y\n", "2:7", "no sink has a URL");
	assert_file_refused("[sink.a]\nurl = stdoutx\n", "2:7", "no sink has a URL");
	assert_file_refused("[sink.a]\nurl = stdout://x\n", "2:7", "takes nothing behind it");
	assert_file_refused("[sink.a]\nurl = file://host/x\n", "2:7", "the URL of a file is");
	assert_file_refused("[sink.a]\nurl = file:///x/\n", "2:7", "names no file");
	assert_file_refused("[sink.a]\nurl = file:///x%zz\n", "2:7", "before what is no byte");
	assert_file_refused("[sink.a]\nurl = file:///x%00\n", "2:7", "before what is no byte");
	assert_file_refused("[sink.a]\nurl = file:///x%4\n", "2:7", "before what is no byte");
	assert_file_refused("[sink.a]\nurl = file:///x?rotate=1\n", "2:7", "less than 4096 bytes");
	assert_file_refused("[sink.a]\nurl = file:///x?keep=0\n", "2:7", "not within 1 and 1000");
	assert_file_refused("[sink.a]\nurl = file:///x?mode=1\n", "2:7", "no parameter 'mode'");
	assert_file_refused("[sink.a]\nurl = stdout\nrecords = heartbeats\n", "3:11",
			    "not among the records");
	assert_file_refused("[sink.a]\nurl = stdout\nrecords = finding\n", "3:11", "are called 'finding'");
	assert_file_refused("[sink.a]\nurl = stdout\nmin_severity = none\n", "3:16", "not one of info|");
	assert_file_refused("[sink.a]\nurl = stdout\nbatch = 0\n", "3:9", "not within 1 and 10000");
	assert_file_refused("[sink.a]\nurl = stdout\nbatch = 1s\n", "3:9", "not a whole number");
	assert_file_refused("[sink.a]\nurl = stdout#batch=1\n", "2:7", "here they have lines");
	assert_file_refused("[sink.a]\nurl = stdout\ntimeout = 5s\n", "3:1",
			    "a sink of stdout has no key 'timeout'");
	assert_file_refused("[rules]\noff = nothing\n", "2:7", "no rule is called");
	assert_file_refused("[exception a]\nrule = *\n", "1:1", "gives no reason");
	assert_refused_with("[sink.a]\n", VARIABLES(), (struct settings_options){0}, "[sink.a] has no url",
			    "");
}

static void test_refused_variables(void **state)
{
	(void)state;
	assert_variable_refused("PROCTOR_INTERVALL=5m", "the nearest is PROCTOR_INTERVAL");
	assert_variable_refused("PROCTOR_TO=stdout#batsh=1", "the nearest is 'batch'");
	assert_variable_refused("PROCTOR_TO=stdout#batch=0", "not within 1 and 10000");
	assert_variable_refused("PROCTOR_TO=stdout#token=x", "a sink of stdout has no key 'token'");
	assert_variable_refused("PROCTOR_RULE_OFF=x", "the nearest is PROCTOR_RULES_OFF");
	assert_variable_refused("PROCTOR_SINK_A_B_UTL=x", "the nearest is PROCTOR_SINK_A_B_URL");
	assert_variable_refused("PROCTOR_SINK_A_MINSEVERITY=low", "PROCTOR_SINK_A_MIN_SEVERITY");
	assert_variable_refused("PROCTOR_SINK__URL=stdout", "there is no such variable");
	assert_variable_refused("PROCTOR_SINK_URL=stdout", "there is no such variable");
	assert_variable_refused("PROCTOR_EXCEPTION_A_RAISON=x", "PROCTOR_EXCEPTION_A_REASON");
	assert_variable_refused("PROCTOR_interval=5m", "PROCTOR_INTERVAL");
	assert_variable_refused("PROCTOR_=5m", "there is no such variable");
	assert_variable_refused("PROCTOR_SINK_A_PORT=5", "there is no such variable");
	assert_variable_refused("PROCTOR_INTERVAL=5", "not within 10");
	assert_variable_refused("PROCTOR_TO=stdout gopher://x", "no sink has a URL");
	assert_variable_refused("PROCTOR_RULES_OFF=nothing", "no rule is called");
	assert_variable_refused("PROCTOR_SEVERITY=limit.cpu", "'limit.cpu' is not RULE=SEVERITY");
	assert_variable_refused("PROCTOR_SEVERITY=limit.cpu=lo", "no severity is called 'lo'");
	assert_variable_refused("PROCTOR_PATHS_EXCLUDE=srv", "not the glob of an absolute path");
	assert_variable_refused("PROCTOR_EXCEPTION_A_EXPIRES=soon", "not a date");
	assert_variable_refused("PROCTOR_STATE=x", "not an absolute path");
	assert_refused_with("", VARIABLES("PROCTOR_EXCEPTION_A_RULE=*"), (struct settings_options){0},
			    "the environment: exception 'a' gives no reason", "");
	assert_refused_with("", VARIABLES(), (struct settings_options){.interval = "x"},
			    "--interval: ", "not a whole number");
}

static void test_too_many_sinks(void **state)
{
	char variable[1024] = "PROCTOR_TO=";

	(void)state;
	for (int i = 0; i <= SINKS_MAX; i++)
		strcat(variable, "stdout ");
	assert_variable_refused(variable, "more than 16 sinks");
}

static void test_long_sockets(void **state)
{
	char variable[256] = "PROCTOR_STATE=/";

	(void)state;
	memset(variable + strlen(variable), 'x', 120);
	assert_refused_with("", VARIABLES(variable), (struct settings_options){0},
			    "default: ", "too long for a socket");
	assert_variable_refused("PROCTOR_CONTROL=control", "not an absolute path");
}

/* Nothing of a URL that may be a secret is printed, nor told in an error. */
static void test_secrets(void **state)
{
	static const char *const secret[] = {"stdout#token=hunter2", "stdout#shared_key=hunter2",
					     "stdout#headers=a=hunter2", "file://user:hunter2@host/x",
					     "https://hunter2@host/"};
	_cleanup_error_ struct error *error = NULL;
	struct settings_options options = {.config_file = path};

	(void)state;
	write_file("[sink.a]\nurl = http://user:hunter2@host/?token=hunter2\n");
	assert_null(settings_read(&options, VARIABLES(), today, &error));
	assert_null(strstr(error_message(error), "hunter2"));
	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++) {
		assert_refused_with("", VARIABLES(),
				    (struct settings_options){.to = &secret[i], .to_count = 1},
				    "--to: ", "anyone can read");
	}
	write_file("[sink.a]\nurl = file://user:hunter2@host/x\n");
	assert_null(settings_read(&options, VARIABLES(), today, &error));
	assert_null(strstr(error_message(error), "hunter2"));
}

static void test_values_stay_on_their_line(void **state)
{
	_cleanup_settings_ struct settings *settings =
		read_all("",
			 VARIABLES("PROCTOR_EXCEPTION_A_RULE=*", "PROCTOR_EXCEPTION_A_PATH=/x",
				   "PROCTOR_EXCEPTION_A_REASON=a\nurl = \x1b[31m\xff"),
			 (struct settings_options){0});

	(void)state;
	assert_has(printed(settings), "\nreason = a\\nurl = \\x1b[31m\\xff");
}

/* ---- the tables --------------------------------------------------------------------------------- */

static void test_tables(void **state)
{
	const struct setting *const tables[] = {agent_settings, sink_settings};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (const struct setting *setting = tables[i]; setting->key; setting++) {
			assert_ptr_equal(setting_find(tables[i], setting->key), setting);
			assert_true(*setting->form && *setting->help);
			assert_true(setting->help[strlen(setting->help) - 1] != '.');
		}
}

/* dist/proctor.conf is understood, names each setting once, and shows the default of each that has one. */
static void test_the_sample(void **state)
{
	const char *source = getenv("top_srcdir");
	struct settings_options options = {0};
	_cleanup_free_ char *sample = NULL, *line = NULL;
	_cleanup_settings_ struct settings *settings = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	const struct setting *table = agent_settings;
	bool seen[2][64] = {0};
	size_t size = 0, named = 0;

	(void)state;
	assert_true(asprintf(&sample, "%s/dist/proctor.conf", source ? source : ".") > 0);
	options.config_file = sample;
	settings = settings_read(&options, VARIABLES(), today, NULL);
	assert_non_null(settings);
	file = fopen(sample, "re");
	assert_non_null(file);
	while (getline(&line, &size, file) >= 0) {
		char key[32], value[128];
		if (!strncmp(line, ";[sink.", strlen(";[sink.")))
			table = sink_settings;
		if (sscanf(line, ";%31[a-z_] = %127[^\n]", key, value) != 2)
			continue;
		const struct setting *setting = setting_find(table, key);
		if (!setting)
			fail_msg("there is no setting %s", key);
		if (setting->otherwise)
			assert_string_equal(value, setting->otherwise);
		bool *once = &seen[table == sink_settings][setting - table];
		assert_false(*once);
		*once = true;
		named++;
	}
	for (table = agent_settings; table->key; table++)
		assert_true(named-- > 0);
	for (table = sink_settings; table->key; table++)
		assert_true(named-- > 0);
	assert_int_equal(named, 0);
}

static void test_hostile_files(void **state)
{
	static const char letters[] = "[]=;# \n\tagentsink.urlfile:///%?&*0123456789KiBmhd\"\\\x01\xff";
	static char text[4096];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t length =
			(size_t)snprintf(text, sizeof(text), "[agent]\ninterval = 10\n[sink.a]\nurl =");
		_cleanup_settings_ struct settings *settings = NULL;
		_cleanup_error_ struct error *error = NULL;
		for (size_t i = length; i < length + (size_t)round % 64; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = letters[(seed >> 8) % (sizeof(letters) - 1)];
			text[i + 1] = '\0';
		}
		write_file(text);
		settings = settings_read(&(struct settings_options){.config_file = path}, VARIABLES(), today,
					 &error);
		if (settings)
			assert_non_null(settings->sinks[0].options.url);
		else
			assert_non_null(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_who_wins),
		cmocka_unit_test(test_variables_for_sections),
		cmocka_unit_test(test_variables_that_end_alike),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_names_of_destinations),
		cmocka_unit_test(test_sinks_alone),
		cmocka_unit_test(test_keys_of_destinations),
		cmocka_unit_test(test_https),
		cmocka_unit_test(test_the_file_that_a_variable_names),
		cmocka_unit_test(test_variables_of_others),
		cmocka_unit_test(test_printed_again),
		cmocka_unit_test(test_refused_in_the_file),
		cmocka_unit_test(test_refused_variables),
		cmocka_unit_test(test_too_many_sinks),
		cmocka_unit_test(test_long_sockets),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_values_stay_on_their_line),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_the_sample),
		cmocka_unit_test(test_hostile_files),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
