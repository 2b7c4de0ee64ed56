/* proctor ps: processes and their privileges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command.h"
#include "agent/coverage_report.h"
#include "agent/formats/format.h"
#include "agent/formats/json.h"
#include "agent/formats/table.h"
#include "agent/pid_list.h"
#include "agent/ps_columns.h"
#include "agent/ps_rows.h"
#include "agent/stage.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"
#include "proctor/output.h"

enum { COLUMNS_MAX = 64 };

struct ps {
	struct ps_selection selection;
	struct pid_list pids;
	const struct ps_column *columns[COLUMNS_MAX];
	size_t column_count;
	enum format format;
	const char *output_file;
	const char *docker_socket; /* NULL: no one is asked for names */
	bool without_bpf;

	struct output *output;
	const struct collector *enabled[5]; /* ended by NULL */
	size_t left_out;                    /* columns that had no room */
	const struct stage *stage;          /* of ndjson: what is printed next */
	struct record_context context;
	struct error *error; /* the first one while lines were printed as facts were read */
};

static const struct stage stages[] = {
	{&collector_host, {&record_header}},
	{&collector_container, {&record_container, &record_process}},
	{0},
};

/* With names: the header tells of the ECS agent, too. */
static const struct stage named_stages[] = {
	{&collector_identity, {&record_header}},
	{&collector_identity, {&record_container, &record_process}},
	{0},
};

static const char default_columns[] = "PID,PPID,USER,COMMAND,CONTAINER,EFFECTIVE";
static const char default_thread_columns[] = "PID,TID,PPID,USER,COMMAND,CONTAINER,EFFECTIVE";

static int add_column(struct ps *ps, const char *name, size_t length, struct error **error)
{
	const struct ps_column *column = ps_column_find(name, length);

	if (!column) {
		error_set(error, 0, "there is no column '%.*s'", (int)length, name);
		return error_remedy(error, "see 'proctor ps --help', which lists them");
	}
	if (ps->column_count == COLUMNS_MAX)
		return error_set(error, 0, "more than %d columns", COLUMNS_MAX);
	ps->columns[ps->column_count++] = column;
	return 0;
}

static int add_columns(struct ps *ps, const char *list, struct error **error)
{
	for (;;) {
		size_t length = strcspn(list, ",");
		if (add_column(ps, list, length, error))
			return -1;
		if (!list[length])
			return 0;
		list += length + 1;
	}
}

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct ps *ps = state;

	switch (id) {
	case 'a':
		ps->selection.all = true;
		return 0;
	case 'p':
		return pid_list_add(&ps->pids, value, error);
	case 'T':
		ps->selection.threads = true;
		return 0;
	case 't':
		ps->selection.tree = true;
		return 0;
	case 'o':
		return add_columns(ps, value, error);
	case OPTION_DOCKER_SOCKET:
		ps->docker_socket = value;
		return 0;
	case OPTION_NO_BPF:
		ps->without_bpf = true;
		return 0;
	case OPTION_FORMAT:
		return format_parse(value, &ps->format, error);
	case OPTION_OUTPUT_FILE:
		ps->output_file = value;
		return 0;
	case OPTION_WITH_ARGUMENTS:
		ps->context.with_arguments = true;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

/* ---- the table --------------------------------------------------------------------------------- */

static struct ps_detail *read_detail(const struct ps_row *rows, size_t count, struct error **error)
{
	_cleanup_free_ pid_t *pids = reallocarray(NULL, count + 1, sizeof(*pids));
	size_t shown = 0;

	if (!pids) {
		error_set(error, ENOMEM, "reading processes");
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		if (!rows[i].thread && !rows[i].process->silent)
			pids[shown++] = rows[i].process->pid;
	return ps_detail_read(pids, shown, error);
}

static bool wants_detail(const struct ps *ps)
{
	for (size_t i = 0; i < ps->column_count; i++)
		if (ps->columns[i]->detail)
			return true;
	return false;
}

static int print_rows(struct ps *ps, struct ps_table *view, const struct ps_row *rows, size_t count,
		      struct output *output, struct error **error)
{
	const struct table_column *columns[COLUMNS_MAX];
	struct table_look look = table_look_of(output);
	int result;

	for (size_t i = 0; i < ps->column_count; i++)
		columns[i] = &ps->columns[i]->column;
	view->table = table_new(columns, ps->column_count);
	view->names = names_new();
	if (view->table && view->names) {
		for (size_t i = 0; i < count; i++)
			for (size_t k = 0; k < ps->column_count; k++)
				ps->columns[k]->cell(view, &rows[i]);
		result = table_print(view->table, &look, output, error);
		ps->left_out = table_left_out(view->table, &look);
	} else {
		result = error_set(error, ENOMEM, "printing processes");
	}
	names_free(view->names);
	table_free(view->table);
	return result;
}

static int print_table(struct ps *ps, const struct snapshot *snapshot, struct output *output,
		       struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct ps_table view = {.snapshot = snapshot};
	struct ps_selection selection = ps->selection;
	struct ps_detail *detail = NULL;
	struct ps_row *rows = NULL;
	size_t count = 0;
	int result;

	selection.all |= ps->pids.count > 0;
	if (arena)
		rows = ps_rows_make(snapshot, &selection, arena, &count);
	if (!rows)
		return error_set(error, ENOMEM, "ordering processes");
	if (wants_detail(ps)) {
		detail = read_detail(rows, count, error);
		if (!detail)
			return -1;
		view.detail = detail;
	}
	result = print_rows(ps, &view, rows, count, output, error);
	ps_detail_free(detail);
	return result;
}

/* ---- records ----------------------------------------------------------------------------------- */

/* The snapshot with those of its processes that are asked for. Shares all else; `shown->processes` is the
 * caller's to free. */
static int select_processes(const struct ps *ps, const struct snapshot *snapshot, struct snapshot *shown)
{
	*shown = *snapshot;
	shown->processes = reallocarray(NULL, snapshot->process_count + 1, sizeof(*shown->processes));
	shown->process_count = 0;
	if (!shown->processes)
		return -1;
	for (size_t i = 0; i < snapshot->process_count; i++)
		if (ps->selection.all || ps->pids.count || process_is_privileged(&snapshot->processes[i]))
			shown->processes[shown->process_count++] = snapshot->processes[i];
	return 0;
}

static int print_records(struct ps *ps, const struct snapshot *snapshot,
			 const struct record_kind *const *kinds, struct error **error)
{
	struct snapshot shown;
	int result;

	if (select_processes(ps, snapshot, &shown))
		return error_set(error, ENOMEM, "choosing processes");
	ps->context.snapshot = &shown;
	result = ps->format == FORMAT_JSON ? json_document(ps->output, kinds, &ps->context, error)
					   : ndjson_records(ps->output, kinds, &ps->context, error);
	free(shown.processes);
	return result;
}

/* Prints what has become complete. */
static void collected(void *context, const struct snapshot *snapshot, const struct collector *collector)
{
	struct ps *ps = context;

	ps->context.unfinished = true;
	for (; !ps->error && stage_is_complete(ps->stage, ps->enabled, collector); ps->stage++) {
		print_records(ps, snapshot, ps->stage->kinds, &ps->error);
		output_flush(ps->output);
	}
	ps->context.unfinished = false;
}

/* Prints what was not printed while it was read. */
static int print(struct ps *ps, const struct snapshot *snapshot, struct error **error)
{
	static const struct record_kind *const document[] = {&record_header, &record_container,
							     &record_process, &record_coverage, NULL};
	static const struct record_kind *const behind[] = {&record_coverage, NULL};

	if (ps->format == FORMAT_TABLE)
		return print_table(ps, snapshot, ps->output, error);
	if (!ps->error)
		return print_records(ps, snapshot, ps->format == FORMAT_JSON ? document : behind, error);
	*error = ps->error;
	ps->error = NULL;
	return -1;
}

/* ---- collecting -------------------------------------------------------------------------------- */

/* A table is read for the facts of its columns alone; a record has them all. */
static uint32_t facts_of(const struct ps *ps)
{
	uint32_t facts = ps->selection.threads ? REQUEST_THREADS : 0;

	if (ps->format != FORMAT_TABLE)
		return ~(uint32_t)REQUEST_MOUNT_ID; /* which no record tells */
	for (size_t i = 0; i < ps->column_count; i++) {
		facts |= ps->columns[i]->facts;
		if (ps->columns[i]->detail) /* read by libproc2, but not of those who do not answer */
			facts |= REQUEST_STAT | REQUEST_COMMAND_LINE;
	}
	return facts;
}

static struct snapshot *collect(struct ps *ps, struct error **error)
{
	struct request request = {.proc = "/proc",
				  .facts = facts_of(ps),
				  .bpf_from = ps->without_bpf ? 0 : BPF_FROM,
				  .docker_socket = ps->docker_socket,
				  .task_metadata = getenv(TASK_METADATA_VARIABLE)};

	if (ps->docker_socket)
		request.facts |= REQUEST_STAT | REQUEST_ROOT | REQUEST_USER_MAPS | PS_CONTAINER_FACTS |
				 REQUEST_NAMESPACE << NAMESPACE_USER;
	ps->enabled[0] = &collector_host;
	ps->enabled[1] = &collector_process;
	if ((request.facts & PS_CONTAINER_FACTS) == PS_CONTAINER_FACTS)
		ps->enabled[2] = &collector_container;
	if (ps->docker_socket)
		ps->enabled[3] = &collector_identity;
	if (ps->format == FORMAT_NDJSON) {
		ps->stage = ps->docker_socket ? named_stages : stages;
		request.collected = collected;
		request.collected_context = ps;
	}
	if (ps->pids.count) {
		request.pids = ps->pids.pids;
		request.pid_count = ps->pids.count;
	}
	return snapshot_collect(ps->enabled, &request, error);
}

/* ---- the command ------------------------------------------------------------------------------- */

/* Prints those of the processes asked for that are there, and names the others in *error. */
static int print_found(struct ps *ps, const struct snapshot *snapshot, struct error **error)
{
	int result = 0;

	if (pid_list_has_any(&ps->pids, snapshot))
		result = print(ps, snapshot, error) || output_commit(ps->output, error) ? -1 : 0;
	if (!result && ps->format == FORMAT_TABLE) {
		coverage_report_columns(ps->left_out);
		coverage_report(snapshot);
	}
	if (!result)
		result = pid_list_check(&ps->pids, snapshot, error); /* when all else is printed */
	return result;
}

static int show(struct ps *ps, struct error **error)
{
	struct snapshot *snapshot;
	int result = -1;

	ps->output = output_open(ps->output_file, error);
	if (!ps->output)
		return EXIT_FAILED;
	snapshot = collect(ps, error);
	if (snapshot)
		result = print_found(ps, snapshot, error);
	record_context_free(&ps->context);
	error_free(ps->error);
	snapshot_free(snapshot);
	output_free(ps->output);
	return result ? EXIT_FAILED : EXIT_AUDITED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	struct ps ps = {0};
	int operands, parsed = command_parse(command, argc, argv, handle_option, &ps, &operands, error);
	int status = parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;

	if (!parsed && !ps.column_count)
		parsed = add_columns(&ps, ps.selection.threads ? default_thread_columns : default_columns,
				     error);
	if (!parsed)
		status = show(&ps, error);
	pid_list_free(&ps.pids);
	return status;
}

static bool list_column(size_t index, const char **name, const char **text)
{
	*name = ps_columns[index].name;
	*text = ps_columns[index].help;
	return *name != NULL;
}

static const struct option_entry options[] = {
	{'a', "all", NULL, "show all processes, not only those with a privilege", COMPLETE_NONE},
	{'p', "pid", "PID,…", "show only these processes; status 3 when one of them is not there",
	 COMPLETE_PID},
	{'T', "threads", NULL, "show each thread whose ids or capabilities differ from its process's",
	 COMPLETE_NONE},
	{'t', "tree", NULL, "order processes by ancestry", COMPLETE_NONE},
	{'o', "output", "COLUMN,…", "show these columns", COMPLETE_PS_COLUMN},
	OPTION_ENTRY_DOCKER_SOCKET("no one is asked"),
	OPTION_ENTRY_NO_BPF,
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	OPTION_ENTRY_WITH_ARGUMENTS,
	{0},
};

static const char *const examples[] = {
	"proctor ps",
	"processes that have capabilities or are root",
	"proctor ps -a --tree",
	"all processes, by ancestry",
	"proctor ps -p 1 --output PID,EFFECTIVE,BOUNDING,SECCOMP",
	"one process, in other columns",
	NULL,
};

const struct command command_ps = {
	.name = "ps",
	.synopsis = "",
	.summary = "processes and their privileges",
	.description = "Shows every process that has capabilities or is root, with its effective set in the "
		       "fewest true "
		       "words: full, docker-default +sys_ptrace, none (permitted: sys_admin).\n\n"
		       "Marks behind the set: * it is in another user namespace, @ its ambient set and + its "
		       "bounding "
		       "set are not empty, ! one of its threads has other ids or capabilities.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_NONE,
	.list_title = "Columns",
	.list = list_column,
	.run = run,
};
