/* How fast records get from findings to a receiver, through a store that is on disk, as in the shipper.
 *
 *     flow DIR RECORDS BATCH URL: appends so many in passes of BATCH, each of them durable, while the sink
 * delivers. Prints how many it delivered, the seconds from the first to the last, and those of the processor.
 *
 *     flow DIR RECORDS BATCH URL queue: appends them for that sink, and delivers none. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/daemon/delivery.h"
#include "agent/daemon/heap.h"
#include "tests/bench/findings.h"

enum { LONGEST_MS = 600 * 1000 };

static void append(struct store *store, size_t records, size_t batch)
{
	struct findings_made *made = malloc(sizeof(*made));

	if (!made)
		die("findings", NULL);
	for (size_t i = 0; i * batch < records; i++) {
		findings_make(made, batch, i + 1);
		findings_pass(store, made, batch);
	}
	free(made);
}

static void queue(struct store *store, const struct settings *settings, size_t records, size_t batch)
{
	struct error *error = NULL;

	if (delivery_set_sinks(settings, store, &error))
		die("the queue", error);
	append(store, records, batch);
}

static uint64_t count_sent(struct store *store)
{
	struct store_state *state = store_state(store, NULL);
	uint64_t sent;

	if (!state)
		die("the state", NULL);
	sent = state->sinks[0].sent;
	store_state_free(state);
	return sent;
}

static void deliver(struct store *store, const struct settings *settings, size_t records, size_t batch)
{
	const struct log log = {.level = LOG_INFO, .process = "flow", .fd = STDERR_FILENO};
	struct error *error = NULL;
	double start = now(CLOCK_MONOTONIC);
	struct delivery *delivery = delivery_start(settings, store, &log, &error);

	if (!delivery)
		die("delivery", error);
	append(store, records, batch);
	delivery_stop(delivery, LONGEST_MS);
	printf("%" PRIu64 " %.3f %.3f\n", count_sent(store), now(CLOCK_MONOTONIC) - start,
	       now(CLOCK_PROCESS_CPUTIME_ID));
}

int main(int argc, char **argv)
{
	const struct settings_options to = {.to = (const char *const *)&argv[4], .to_count = 1};
	const struct store_options options = {.directory = argv[1]};
	struct error *error = NULL;
	struct settings *settings;
	struct store *store;
	size_t records, batch;

	if (argc < 5 || argc > 6) {
		fprintf(stderr, "usage: flow DIR RECORDS BATCH URL [queue]\n");
		return 2;
	}
	records = strtoul(argv[2], NULL, 10);
	batch = strtoul(argv[3], NULL, 10);
	if (!batch || batch > FINDINGS_MADE)
		die("the batch is larger than 2000, or 0", NULL);
	signal(SIGPIPE, SIG_IGN); /* as agent/main.c */
	heap_share();
	settings = settings_read_sinks(&to, environ, &error);
	store = settings ? store_open(&options, &error) : NULL;
	if (!store)
		die("opening", error);
	if (argc > 5)
		queue(store, settings, records, batch);
	else
		deliver(store, settings, records, batch);
	store_close(store);
	settings_free(settings);
	return 0;
}
