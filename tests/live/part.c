/* Parts of the agent by themselves, for live tests:
 *
 * `part deliver URL [STOP]` delivers records, one for each line of stdin, a batch at each empty line and at
 * the end, and tells on stderr how many are out. An empty URL: that of the variable PROCTOR_TO. STOP: a
 * descriptor to give up by.
 *
 * `part learn CHECKS` counts what capabilities the kernel is asked for, with room for that many kinds of
 * checks, and says how many there were, how many checks were lost, and whether it saw that coming, when stdin
 * ends.
 *
 * `part metrics ADDRESS` serves metrics until stdin ends, saying `ready` when it does.
 *
 * `part notify TEXT…` says the watchdog's time and sends each text. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/metrics.h"
#include "agent/daemon/notify.h"
#include "agent/settings.h"
#include "proctor/cleanup.h"
#include "proctor/usage.h"

enum { BATCH = 10000 };

static int fail(struct error *error)
{
	fprintf(stderr, "failed: %s\n", error_message(error));
	error_free(error);
	return 1;
}

/* ---- deliver ------------------------------------------------------------------------------------ */

struct batch {
	struct queued records[BATCH];
	char *texts[BATCH];
	size_t count;
	int64_t sequence;
};

static int tend(const struct sink_kind *kind, void *sink, int stop, struct error **error)
{
	return kind->tend ? kind->tend(sink, stop, error) : 0;
}

/* What is not out stays in the batch, as in the queue. */
static void deliver(const struct sink_kind *kind, void *sink, struct batch *batch, int stop)
{
	_cleanup_error_ struct error *error = NULL;
	struct delivered delivered = {0};
	int result = batch->count
			     ? kind->deliver(sink, batch->records, batch->count, stop, &delivered, &error)
			     : tend(kind, sink, stop, &error);
	size_t gone = delivered.out + delivered.refused;

	for (size_t i = 0; i < gone; i++)
		free(batch->texts[i]);
	batch->count -= gone;
	memmove(batch->texts, batch->texts + gone, batch->count * sizeof(*batch->texts));
	memmove(batch->records, batch->records + gone, batch->count * sizeof(*batch->records));
	fprintf(stderr, "out %zu", delivered.out);
	if (delivered.refused)
		fprintf(stderr, " refused %zu (%s)", delivered.refused, delivered.reason);
	if (delivered.wait)
		fprintf(stderr, " wait %u", delivered.wait);
	fprintf(stderr, "%s%s\n", result ? ": " : "", result ? error_message(error) : "");
}

static void add(struct batch *batch, const char *line, size_t length)
{
	char *text = batch->count < BATCH ? strndup(line, length) : NULL;

	if (!text)
		abort();
	batch->texts[batch->count] = text;
	batch->records[batch->count++] = (struct queued){
		.sequence = batch->sequence++, .severity = SEVERITY_INFO, .text = text, .length = length};
}

static int run_deliver(int argc, char **argv)
{
	static struct batch batch;
	const char *const to[] = {argc > 0 ? argv[0] : ""};
	const struct settings_options options = {
		.state = "memory", .to = to, .to_count = argc > 0 && *argv[0] ? 1 : 0};
	struct error *error = NULL;
	struct settings *settings = settings_read(&options, environ, time(NULL), &error);
	const struct sink_setting *setting = settings ? settings->sinks : NULL;
	const struct sink_kind *kind = setting ? setting->kind : NULL;
	void *sink = kind ? kind->open(&setting->options, &error) : NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	ssize_t length;

	if (!sink)
		return fail(error);
	while ((length = getline(&line, &size, stdin)) > 0)
		if (length > 1)
			add(&batch, line, (size_t)length - 1);
		else
			deliver(kind, sink, &batch, argc > 1 ? atoi(argv[1]) : -1);
	if (batch.count)
		deliver(kind, sink, &batch, argc > 1 ? atoi(argv[1]) : -1);
	for (size_t i = 0; i < batch.count; i++)
		free(batch.texts[i]);
	kind->close(sink);
	settings_free(settings);
	return 0;
}

/* ---- learn -------------------------------------------------------------------------------------- */

static int run_learn(int argc, char **argv)
{
	const struct usage_room room = {.checks = argc > 0 ? (unsigned)strtoul(argv[0], NULL, 10) : 0,
					.executables = 1};
	struct error *error = NULL;
	struct usage_watch *watch = usage_watch_start(&room, &error);
	struct usage *usage;
	bool filling;

	if (!watch)
		return fail(error);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	filling = usage_watch_is_filling(watch);
	usage = usage_watch_take(watch, &error);
	usage_watch_stop(watch);
	if (!usage)
		return fail(error);
	printf("%zu %" PRIu64 " %d\n", usage->count, usage->lost, filling);
	usage_free(usage);
	return 0;
}

/* ---- metrics ------------------------------------------------------------------------------------ */

static char *make_text(void *context)
{
	static const char summary[] = "{\"coverage\":[{\"collector\":\"process\",\"seen\":3,\"missed\":1,"
				      "\"duration_ms\":12}],\"duration_ms\":20}";
	struct rule_count rules[] = {{"process.root-user", SEVERITY_HIGH, 2},
				     {"mount.*\"\\\n", SEVERITY_LOW, 1}};
	struct sink_state sinks[] = {{.name = "to-1", .waiting = 5, .waiting_bytes = 500, .oldest = 1.5}};
	struct store_state state = {.rules = rules, .rule_count = 2, .sinks = sinks, .sink_count = 1};
	struct metrics_facts facts = {.state = &state,
				      .summary = summary,
				      .summary_length = strlen(summary),
				      .pass_time = 1709208000.25,
				      .counters = {.passes = 9, .full_passes = 2}};

	(void)context;
	return metrics_text(&facts);
}

static int run_metrics(int argc, char **argv)
{
	struct error *error = NULL;
	struct metrics_server *server = argc > 0 ? metrics_start(argv[0], make_text, NULL, &error) : NULL;

	if (!server)
		return fail(error);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	metrics_stop(server);
	return 0;
}

/* ---- notify ------------------------------------------------------------------------------------- */

static int run_notify(int argc, char **argv)
{
	struct error *error = NULL;
	struct notify notify;

	if (notify_open(&notify, &error))
		return fail(error);
	printf("watchdog %" PRIu64 "\n", notify.watchdog_us);
	for (int i = 0; i < argc; i++)
		notify_send(&notify, argv[i]);
	notify_close(&notify);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} parts[] = {{"deliver", run_deliver},
		     {"learn", run_learn},
		     {"metrics", run_metrics},
		     {"notify", run_notify}};

	signal(SIGPIPE, SIG_IGN); /* as agent/main.c */
	for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(*parts); i++)
		if (!strcmp(argv[1], parts[i].name))
			return parts[i].run(argc - 2, argv + 2);
	fprintf(stderr, "usage: part deliver|learn|metrics|notify …\n");
	return 2;
}
