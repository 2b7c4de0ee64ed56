/* What the store costs: in a directory that is given, or in /tmp, which is left as it was.
 *
 *     store DIR [RECORDS]: prints, one a line, what was measured. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/daemon/heap.h"
#include "proctor/cleanup.h"
#include "tests/bench/findings.h"

enum { BATCH = 500 };

/* Takes all that waits, at most `most`, and returns how made those were. */
static size_t take(struct store *store, size_t most)
{
	struct error *error = NULL;
	size_t count = 1, all = 0;

	while (count && all < most) {
		struct batch *batch = store_next(store, "bench", BATCH, 1 << 20, &error);
		if (!batch)
			die("the queue", error);
		const struct queued *records = batch_records(batch, &count);
		if (count && store_done(store, "bench", records, count, &error))
			die("the queue", error);
		all += count;
		batch_free(batch);
	}
	return all;
}

/* ---- what is measured ---------------------------------------------------------------------------- */

static void appended(struct store *store, struct findings_made *made)
{
	enum { ROUNDS = 20 };
	double start = now(CLOCK_MONOTONIC), time;

	for (unsigned i = 0; i < ROUNDS; i++) {
		findings_make(made, BATCH, i + 1);
		findings_pass(store, made, BATCH);
	}
	time = now(CLOCK_MONOTONIC) - start;
	printf("records appended, each %d durable at once: %.0f a second\n", BATCH, ROUNDS * BATCH / time);
}

/* As with a receiver that acknowledges at once. */
static void through(struct store *store, struct findings_made *made)
{
	enum { ROUNDS = 40 };
	double start;
	size_t all = 0;

	take(store, SIZE_MAX);
	start = now(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < ROUNDS; i++) {
		findings_make(made, BATCH, 100 + i);
		findings_pass(store, made, BATCH);
		all += take(store, SIZE_MAX);
	}
	printf("through the queue, each %d durable, then read and done: %.0f records a second\n", BATCH,
	       (double)all / (now(CLOCK_MONOTONIC) - start));
}

static void unchanged(struct store *store, struct findings_made *made)
{
	enum { ROUNDS = 50 };
	double start, processor;

	findings_make(made, FINDINGS_MADE, 99);
	findings_pass(store, made, FINDINGS_MADE);
	for (size_t i = 0; i < FINDINGS_MADE; i++)
		made->observed[i].json = NULL;
	start = now(CLOCK_MONOTONIC);
	processor = now(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < ROUNDS; i++)
		findings_pass(store, made, FINDINGS_MADE);
	start = now(CLOCK_MONOTONIC) - start;
	processor = now(CLOCK_PROCESS_CPUTIME_ID) - processor;
	printf("a finding that did not change, of %d: %.2f µs, %.2f µs of the processor\n", FINDINGS_MADE,
	       start / ROUNDS / FINDINGS_MADE * 1e6, processor / ROUNDS / FINDINGS_MADE * 1e6);
}

static long pss(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/smaps_rollup", "re");
	char line[256];
	long kib = -1;

	while (file && kib < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "Pss: %ld", &kib); // NOLINT(cert-err34-c)
	return kib;
}

static void queued(struct store *store, struct findings_made *made, size_t records)
{
	long before = pss();
	double start;
	struct store_state *state;

	for (uint64_t digest = 1000; digest < 1000 + records / FINDINGS_MADE; digest++) {
		findings_make(made, FINDINGS_MADE, digest);
		findings_pass(store, made, FINDINGS_MADE);
	}
	start = now(CLOCK_MONOTONIC);
	state = store_state(store, NULL);
	if (!state)
		die("the state", NULL);
	printf("queued: %" PRIu64 " records, %" PRIu64 " MiB; told in %.1f ms\n", state->sinks[0].waiting,
	       state->sinks[0].waiting_bytes >> 20, (now(CLOCK_MONOTONIC) - start) * 1e3);
	store_state_free(state);
	printf("PSS: %ld KiB before, %ld KiB behind them, of which the findings of this program are %zu\n",
	       before, pss(), sizeof(*made) >> 10);
}

static void delivered(struct store *store)
{
	double start = now(CLOCK_MONOTONIC);
	size_t all = take(store, 100000);

	printf("taken from the queue: %.0f a second\n", (double)all / (now(CLOCK_MONOTONIC) - start));
}

int main(int argc, char **argv)
{
	const struct queue_options sink = {.sink = "bench", .minimum = SEVERITY_INFO};
	const struct store_options options = {.directory = argc > 1 && argv[1][0] != 45 ? argv[1] : NULL};
	struct findings_made *made = calloc(1, sizeof(*made));
	struct error *error = NULL;
	struct store *store = made ? store_open(&options, &error) : NULL;
	double start;

	heap_share();
	if (!store || store_set_sinks(store, &sink, 1, &error))
		die("opening", error);
	appended(store, made);
	through(store, made);
	unchanged(store, made);
	queued(store, made, argc > 2 ? strtoul(argv[2], NULL, 10) : 20000);
	delivered(store);
	store_close(store);
	start = now(CLOCK_MONOTONIC);
	store = store_open(&options, &error);
	if (!store)
		die("opening again", error);
	printf("opened again in %.0f ms\n", (now(CLOCK_MONOTONIC) - start) * 1e3);
	store_close(store);
	free(made);
	return 0;
}
