#include "agent/daemon/delivery.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	RETRY_FIRST_MS = 1000, /* at most, after a failure, doubled with each: how much is left to chance */
	RETRY_LAST_MS = 60000,
	ASKED_LAST_S = 900,   /* a receiver that asks to be left alone for longer is asked sooner */
	TEND_FIRST_MS = 1000, /* after the last records, doubled each time */
	IDLE_MS = 60000,      /* a wake-up that was lost costs no more than that */
	BURST_MS = 60000,     /* refusals that follow each other sooner are one burst */
	LOOK_MS = 20,         /* how often it is looked whether all are done */
};

/* What a sink's thread is at; in the order in which it gets less. */
enum rest { REST_NONE, REST_IDLE /* its queue is empty */, REST_ENDED };

struct sender {
	const struct sink_setting *setting;
	struct delivery *delivery;
	void *sink;
	pthread_t thread;
	int wakeup; /* readable when records came */
	_Atomic enum rest rest;
	bool failing;        /* as was logged */
	unsigned failures;   /* since something was delivered last */
	unsigned idles;      /* likewise: how often it was looked for more in vain */
	unsigned asked;      /* seconds for which the receiver asked to be left alone */
	uint64_t refused_at; /* clock_ms() of the last refusal; 0: none */
	unsigned seed;
	struct delivery_outcome outcome;
};

struct delivery {
	struct store *store;
	const struct log *log;
	int stop;             /* eventfd: give up */
	int drain;            /* eventfd: what failed is tried once more, soon */
	atomic_bool draining; /* end when there is nothing more */
	struct sender *senders;
	size_t count;
};

/* ---- one sink ----------------------------------------------------------------------------------- */

static bool is_readable(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

/* Waits for `fd`, the end, or the time. */
static void wait_for(const struct sender *sender, int fd, int wait)
{
	struct pollfd polled[] = {{.fd = sender->delivery->stop, .events = POLLIN},
				  {.fd = fd, .events = POLLIN}};
	uint64_t count;

	if (poll(polled, 2, wait) > 0 && polled[1].revents && read(fd, &count, sizeof(count)) < 0)
		return; /* someone else read it */
}

static int retry_ms(struct sender *sender)
{
	unsigned doublings = sender->failures < 7 ? sender->failures - 1 : 6;
	int longest = RETRY_FIRST_MS << doublings;
	unsigned asked = sender->asked < ASKED_LAST_S ? sender->asked : ASKED_LAST_S;

	if (longest > RETRY_LAST_MS)
		longest = RETRY_LAST_MS;
	return (int)asked * 1000 + rand_r(&sender->seed) % (longest + 1);
}

/* Waits until a delivery that failed is to be tried again: at the end sooner than else. */
static void wait_to_retry(struct sender *sender)
{
	const struct delivery *delivery = sender->delivery;
	bool last = atomic_load(&delivery->draining);
	struct pollfd polled[] = {{.fd = delivery->stop, .events = POLLIN},
				  {.fd = last ? -1 : delivery->drain, .events = POLLIN}};

	poll(polled, 2, last ? RETRY_FIRST_MS : retry_ms(sender));
}

/* Keeps why it failed; of a try that was broken off, why those before it did. */
static void keep_failure(struct sender *sender, struct error *error)
{
	struct error **kept = &sender->outcome.failure;

	if (*kept && is_readable(sender->delivery->stop)) {
		error_free(error);
		return;
	}
	error_free(*kept);
	*kept = error;
}

/* A failure is logged when it begins, and when it ends. */
static void note_failure(struct sender *sender, struct error *error)
{
	if (!sender->failing)
		log_write(sender->delivery->log, LOG_WARNING, sender->setting->name, "error",
			  error_message(error), NULL);
	sender->failing = true;
	sender->failures++;
	keep_failure(sender, error);
}

static void note_success(struct sender *sender)
{
	keep_failure(sender, NULL);
	if (sender->failing)
		log_write(sender->delivery->log, LOG_INFO, "sink delivers again", "sink",
			  sender->setting->name, NULL);
	sender->failing = false;
	sender->failures = 0;
	sender->idles = 0;
}

/* A burst is logged when it begins; not with the reason, in which the receiver may have repeated what was
 * sent.
 */
static void note_refusal(struct sender *sender, const char *reason)
{
	uint64_t now = clock_ms();

	snprintf(sender->outcome.reason, sizeof(sender->outcome.reason), "%s", reason);

	if (!sender->refused_at || now - sender->refused_at >= BURST_MS)
		log_write(sender->delivery->log, LOG_WARNING,
			  "the receiver refuses records, which are kept: see 'proctor dead-letters'", "sink",
			  sender->setting->name, NULL);
	sender->refused_at = now;
}

/* Takes from the queue what is out, and makes dead letters of what was refused. */
static int settle(struct sender *sender, const struct queued *records, const struct delivered *delivered,
		  struct error **error)
{
	struct store *store = sender->delivery->store;
	const char *name = sender->setting->name;
	size_t out = delivered->out;

	if (store_done(store, name, records, out, error))
		return -1;
	if (!delivered->refused)
		return 0;
	note_refusal(sender, delivered->reason);
	return store_refuse(store, name, records + out, delivered->refused, delivered->reason, error);
}

/* Delivers the batch. -1: the rest is for later. */
static int deliver(struct sender *sender, const struct batch *batch, struct error **error)
{
	struct delivered delivered = {0};
	size_t count;
	const struct queued *records = batch_records(batch, &count);
	int result = sender->setting->kind->deliver(sender->sink, records, count, sender->delivery->stop,
						    &delivered, error);

	sender->asked = delivered.wait;
	if (settle(sender, records, &delivered, result ? NULL : error))
		return -1;
	if (delivered.out || delivered.refused)
		sender->failures = 0;
	return result;
}

/* Waits until what there is fills a batch, or has waited for long enough. 0: there is nothing; what comes
 * later is waited for anew.
 */
static int gather(const struct sender *sender, struct error **error)
{
	const struct sink_setting *setting = sender->setting;
	uint64_t end = clock_ms() + setting->batch_age * UINT64_C(1000), now;
	uint64_t count, bytes;

	while (!atomic_load(&sender->delivery->draining) && !is_readable(sender->delivery->stop) &&
	       (now = clock_ms()) < end) {
		if (store_waiting(sender->delivery->store, setting->name, &count, &bytes, error))
			return -1;
		if (!count)
			return 0;
		if (count >= setting->batch || bytes >= setting->batch_bytes)
			break;
		wait_for(sender, sender->wakeup, (int)(end - now));
	}
	return 1;
}

static int tend(const struct sender *sender, struct error **error)
{
	const struct sink_kind *kind = sender->setting->kind;

	return kind->tend ? kind->tend(sender->sink, sender->delivery->stop, error) : 0;
}

/* 1: something was sent; 0: there is nothing; -1: it failed. */
static int send_next(struct sender *sender, struct error **error)
{
	const struct sink_setting *setting = sender->setting;
	struct batch *batch;
	size_t count = 0;
	int result = sender->failing || !setting->batch_age ? 1 : gather(sender, error);

	if (result < 0)
		return -1;
	if (!result)
		return tend(sender, error);
	batch = store_next(sender->delivery->store, setting->name, setting->batch, setting->batch_bytes,
			   error);
	if (!batch)
		return -1;
	batch_records(batch, &count);
	result = count ? deliver(sender, batch, error) : tend(sender, error);
	batch_free(batch);
	return result ? -1 : count > 0;
}

/* Who may have to send again looks soon after the last records, and then less and less often. */
static int idle_ms(struct sender *sender)
{
	const struct sink_kind *kind = sender->setting->kind;
	int wait = kind->tend && sender->idles < 6 ? TEND_FIRST_MS << sender->idles : IDLE_MS;

	sender->idles++;
	return wait;
}

static void *run_sender(void *argument)
{
	struct sender *sender = argument;
	struct delivery *delivery = sender->delivery;

	while (!is_readable(delivery->stop)) {
		struct error *error = NULL;
		bool last = atomic_load(&delivery->draining); /* what came before is looked for once more */
		int result = send_next(sender, &error);
		if (result < 0) {
			note_failure(sender, error);
			wait_to_retry(sender);
			continue;
		}
		if (result > 0) {
			note_success(sender);
			continue;
		}
		if (last)
			break;
		atomic_store(&sender->rest, REST_IDLE);
		wait_for(sender, sender->wakeup, idle_ms(sender));
		atomic_store(&sender->rest, REST_NONE);
	}
	atomic_store(&sender->rest, REST_ENDED);
	return NULL;
}

/* ---- all of them -------------------------------------------------------------------------------- */

static int start_sender(struct delivery *delivery, struct sender *sender, const struct sink_setting *setting,
			struct error **error)
{
	int result;

	*sender = (struct sender){.setting = setting,
				  .delivery = delivery,
				  .wakeup = store_wakeup(delivery->store, setting->name)};
	/* Else all agents of a fleet that a receiver turned away would come back together. */
	if (getrandom(&sender->seed, sizeof(sender->seed), 0) != sizeof(sender->seed))
		return error_set(error, errno, "starting sink %s", setting->name);
	sender->sink = setting->kind->open(&setting->options, error);
	if (!sender->sink)
		return -1;
	result = pthread_create(&sender->thread, NULL, run_sender, sender);
	if (!result)
		return 0;
	setting->kind->close(sender->sink);
	return error_set(error, result, "starting a thread for sink %s", setting->name);
}

int delivery_set_sinks(const struct settings *settings, struct store *store, struct error **error)
{
	_cleanup_free_ struct queue_options *options = calloc(settings->sink_count + 1, sizeof(*options));

	if (!options)
		return error_set(error, 0, "starting sinks: out of memory");
	for (size_t i = 0; i < settings->sink_count; i++)
		options[i] = (struct queue_options){.sink = settings->sinks[i].name,
						    .minimum = settings->sinks[i].minimum,
						    .heartbeats = settings->sinks[i].heartbeats,
						    .inventory = settings->sinks[i].inventory,
						    .max_bytes = settings->sinks[i].max_queue_bytes,
						    .max_age = settings->sinks[i].max_age};
	return store_set_sinks(store, options, settings->sink_count, error);
}

static int start_all(struct delivery *delivery, const struct settings *settings, struct error **error)
{
	delivery->senders = calloc(settings->sink_count + 1, sizeof(*delivery->senders));
	delivery->stop = eventfd(0, EFD_CLOEXEC);
	delivery->drain = eventfd(0, EFD_CLOEXEC);
	if (delivery->stop < 0 || delivery->drain < 0 || !delivery->senders)
		return error_set(error, errno, "starting sinks");
	if (delivery_set_sinks(settings, delivery->store, error))
		return -1;
	for (; delivery->count < settings->sink_count; delivery->count++)
		if (start_sender(delivery, &delivery->senders[delivery->count],
				 &settings->sinks[delivery->count], error))
			return -1;
	return 0;
}

struct delivery *delivery_start(const struct settings *settings, struct store *store, const struct log *log,
				struct error **error)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery) {
		error_set(error, 0, "starting sinks: out of memory");
		return NULL;
	}
	*delivery = (struct delivery){.store = store, .log = log, .stop = -1, .drain = -1};
	if (!start_all(delivery, settings, error))
		return delivery;
	delivery_stop(delivery, 0);
	return NULL;
}

/* Makes an eventfd readable. It fails only when it is readable already. */
static void wake(int fd)
{
	const uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static bool all_rest(const struct delivery *delivery, enum rest rest)
{
	for (size_t i = 0; i < delivery->count; i++)
		if (atomic_load(&delivery->senders[i].rest) < rest)
			return false;
	return true;
}

/* False: `interrupt` was readable, or the time was over. */
static bool wait_for_all(const struct delivery *delivery, enum rest rest, int interrupt, uint64_t wait_ms)
{
	uint64_t end = clock_ms() + wait_ms;
	struct pollfd polled = {.fd = interrupt, .events = POLLIN};

	while (!all_rest(delivery, rest))
		if (clock_ms() >= end || poll(&polled, 1, LOOK_MS) > 0)
			return false;
	return true;
}

bool delivery_wait(const struct delivery *delivery, int interrupt, uint64_t wait_ms)
{
	return wait_for_all(delivery, REST_IDLE, interrupt, wait_ms);
}

void delivery_end(struct delivery *delivery, uint64_t wait_ms)
{
	atomic_store(&delivery->draining, true);
	wake(delivery->drain);
	for (size_t i = 0; i < delivery->count; i++)
		wake(delivery->senders[i].wakeup);
	if (wait_ms)
		wait_for_all(delivery, REST_ENDED, -1, wait_ms);
	wake(delivery->stop);
	for (size_t i = 0; i < delivery->count; i++) {
		pthread_join(delivery->senders[i].thread, NULL);
		delivery->senders[i].setting->kind->close(delivery->senders[i].sink);
	}
}

const struct delivery_outcome *delivery_outcome(const struct delivery *delivery, size_t sink)
{
	return &delivery->senders[sink].outcome;
}

void delivery_free(struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->count; i++)
		error_free(delivery->senders[i].outcome.failure);
	cleanup_close(&delivery->stop);
	cleanup_close(&delivery->drain);
	free(delivery->senders);
	free(delivery);
}

void delivery_stop(struct delivery *delivery, uint64_t wait_ms)
{
	delivery_end(delivery, wait_ms);
	delivery_free(delivery);
}
