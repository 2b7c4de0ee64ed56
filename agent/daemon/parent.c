#include "agent/daemon/parent.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/daemon/auditor.h"
#include "agent/daemon/confine.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/places.h"
#include "agent/daemon/shipper.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"
#include "proctor/version.h"

extern char **environ;

enum {
	BACKOFF_FIRST_MS = 500, /* before one that died is started again; doubled each time */
	BACKOFF_LAST_MS = 60000,
	STEADY_MS = 60000,   /* who ran for so long is not said to die again and again */
	SILENCE_MS = 120000, /* without a sign of life: it hangs */
	KILL_MS = 1000, /* after SIGKILL: who has not ended by then waits for the kernel, and may for ever */
	TURN_MS = 5000,
};

struct child {
	enum role role;
	pid_t pid;               /* 0: it does not run */
	struct channel *channel; /* NULL: it does not run */
	bool ready;              /* it told that it is confined and at work */
	bool asked_to_end;
	unsigned failures, starts;
	uint64_t started_at, heard_at;
	uint64_t start_at; /* when it is to be started again; 0: it runs */
};

struct parent {
	const struct settings_options *options;
	struct settings *settings;
	struct log log;
	struct notify notify;
	struct events events;
	struct usage_watch *watch; /* counts which capabilities are asked for; NULL: it does not */
	char *why_not;             /* it was asked for and does not; NULL: it does, or was not asked for */
	struct places places;      /* that the shipper writes to and reads */
	struct child auditor, shipper;
	json_t *report;         /* what is in force for ourselves */
	capability_set granted; /* the bounding set that we were started with */
	int signals;            /* signalfd */
	time_t started;
	bool stopping, told_ready;
	bool failed;      /* a child could not even begin: it told why */
	bool forced;      /* children were killed that did not end */
	uint64_t stop_at; /* when patience with the children ends */
};

/* ---- a child's begin ---------------------------------------------------------------------------- */

static struct confinement confinement_of(const struct parent *parent)
{
	struct confinement confinement = places_confinement(&parent->places, parent->settings);

	confinement.learns = parent->watch != NULL;
	return confinement;
}

/* Gives up what the role does not need; the report, with what else is to be told. */
static json_t *confine_child(const struct parent *parent, enum role role, struct error **error)
{
	const struct confinement confinement = confinement_of(parent);
	json_t *report = NULL, *all = json_object();

	if (confine(role, &confinement, &report, error)) {
		json_decref(all);
		return NULL;
	}
	json_object_set_new(all, "pid", json_integer(getpid()));
	json_object_set_new(all, "confinement", report);
	return all;
}

static json_t *learning_json(const struct parent *parent)
{
	return json_pack("{s:b, s:s*, s:s*, s:I}", "in_force", parent->watch != NULL, "reason",
			 parent->why_not, "evidence",
			 parent->watch ? usage_watch_evidence(parent->watch) : NULL, "since",
			 (json_int_t)(parent->watch ? usage_watch_since(parent->watch) : 0));
}

static int run_auditor(struct parent *parent, struct channel *shipper, struct channel *channel,
		       struct error **error)
{
	_cleanup_json_ json_t *report = confine_child(parent, ROLE_AUDITOR, error);
	_cleanup_free_ char *text = NULL;
	const struct message ready = {.kind = MESSAGE_CONFINED, .json = {"{}", 2}};
	struct auditor_setup setup = {.settings = parent->settings,
				      .events = &parent->events,
				      .watch = parent->watch,
				      .why_not_watched = parent->why_not,
				      .shipper = shipper,
				      .parent = channel,
				      .granted = parent->granted,
				      .log = parent->log};

	if (!report)
		return EXIT_FAILED;
	json_object_set_new(report, "events", events_json(&parent->events));
	json_object_set_new(report, "learning", learning_json(parent));
	text = json_dumps(report, JSON_COMPACT);
	if (!text || channel_send(channel, &ready, error))
		return EXIT_FAILED;
	setup.report = (struct bytes){text, strlen(text)};
	setup.log.process = role_names[ROLE_AUDITOR];
	return auditor_run(&setup);
}

static unsigned restarts_of(const struct child *child)
{
	return child->starts ? child->starts - 1 : 0;
}

static int run_shipper(struct parent *parent, struct channel *auditor, struct channel *channel,
		       struct error **error)
{
	_cleanup_json_ json_t *reports = json_object();
	json_t *report = confine_child(parent, ROLE_SHIPPER, error);
	struct shipper_setup setup = {.settings = parent->settings,
				      .auditor = auditor,
				      .parent = channel,
				      .log = parent->log,
				      .reports = reports,
				      .started = parent->started,
				      .restarts =
					      restarts_of(&parent->auditor) + restarts_of(&parent->shipper),
				      .auditor_restarts = restarts_of(&parent->auditor),
				      .signals = parent->signals};

	if (!report || !reports)
		return EXIT_FAILED;
	json_object_set_new(reports, role_names[ROLE_SHIPPER], report);
	json_object_set_new(reports, role_names[ROLE_PARENT],
			    json_pack("{s:i, s:O}", "pid", (int)getppid(), "confinement", parent->report));
	setup.log.process = role_names[ROLE_SHIPPER];
	return shipper_run(&setup);
}

static uint32_t accepted_by(enum role role)
{
	if (role == ROLE_AUDITOR)
		return MESSAGES_OF_SHIPPER;
	return MESSAGES_OF_AUDITOR;
}

/* The auditor ends by SIGTERM at once; the shipper reads it, or SIGHUP, when it comes, from a descriptor of
 * its own: that of the parent has one mask for both. */
static void set_signals(struct parent *parent, enum role role)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	close(parent->signals);
	parent->signals = -1;
	if (role == ROLE_AUDITOR) {
		sigprocmask(SIG_UNBLOCK, &signals, NULL);
		return;
	}
	sigaddset(&signals, SIGHUP);
	parent->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the other two have is not the child's: with its own copy of the other's end it would never learn that
 * the other has gone. */
static void close_what_is_of_others(struct parent *parent, enum role role, int other_end)
{
	channel_free(parent->auditor.channel);
	channel_free(parent->shipper.channel);
	notify_close(&parent->notify);
	if (role == ROLE_SHIPPER) {
		events_close(&parent->events);
		usage_watch_leave(parent->watch);
		parent->watch = NULL;
	}
	close(other_end);
}

/* In the child: it never returns. */
__attribute__((noreturn)) static void run_child(struct parent *parent, enum role role, const int ends[2],
						int own)
{
	struct error *error = NULL;
	struct channel *channel = channel_new(own, MESSAGE_BIT(MESSAGE_PEER), &error);
	struct channel *other = channel ? channel_new(ends[0], accepted_by(role), &error) : NULL;
	int status = EXIT_FAILED;

	set_signals(parent, role);
	close_what_is_of_others(parent, role, ends[1]);
	if (other && role == ROLE_AUDITOR)
		status = run_auditor(parent, other, channel, &error);
	else if (other)
		status = run_shipper(parent, other, channel, &error);
	if (error)
		log_error(&parent->log, LOG_ERROR, role_names[role], &error);
	_exit(status);
}

/* ---- starting ----------------------------------------------------------------------------------- */

static void end_failed(struct child *child)
{
	uint64_t now = clock_ms(), wait = BACKOFF_FIRST_MS;

	if (child->started_at && now - child->started_at > STEADY_MS)
		child->failures = 0;
	for (unsigned i = 0; !child->asked_to_end && i < child->failures && wait < BACKOFF_LAST_MS; i++)
		wait *= 2;
	child->failures += !child->asked_to_end;
	child->start_at = now + (wait < BACKOFF_LAST_MS ? wait : BACKOFF_LAST_MS);
	channel_free(child->channel);
	child->channel = NULL;
	child->pid = 0;
	child->ready = child->asked_to_end = false;
}

/* Starts the child with the first end of a channel between the two. */
static int start_child(struct parent *parent, struct child *child, const int ends[2], struct error **error)
{
	int pair[2];
	pid_t pid;

	if (channel_pair(pair, error))
		return -1;
	child->channel =
		channel_new(pair[0], MESSAGE_BIT(MESSAGE_CONFINED) | MESSAGE_BIT(MESSAGE_COUNTERS), error);
	if (!child->channel) {
		close(pair[1]);
		return -1;
	}
	child->starts++;
	pid = fork();
	if (pid == 0)
		run_child(parent, child->role, ends, pair[1]);
	close(pair[1]);
	if (pid < 0)
		return error_set(error, errno, "starting the %s", role_names[child->role]);
	child->pid = pid;
	child->start_at = 0;
	child->started_at = child->heard_at = clock_ms();
	return 0;
}

/* Starts one of the two, the other one running or not. */
static int start_one(struct parent *parent, struct child *child, struct child *other, struct error **error)
{
	struct message peer = {.kind = MESSAGE_PEER};
	int pair[2], result;

	if (channel_pair(pair, error))
		return -1;
	result = start_child(parent, child, pair, error);
	close(pair[0]);
	peer.fd = pair[1];
	if (!result && other->channel)
		channel_send(other->channel, &peer,
			     NULL); /* one that has gone will be started, and told then */
	close(pair[1]);
	return result;
}

/* Starts both at once, each with its end of one channel. */
static int start_both(struct parent *parent, struct error **error)
{
	int pair[2], result;

	if (channel_pair(pair, error))
		return -1;
	result = start_child(parent, &parent->shipper, pair, error);
	if (!result)
		result = start_child(parent, &parent->auditor, (int[]){pair[1], pair[0]}, error);
	close(pair[0]);
	close(pair[1]);
	return result;
}

static void start_due(struct parent *parent)
{
	struct child *children[] = {&parent->shipper, &parent->auditor};

	for (int i = 0; i < 2; i++) {
		struct error *error = NULL;
		if (parent->stopping || !children[i]->start_at || children[i]->start_at > clock_ms())
			continue;
		if (start_one(parent, children[i], children[!i], &error)) {
			log_error(&parent->log, LOG_ERROR, "starting", &error);
			end_failed(children[i]);
		}
	}
}

/* ---- what children do --------------------------------------------------------------------------- */

static void hear(struct parent *parent, struct child *child)
{
	struct message *message = NULL;
	int result;

	while ((result = channel_receive(child->channel, &message, NULL)) > 0) {
		child->heard_at = clock_ms();
		child->ready |= message->kind == MESSAGE_CONFINED;
		message_free(message);
	}
	if (result < 0) { /* it has ended, or is not to be trusted: SIGCHLD follows */
		kill(child->pid, SIGKILL);
		channel_free(child->channel);
		child->channel = NULL;
	}
	if (parent->auditor.ready && parent->shipper.ready && !parent->told_ready) {
		notify_send(&parent->notify, "READY=1\nSTATUS=Watching");
		log_write(&parent->log, LOG_INFO, "watching", "version", proctor_version, NULL);
		parent->told_ready = true;
	}
}

static void log_end(const struct parent *parent, const struct child *child, int status)
{
	char number[16];
	bool killed = WIFSIGNALED(status);

	snprintf(number, sizeof(number), "%d", killed ? WTERMSIG(status) : WEXITSTATUS(status));
	log_write(&parent->log, LOG_ERROR,
		  confine_was_filtered(status) ? "ended by its system call filter" : "ended", "child",
		  role_names[child->role], killed ? "signal" : "status", number, NULL);
}

static void ask_to_end(struct child *child, int signal)
{
	if (!child->pid)
		return;
	child->asked_to_end = true;
	kill(child->pid, signal);
}

static void stop(struct parent *parent)
{
	notify_send(&parent->notify, "STOPPING=1\nSTATUS=Delivering what is queued");
	parent->stopping = true;
	parent->stop_at = clock_ms() + parent->settings->stop_timeout * UINT64_C(1000);
	ask_to_end(&parent->auditor, SIGTERM);
	ask_to_end(&parent->shipper, SIGTERM);
}

/* A child ended. What it cannot do at its very start it will not be able to do the next time. */
static void take_end(struct parent *parent, struct child *child, int status)
{
	bool begun = child->ready || child->asked_to_end || parent->told_ready;

	if (!child->asked_to_end)
		log_end(parent, child, status);
	end_failed(child);
	if (begun || parent->stopping)
		return;
	parent->failed = true;
	stop(parent);
}

static void reap(struct parent *parent)
{
	struct child *children[] = {&parent->shipper, &parent->auditor};
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < 2; i++)
			if (children[i]->pid == pid)
				take_end(parent, children[i], status);
}

/* One that gives no sign of life hangs. */
static void end_silent(struct parent *parent)
{
	struct child *children[] = {&parent->shipper, &parent->auditor};
	uint64_t now = clock_ms();

	for (int i = 0; i < 2; i++)
		if (children[i]->pid && now - children[i]->heard_at > SILENCE_MS) {
			log_write(&parent->log, LOG_ERROR, "gives no sign of life: it is ended", "child",
				  role_names[children[i]->role], NULL);
			kill(children[i]->pid, SIGKILL);
			children[i]->heard_at = now;
		}
}

/* ---- signals ------------------------------------------------------------------------------------ */

/* To begin takes what was given up: only another agent can. */
static void review_watch(struct parent *parent)
{
	bool wanted = parent->settings->learn != LEARN_OFF;

	if (wanted == (parent->watch || parent->why_not))
		return;
	usage_watch_stop(parent->watch);
	free(parent->why_not);
	parent->watch = NULL;
	parent->why_not = wanted ? strdup("it was switched on while the agent ran; restart the agent") : NULL;
}

/* Children get the settings that are in force when they are started: they are started anew. */
static void use_settings(struct parent *parent, struct settings *settings, const struct places *places)
{
	settings_free(parent->settings);
	places_free(&parent->places);
	parent->settings = settings;
	parent->places = *places;
	events_review(&parent->events, settings);
	review_watch(parent);
	parent->log.format = settings->log_format;
	parent->log.level = settings->log_level;
	ask_to_end(&parent->auditor, SIGTERM);
	ask_to_end(&parent->shipper, SIGHUP);
}

static void reload(struct parent *parent)
{
	struct error *error = NULL;
	struct settings *settings = settings_read(parent->options, environ, time(NULL), &error);
	struct places places = {0};

	if (parent->told_ready)
		notify_send(&parent->notify, "RELOADING=1");
	if (settings && !places_of(&places, settings, &error) && !places_check(&places, settings, &error)) {
		use_settings(parent, settings, &places);
		log_write(&parent->log, LOG_INFO, "settings read again", NULL);
	} else {
		log_error(&parent->log, LOG_ERROR, "the settings stay as they were", &error);
		places_free(&places);
		settings_free(settings);
	}
	if (parent->told_ready)
		notify_send(&parent->notify, "READY=1");
}

static void take_signals(struct parent *parent)
{
	struct signalfd_siginfo info;

	while (read(parent->signals, &info, sizeof(info)) == sizeof(info))
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap(parent);
			break;
		case SIGHUP:
			if (!parent->stopping)
				reload(parent);
			break;
		default:
			if (!parent->stopping)
				stop(parent);
			break;
		}
}

static int block_signals(struct error **error)
{
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return error_set(error, errno, "blocking signals");
	fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : error_set(error, errno, "waiting for signals");
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static int wait_ms(const struct parent *parent)
{
	const struct child *children[] = {&parent->shipper, &parent->auditor};
	uint64_t now = clock_ms(), wait = TURN_MS;

	if (parent->notify.watchdog_us && parent->notify.watchdog_us / 2000 < wait)
		wait = parent->notify.watchdog_us / 2000;
	for (int i = 0; i < 2; i++)
		if (children[i]->start_at && children[i]->start_at < now + wait)
			wait = children[i]->start_at > now ? children[i]->start_at - now : 0;
	if (parent->stopping && parent->stop_at < now + wait)
		wait = parent->stop_at > now ? parent->stop_at - now : 0;
	return (int)wait;
}

static void turn(struct parent *parent)
{
	struct child *children[] = {&parent->shipper, &parent->auditor};
	struct pollfd polled[3] = {{.fd = parent->signals, .events = POLLIN}};

	for (int i = 0; i < 2; i++)
		polled[i + 1] = (struct pollfd){
			.fd = children[i]->channel ? channel_socket(children[i]->channel) : -1,
			.events = POLLIN};
	if (poll(polled, 3, wait_ms(parent)) > 0) {
		for (int i = 0; i < 2; i++)
			if (polled[i + 1].revents)
				hear(parent, children[i]);
		if (polled[0].revents)
			take_signals(parent);
	}
	if (!parent->stopping)
		end_silent(parent);
	start_due(parent);
	if (parent->notify.watchdog_us)
		notify_send(&parent->notify, "WATCHDOG=1");
}

static bool is_over(const struct parent *parent)
{
	return parent->stopping && ((!parent->auditor.pid && !parent->shipper.pid) ||
				    (parent->forced && clock_ms() >= parent->stop_at));
}

/* The patience with children that were asked to end is over. */
static void end_by_force(struct parent *parent)
{
	const struct child *children[] = {&parent->shipper, &parent->auditor};

	if (!parent->stopping || parent->forced || clock_ms() < parent->stop_at)
		return;
	for (int i = 0; i < 2; i++)
		if (children[i]->pid) {
			log_write(&parent->log, LOG_WARNING, "did not end in time: it is killed", "child",
				  role_names[children[i]->role], NULL);
			kill(children[i]->pid, SIGKILL);
		}
	parent->forced = true;
	parent->stop_at += KILL_MS;
}

/* Our bounding set: prctl(2) PR_CAPBSET_READ. */
static capability_set bounding_set(void)
{
	capability_set set = 0;

	for (unsigned i = 0; i < CAPABILITY_BITS; i++)
		if (prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1)
			set |= CAPABILITY_MASK(i);
	return set;
}

/* Begins to count which capabilities are asked for, while that may be begun. */
static int start_watch(struct parent *parent, struct error **error)
{
	struct error *failed = NULL;

	if (parent->settings->learn == LEARN_OFF)
		return 0;
	parent->watch = usage_watch_start(NULL, &failed);
	malloc_trim(0); /* libbpf has read the types of the whole kernel, some ten MiB */
	if (parent->watch)
		return 0;
	if (parent->settings->learn == LEARN_ON) {
		*error = failed;
		return error_context(error, "learning");
	}
	parent->why_not = strdup(error_message(failed));
	log_error(&parent->log, LOG_INFO, "capabilities are not learned", &failed);
	return 0;
}

static int prepare(struct parent *parent, struct error **error)
{
	struct confinement confinement;

	parent->granted = bounding_set();
	if (notify_open(&parent->notify, error))
		return -1;
	parent->signals = block_signals(error);
	if (parent->signals < 0)
		return -1;
	if (places_of(&parent->places, parent->settings, error) ||
	    places_make(&parent->places, parent->settings, error) ||
	    places_check(&parent->places, parent->settings, error))
		return -1;
	events_open(&parent->events, parent->settings);
	if (start_watch(parent, error))
		return -1;
	confinement = confinement_of(parent);
	return confine(ROLE_PARENT, &confinement, &parent->report, error);
}

int parent_run(const struct settings_options *options, struct settings *settings, struct error **error)
{
	struct parent parent = {.options = options,
				.settings = settings,
				.log = {.format = settings->log_format,
					.level = settings->log_level,
					.process = role_names[ROLE_PARENT],
					.fd = STDERR_FILENO},
				.notify = {.fd = -1},
				.auditor = {.role = ROLE_AUDITOR},
				.shipper = {.role = ROLE_SHIPPER},
				.signals = -1,
				.started = time(NULL)};
	int status = EXIT_FAILED;

	if (!prepare(&parent, error) && !start_both(&parent, error)) {
		while (!is_over(&parent)) {
			turn(&parent);
			end_by_force(&parent);
		}
		status = parent.failed ? EXIT_FAILED : EXIT_AUDITED;
	}
	channel_free(parent.auditor.channel);
	channel_free(parent.shipper.channel);
	events_close(&parent.events);
	usage_watch_stop(parent.watch);
	free(parent.why_not);
	notify_close(&parent.notify);
	cleanup_close(&parent.signals);
	json_decref(parent.report);
	places_free(&parent.places);
	settings_free(parent.settings);
	return status;
}
