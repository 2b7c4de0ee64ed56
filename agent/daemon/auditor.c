#include "agent/daemon/auditor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/command.h"
#include "agent/daemon/asking.h"
#include "agent/daemon/changed.h"
#include "agent/daemon/heap.h"
#include "agent/daemon/learning.h"
#include "agent/daemon/observe.h"
#include "agent/daemon/pace.h"
#include "agent/daemon/profile.h"
#include "agent/daemon/sent.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"
#include "proctor/collector.h"

enum {
	LEARN_MS = 1000,  /* between two questions whether something was refused */
	TAKE_MS = 10000,  /* between two times that what was counted is taken in any case */
	ALIVE_MS = 5000,  /* between signs of life to the parent */
	ALONE_MS = 75000, /* the parent has sent another shipper by then: its longest wait is a minute */
	INVENTORY_MS = 24 * 60 * 60 * 1000,
	PROFILE_FACTS = REQUEST_AUDIT & ~REQUEST_MACHINE,
};

struct auditor {
	const struct auditor_setup *setup;
	const struct settings *settings;
	struct events events;
	struct channel *shipper;   /* changes when that one is started anew */
	struct snapshot *snapshot; /* of the last pass; NULL: none yet */
	struct file_memory *files; /* of the roots of containers, for the next pass */
	bool saw_dead;             /* in the last pass: they will go, and no event will tell */
	struct silent silent;      /* found in all passes so far */
	struct profiles *profiles;
	struct changed changed;    /* since the last pass */
	struct changed fresh;      /* of them, those whose profile was not looked at yet */
	struct changed rooted;     /* of those, the ones that took on uid 0 */
	struct learning *learning; /* NULL: it does not learn */
	uint64_t learn_at;         /* when refusals are asked for next; clock_ms() */
	uint64_t take_at;          /* and when all that was counted is taken */
	struct pace pace;
	struct sent sent;
	struct message_counters counters;
	uint64_t unread, unread_rooted; /* processes that ended too soon, since the last full pass */
	pid_t unread_rooted_pid;        /* the last of them */
	uint64_t alive_at;
	uint64_t alone_at;     /* when the shipper had gone; 0: it is there */
	uint64_t inventory_at; /* when the next inventory is due; clock_ms() */
	bool parent_gone, mounts_changed;
};

/* ---- signs of life ------------------------------------------------------------------------------ */

static void tell_parent(struct auditor *auditor)
{
	struct message message = {.kind = MESSAGE_COUNTERS, .counters = auditor->counters};
	uint64_t now = clock_ms();

	if (now < auditor->alive_at)
		return;
	auditor->alive_at = now + ALIVE_MS;
	auditor->parent_gone |= channel_send(auditor->setup->parent, &message, NULL) != 0;
}

static void lose_shipper(struct auditor *auditor)
{
	if (!auditor->alone_at)
		auditor->alone_at = clock_ms();
}

/* A long walk is one, too. */
static void on_progress(void *context, const char *collector, uint64_t done)
{
	(void)collector, (void)done;
	tell_parent(context);
}

/* ---- events ------------------------------------------------------------------------------------- */

static void lose_events(struct auditor *auditor)
{
	auditor->counters.overruns++;
	changed_clear(&auditor->changed);
	changed_clear(&auditor->fresh);
	pace_lost(&auditor->pace, clock_ms());
}

/* A process that runs another program or has other ids may be of a kind that is new. One that was forked only
 * is as its parent is. */
static void on_process(struct auditor *auditor, const struct event *event)
{
	bool kept = changed_add(&auditor->changed, event->pid);

	if (kept && event->kind != EVENT_FORK) {
		kept = changed_add(&auditor->fresh, event->pid);
		pace_events(&auditor->pace, clock_ms());
	}
	if (event->kind == EVENT_IDS && !event->groups && !event->effective_id)
		changed_add(&auditor->rooted, event->pid);
	if (!kept)
		lose_events(auditor);
}

static void on_exit_of(struct auditor *auditor, pid_t pid)
{
	if (auditor->learning)
		learning_exit(auditor->learning, auditor->snapshot, pid, clock_ms_of(CLOCK_REALTIME));
	if (!auditor->snapshot || !snapshot_process(auditor->snapshot, pid))
		return;
	if (!changed_add(&auditor->changed, pid)) /* it may stay on as a zombie */
		lose_events(auditor);
	pace_gone(&auditor->pace, clock_ms());
}

static void on_event(void *context, const struct event *event)
{
	struct auditor *auditor = context;

	auditor->counters.events++;
	switch (event->kind) {
	case EVENT_FORK:
	case EVENT_EXEC:
	case EVENT_IDS:
		on_process(auditor, event);
		break;
	case EVENT_EXIT:
		on_exit_of(auditor, event->pid);
		break;
	case EVENT_MOUNTS:
		auditor->mounts_changed = true;
		pace_changed(&auditor->pace, clock_ms());
		break;
	case EVENT_CGROUP:
		pace_gone(&auditor->pace, clock_ms());
		break;
	case EVENT_FILE:
		pace_lost(&auditor->pace, clock_ms());
		break;
	case EVENT_OVERRUN:
		lose_events(auditor);
		break;
	}
}

/* ---- looking at processes ----------------------------------------------------------------------- */

/* How many of the processes are of a kind that was not known. */
static size_t add_profiles(struct auditor *auditor, const struct snapshot *snapshot)
{
	size_t new = 0;

	for (size_t i = 0; i < snapshot->process_count; i++)
		if (!snapshot->processes[i].kernel_thread &&
		    profiles_add(auditor->profiles, &snapshot->processes[i]) != 0)
			new ++;
	return new;
}

/* How many of them the snapshot does not have, and the last of those. They are dealt with by that. */
static size_t take_missing(struct changed *changed, const struct snapshot *snapshot, pid_t *last)
{
	size_t missing = 0;

	changed_sort(changed);
	for (size_t i = 0; i < changed->count; i++)
		if (!snapshot_process(snapshot, changed->pids[i])) {
			missing++;
			*last = changed->pids[i];
		}
	changed_clear(changed);
	return missing;
}

/* Those that ended before they could be read are told by what the events said of them. */
static void count_unread(struct auditor *auditor, const struct snapshot *snapshot)
{
	pid_t last;
	size_t unread = take_missing(&auditor->fresh, snapshot, &last);

	auditor->unread += unread;
	auditor->counters.unread += unread;
	auditor->unread_rooted += take_missing(&auditor->rooted, snapshot, &auditor->unread_rooted_pid);
}

/* Where no events tell, whoever is here may have changed, and whoever is not has gone. */
static void compare_all(struct auditor *auditor, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->process_count; i++)
		if (!changed_add(&auditor->changed, snapshot->processes[i].pid))
			pace_lost(&auditor->pace, clock_ms());
	for (size_t i = 0; auditor->snapshot && i < auditor->snapshot->process_count; i++) {
		const struct process *was = &auditor->snapshot->processes[i];
		const struct process *is = snapshot_process(snapshot, was->pid);
		if (!is || is->start_time != was->start_time)
			pace_gone(&auditor->pace, clock_ms());
	}
}

/* Reads the processes, or all for NULL, and has a pass made when one is of a new kind. */
static void look(struct auditor *auditor, const pid_t *pids, size_t count)
{
	static const struct collector *const collectors_of_processes[] = {&collector_host, &collector_process,
									  NULL};
	struct request request = {
		.proc = "/proc",
		.facts = PROFILE_FACTS,
		.pids = pids,
		.pid_count = count,
		.workers = 1,
		.silent = &auditor->silent,
	};
	struct error *error = NULL;
	struct snapshot *snapshot = snapshot_collect(collectors_of_processes, &request, &error);

	if (!snapshot) {
		log_error(&auditor->setup->log, LOG_ERROR, "looking at processes", &error);
		pace_lost(&auditor->pace, clock_ms());
		return;
	}
	if (pids)
		count_unread(auditor, snapshot);
	else
		compare_all(auditor, snapshot);
	if (add_profiles(auditor, snapshot))
		pace_changed(&auditor->pace, clock_ms());
	snapshot_free(snapshot);
}

static void look_at_events(struct auditor *auditor)
{
	changed_sort(&auditor->fresh);
	if (auditor->fresh.count)
		look(auditor, auditor->fresh.pids, auditor->fresh.count);
}

/* ---- passes ------------------------------------------------------------------------------------- */

/* What the agent could not see between its passes that read everything. */
static void note_between(struct auditor *auditor, struct snapshot *snapshot)
{
	struct coverage *coverage = snapshot_coverage(snapshot, collector_process.name);
	const char *unwatched = auditor->setup->why_not_watched;

	if (unwatched)
		coverage_note(snapshot_coverage(snapshot, collector_container.name), snapshot->arena,
			      arena_printf(snapshot->arena, "capabilities are not learned: %s", unwatched),
			      NULL, NULL);
	for (size_t i = 0; i < auditor->events.count; i++) {
		const char *unseen = events_unseen(&auditor->events, i);
		const char *reason = unseen ? arena_printf(snapshot->arena, "no events of %s: %s",
							   auditor->events.streams[i].source->name, unseen)
					    : NULL;
		if (reason)
			coverage_note(coverage, snapshot->arena, reason, NULL, NULL);
	}
	if (auditor->unread)
		coverage_note_count(coverage, snapshot->arena,
				    "process ended before it could be read: an event told of it",
				    auditor->unread, NULL, NULL);
	if (auditor->unread_rooted)
		coverage_note_count(
			coverage, snapshot->arena, "process took on uid 0 and ended before it could be read",
			auditor->unread_rooted,
			arena_printf(snapshot->arena, "/proc/%d", auditor->unread_rooted_pid), NULL);
}

/* The shipper's answer to what was learned: what is known of a container may be judged otherwise now. */
static void take_history(void *context, const struct message *message)
{
	struct auditor *auditor = context;

	if (message->kind == MESSAGE_HISTORY && auditor->learning &&
	    learning_answer(auditor->learning, message))
		pace_changed(&auditor->pace, clock_ms());
}

static struct snapshot *collect(struct auditor *auditor, bool full, struct error **error)
{
	const struct settings *settings = auditor->settings;
	struct inquiry asking = {.shipper = auditor->shipper, .other = take_history, .context = auditor};
	struct request request = {
		.proc = "/proc",
		.facts = REQUEST_AUDIT | REQUEST_COMMAND_LINE | REQUEST_MOUNT_ID,
		.excluded_paths = settings->config->excluded_paths,
		.excluded_count = settings->config->excluded_count,
		.docker_socket = settings->docker_socket,
		.task_metadata = getenv(TASK_METADATA_VARIABLE),
		.fetch = ask_shipper,
		.fetch_context = &asking,
		.file_memory = auditor->files,
		.granted = auditor->setup->granted,
		.previous = auditor->snapshot,
		.walk_again = full,
		.silent = &auditor->silent,
		.progress = on_progress,
		.progress_context = auditor,
	};
	struct snapshot *snapshot;

	if (!full) {
		changed_sort(&auditor->changed);
		request.changed = auditor->changed.pids;
		request.changed_count = auditor->changed.count;
	}
	snapshot = snapshot_collect(collectors, &request, error);
	if (asking.again)
		sent_clear(&auditor->sent); /* the pass that this becomes is told whole */
	if (!snapshot)
		return NULL;
	count_unread(auditor, snapshot);
	note_between(auditor, snapshot);
	if (auditor->learning && learning_see(auditor->learning, snapshot, clock_ms_of(CLOCK_REALTIME)))
		error_set(error, ENOMEM, "taking note of containers");
	if (!*error)
		return snapshot;
	snapshot_free(snapshot);
	return NULL;
}

static struct findings *judge(const struct auditor *auditor, const struct snapshot *snapshot,
			      struct error **error)
{
	struct policy policy = config_policy(auditor->settings->config);

	policy.minimum = SEVERITY_INFO;
	policy.unused_seconds = auditor->settings->learn_days * UINT64_C(86400);
	policy.unused_starts = auditor->settings->learn_starts;
	return findings_judge(snapshot, &policy, error);
}

/* A message that does not fit its bounds is not sent; whatever else stops it, the channel is of no more use.
 */
static int send_to_shipper(struct auditor *auditor, const struct message *message, struct error **error)
{
	struct error *failed = NULL;

	if (!channel_send(auditor->shipper, message, &failed))
		return 0;
	if (error_number(failed) != EMSGSIZE)
		lose_shipper(auditor);
	*error = failed;
	return -1;
}

/* Sends the pass. The shipper may have gone: the parent then sends another, which wants all. */
static int send_pass(struct auditor *auditor, struct snapshot *snapshot, const struct findings *findings,
		     bool full, struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct message message = {.kind = MESSAGE_PASS};
	const struct message counters = {.kind = MESSAGE_COUNTERS, .counters = auditor->counters};

	if (!arena || observe(snapshot, findings, false, full, arena, &message.pass, error))
		return -1;
	sent_shorten(&auditor->sent, (struct observed *)message.pass.observed, message.pass.observed_count);
	if (send_to_shipper(auditor, &counters, error) || send_to_shipper(auditor, &message, error))
		return -1;
	sent_keep(&auditor->sent, &message.pass);
	return 0;
}

/* Tells what was learned since; `whole`: also of containers that asked for nothing. */
static void send_learned(struct auditor *auditor, bool whole)
{
	struct error *error = NULL;
	struct message message;

	auditor->take_at = clock_ms() + TAKE_MS;
	if (learning_tell(auditor->learning, whole, clock_ms_of(CLOCK_REALTIME), &message, &error) == 1 &&
	    send_to_shipper(auditor, &message, &error))
		learning_again(auditor->learning);
	learning_count(auditor->learning, &auditor->counters);
	if (learning_is_behind(auditor->learning))
		pace_changed(&auditor->pace, clock_ms());
	if (error)
		log_error(&auditor->setup->log, LOG_ERROR, "learning", &error);
}

/* What is learned between passes; at once what cannot wait: by a refusal a program may fail now. */
static void look_at_checks(struct auditor *auditor)
{
	uint64_t now = clock_ms();

	if (!auditor->learning || now < auditor->learn_at)
		return;
	auditor->learn_at = now + LEARN_MS;
	if (auditor->snapshot && (learning_is_urgent(auditor->learning) || now >= auditor->take_at))
		send_learned(auditor, false);
}

/* Once a day, and at the start, where it is asked for: with a pass that read everything. */
static void send_inventory(struct auditor *auditor, const struct snapshot *snapshot)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct message message = {.kind = MESSAGE_INVENTORY};
	struct error *error = NULL;

	if (!auditor->settings->inventory || clock_ms() < auditor->inventory_at)
		return;
	if (arena)
		message.json = observe_inventory(snapshot, arena);
	if (!message.json.data)
		error_set(&error, 0, "out of memory");
	if (error || send_to_shipper(auditor, &message, &error))
		log_error(&auditor->setup->log, LOG_ERROR, "telling the inventory", &error);
	else
		auditor->inventory_at = clock_ms() + INVENTORY_MS;
}

/* Whether a process has ended that its parent has not taken note of: its last event is told, and it is still
 * there. One that was so before may stay so. */
static bool has_new_dead(const struct snapshot *snapshot, const struct snapshot *previous)
{
	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i], *was;
		if (!process->zombie)
			continue;
		was = previous ? snapshot_process(previous, process->pid) : NULL;
		if (!was || !was->zombie)
			return true;
	}
	return false;
}

/* What is known now: the kinds of processes, and that nothing is left to be looked at. */
static void keep_snapshot(struct auditor *auditor, struct snapshot *snapshot, bool full)
{
	auditor->saw_dead = has_new_dead(snapshot, auditor->snapshot);
	snapshot_free(auditor->snapshot);
	auditor->snapshot = snapshot;
	if (full)
		profiles_age(auditor->profiles);
	add_profiles(auditor, snapshot);
	changed_clear(&auditor->changed);
}

/* -1: the shipper does not have it, and what it would have told is to be looked at again. */
static int make_pass(struct auditor *auditor, bool full)
{
	struct error *error = NULL;
	struct findings *findings;
	struct snapshot *snapshot;
	int result = -1;

	if (full)
		events_renew(&auditor->events);
	snapshot = collect(auditor, full, &error);
	findings = snapshot ? judge(auditor, snapshot, &error) : NULL;

	auditor->counters.passes++;
	auditor->counters.full_passes += full;
	if (findings)
		result = send_pass(auditor, snapshot, findings, full, &error);
	findings_free(findings);
	if (!result && full) {
		auditor->unread = auditor->unread_rooted = 0;
		send_inventory(auditor, snapshot);
	}
	if (snapshot)
		keep_snapshot(auditor, snapshot, full);
	if (snapshot && auditor->learning)
		send_learned(auditor, full);
	if (result)
		log_error(&auditor->setup->log, auditor->alone_at ? LOG_WARNING : LOG_ERROR, "auditing",
			  &error);
	return result;
}

/* ---- the loop ----------------------------------------------------------------------------------- */

static uint32_t chance(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) < 0)
		return 0;
	return number;
}

static void do_what_is_due(struct auditor *auditor)
{
	uint64_t start = clock_ms(), now;
	enum look due = pace_due(&auditor->pace, start);
	int result = 0;

	switch (due) {
	case LOOK_NONE:
		return;
	case LOOK_EVENTS:
		look_at_events(auditor);
		break;
	case LOOK_SWEEP:
		look(auditor, NULL, 0);
		break;
	case LOOK_QUICK:
	case LOOK_FULL:
		result = make_pass(auditor, due == LOOK_FULL || !auditor->snapshot);
		break;
	}
	now = clock_ms();
	pace_done(&auditor->pace, due, now, now - start, chance());
	if (result)
		pace_failed(&auditor->pace, now);
	if (auditor->saw_dead)
		pace_gone(&auditor->pace, now);
	auditor->saw_dead = false;
}

/* The shipper was started anew: it is told who we are, and everything. */
static void take_shipper(struct auditor *auditor, int socket)
{
	struct message ready = {.kind = MESSAGE_READY};
	struct error *error = NULL;
	struct channel *channel = channel_new(socket, MESSAGES_OF_SHIPPER, &error);

	if (!channel) {
		log_error(&auditor->setup->log, LOG_ERROR, "taking another shipper", &error);
		return;
	}
	channel_free(auditor->shipper);
	auditor->shipper = channel;
	auditor->alone_at = 0;
	sent_clear(&auditor->sent);
	if (auditor->learning)
		learning_again(auditor->learning);
	ready.json = auditor->setup->report;
	if (channel_send(channel, &ready, NULL))
		lose_shipper(auditor);
	pace_changed(&auditor->pace, clock_ms());
}

static void hear_parent(struct auditor *auditor)
{
	struct message *message = NULL;
	int result;

	while ((result = channel_receive(auditor->setup->parent, &message, NULL)) > 0) {
		if (message->kind == MESSAGE_PEER) {
			take_shipper(auditor, message->fd);
			message->fd = -1;
		}
		message_free(message);
	}
	auditor->parent_gone |= result < 0;
}

static void hear_shipper(struct auditor *auditor)
{
	struct message *message = NULL;
	int result;

	while ((result = channel_receive(auditor->shipper, &message, NULL)) > 0) {
		if (message->kind == MESSAGE_AGAIN) {
			sent_clear(&auditor->sent);
			pace_changed(&auditor->pace, clock_ms());
		}
		take_history(auditor, message);
		message_free(message);
	}
	if (result < 0)
		lose_shipper(auditor);
}

/* The shipper is there, but not to be reached: it was not started anew, so the parent knows nothing of it,
 * and gives us another channel when we are. */
static bool is_cut_off(const struct auditor *auditor)
{
	return auditor->alone_at && clock_ms() - auditor->alone_at > ALONE_MS;
}

/* Between sweeps: none where events tell of processes. */
static uint64_t sweep_of(const struct auditor *auditor)
{
	return events_has(&auditor->events, "process-connector") ? 0
								 : auditor->settings->quick * UINT64_C(1000);
}

static int wait_ms(const struct auditor *auditor)
{
	uint64_t wait = auditor->alone_at ? ALIVE_MS : pace_wait(&auditor->pace, clock_ms());
	uint64_t longest = auditor->learning ? LEARN_MS : ALIVE_MS;

	return wait < longest ? (int)wait : (int)longest;
}

static void turn(struct auditor *auditor)
{
	struct pollfd polled[2 + EVENT_SOURCES_MAX] = {
		{.fd = channel_socket(auditor->setup->parent), .events = POLLIN},
		{.fd = auditor->alone_at ? -1 : channel_socket(auditor->shipper), .events = POLLIN},
	};

	events_poll(&auditor->events, polled + 2);
	if (poll(polled, 2 + auditor->events.count, wait_ms(auditor)) > 0)
		events_read(&auditor->events, polled + 2, on_event, auditor);
	pace_sweep(&auditor->pace, sweep_of(auditor), clock_ms()); /* a source may have ended */
	if (auditor->mounts_changed)
		events_renew(&auditor->events);
	auditor->mounts_changed = false;
	hear_parent(auditor); /* also what came while we were sending */
	if (!auditor->alone_at)
		hear_shipper(auditor);
	tell_parent(auditor);
	if (!auditor->alone_at) {
		do_what_is_due(auditor);
		look_at_checks(auditor);
	}
}

int auditor_run(const struct auditor_setup *setup)
{
	const struct settings *settings = setup->settings;
	struct auditor auditor = {.setup = setup,
				  .settings = settings,
				  .events = *setup->events,
				  .shipper = setup->shipper,
				  .files = file_memory_new(),
				  .profiles = profiles_new()};
	const struct message ready = {.kind = MESSAGE_READY, .json = setup->report};

	heap_share();
	if (setup->watch)
		auditor.learning = learning_new(setup->watch);
	if (!auditor.profiles || !auditor.files || (setup->watch && !auditor.learning))
		return EXIT_FAILED;
	events_begin(&auditor.events);
	pace_start(&auditor.pace, settings->interval * UINT64_C(1000), sweep_of(&auditor), clock_ms());
	if (channel_send(auditor.shipper, &ready, NULL))
		lose_shipper(&auditor);
	while (!auditor.parent_gone && !is_cut_off(&auditor))
		turn(&auditor);
	snapshot_free(auditor.snapshot);
	silent_free(&auditor.silent);
	learning_free(auditor.learning);
	usage_watch_leave(setup->watch);
	file_memory_free(auditor.files);
	profiles_free(auditor.profiles);
	changed_free(&auditor.changed);
	changed_free(&auditor.fresh);
	changed_free(&auditor.rooted);
	sent_clear(&auditor.sent);
	channel_free(auditor.shipper);
	events_close(&auditor.events);
	return auditor.parent_gone ? EXIT_AUDITED : EXIT_FAILED;
}
