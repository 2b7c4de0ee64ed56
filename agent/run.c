/* proctor run: which capabilities a program needs, by running it; and the proof of it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/formats/format.h"
#include "agent/learn/learned_print.h"
#include "agent/run/program.h"
#include "agent/units.h"
#include "collectors/namespace.h"
#include "proctor/cleanup.h"
#include "proctor/clock.h"
#include "proctor/collector.h"
#include "proctor/proof.h"

enum {
	RUN_PROVE = OPTION_OWN,
	RUN_CHECK,
	RUN_BEFORE,
	RUN_WITHIN,
	WITHIN = 5, /* seconds */
	WITHIN_MOST = 3600,
	PAUSE_MS = 100, /* between two looks at whether the check passes */
	REST_MS = 1000, /* the same, where its end is waited for: which SIGCHLD tells */
};

struct run {
	enum format format;
	const char *output_file, *check, *before;
	uint64_t within; /* seconds */
	bool prove, interrupted;
	char *const *argv;

	struct snapshot *snapshot; /* from before it ran */
	struct usage_watch *watch;
	struct usage *usage;
	struct watched watched;
	struct mounts_span own;
	struct mounts_seen others; /* of all that ran before */
	struct learned *learned;
	struct proof *proof;
};

/* ---- options ------------------------------------------------------------------------------------ */

static int parse_within(struct run *run, const char *value, struct error **error)
{
	if (units_parse(value, time_units, &run->within, error))
		return -1;
	if (run->within >= 1 && run->within <= WITHIN_MOST)
		return 0;
	return error_set(error, 0, "'%s' is not within 1s and 1h", value);
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct run *run = state;

	switch (id) {
	case RUN_PROVE:
		run->prove = true;
		return 0;
	case RUN_CHECK:
		run->check = value;
		return 0;
	case RUN_BEFORE:
		run->before = value;
		return 0;
	case RUN_WITHIN:
		return parse_within(run, value, error);
	case OPTION_FORMAT:
		return format_parse(value, &run->format, error);
	case OPTION_OUTPUT_FILE:
		run->output_file = value;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

static int parse(struct run *run, const struct command *command, int argc, char **argv, struct error **error)
{
	int operands, parsed = command_parse(command, argc, argv, handle_option, run, &operands, error);

	if (parsed)
		return parsed;
	if (operands == argc)
		return error_set(error, 0, "no program is named");
	if (run->check && !run->prove)
		return error_set(error, 0, "--check is for --prove");
	run->argv = argv + operands;
	return 0;
}

/* ---- commands beside the program ----------------------------------------------------------------- */

/* Waits for what is to be waited for, `most` milliseconds at most; true when it is the user who ends it all.
 */
static bool await_signal(struct run *run, uint64_t most)
{
	struct timespec pause = {.tv_sec = (time_t)(most / 1000), .tv_nsec = (long)(most % 1000) * 1000000};
	sigset_t signals;
	int number;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	number = sigtimedwait(&signals, NULL, &pause);
	run->interrupted |= number == SIGINT || number == SIGTERM;
	return run->interrupted;
}

/* Runs a line of the shell until `deadline` (CLOCK_MONOTONIC) at most. 1: it went well; 0: it did not; -1:
 * not run. */
static int run_line(struct run *run, const char *line, uint64_t deadline, struct error **error)
{
	char name[] = "sh", option[] = "-c";
	char *const argv[] = {name, option, (char *)line, NULL};
	const struct program_start start = {.argv = argv, .silent = true};
	struct launched shell;

	if (program_start(&shell, &start, error))
		return -1;
	while (!program_has_ended(&shell)) {
		uint64_t now = clock_ms();
		if (now >= deadline ||
		    await_signal(run, deadline - now < PAUSE_MS ? deadline - now : PAUSE_MS))
			kill(shell.pid, SIGKILL);
	}
	return WIFEXITED(shell.status) && !WEXITSTATUS(shell.status);
}

static int prepare(struct run *run, struct error **error)
{
	int result;

	if (!run->before)
		return 0;
	result = run_line(run, run->before, clock_ms() + WITHIN_MOST * 1000ULL, error);
	return result > 0 ? 0 : result ? -1 : error_set(error, 0, "--before '%s' failed", run->before);
}

static bool went_well(const struct launched *program)
{
	return program->ended && WIFEXITED(program->status) && !WEXITSTATUS(program->status);
}

/* Whether what is asked of a program that runs comes true in time: its check, or else that it ends well. 1,
 * 0, or -1 and *error. */
static int await_check(struct run *run, struct launched *program, struct error **error)
{
	uint64_t deadline = clock_ms() + run->within * 1000;
	bool running = true;
	int passed = 0;

	while (!passed && running && !run->interrupted) {
		running = program_runs(program) && clock_ms() < deadline;
		passed = run->check ? run_line(run, run->check, deadline, error) : went_well(program);
		if (!passed && running)
			await_signal(run, PAUSE_MS);
	}
	if (!run->interrupted)
		return passed;
	return error_set(error, 0, "ended by a signal");
}

/* ---- watching it --------------------------------------------------------------------------------- */

/* The mount namespaces that there are, none of which is the program's. */
static int note_others(struct run *run, struct error **error)
{
	const struct snapshot *snapshot = run->snapshot;
	struct mounts_span *list = arena_array(snapshot->arena, snapshot->process_count, sizeof(*list));

	if (!list)
		return error_set(error, ENOMEM, "taking note of what runs");
	for (size_t i = 0; i < snapshot->process_count; i++) {
		const struct process *process = &snapshot->processes[i];
		list[i] = (struct mounts_span){.inode = process->namespaces[NAMESPACE_MNT],
					       .id = process->mount_id,
					       .until = INT64_MAX};
	}
	run->others = (struct mounts_seen){.list = list, .count = snapshot->process_count};
	return 0;
}

static int look(struct run *run, struct error **error)
{
	static const struct collector *const enabled[] = {&collector_host, &collector_process, NULL};
	struct silent silent = {0};
	const struct request request = {.proc = "/proc",
					.facts = REQUEST_STAT | REQUEST_MOUNT_ID |
						 REQUEST_NAMESPACE << NAMESPACE_MNT,
					.silent = &silent};

	run->snapshot = snapshot_collect(enabled, &request, error);
	silent_free(&silent);
	return run->snapshot ? note_others(run, error) : -1;
}

/* Numbers of mount namespaces are given away again: what was asked for in another one of the program's number
 * is passed over. */
static int forget_earlier(void *context, struct error **error)
{
	struct run *run = context;
	struct usage *earlier = usage_watch_take(run->watch, error);

	usage_free(earlier);
	return earlier ? 0 : -1;
}

/* What is watched is all that happens in the program's mount namespace, which nothing but it is in. */
static void note_program(struct run *run, const struct launched *program)
{
	run->own = (struct mounts_span){
		.inode = program->inode, .id = namespace_mount_id(program->mounts), .until = INT64_MAX};
	run->watched = (struct watched){.id = run->argv[0],
					.user_namespace = run->snapshot->self.namespaces[NAMESPACE_USER],
					.mounts = {.list = &run->own, .count = 1},
					.granted = run->snapshot->self.bounding,
					.since = clock_ms_of(CLOCK_REALTIME),
					.saw_start = true};
}

/* Until it and all that it left ended, or the user ends it. */
static void await_end(struct run *run, struct launched *program)
{
	while (program_runs(program) && !await_signal(run, REST_MS))
		continue;
}

static int await(struct run *run, struct launched *program, struct error **error)
{
	int passed;

	if (!run->prove) {
		await_end(run, program);
		return 0;
	}
	passed = await_check(run, program, error);
	if (passed < 0)
		return -1;
	if (passed)
		return 0;
	error_set(error, 0,
		  run->check ? "the check does not pass within %llu s"
			     : "%2$s does not end well within %1$llu s",
		  (unsigned long long)run->within, run->argv[0]);
	error_remedy(error,
		     run->check
			     ? "give it more time (--within), or another check"
			     : "give it more time (--within), or a check of a program that stays (--check)");
	return -1;
}

static int judge(struct run *run, struct error **error)
{
	run->usage = usage_watch_take(run->watch, error);
	if (!run->usage)
		return -1;
	run->learned = learned_make(run->usage, &run->watched, 1, &run->others, clock_ms_of(CLOCK_REALTIME));
	return run->learned ? 0 : error_set(error, ENOMEM, "judging what was counted");
}

static int learn(struct run *run, struct error **error)
{
	const struct program_start start = {
		.argv = run->argv, .on_own_mounts = forget_earlier, .context = run};
	struct launched program;
	int result;

	if (prepare(run, error) || program_start(&program, &start, error))
		return -1;
	note_program(run, &program);
	result = await(run, &program, error);
	if (!result)
		result = judge(run, error);
	program_end(&program);
	return result;
}

/* ---- proving ------------------------------------------------------------------------------------- */

static int attempt(void *context, capability_set set, struct error **error)
{
	struct run *run = context;
	const struct program_start start = {.argv = run->argv, .set = &set, .silent = true};
	struct launched program;
	int passed, started;

	if (prepare(run, error))
		return -1;
	started = program_start(&program, &start, error);
	if (started)
		return started < 0 ? -1 : 0;
	passed = await_check(run, &program, error);
	program_end(&program);
	return passed;
}

static int prove(struct run *run, struct error **error)
{
	const struct learned_container *container = &run->learned->containers[0];
	capability_set optional = 0;

	if (!run->prove)
		return 0;
	for (size_t i = 0; i < container->use_count; i++)
		optional |= CAPABILITY_MASK(container->uses[i].capability);
	run->proof =
		proof_search(container->recommended, optional, run->watched.granted, attempt, run, error);
	return run->proof ? 0 : -1;
}

/* ---- the command --------------------------------------------------------------------------------- */

static int begin(struct run *run, struct error **error)
{
	run->watch = usage_watch_start(NULL, error);
	return run->watch ? program_adopt(error) : -1;
}

static int run_program(const struct command *command, int argc, char **argv, struct error **error)
{
	struct run run = {.within = WITHIN};
	int parsed = parse(&run, command, argc, argv, error), result;

	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	result = look(&run, error) || begin(&run, error) || learn(&run, error) || prove(&run, error) ||
		 learned_print(run.output_file, run.format, run.learned, run.proof, error);
	usage_watch_stop(run.watch);
	proof_free(run.proof);
	learned_free(run.learned);
	usage_free(run.usage);
	snapshot_free(run.snapshot);
	return result ? EXIT_FAILED : EXIT_AUDITED;
}

static const struct option_entry options[] = {
	{RUN_PROVE, "prove", NULL, "find the least set of capabilities with which it passes its check",
	 COMPLETE_NONE},
	{RUN_CHECK, "check", "COMMAND",
	 "with --prove: a line for sh(1) that exits with 0 while the program works (default: that it ends "
	 "with 0 itself)",
	 COMPLETE_NONE},
	{RUN_BEFORE, "before", "COMMAND",
	 "run a line of sh(1) before each start, unwatched, with all capabilities", COMPLETE_NONE},
	{RUN_WITHIN, "within", "TIME",
	 "with --prove: how long until the check passes, 1s to 1h (default: 5s)", COMPLETE_NONE},
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor run -- ping -c1 127.0.0.1",
	"what ping needs",
	"proctor run --prove --check 'curl -sf http://127.0.0.1/' -- nginx -g 'daemon off;'",
	"the least with which nginx serves, proven",
	NULL,
};

const struct command command_run = {
	.name = "run",
	.synopsis = "PROGRAM [ARGUMENT…]",
	.summary = "which capabilities a program needs, by running it",
	.description =
		"Runs a program and all that it starts, watches which capabilities the kernel is asked for, "
		"and tells as learn "
		"which of them it needs. It ends when the program and what it left behind have ended, or by "
		"^C, which ends them. "
		"The program is in a mount namespace of its own, by which it is known, with the mounts of "
		"the machine; a mount "
		"namespace that it makes itself is not seen: its checks are counted as unseen. What it "
		"prints goes to standard "
		"error.\n\n"
		"With --prove it is ended once its check passes; then it is started again and again, with "
		"nothing but what was "
		"learned, and with one capability less each time. What it passes without is taken away, "
		"until it misses each "
		"that is left: the set is minimal, for this check. The program is run as it would be: what "
		"it does to the "
		"machine it does each time. --before puts back what it needs, as files that it moves.\n\n"
		"It needs what learn needs, and CAP_SYS_ADMIN and CAP_SETPCAP.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_FILE,
	.runs_operands = true,
	.run = run_program,
};
