/* proctor learn: which capabilities containers need, by watching what the kernel is asked for. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/formats/format.h"
#include "agent/learn/kept.h"
#include "agent/learn/learned_print.h"
#include "agent/learn/sampled.h"
#include "agent/learn/seen.h"
#include "agent/learn/tally.h"
#include "agent/running.h"
#include "agent/units.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"
#include "proctor/collector.h"
#include "proctor/text.h"

enum {
	LEARN_DURATION = RUNNING_OWN,
	LEARN_CONTAINER,
	DURATION = 60, /* seconds */
	DURATION_MOST = 86400,
	LOOK_SHARE = 100,    /* of the time */
	LOOK_MOST_MS = 2000, /* between two looks at all processes */
	TAKE_MS = 10000,     /* between two times that what was counted is taken in any case */
	SHOW_MS = 1000,      /* the same where progress is shown */
};

struct learn {
	enum format format;
	const char *output_file, *docker_socket, *container;
	uint64_t duration; /* seconds */
	struct running running;

	struct usage_watch *watch; /* NULL: the kernel does not tell of checks */
	struct tally *tally;       /* what was taken of it */
	int64_t take_at;           /* milliseconds by CLOCK_BOOTTIME: when the next is taken */
	capability_set needed;     /* by any container, of what was taken: for the progress */
	struct samples *samples;   /* instead; NULL: it does */
	struct learned *kept;      /* what an agent has learned before; NULL: nothing */
	struct seen *seen;
	struct snapshot *snapshot; /* the last one */
	int64_t looked;            /* when, in milliseconds by CLOCK_BOOTTIME */
	unsigned long newest;      /* pid before it; 0: not known */
	struct silent silent;
	sigset_t ends; /* signals that end the watch */
};

/* ---- options ------------------------------------------------------------------------------------ */

static int parse_duration(struct learn *learn, const char *value, struct error **error)
{
	if (units_parse(value, time_units, &learn->duration, error))
		return -1;
	if (learn->duration >= 1 && learn->duration <= DURATION_MOST)
		return 0;
	return error_set(error, 0, "'%s' is not within 1s and 1d", value);
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct learn *learn = state;

	switch (id) {
	case LEARN_DURATION:
		return parse_duration(learn, value, error);
	case LEARN_CONTAINER:
		learn->container = value;
		return 0;
	case OPTION_DOCKER_SOCKET:
		learn->docker_socket = value;
		return 0;
	case OPTION_FORMAT:
		return format_parse(value, &learn->format, error);
	case OPTION_OUTPUT_FILE:
		learn->output_file = value;
		return 0;
	default:
		return running_option(&learn->running, id, value, error);
	}
}

/* ---- watching ----------------------------------------------------------------------------------- */

/* The pid that was given last, which /proc/loadavg ends with (fs/proc/loadavg.c); 0: not known. */
static unsigned long newest_pid(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/loadavg", "re");
	unsigned long pid;

	return file && fscanf(file, "%*s %*s %*s %*s %lu", &pid) == 1 ? pid : 0;
}

/* Whether no process was started since the last look, so that all are as they were. Their flags may not be.
 */
static bool is_still(const struct learn *learn, unsigned long newest)
{
	return newest && newest == learn->newest && !learn->samples &&
	       clock_ms_of(CLOCK_BOOTTIME) - learn->looked < LOOK_MOST_MS;
}

/* Looks which containers there are. Their names are asked for anew where there are new ones. */
static int look_at_all(struct learn *learn, struct error **error)
{
	static const struct collector *const enabled[] = {&collector_host, &collector_process,
							  &collector_container, &collector_identity, NULL};
	struct request request = {.proc = "/proc",
				  .facts = REQUEST_STAT | REQUEST_CGROUP | REQUEST_ROOT | REQUEST_USER_MAPS |
					   REQUEST_MOUNT_ID | REQUEST_NAMESPACE << NAMESPACE_MNT |
					   REQUEST_NAMESPACE << NAMESPACE_USER,
				  .docker_socket = learn->docker_socket,
				  .task_metadata = getenv(TASK_METADATA_VARIABLE),
				  .previous = learn->snapshot,
				  .silent = &learn->silent};
	struct snapshot *snapshot = snapshot_collect(enabled, &request, error);

	if (!snapshot)
		return -1;
	snapshot_free(learn->snapshot);
	learn->snapshot = snapshot;
	learn->looked = clock_ms_of(CLOCK_BOOTTIME);
	return 0;
}

static int look(struct learn *learn, struct error **error)
{
	unsigned long newest = newest_pid();

	if (!is_still(learn, newest) && look_at_all(learn, error))
		return -1;
	learn->newest = newest;
	if (!seen_take(learn->seen, learn->snapshot, clock_ms_of(CLOCK_REALTIME)) &&
	    (!learn->samples || !samples_take(learn->samples, learn->snapshot)))
		return 0;
	return error_set(error, ENOMEM, "taking note of containers");
}

static bool shows_progress(void)
{
	return isatty(STDERR_FILENO) == 1;
}

static void note_needs(struct learn *learn, const struct usage *taken)
{
	size_t count;
	const struct watched *list = seen_list(learn->seen, &count);

	for (size_t i = 0; i < taken->count; i++) {
		const struct usage_check *check = &taken->checks[i];
		if (check->asking == ASKING_NEED && !check->denied && watched_have(list, count, check))
			learn->needed |= CAPABILITY_MASK(check->capability);
	}
}

/* Takes what was counted, so that there is room for more. */
static int take(struct learn *learn, struct error **error)
{
	struct usage *taken = usage_watch_take(learn->watch, error);
	int result = taken ? tally_add(learn->tally, taken) : 0;

	learn->take_at = clock_ms_of(CLOCK_BOOTTIME) + (shows_progress() ? SHOW_MS : TAKE_MS);
	if (taken && shows_progress())
		note_needs(learn, taken);
	usage_free(taken);
	if (!taken)
		return -1;
	return result ? error_set(error, ENOMEM, "adding up what was counted") : 0;
}

static bool is_to_take(const struct learn *learn)
{
	return learn->watch &&
	       (clock_ms_of(CLOCK_BOOTTIME) >= learn->take_at || usage_watch_is_filling(learn->watch));
}

static void show_progress(const struct learn *learn, int64_t gone)
{
	char needed[512] = "";
	size_t containers;

	if (!shows_progress())
		return;
	seen_list(learn->seen, &containers);
	if (learn->needed)
		capability_words(needed, sizeof(needed), learn->needed, capability_all(CAP_LAST_CAP));
	fprintf(stderr, "\rlearn: %lld of %llu s, %zu %s%s%s; ^C ends it\033[K", (long long)gone / 1000,
		(unsigned long long)learn->duration, containers, containers == 1 ? "container" : "containers",
		*needed ? ", which needed " : "", needed);
}

static void end_progress(void)
{
	if (shows_progress())
		fputs("\r\033[K", stderr);
}

/* How long after a look of `used` milliseconds the next one is, so that looking takes no more of a processor
 * than one part of LOOK_SHARE; `left`: until the end. */
static struct timespec pause_after(int64_t used, int64_t left)
{
	int64_t pause = used * LOOK_SHARE > SEEN_LOOK_MS ? used * LOOK_SHARE : SEEN_LOOK_MS;

	pause = pause < left ? pause : left;
	return (struct timespec){.tv_sec = pause / 1000, .tv_nsec = pause % 1000 * 1000000};
}

/* Looks once more when the time is over, or a signal ends it. */
static int watch(struct learn *learn, struct error **error)
{
	int64_t start = clock_ms_of(CLOCK_BOOTTIME), gone = 0;
	bool ended = false;
	int result;

	do {
		int64_t used = clock_ms_of(CLOCK_PROCESS_CPUTIME_ID);
		struct timespec pause;
		result = look(learn, error);
		if (!result && is_to_take(learn))
			result = take(learn, error);
		if (result || ended || gone >= (int64_t)learn->duration * 1000)
			break;
		show_progress(learn, gone);
		pause = pause_after(clock_ms_of(CLOCK_PROCESS_CPUTIME_ID) - used,
				    (int64_t)learn->duration * 1000 - gone);
		ended = sigtimedwait(&learn->ends, NULL, &pause) > 0;
		gone = clock_ms_of(CLOCK_BOOTTIME) - start;
	} while (true);
	end_progress();
	return result;
}

/* Says what is missing, and what is done instead. */
static void say_weaker(const struct error *why, const char *instead)
{
	char line[1024];

	text_escape(line, sizeof(line), error_message(why), strlen(error_message(why)));
	fprintf(stderr, "proctor: %s. Meanwhile %s\n", line, instead);
}

/* What an agent knows of starts of the same images. Where none was, or is, there is nothing; but a state that
 * was named is to be there. */
static int read_kept(struct learn *learn, const struct settings *settings, struct error **error)
{
	_cleanup_error_ struct error *why = NULL;
	struct store_reader *reader = running_state(settings, &why);

	if (reader)
		learn->kept = store_read_learned(reader, NULL, &why);
	store_read_close(reader);
	if (learn->kept ||
	    (!learn->running.state && (error_number(why) == ENOENT || error_number(why) == ECONNREFUSED)))
		return 0;
	if (learn->running.state) {
		error_move(error, &why);
		return -1;
	}
	say_weaker(why, "what starts of the same images needed before is not known");
	return 0;
}

static int begin_watch(struct learn *learn, struct error **error)
{
	_cleanup_error_ struct error *why = NULL;

	learn->watch = usage_watch_start(NULL, &why);
	if (learn->watch) {
		learn->tally = tally_new();
		return learn->tally ? 0 : error_set(error, ENOMEM, "watching containers");
	}
	say_weaker(why, "only whether privileges are used is looked at");
	learn->samples = samples_new();
	return learn->samples ? 0 : error_set(error, ENOMEM, "watching containers");
}

static int begin(struct learn *learn, const struct settings *settings, struct error **error)
{
	sigemptyset(&learn->ends);
	sigaddset(&learn->ends, SIGINT);
	sigaddset(&learn->ends, SIGTERM);
	if (begin_watch(learn, error) || (learn->watch && read_kept(learn, settings, error)))
		return -1;
	learn->seen = seen_new(clock_ms_of(CLOCK_BOOTTIME), learn->container);
	if (!learn->seen)
		return error_set(error, ENOMEM, "watching containers");
	sigprocmask(SIG_BLOCK, &learn->ends, NULL);
	return 0;
}

/* ---- telling ------------------------------------------------------------------------------------ */

static int tell_of(const struct learn *learn, const struct usage *usage, struct error **error)
{
	size_t count;
	const struct watched *watched = seen_list(learn->seen, &count);
	struct learned *learned =
		learned_make(usage, watched, count, seen_others(learn->seen), clock_ms_of(CLOCK_REALTIME));
	int result;

	if (!learned)
		return error_set(error, ENOMEM, "judging what was counted");
	if (learn->samples)
		samples_join(learn->samples, learned);
	else if (learn->kept)
		kept_join(learned, learn->kept);
	result = learned_print(learn->output_file, learn->format, learned, NULL, error);
	learned_free(learned);
	return result;
}

static int tell(struct learn *learn, struct error **error)
{
	static const struct usage nothing = {.evidence = "superpriv"};
	const struct usage *usage;

	if (learn->samples)
		return tell_of(learn, &nothing, error);
	if (take(learn, error))
		return -1;
	usage = tally_usage(learn->tally);
	return usage ? tell_of(learn, usage, error) : error_set(error, ENOMEM, "adding up what was counted");
}

/* ---- the command -------------------------------------------------------------------------------- */

static int act(void *state, const struct settings *settings, struct error **error)
{
	struct learn *learn = state;
	int result = begin(learn, settings, error) || watch(learn, error) || tell(learn, error);

	return result ? EXIT_FAILED : EXIT_AUDITED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct learn learn = {.duration = DURATION};
	int status = running_command(command, argc, argv, handle_option, &learn, &learn.running, act, error);

	usage_watch_stop(learn.watch);
	tally_free(learn.tally);
	samples_free(learn.samples);
	learned_free(learn.kept);
	seen_free(learn.seen);
	snapshot_free(learn.snapshot);
	silent_free(&learn.silent);
	return status;
}

static const struct option_entry options[] = {
	OPTION_ENTRIES_RUNNING,
	{LEARN_DURATION, "duration", "TIME", "watch for TIME, 1s to 1d (default: 60s); ^C ends it before",
	 COMPLETE_NONE},
	{LEARN_CONTAINER, "container", "CONTAINER", "tell of this container only, by its name or id",
	 COMPLETE_NONE},
	OPTION_ENTRY_DOCKER_SOCKET("/var/run/docker.sock where it is there"),
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor learn --duration 5m",
	"what each container needs by what it does within five minutes",
	"proctor learn --container web --format json",
	"of one container, for a program",
	NULL,
};

const struct command command_learn = {
	.name = "learn",
	.synopsis = "",
	.summary = "which capabilities containers need",
	.description =
		"Watches which capabilities the kernel is asked for, and tells for each container which of "
		"those that it is granted it needs: required, a call would have failed without it; optional, "
		"the call would have taken another way; denied, asked for and refused; the rest is "
		"unused.\n\n"
		"Left out is what says nothing of the program: where the kernel only looks whether a "
		"capability is there, as whenever memory is mapped; what it does by its own credentials, as "
		"overlayfs; what a container's runtime asks before the program starts; and checks in a user "
		"namespace that the program made. setuid(2) and setgid(2) to an id that a process has "
		"already "
		"are optional.\n\n"
		"A container that was started before the watch may have used more at its start. Where an "
		"agent "
		"keeps what starts of its image required before, that is recommended, too; else it is told "
		"that "
		"more may be needed: start it again meanwhile. What comes and goes within 250 ms may not be "
		"seen as a container: "
		"its "
		"checks are counted, and told as unseen.\n\n"
		"It needs CAP_BPF, CAP_PERFMON and CAP_SYSLOG, libbpf, and a kernel with BTF that tells of "
		"each "
		"check by a fexit program (Linux 5.5), the tracepoint cap_capable (6.14) or kprobes. Without "
		"CAP_SYSLOG, or where kernel.kptr_restrict is 2, the kernel hides which of its functions "
		"asks: "
		"then all but a few are told as required, with the reason that it may be no need.\n\n"
		"Where it cannot have what it needs, as on Fargate, it says what is missing and goes on with "
		"what "
		"weak evidence /proc gives (evidence: superpriv): which capabilities were in effect in "
		"processes, "
		"and whether one has used a privilege since it was forked. That can tell that none was used; "
		"what is "
		"needed it never claims.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.run = run,
};
