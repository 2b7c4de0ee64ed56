#include "agent/audit_send.h"

#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "agent/command.h"
#include "agent/daemon/delivery.h"
#include "agent/daemon/observe.h"
#include "agent/daemon/status_record.h"
#include "agent/sinks/url.h"
#include "agent/spool.h"
#include "agent/units.h"
#include "proctor/cleanup.h"

enum { WITHIN_S = 60, WITHIN_LEAST_S = 1, WITHIN_MOST_S = 86400 };

/* Prints one line on stderr: reasons are what receivers said. */
static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	_cleanup_free_ char *line = NULL, *escaped = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (length < 0)
		line = NULL;
	if (line)
		escaped = malloc(text_escape(NULL, 0, line, strlen(line)) + 1);
	if (escaped)
		text_escape(escaped, text_escape(NULL, 0, line, strlen(line)) + 1, line, strlen(line));
	fprintf(stderr, "proctor: %s\n", escaped ? escaped : "out of memory");
}

static void on_notice(void *context, const char *line)
{
	(void)context;
	tell("%s", line);
}

/* ---- where to ----------------------------------------------------------------------------------- */

int audit_send_within(struct audit_send *send, const char *value, struct error **error)
{
	if (units_parse(value, time_units, &send->within, error))
		return -1;
	if (send->within >= WITHIN_LEAST_S && send->within <= WITHIN_MOST_S)
		return 0;
	return error_set(error, 0, "it is not within 1s and 1d");
}

bool audit_send_is_wanted(const struct audit_send *send)
{
	return send->settings && send->settings->sink_count;
}

/* Two things on one standard output could not be told apart. The variable may be the agent's in whose
 * container the audit is run: what its sink would have is printed anyway. */
static int leave_out_stdout(struct audit_send *send, struct error **error)
{
	struct settings *settings = send->settings;
	size_t count = 0;

	for (size_t i = 0; i < settings->sink_count; i++)
		if (strcmp(settings->sinks[i].kind->schemes[0], "stdout") != 0)
			settings->sinks[count++] = settings->sinks[i];
	if (count < settings->sink_count && send->options.to_count) {
		error_set(error, 0, "--to stdout: the audit itself is printed there");
		return error_remedy(error, "print that elsewhere by --output-file");
	}
	settings->sink_count = count;
	return 0;
}

/* All that there will be is there when it is sent. */
static void wait_for_no_more(const struct settings *settings)
{
	for (size_t i = 0; i < settings->sink_count; i++)
		settings->sinks[i].batch_age = 0;
}

static int read_sinks(struct audit_send *send, bool prints, struct error **error)
{
	send->settings = settings_read_sinks(&send->options, environ, error);
	if (!send->settings || (prints && leave_out_stdout(send, error)))
		return -1;
	wait_for_no_more(send->settings);
	if (!send->spool)
		return 0;
	if (!audit_send_is_wanted(send)) {
		error_set(error, 0, "--spool: nothing is to be sent");
		return error_remedy(error, "say where to by --to");
	}
	return spool_name_sinks(send->settings, error);
}

int audit_send_open(struct audit_send *send, bool prints, struct error **error)
{
	const struct store_options in_memory = {0};

	if (read_sinks(send, prints, error))
		return EXIT_USAGE;
	if (!audit_send_is_wanted(send))
		return EXIT_AUDITED;
	send->store = send->spool ? spool_open(send->spool, send->settings->queue_bytes, on_notice, error)
				  : store_open(&in_memory, error);
	return send->store ? EXIT_AUDITED : EXIT_FAILED;
}

void audit_send_close(struct audit_send *send)
{
	store_close(send->store);
	settings_free(send->settings);
}

/* ---- into the queue ----------------------------------------------------------------------------- */

/* As of an agent that has made one pass. */
static int queue_heartbeat(const struct audit_send *send, const struct pass *pass, struct error **error)
{
	struct store_state *state = store_state(send->store, error);
	_cleanup_json_ json_t *summary = json_loadb(pass->summary, pass->summary_length, 0, NULL);
	const struct status_facts facts = {.state = state, .summary = summary, .started = pass->time.tv_sec};
	_cleanup_json_ json_t *json = state && summary ? heartbeat_json(&facts) : NULL;
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	store_state_free(state);
	if (text)
		return store_append(send->store, "heartbeat", text, strlen(text), error);
	return state ? error_set(error, 0, "out of memory") : -1;
}

/* Each audit tells all that it found, whatever those before it did. */
static int queue_findings(const struct audit_send *send, struct snapshot *snapshot,
			  const struct findings *findings, struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct pass pass = {0};

	if (!arena)
		return error_set(error, 0, "out of memory");
	if (store_forget(send->store, error) ||
	    observe(snapshot, findings, true, true, arena, &pass, error) ||
	    store_pass(send->store, &pass, error))
		return -1;
	return queue_heartbeat(send, &pass, error);
}

/* ---- out of it ---------------------------------------------------------------------------------- */

/* A sink's part of the queue at one moment. */
struct tally {
	uint64_t waiting, dropped, refused;
};

static size_t sink_of(const struct settings *settings, const char *name)
{
	size_t i = 0;

	while (i < settings->sink_count && strcmp(settings->sinks[i].name, name) != 0)
		i++;
	return i;
}

static int read_tallies(const struct audit_send *send, struct tally *tallies, struct error **error)
{
	struct store_state *state = store_state(send->store, error);

	if (!state)
		return -1;
	for (size_t i = 0; i < state->sink_count; i++) {
		const struct sink_state *sink = &state->sinks[i];
		size_t at = sink_of(send->settings, sink->name);
		if (at < send->settings->sink_count)
			tallies[at] = (struct tally){sink->waiting, sink->dropped, sink->refused};
	}
	store_state_free(state);
	return 0;
}

static uint64_t seconds(const struct audit_send *send)
{
	return send->within ? send->within : WITHIN_S;
}

struct result {
	struct tally before, queued, after;
	const struct delivery_outcome *outcome;
	const char *otherwise; /* why it is not delivered, when no try failed */
};

/* Lets the sinks work. A second signal ends the program. The text says what ended it. */
static const char *run_sinks(const struct audit_send *send, struct delivery *delivery, int signals,
			     const sigset_t *mask)
{
	struct signalfd_siginfo signal;
	bool done = delivery_wait(delivery, signals, seconds(send) * 1000);
	bool interrupted = !done && read(signals, &signal, sizeof(signal)) > 0;

	pthread_sigmask(SIG_SETMASK, mask, NULL);
	delivery_end(delivery, 0);
	return interrupted ? "interrupted" : "there was no more time";
}

static struct delivery *start_sinks(const struct audit_send *send, int *signals, sigset_t *mask,
				    struct error **error)
{
	static const struct log quiet = {.level = LOG_ERROR, .process = "audit", .fd = STDERR_FILENO};
	struct delivery *delivery;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, mask); /* for the threads, too */
	*signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	delivery = delivery_start(send->settings, send->store, &quiet, error);
	if (!delivery)
		pthread_sigmask(SIG_SETMASK, mask, NULL);
	return delivery;
}

/* ---- what became of it -------------------------------------------------------------------------- */

/* The end of a line: what becomes of records that are not delivered. */
static char *prospect(const struct audit_send *send, const char *as)
{
	char *text;

	if (!send->spool)
		return strdup("; --spool DIR would keep them");
	if (store_is_degraded(send->store))
		return strdup("; the spool cannot be written to");
	return asprintf(&text, "; they are kept in %s %s", send->spool, as) < 0 ? NULL : text;
}

static void tell_part(uint64_t part, uint64_t all, const char *what, const char *url, const char *why,
		      const char *rest)
{
	tell("%llu of %llu record%s %s %s %s: %s%s", (unsigned long long)part, (unsigned long long)all,
	     all == 1 ? "" : "s", part == 1 ? "was" : "were", what, url, why, rest ? rest : "");
}

/* -1 when not all of it is delivered. */
static int tell_result(const struct audit_send *send, const char *url, const struct result *result)
{
	const struct delivery_outcome *outcome = result->outcome;
	uint64_t dropped = result->after.dropped - result->before.dropped;
	uint64_t refused = result->after.refused - result->before.refused;
	uint64_t all = result->queued.waiting + result->queued.dropped - result->before.dropped;
	_cleanup_free_ char *next = prospect(send, "for the next run");
	_cleanup_free_ char *dead = prospect(send, "as dead letters");

	if (result->after.waiting)
		tell_part(result->after.waiting, all, "not delivered to", url,
			  outcome->failure ? error_message(outcome->failure) : result->otherwise, next);
	if (refused)
		tell_part(refused, all, "refused by", url, outcome->reason, dead);
	if (dropped)
		tell_part(dropped, all, "dropped before it reached", url, "the queue was full", NULL);
	if (result->after.waiting || refused || dropped)
		return -1;
	tell("%llu record%s %s delivered to %s", (unsigned long long)all, all == 1 ? "" : "s",
	     all == 1 ? "was" : "were", url);
	return 0;
}

static int tell_results(const struct audit_send *send, const struct delivery *delivery,
			const struct tally *before, const struct tally *queued, const char *otherwise,
			struct error **error)
{
	struct tally after[SINKS_MAX] = {0};
	int status = 0;

	if (read_tallies(send, after, error))
		return -1;
	for (size_t i = 0; i < send->settings->sink_count; i++) {
		_cleanup_free_ char *url = url_shown(send->settings->sinks[i].options.url);
		const struct result result = {.before = before[i],
					      .queued = queued[i],
					      .after = after[i],
					      .outcome = delivery_outcome(delivery, i),
					      .otherwise = otherwise};
		if (tell_result(send, url ? url : "a receiver", &result))
			status = -1;
	}
	return status;
}

/* Of receivers that are not sent to this time. */
static void tell_others(const struct audit_send *send)
{
	struct store_state *state = send->spool ? store_state(send->store, NULL) : NULL;

	for (size_t i = 0; state && i < state->sink_count; i++) {
		const struct sink_state *sink = &state->sinks[i];
		if (sink->waiting && sink_of(send->settings, sink->name) == send->settings->sink_count)
			tell("%llu record%s for %s, which no --to names, %s kept in %s",
			     (unsigned long long)sink->waiting, sink->waiting == 1 ? "" : "s", sink->name,
			     sink->waiting == 1 ? "is" : "are", send->spool);
	}
	if (state)
		store_state_free(state);
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int deliver(const struct audit_send *send, const struct tally *before, struct error **error)
{
	struct tally queued[SINKS_MAX] = {0};
	_cleanup_close_ int signals = -1;
	struct delivery *delivery;
	const char *ended;
	sigset_t mask;
	int status;

	if (read_tallies(send, queued, error))
		return -1;
	delivery = start_sinks(send, &signals, &mask, error);
	if (!delivery)
		return -1;
	ended = run_sinks(send, delivery, signals, &mask);
	status = tell_results(send, delivery, before, queued, ended, error);
	delivery_free(delivery);
	return status;
}

int audit_send(struct audit_send *send, struct snapshot *snapshot, const struct findings *findings)
{
	_cleanup_error_ struct error *error = NULL;
	struct tally before[SINKS_MAX] = {0};
	int status = -1;

	if (!delivery_set_sinks(send->settings, send->store, &error) && !read_tallies(send, before, &error) &&
	    !queue_findings(send, snapshot, findings, &error))
		status = deliver(send, before, &error);
	tell_others(send);
	if (error)
		tell("sending what was found: %s", error_message(error));
	return status;
}
