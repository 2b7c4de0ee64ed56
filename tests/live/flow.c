/* Records that flow from a store on disk to a sink, as the shipper's do:
 *
 *     flow STATE COUNT RATE: opens a finding for each number below COUNT that the state does not have open,
 * so many a second, and delivers them to the sink that PROCTOR_TO names. Each line of stdin is answered by
 * one of JSON with what became of them; when stdin ends, so does it, within GRACE_MS, with a last one.
 *
 * It may be killed and started again: a finding is opened once. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/daemon/delivery.h"
#include "agent/daemon/heap.h"
#include "agent/store/store.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum { AT_ONCE = 100, TEXT = 800, TURN_MS = 50, GRACE_MS = 3000 };

struct flow {
	struct store *store;
	struct delivery *delivery;
	size_t opened, count, at_once;
};

static int fail(const char *what, struct error *error)
{
	fprintf(stderr, "flow: %s: %s\n", what, error_message(error));
	error_free(error);
	return 1;
}

static void on_notice(void *context, const char *line)
{
	(void)context;
	fprintf(stderr, "flow: %s\n", line);
}

/* ---- in ------------------------------------------------------------------------------------------ */

static void make(struct observed *observed, char *json, size_t number)
{
	enum severity severity = (enum severity)(SEVERITY_INFO + number % (SEVERITY_COUNT - SEVERITY_INFO));

	*observed = (struct observed){.rule = "process.root-user",
				      .severity = severity,
				      .needs = SIGHT_PROCESSES,
				      .digest = 1,
				      .json = json};
	snprintf(observed->id, sizeof(observed->id), "%032zx", number);
	snprintf(json, TEXT,
		 "{\"id\":\"%032zx\",\"rule\":\"process.root-user\",\"severity\":\"%s\",\"title\":"
		 "\"It runs as root\",\"subject\":{\"kind\":\"process\",\"pids\":[%zu],\"count\":1},"
		 "\"evidence\":{\"uid\":0},\"why\":\"%0300d\"}",
		 number, severity_names[severity], number + 2, 0);
	observed->json_length = strlen(json);
}

/* The next ones, as a pass that does not tell of all that there is: none is resolved by it. */
static int open_more(struct flow *flow, struct error **error)
{
	static struct observed observed[AT_ONCE];
	static char json[AT_ONCE][TEXT];
	static const struct seen seen = {.sight = UINT32_MAX};
	size_t left = flow->count - flow->opened, count = left < flow->at_once ? left : flow->at_once;
	struct pass pass = {.seen = &seen,
			    .seen_count = 1,
			    .truncated = true,
			    .observed = observed,
			    .observed_count = count};

	for (size_t i = 0; i < count; i++)
		make(&observed[i], json[i], flow->opened + i);
	clock_gettime(CLOCK_REALTIME, &pass.time);
	if (store_pass(flow->store, &pass, error))
		return -1;
	flow->opened += count;
	return 0;
}

/* How many an earlier run opened. */
static int count_opened(struct flow *flow, struct error **error)
{
	struct store_state *state = store_state(flow->store, error);

	if (!state)
		return -1;
	for (enum severity severity = 0; severity < SEVERITY_COUNT; severity++)
		flow->opened += state->open[severity];
	store_state_free(state);
	return 0;
}

/* ---- out ----------------------------------------------------------------------------------------- */

static int tell(const struct flow *flow, struct error **error)
{
	struct store_state *state = store_state(flow->store, error);

	if (!state)
		return -1;
	printf("{\"opened\":%zu,\"waiting\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"dropped\":%" PRIu64
	       ",\"dead_letters\":%" PRIu64 ",\"degraded\":%s}\n",
	       flow->opened, state->sinks[0].waiting, state->sinks[0].sent, state->sinks[0].dropped,
	       state->sinks[0].dead_letters, state->degraded ? "true" : "false");
	fflush(stdout);
	store_state_free(state);
	return 0;
}

/* 1: stdin has ended. */
static int answer(const struct flow *flow, struct error **error)
{
	char question[64];

	if (read(STDIN_FILENO, question, sizeof(question)) <= 0)
		return 1;
	return tell(flow, error);
}

static int run(struct flow *flow, struct error **error)
{
	struct pollfd polled = {.fd = STDIN_FILENO, .events = POLLIN};
	uint64_t next = clock_ms();
	int result = 0;

	while (!result) {
		uint64_t now = clock_ms();
		bool more = flow->opened < flow->count;
		if (more && now >= next) {
			result = open_more(flow, error);
			next = now + TURN_MS;
		} else if (poll(&polled, 1, more ? (int)(next - now) : -1) > 0) {
			result = answer(flow, error);
		}
	}
	return result < 0 ? -1 : 0;
}

static int flow_and_tell(struct flow *flow, struct error **error)
{
	int result = count_opened(flow, error) || run(flow, error) ? -1 : 0;

	delivery_stop(flow->delivery, GRACE_MS);
	return result ? -1 : tell(flow, error);
}

int main(int argc, char **argv)
{
	const struct settings_options none = {0};
	const struct log log = {.level = LOG_INFO, .process = "flow", .fd = STDERR_FILENO};
	struct error *error = NULL;
	struct settings *settings = settings_read_sinks(&none, environ, &error);
	struct flow flow = {0};
	int result;

	if (argc != 4 || !settings || settings->sink_count != 1)
		return fail("PROCTOR_TO=URL flow STATE COUNT RATE", error);
	const struct store_options options = {.directory = argv[1], .notice = on_notice};
	flow.count = strtoul(argv[2], NULL, 10);
	flow.at_once = strtoul(argv[3], NULL, 10) * TURN_MS / 1000;
	flow.at_once = flow.at_once < 1 ? 1 : flow.at_once < AT_ONCE ? flow.at_once : AT_ONCE;
	signal(SIGPIPE, SIG_IGN); /* as agent/main.c */
	heap_share();
	flow.store = store_open(&options, &error);
	if (!flow.store)
		return fail("the state", error);
	flow.delivery = delivery_start(settings, flow.store, &log, &error);
	if (!flow.delivery)
		return fail("delivery", error);
	result = flow_and_tell(&flow, &error) ? fail("the flow", error) : 0;
	store_close(flow.store);
	settings_free(settings);
	return result;
}
