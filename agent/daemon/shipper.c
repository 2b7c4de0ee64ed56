#include "agent/daemon/shipper.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/daemon/asking.h"
#include "agent/daemon/control.h"
#include "agent/daemon/delivery.h"
#include "agent/daemon/heap.h"
#include "agent/daemon/metrics.h"
#include "agent/daemon/status_record.h"
#include "agent/store/learned.h"
#include "agent/store/store.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"

enum {
	ALIVE_MS = 5000,
	CLOSING_MS = 2000,  /* of stop_timeout: left for closing what is open */
	FOLLOWED_MS = 1000, /* for what is on its way, which would else be sent twice */
	AGAIN_MS = 10000,   /* after a pass that could not be kept */
	LOCK_MS = 200,      /* between two tries for a state that another agent has */
};

struct shipper {
	const struct shipper_setup *setup;
	const struct settings *settings;
	struct channel *auditor;
	struct store *store;
	struct delivery *delivery;
	struct control *control;
	struct metrics_server *metrics;
	uint64_t alive_at;
	uint64_t again_at;     /* when the auditor is to tell everything again; 0: it need not */
	uint64_t heartbeat_at; /* when the next is due, at the earliest */
	bool auditor_gone, stopping;
	bool followed; /* another one goes on where this one ends */
	unsigned restarts, auditor_restarts;
	uint64_t started_at; /* clock_ms() */

	/* What the threads of control socket and metrics read, too: */
	pthread_mutex_t lock;
	json_t *reports;
	json_t *summary; /* of the last pass */
	double pass_time;
	uint64_t pass_at; /* clock_ms() */
	bool pass_full;
	struct message_counters counters;
};

/* ---- what is told of ourselves ------------------------------------------------------------------ */

/* A text of JSON made by `make` of what is known now; owned by the caller. NULL: memory is exhausted. */
static char *tell(struct shipper *shipper, const struct store_state *state,
		  json_t *(*make)(const struct status_facts *facts), struct error **error)
{
	struct status_facts facts = {.settings = shipper->settings,
				     .state = state,
				     .started = shipper->setup->started,
				     .restarts = shipper->restarts};
	_cleanup_json_ json_t *json = NULL;
	char *text;

	pthread_mutex_lock(&shipper->lock);
	facts.reports = shipper->reports;
	facts.summary = shipper->summary;
	facts.pass_time = shipper->pass_time;
	facts.pass_age = clock_ms() - shipper->pass_at;
	facts.uptime = clock_ms() - shipper->started_at;
	facts.pass_full = shipper->pass_full;
	facts.counters = shipper->counters;
	json = make(&facts);
	pthread_mutex_unlock(&shipper->lock);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		error_set(error, 0, "telling the agent's state: out of memory");
	return text;
}

static char *answer_status(struct shipper *shipper, const char *about, size_t *length, struct error **error)
{
	struct store_state *state = store_state(shipper->store, error);
	char *text = state ? tell(shipper, state, status_json, error) : NULL;

	(void)about;
	store_state_free(state);
	*length = text ? strlen(text) : 0;
	return text;
}

static char *answer_database(struct shipper *shipper, const char *about, size_t *length, struct error **error)
{
	unsigned char *image = NULL;

	(void)about;
	return store_image(shipper->store, &image, length, error) ? NULL : (char *)image;
}

/* About `SINK SEQUENCE` of the last one that is known, or nothing. */
static char *answer_letters(struct shipper *shipper, const char *about, size_t *length, struct error **error)
{
	_cleanup_free_ char *sink = NULL;
	long long sequence = 0;
	unsigned char *image = NULL;

	if (*about && sscanf(about, "%ms %lld", &sink, &sequence) != 2) { // NOLINT(cert-err34-c)
		error_set(error, 0, "the question is not understood");
		return NULL;
	}
	return store_letters_image(shipper->store, sink ? sink : "", sequence, &image, length, error)
		       ? NULL
		       : (char *)image;
}

/* About a sink, or nothing: all. */
static char *answer_handled(struct shipper *shipper, const char *about, size_t *length, struct error **error,
			    int (*handle)(struct store *store, const char *sink, uint64_t *count,
					  struct error **error))
{
	char *text = NULL;
	uint64_t count;

	if (handle(shipper->store, *about ? about : NULL, &count, error))
		return NULL;
	if (asprintf(&text, "%" PRIu64, count) < 0) {
		error_set(error, 0, "out of memory");
		return NULL;
	}
	*length = strlen(text);
	return text;
}

static char *answer_retry(struct shipper *shipper, const char *about, size_t *length, struct error **error)
{
	return answer_handled(shipper, about, length, error, store_retry);
}

static char *answer_drop(struct shipper *shipper, const char *about, size_t *length, struct error **error)
{
	return answer_handled(shipper, about, length, error, store_drop);
}

/* For the control socket: a word, and behind a space what it is about. */
static char *answer(void *context, const char *question, size_t *length, struct error **error)
{
	static const struct {
		const char *word;
		char *(*answer)(struct shipper *shipper, const char *about, size_t *length,
				struct error **error);
	} questions[] = {
		{"status", answer_status},          {"database", answer_database},
		{"dead-letters", answer_letters},   {"dead-letters-retry", answer_retry},
		{"dead-letters-drop", answer_drop},
	};
	size_t word = strcspn(question, " ");
	const char *about = question[word] ? question + word + 1 : "";

	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (strlen(questions[i].word) == word && !memcmp(questions[i].word, question, word))
			return questions[i].answer(context, about, length, error);
	error_set(error, 0, "the question is not known");
	return NULL;
}

static char *answer_metrics(void *context)
{
	struct shipper *shipper = context;
	struct store_state *state = store_state(shipper->store, NULL);
	struct metrics_facts facts = {.state = state,
				      .auditor_restarts = shipper->auditor_restarts,
				      .started = (double)shipper->setup->started};
	_cleanup_free_ char *summary = NULL;
	char *text;

	if (!state)
		return NULL;
	pthread_mutex_lock(&shipper->lock);
	summary = shipper->summary ? json_dumps(shipper->summary, JSON_COMPACT) : NULL;
	facts.pass_time = shipper->pass_time;
	facts.counters = shipper->counters;
	pthread_mutex_unlock(&shipper->lock);
	facts.summary = summary;
	facts.summary_length = summary ? strlen(summary) : 0;
	text = metrics_text(&facts);
	store_state_free(state);
	return text;
}

/* ---- what the auditor tells --------------------------------------------------------------------- */

static void take_report(struct shipper *shipper, struct bytes text)
{
	json_t *report = json_loadb(text.data, text.length, 0, NULL);

	if (!json_is_object(report)) {
		json_decref(report);
		return;
	}
	pthread_mutex_lock(&shipper->lock);
	json_object_set_new(shipper->reports, "auditor", report);
	pthread_mutex_unlock(&shipper->lock);
}

static void keep_summary(struct shipper *shipper, const struct pass *pass)
{
	json_t *summary = json_loadb(pass->summary, pass->summary_length, 0, NULL);

	pthread_mutex_lock(&shipper->lock);
	json_decref(shipper->summary);
	shipper->summary = summary;
	shipper->pass_time = (double)pass->time.tv_sec + (double)pass->time.tv_nsec / 1e9;
	shipper->pass_at = clock_ms();
	shipper->pass_full = pass->full;
	pthread_mutex_unlock(&shipper->lock);
}

/* A heartbeat is written with each full pass; what status tells is kept along. */
static int write_heartbeat(struct shipper *shipper, struct error **error)
{
	struct store_state *state = store_state(shipper->store, error);
	_cleanup_free_ char *heartbeat = state ? tell(shipper, state, heartbeat_json, error) : NULL;
	_cleanup_free_ char *status = heartbeat ? tell(shipper, state, status_json, error) : NULL;

	store_state_free(state);
	if (!status || store_append(shipper->store, "heartbeat", heartbeat, strlen(heartbeat), error))
		return -1;
	return store_set_status(shipper->store, status, strlen(status), error);
}

/* With each interval's full pass, and not with those that lost events and changed files ask for in between.
 */
static int write_due_heartbeat(struct shipper *shipper, struct error **error)
{
	if (clock_ms() < shipper->heartbeat_at)
		return 0;
	if (write_heartbeat(shipper, error))
		return -1;
	shipper->heartbeat_at = clock_ms() + shipper->settings->interval * UINT64_C(1000) / 2;
	return 0;
}

/* The auditor takes what it has sent for known. */
static void ask_again(struct shipper *shipper)
{
	const struct message again = {.kind = MESSAGE_AGAIN};

	shipper->again_at = 0;
	shipper->auditor_gone |= channel_send(shipper->auditor, &again, NULL) != 0;
}

static void take_pass(struct shipper *shipper, const struct pass *pass)
{
	struct error *error = NULL;
	int result = store_pass(shipper->store, pass, &error);

	if (result > 0)
		ask_again(shipper);
	if (result < 0)
		shipper->again_at = clock_ms() + AGAIN_MS;
	else
		keep_summary(shipper, pass);
	if (result < 0 || (pass->full && write_due_heartbeat(shipper, &error)))
		log_error(&shipper->setup->log, LOG_ERROR, "keeping what was found", &error);
}

static void take_counters(struct shipper *shipper, const struct message_counters *counters)
{
	pthread_mutex_lock(&shipper->lock);
	shipper->counters = *counters;
	pthread_mutex_unlock(&shipper->lock);
}

/* Keeps what was learned and answers with all that is kept of it: with nothing, when it could not be. */
static void take_learned(struct shipper *shipper, const struct message *message, struct error **error)
{
	struct message answer = {.kind = MESSAGE_HISTORY};
	struct learned_history *histories =
		arena_array(message->arena, message->learned.count + 1, sizeof(*histories));

	if (!histories)
		error_set(error, ENOMEM, "keeping what was learned");
	else if (!store_learn(shipper->store, message->learned.list, message->learned.count, histories,
			      error))
		answer.history.count = message->learned.count;
	answer.history.list = histories;
	shipper->auditor_gone |= channel_send(shipper->auditor, &answer, NULL) != 0;
}

static void take_message(struct shipper *shipper, const struct message *message, struct error **error)
{
	switch (message->kind) {
	case MESSAGE_READY:
		take_report(shipper, message->json);
		break;
	case MESSAGE_ASK:
		shipper->auditor_gone |=
			answer_auditor(shipper->auditor, message->endpoints, getenv(TASK_METADATA_VARIABLE),
				       shipper->settings->docker_socket, error) != 0;
		break;
	case MESSAGE_PASS:
		take_pass(shipper, &message->pass);
		break;
	case MESSAGE_INVENTORY:
		store_append(shipper->store, "inventory", message->json.data, message->json.length, error);
		break;
	case MESSAGE_LEARNED:
		take_learned(shipper, message, error);
		break;
	case MESSAGE_COUNTERS:
		take_counters(shipper, &message->counters);
		break;
	default:
		break;
	}
}

static void hear_auditor(struct shipper *shipper)
{
	struct error *error = NULL;
	struct message *message = NULL;
	int result;

	while ((result = channel_receive(shipper->auditor, &message, &error)) > 0) {
		take_message(shipper, message, &error);
		message_free(message);
		if (error)
			log_error(&shipper->setup->log, LOG_ERROR, "taking what the auditor tells", &error);
	}
	if (result < 0 || shipper->auditor_gone) {
		shipper->auditor_gone = true;
		log_error(&shipper->setup->log, LOG_WARNING, "the auditor is not heard any more", &error);
	}
}

/* ---- what the parent tells ---------------------------------------------------------------------- */

static void take_auditor(struct shipper *shipper, int socket)
{
	struct error *error = NULL;
	struct channel *channel = channel_new(socket, MESSAGES_OF_AUDITOR, &error);

	if (!channel) {
		log_error(&shipper->setup->log, LOG_ERROR, "taking another auditor", &error);
		return;
	}
	channel_free(shipper->auditor);
	shipper->auditor = channel;
	shipper->auditor_gone = false;
	shipper->again_at = 0;
	shipper->restarts++;
	shipper->auditor_restarts++;
}

static void hear_parent(struct shipper *shipper)
{
	struct message *message = NULL;
	int result;

	while ((result = channel_receive(shipper->setup->parent, &message, NULL)) > 0) {
		if (message->kind == MESSAGE_PEER) {
			take_auditor(shipper, message->fd);
			message->fd = -1;
		}
		message_free(message);
	}
	shipper->stopping |= result < 0;
}

static void tell_parent(struct shipper *shipper)
{
	const struct message alive = {.kind = MESSAGE_COUNTERS};
	uint64_t now = clock_ms();

	if (now < shipper->alive_at)
		return;
	shipper->alive_at = now + ALIVE_MS;
	shipper->stopping |= channel_send(shipper->setup->parent, &alive, NULL) != 0;
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static void take_signal(struct shipper *shipper)
{
	struct signalfd_siginfo info;

	shipper->stopping = true;
	if (read(shipper->setup->signals, &info, sizeof(info)) == sizeof(info))
		shipper->followed = info.ssi_signo == SIGHUP;
}

static void turn(struct shipper *shipper)
{
	struct pollfd polled[] = {
		{.fd = shipper->setup->signals, .events = POLLIN},
		{.fd = channel_socket(shipper->setup->parent), .events = POLLIN},
		{.fd = shipper->auditor_gone ? -1 : channel_socket(shipper->auditor), .events = POLLIN},
	};

	if (poll(polled, sizeof(polled) / sizeof(*polled), ALIVE_MS) > 0 && polled[0].revents)
		take_signal(shipper);
	hear_parent(shipper); /* also what came while we were sending */
	if (!shipper->auditor_gone)
		hear_auditor(shipper);
	if (shipper->again_at && clock_ms() >= shipper->again_at && !shipper->auditor_gone)
		ask_again(shipper);
	tell_parent(shipper);
}

static void on_notice(void *context, const char *line)
{
	const struct shipper *shipper = context;

	log_write(&shipper->setup->log, LOG_WARNING, line, NULL);
}

/* Another agent that has the state may be ending: it is waited for as long as that may take (stop_timeout).
 */
static int open_store(struct shipper *shipper, const struct store_options *options, struct error **error)
{
	struct pollfd signals = {.fd = shipper->setup->signals, .events = POLLIN};
	uint64_t end = shipper->started_at + shipper->settings->stop_timeout * UINT64_C(1000);
	struct error *failed = NULL;
	bool told = false;

	while (!(shipper->store = store_open(options, &failed))) {
		if (error_number(failed) != EBUSY || shipper->stopping || clock_ms() >= end) {
			*error = failed;
			return -1;
		}
		error_free(failed);
		failed = NULL;
		if (!told)
			log_write(&shipper->setup->log, LOG_WARNING, "waiting for another agent to end",
				  "state", options->directory, NULL);
		told = true;
		shipper->stopping |= poll(&signals, 1, LOCK_MS) > 0;
		tell_parent(shipper);
	}
	return 0;
}

static int start(struct shipper *shipper, struct error **error)
{
	const struct settings *settings = shipper->settings;
	const struct store_options options = {
		.directory = settings->state,
		.queue_bytes = settings->queue_bytes,
		.queue_age = settings->queue_age,
		.resolve_after = settings->resolve_after,
		.flap_window = settings->flap_window,
		.notice = on_notice,
		.notice_context = shipper,
	};

	if (open_store(shipper, &options, error))
		return -1;
	shipper->delivery = delivery_start(settings, shipper->store, &shipper->setup->log, error);
	if (!shipper->delivery)
		return -1;
	shipper->control = control_start(settings->control, answer, shipper, error);
	if (!shipper->control)
		return -1;
	if (!settings->metrics)
		return 0;
	shipper->metrics = metrics_start(settings->metrics, answer_metrics, shipper, error);
	return shipper->metrics ? 0 : -1;
}

/* How long sinks may go on. A queue in memory ends with its shipper, so that none follows it. */
static uint64_t patience_ms(const struct shipper *shipper)
{
	uint64_t patience = shipper->settings->stop_timeout * UINT64_C(1000);

	if (shipper->followed && shipper->settings->state)
		return FOLLOWED_MS;
	return patience > CLOSING_MS ? patience - CLOSING_MS : 0;
}

/* Delivers what can be delivered in the time that is left, and closes all. */
static void finish(struct shipper *shipper)
{

	if (shipper->metrics)
		metrics_stop(shipper->metrics);
	if (shipper->control)
		control_stop(shipper->control);
	if (shipper->delivery)
		delivery_stop(shipper->delivery, patience_ms(shipper));
	if (shipper->store)
		store_close(shipper->store);
	channel_free(shipper->auditor);
	json_decref(shipper->reports);
	json_decref(shipper->summary);
}

int shipper_run(const struct shipper_setup *setup)
{
	struct shipper shipper = {.setup = setup,
				  .settings = setup->settings,
				  .auditor = setup->auditor,
				  .restarts = setup->restarts,
				  .auditor_restarts = setup->auditor_restarts,
				  .started_at = clock_ms(),
				  .lock = PTHREAD_MUTEX_INITIALIZER,
				  .reports = json_deep_copy(setup->reports)};
	struct error *error = NULL;
	const struct message ready = {.kind = MESSAGE_CONFINED, .json = {"{}", 2}};
	int status = EXIT_AUDITED;

	heap_share();
	if (start(&shipper, &error)) {
		log_error(&setup->log, LOG_ERROR, "starting", &error);
		status = EXIT_FAILED;
	} else if (!channel_send(setup->parent, &ready, NULL)) {
		while (!shipper.stopping)
			turn(&shipper);
	}
	finish(&shipper);
	return status;
}
