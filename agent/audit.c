/* proctor audit: everything, judged. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/audit_print.h"
#include "agent/audit_send.h"
#include "agent/command.h"
#include "agent/config.h"
#include "agent/layer_cache.h"
#include "agent/pid_list.h"
#include "agent/progress.h"
#include "agent/remediate.h"
#include "agent/remedy/target.h"
#include "proctor/cleanup.h"

enum { COLLECTORS_MAX = 16 };

enum audit_option {
	AUDIT_CONFIG = OPTION_OWN,
	AUDIT_CONTAINER,
	AUDIT_DELIVER_WITHIN,
	AUDIT_EXCLUDE,
	AUDIT_FAIL_ON,
	AUDIT_LAYER_CACHE,
	AUDIT_MIN_SEVERITY,
	AUDIT_NO_COLLECTOR,
	AUDIT_NO_RULE,
	AUDIT_PID,
	AUDIT_REMEDIATE,
	AUDIT_RULE,
	AUDIT_SPOOL,
	AUDIT_TASK_DEFINITION,
	AUDIT_TO,
	AUDIT_WRITE_TASK_DEFINITION,
};

struct words {
	const char **words;
	size_t count, capacity;
};

struct audit {
	struct arena *arena;      /* of the words */
	struct audit_print print; /* how and where to print, and what of it */
	struct pid_list pids;
	struct audit_send send; /* where else it goes */
	struct words rules, rules_off, collectors_off, excluded, to;
	struct layer_cache layer_cache;
	const char *config_file, *docker_socket;
	bool without_bpf;
	struct config *config;          /* NULL: none */
	struct remediation remediation; /* instead of the findings */
	enum severity minimum, fail_on; /* SEVERITY_NONE: not given */
};

/* ---- options ------------------------------------------------------------------------------------ */

static int add_word(struct audit *audit, struct words *words, const char *word, struct error **error)
{
	const char **grown =
		arena_grow(audit->arena, words->words, words->count, &words->capacity, sizeof(*grown));

	if (!grown)
		return error_set(error, 0, "out of memory");
	words->words = grown;
	grown[words->count++] = word;
	return 0;
}

static bool has_word(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strcmp(words->words[i], word))
			return true;
	return false;
}

/* Adds the words of a list with commas, each of which `check` accepts. */
static int add_list(struct audit *audit, struct words *words, const char *list,
		    int (*check)(const char *word, struct error **error), struct error **error)
{
	for (;; list++) {
		size_t length = strcspn(list, ",");
		char *word = arena_copy(audit->arena, list, length);
		if (!word)
			return error_set(error, 0, "out of memory");
		if (check(word, error) || add_word(audit, words, word, error))
			return -1;
		list += length;
		if (!*list)
			return 0;
	}
}

static int check_collector(const char *name, struct error **error)
{
	for (size_t i = 0; collectors[i]; i++) {
		if (strcmp(collectors[i]->name, name) != 0)
			continue;
		if (!collectors[i]->required)
			return 0;
		return error_set(error, 0, "%s cannot be left out: the others need what it reads", name);
	}
	return error_set(error, 0, "there is no collector '%s'", name);
}

static int parse_severity(const char *name, enum severity *severity, struct error **error)
{
	*severity = severity_parse(name);
	if (*severity != SEVERITY_COUNT && *severity != SEVERITY_NONE)
		return 0;
	return error_set(error, 0, "there are info, low, medium, high and critical");
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct audit *audit = state;

	switch (id) {
	case AUDIT_CONFIG:
		audit->config_file = value;
		return 0;
	case AUDIT_CONTAINER:
		audit->print.selection.container = value;
		return 0;
	case AUDIT_DELIVER_WITHIN:
		return audit_send_within(&audit->send, value, error);
	case AUDIT_EXCLUDE:
		return config_check_path(value, error) || add_word(audit, &audit->excluded, value, error) ? -1
													  : 0;
	case AUDIT_FAIL_ON:
		return parse_severity(value, &audit->fail_on, error);
	case AUDIT_LAYER_CACHE:
		audit->layer_cache.path = value;
		return 0;
	case AUDIT_MIN_SEVERITY:
		return parse_severity(value, &audit->minimum, error);
	case AUDIT_NO_COLLECTOR:
		return add_list(audit, &audit->collectors_off, value, check_collector, error);
	case AUDIT_NO_RULE:
		return add_list(audit, &audit->rules_off, value, config_check_rule, error);
	case AUDIT_PID:
		return pid_list_add(&audit->pids, value, error);
	case AUDIT_REMEDIATE:
		audit->remediation.target = target_parse(value, error);
		return audit->remediation.target ? 0 : -1;
	case AUDIT_SPOOL:
		audit->send.spool = value;
		return 0;
	case AUDIT_TASK_DEFINITION:
		audit->remediation.task_definition_file = value;
		return 0;
	case AUDIT_TO:
		return add_word(audit, &audit->to, value, error);
	case AUDIT_WRITE_TASK_DEFINITION:
		audit->remediation.write_task_definition = value;
		return 0;
	case AUDIT_RULE:
		return add_list(audit, &audit->rules, value, config_check_rule, error);
	case OPTION_NO_BPF:
		audit->without_bpf = true;
		return 0;
	case OPTION_DOCKER_SOCKET:
		audit->docker_socket = value;
		return 0;
	case OPTION_FORMAT:
		return format_parse(value, &audit->print.format, error);
	case OPTION_OUTPUT_FILE:
		audit->print.output_file = value;
		return 0;
	case OPTION_WITH_ARGUMENTS:
		audit->print.with_arguments = true;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

/* Adds what the configuration says to what the options said. */
static int load_config(struct audit *audit, struct error **error)
{
	if (!audit->config_file)
		return 0;
	audit->config = config_read(audit->config_file, time(NULL), error);
	if (!audit->config)
		return -1;
	for (size_t i = 0; i < audit->config->rule_off_count; i++)
		if (add_word(audit, &audit->rules_off, audit->config->rules_off[i], error))
			return -1;
	for (size_t i = 0; i < audit->config->excluded_count; i++)
		if (add_word(audit, &audit->excluded, audit->config->excluded_paths[i], error))
			return -1;
	return 0;
}

/* ---- collecting --------------------------------------------------------------------------------- */

static struct snapshot *collect(struct audit *audit, struct error **error)
{
	const struct collector *enabled[COLLECTORS_MAX] = {NULL};
	struct request request = {
		.proc = "/proc",
		.facts = REQUEST_AUDIT,
		.bpf_from = audit->without_bpf ? 0 : BPF_FROM,
		.excluded_paths = audit->excluded.words,
		.excluded_count = audit->excluded.count,
		.container = audit->print.selection.container,
		.docker_socket = audit->docker_socket,
		.task_metadata = getenv(TASK_METADATA_VARIABLE),
	};
	struct progress progress = {0};
	struct snapshot *snapshot;

	if (layer_cache_load(&audit->layer_cache, &request, error))
		return NULL;
	if (audit->print.format != FORMAT_TABLE || audit_send_is_wanted(&audit->send))
		request.facts |= REQUEST_COMMAND_LINE;
	for (size_t i = 0, count = 0; collectors[i] && count < COLLECTORS_MAX - 1; i++)
		if (!has_word(&audit->collectors_off, collectors[i]->name))
			enabled[count++] = collectors[i];
	if (!audit->remediation.target)
		audit_print_watch(&audit->print, enabled, &request);
	if (audit->remediation.target || !audit_print_streams_to_terminal(&audit->print))
		progress_start(&progress, &request);
	snapshot = snapshot_collect(enabled, &request, error);
	progress_end(&progress);
	return snapshot;
}

/* What was switched off is told, too. */
static int note_switched_off(const struct audit *audit, struct snapshot *snapshot, struct error **error)
{
	size_t count = snapshot->coverage_count;
	struct coverage *coverage =
		arena_array(snapshot->arena, count + audit->collectors_off.count, sizeof(*coverage));

	if (!coverage)
		return error_set(error, 0, "out of memory");
	if (count)
		memcpy(coverage, snapshot->coverage, count * sizeof(*coverage));
	for (size_t i = 0; collectors[i]; i++) {
		if (!has_word(&audit->collectors_off, collectors[i]->name))
			continue;
		coverage[count].collector = collectors[i]->name;
		coverage[count].switched_off = true;
		coverage_note(&coverage[count++], snapshot->arena, "switched off", NULL,
			      "leave out --no-collector");
	}
	snapshot->coverage = coverage;
	snapshot->coverage_count = count;
	return 0;
}

/* What was asked for by name must be there: an audit of nothing would look like one without findings. */
static int check_container(const char *name, const struct snapshot *snapshot, struct error **error)
{
	bool found = !name;

	for (size_t i = 0; !found && i < snapshot->container_count; i++)
		found = container_is_called(snapshot->containers[i], name);
	if (found)
		return 0;
	error_set(error, 0, "there is no container '%s'", name);
	return error_remedy(error, "name it by its name or by 12 or more characters of its id");
}

/* ---- judging ------------------------------------------------------------------------------------ */

/* From which severity on findings are printed, unless it is said. */
static enum severity least_printed(const struct audit *audit)
{
	if (audit->remediation.target)
		return SEVERITY_INFO; /* what a change closes besides is told */
	if (audit->minimum != SEVERITY_NONE)
		return audit->minimum;
	return audit->print.format == FORMAT_TABLE ? SEVERITY_LOW : SEVERITY_INFO;
}

static struct findings *judge(const struct audit *audit, const struct snapshot *snapshot,
			      enum severity minimum, struct error **error)
{
	struct policy policy = audit->config ? config_policy(audit->config) : (struct policy){0};

	policy.only = audit->rules.words;
	policy.only_count = audit->rules.count;
	policy.without = audit->rules_off.words; /* with those of the configuration */
	policy.without_count = audit->rules_off.count;
	policy.minimum = minimum;
	policy.container = audit->print.selection.container;
	policy.pids = audit->print.selection.pids;
	policy.pid_count = audit->print.selection.pid_count;
	return findings_judge(snapshot, &policy, error);
}

static bool is_met(enum severity fail_on, const struct findings *findings)
{
	for (enum severity severity = fail_on; fail_on && severity < SEVERITY_COUNT; severity++)
		if (findings->by_severity[severity])
			return true;
	return false;
}

/* Plans what to change, and prints that. */
static int print_plans(struct audit *audit, const struct snapshot *snapshot, const struct findings *findings,
		       struct error **error)
{
	struct remediation *remediation = &audit->remediation;
	enum severity minimum = audit->minimum == SEVERITY_NONE ? SEVERITY_LOW : audit->minimum;
	_cleanup_arena_ struct arena *arena = arena_new();
	struct snapshot part;
	struct plans *plans;
	int result = -1;

	if (!arena || selection_make(&audit->print.selection, snapshot, arena, &part))
		return error_set(error, 0, "planning what to change: out of memory");
	plans = remediation_plan(remediation, &part, findings, minimum, error);
	if (plans && !remediation_write(remediation, error))
		result = audit_print_plans(&audit->print, &part, findings, plans, error);
	plans_free(plans);
	return result;
}

static int print_result(struct audit *audit, const struct snapshot *snapshot, const struct findings *findings,
			struct error **error)
{
	return audit->remediation.target ? print_plans(audit, snapshot, findings, error)
					 : audit_print_finish(&audit->print, snapshot, findings, error);
}

/* Whatever became of what was printed. Tells on stderr what went wrong. */
static int send_result(struct audit *audit, const struct snapshot *snapshot, struct error **error)
{
	enum severity minimum = audit->minimum == SEVERITY_NONE ? SEVERITY_INFO : audit->minimum;
	_cleanup_arena_ struct arena *arena = arena_new();
	struct findings *findings;
	struct snapshot part;
	int result;

	if (!arena || selection_make(&audit->print.selection, snapshot, arena, &part))
		return error_set(error, 0, "sending what was found: out of memory");
	findings = judge(audit, snapshot, minimum, error);
	if (!findings)
		return -1;
	result = audit_send(&audit->send, &part, findings);
	findings_free(findings);
	return result;
}

static int judge_and_tell(struct audit *audit, struct snapshot *snapshot, struct error **error)
{
	struct findings *findings;
	int status = EXIT_FAILED;

	if (note_switched_off(audit, snapshot, error) ||
	    check_container(audit->print.selection.container, snapshot, error))
		return EXIT_FAILED;
	if (!pid_list_has_any(&audit->pids, snapshot) && pid_list_check(&audit->pids, snapshot, error))
		return EXIT_FAILED;
	findings = judge(audit, snapshot, least_printed(audit), error);
	if (findings && !print_result(audit, snapshot, findings, error) &&
	    !pid_list_check(&audit->pids, snapshot, error)) /* when all else is printed */
		status = is_met(audit->fail_on, findings) ? EXIT_FOUND : EXIT_AUDITED;
	findings_free(findings);
	if (audit_send_is_wanted(&audit->send) && send_result(audit, snapshot, error))
		status = EXIT_FAILED;
	return status;
}

/* ---- the command -------------------------------------------------------------------------------- */

static int open_send(struct audit *audit, struct error **error)
{
	audit->send.options.to = audit->to.words;
	audit->send.options.to_count = audit->to.count;
	return audit_send_open(&audit->send, !audit->print.output_file, error);
}

static int audit_run(struct audit *audit, struct error **error)
{
	struct snapshot *snapshot;
	int status;

	if (audit->pids.count) {
		audit->print.selection.pids = audit->pids.pids;
		audit->print.selection.pid_count = audit->pids.count;
	}
	if (load_config(audit, error))
		return EXIT_USAGE;
	status = remediation_start(&audit->remediation, error);
	if (status == EXIT_AUDITED)
		status = open_send(audit, error);
	if (status != EXIT_AUDITED)
		return status;
	status = EXIT_FAILED;
	if (audit_print_open(&audit->print, error))
		return EXIT_FAILED;
	snapshot = collect(audit, error);
	if (snapshot)
		status = judge_and_tell(audit, snapshot, error);
	if (status != EXIT_FAILED && layer_cache_save(&audit->layer_cache, snapshot, error))
		status = EXIT_FAILED;
	snapshot_free(snapshot);
	layer_cache_free(&audit->layer_cache);
	return status;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct audit audit = {.arena = arena_new(), .remediation = {.option = "--remediate"}};
	int operands, parsed = -1, status = EXIT_FAILED;

	if (audit.arena) {
		parsed = command_parse(command, argc, argv, handle_option, &audit, &operands, error);
		status = parsed < 0 ? EXIT_USAGE : EXIT_AUDITED;
	} else {
		error_set(error, 0, "out of memory");
	}
	if (!parsed)
		status = audit_run(&audit, error);
	audit_print_close(&audit.print);
	audit_send_close(&audit.send);
	remediation_end(&audit.remediation);
	config_free(audit.config);
	pid_list_free(&audit.pids);
	arena_free(audit.arena);
	return status;
}

/* Those that can be left out, in their order. */
static bool list_collector(size_t index, const char **name, const char **text)
{
	for (size_t i = 0; collectors[i]; i++) {
		if (collectors[i]->required || index--)
			continue;
		*name = collectors[i]->name;
		*text = collectors[i]->description;
		return true;
	}
	return false;
}

static const struct option_entry options[] = {
	{AUDIT_MIN_SEVERITY, "min-severity", "SEVERITY",
	 "list findings of this severity and worse (default: low in the table, info in JSON)",
	 COMPLETE_SEVERITY},
	{AUDIT_FAIL_ON, "fail-on", "SEVERITY",
	 "exit with status 1 when a finding that no exception accepts is this severe, listed or not",
	 COMPLETE_SEVERITY},
	{AUDIT_CONTAINER, "container", "ID|NAME",
	 "audit this container only: its name, or 12 or more characters of its id", COMPLETE_NONE},
	{AUDIT_PID, "pid", "PID,…",
	 "audit these processes and their containers only; status 3 when one of them is not there",
	 COMPLETE_PID},
	{AUDIT_RULE, "rule", "RULE,…", "judge by these rules only; globs as 'mount.*' are allowed",
	 COMPLETE_RULE},
	{AUDIT_NO_RULE, "no-rule", "RULE,…", "do not judge by these rules; globs are allowed", COMPLETE_RULE},
	{AUDIT_NO_COLLECTOR, "no-collector", "COLLECTOR,…", "do not read these facts", COMPLETE_COLLECTOR},
	{AUDIT_EXCLUDE, "exclude", "GLOB", "do not walk directories of this path; can be given again",
	 COMPLETE_DIRECTORY},
	OPTION_ENTRY_LAYER_CACHE(AUDIT_LAYER_CACHE),
	{AUDIT_CONFIG, "config", "FILE",
	 "read severities, rules that are off, paths and exceptions from FILE", COMPLETE_FILE},
	OPTION_ENTRY_DOCKER_SOCKET("/var/run/docker.sock where it is there"),
	{AUDIT_REMEDIATE, "remediate", "TARGET",
	 "print what to change so that the findings are gone, for ecs, docker, compose, kubernetes or "
	 "dockerfile",
	 COMPLETE_TARGET},
	{AUDIT_TASK_DEFINITION, "task-definition", "FILE",
	 "with --remediate ecs: make the changes in this definition, as describe-task-definition prints "
	 "it; - is standard input",
	 COMPLETE_FILE},
	{AUDIT_WRITE_TASK_DEFINITION, "write-task-definition", "FILE",
	 "write the changed definition to FILE, ready for register-task-definition", COMPLETE_FILE},
	OPTION_ENTRY_NO_BPF,
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	OPTION_ENTRY_WITH_ARGUMENTS,
	{AUDIT_TO, "to", "URL",
	 "send what was found to this receiver as well, as the agent does; can be given again (default: "
	 "those of PROCTOR_TO)",
	 COMPLETE_NONE},
	{AUDIT_SPOOL, "spool", "DIRECTORY",
	 "keep there what was not delivered, and send it first with the next run", COMPLETE_DIRECTORY},
	{AUDIT_DELIVER_WITHIN, "deliver-within", "TIME",
	 "how long to try to deliver, 1s to 1d (default: 60s)", COMPLETE_NONE},
	{0},
};

static const char *const examples[] = {
	"proctor audit",
	"everything, as a table",
	"proctor audit --container web --min-severity info",
	"one container, with what is only for information",
	"proctor audit --format json --output-file audit.json --fail-on high",
	"for a pipeline: the whole document, and status 1 when something is high or critical",
	"proctor audit --container web --remediate docker",
	"the options of docker run that close its findings",
	"proctor audit --remediate ecs --task-definition shop.json --write-task-definition new.json",
	"the changes to a task definition as a diff, and the changed one to be registered",
	"proctor audit --to https://receiver.example/findings --spool /var/lib/proctor-audit",
	"for a timer: sends what it found, and what earlier runs could not deliver",
	NULL,
};

const struct command command_audit = {
	.name = "audit",
	.synopsis = "",
	.summary = "everything, judged",
	.description =
		"Reads what every process is allowed to do, judges it by the rules that 'proctor rules' "
		"lists, "
		"and prints what to change, by container, the host last, worst first. At the end stands what "
		"could not be seen, and why.\n\n"
		"The table lists findings from low upward and counts those that are only for information; "
		"JSON "
		"has them all, and every fact.\n\n"
		"A configuration is read only when --config names one: an INI file that gives rules other "
		"severities, switches rules off, names paths that are not walked, and accepts findings, with "
		"a "
		"reason and until a day. Accepted findings stay in JSON, marked with the reason; the table "
		"counts them. proctor(8) describes it.\n\n"
		"With --remediate it prints, instead of the findings, the fewest changes that close those of "
		"each container (low and worse, unless --min-severity says otherwise): what each closes and "
		"what it may break, a question with a safe default where only who knows the program can "
		"tell, what to paste, what to take away, and which findings are not closed by it. Findings "
		"that an exception accepts are left as they are.\n\n"
		"With --to it also sends what it found to a receiver, as the agent's records, and waits "
		"until "
		"that has acknowledged them: status 3 when it has not. With --spool what is left is sent "
		"with the next run.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.list_title = "Collectors that can be left out",
	.list = list_collector,
	.run = run,
};
