#include "agent/audit_print.h"

#include "agent/coverage_report.h"
#include "agent/formats/audit_table.h"
#include "agent/formats/json.h"
#include "agent/formats/plan_table.h"
#include "proctor/cleanup.h"

static const struct stage stages[] = {
	{&collector_identity, {&record_header}},
	{&collector_mount, {&record_process, &record_mount}},
	{&collector_program, {&record_container}},
	{0},
};

static const struct record_kind *const kinds_files[] = {&record_file, NULL};
static const struct record_kind *const kinds_judged[] = {&record_finding, &record_coverage, &record_summary,
							 NULL};

int audit_print_open(struct audit_print *print, struct error **error)
{
	print->output = output_open(print->output_file, error);
	return print->output ? 0 : -1;
}

/* Prints these kinds of the part of the snapshot that is asked for. */
static int print_lines(struct audit_print *print, const struct snapshot *snapshot,
		       const struct findings *findings, const struct record_kind *const *kinds,
		       struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct snapshot part;
	int result;

	if (!arena || selection_make(&print->selection, snapshot, arena, &part))
		return error_set(error, 0, "writing records: out of memory");
	print->context.snapshot = &part;
	print->context.findings = findings;
	result = ndjson_records(print->output, kinds, &print->context, error);
	print->context.snapshot = snapshot;
	output_flush(print->output);
	return result;
}

/* Prints what has become complete. */
static void collected(void *context, const struct snapshot *snapshot, const struct collector *collector)
{
	struct audit_print *print = context;

	print->context.unfinished = true;
	print->snapshot = snapshot;
	for (; !print->error && stage_is_complete(print->stage, print->enabled, collector); print->stage++)
		print_lines(print, snapshot, NULL, print->stage->kinds, &print->error);
}

static void found(void *context, const struct file *file)
{
	struct audit_print *print = context;

	print->files_streamed = true;
	if (print->error || !selection_has_container(&print->selection, print->snapshot, file->container))
		return;
	ndjson_record(print->output, &record_file, file, &print->context, &print->error);
	output_flush(print->output);
}

void audit_print_watch(struct audit_print *print, const struct collector *const *enabled,
		       struct request *request)
{
	print->context.with_arguments = print->with_arguments;
	if (print->format != FORMAT_NDJSON)
		return;
	print->enabled = enabled;
	print->stage = stages;
	request->collected = collected;
	request->collected_context = print;
	request->found = found;
	request->found_context = print;
}

bool audit_print_streams_to_terminal(const struct audit_print *print)
{
	return print->format == FORMAT_NDJSON && output_is_terminal(print->output);
}

static int finish_lines(struct audit_print *print, const struct snapshot *snapshot,
			const struct findings *findings, struct error **error)
{
	print->context.unfinished = false;
	if (print->error) {
		*error = print->error;
		print->error = NULL;
		return -1;
	}
	if (!print->files_streamed && print_lines(print, snapshot, findings, kinds_files, error))
		return -1;
	return print_lines(print, snapshot, findings, kinds_judged, error);
}

static int finish_document(struct audit_print *print, const struct snapshot *snapshot,
			   const struct findings *findings, struct error **error)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct table_look look = table_look_of(print->output);
	struct snapshot part;

	if (!arena || selection_make(&print->selection, snapshot, arena, &part))
		return error_set(error, 0, "writing the document: out of memory");
	if (print->format == FORMAT_TABLE)
		return audit_table_print(&part, findings, &look, print->output, error);
	print->context.snapshot = &part;
	print->context.findings = findings;
	return json_document(print->output, record_kinds, &print->context, error);
}

int audit_print_finish(struct audit_print *print, const struct snapshot *snapshot,
		       const struct findings *findings, struct error **error)
{
	if (print->format == FORMAT_NDJSON ? finish_lines(print, snapshot, findings, error)
					   : finish_document(print, snapshot, findings, error))
		return -1;
	return output_commit(print->output, error);
}

/* ---- plans -------------------------------------------------------------------------------------- */

static int print_plan_records(struct audit_print *print, struct error **error)
{
	static const struct record_kind *const kinds[] = {&record_header,
							  &record_container,
							  &record_finding,
							  &record_plan,
							  &record_coverage,
							  &record_summary,
							  NULL};
	static const struct record_kind *const with_definition[] = {
		&record_header,          &record_container, &record_finding, &record_plan,
		&record_task_definition, &record_coverage,  &record_summary, NULL};
	const struct record_kind *const *chosen =
		print->context.plans->task_definition ? with_definition : kinds;

	return print->format == FORMAT_JSON ? json_document(print->output, chosen, &print->context, error)
					    : ndjson_records(print->output, chosen, &print->context, error);
}

int audit_print_plans(struct audit_print *print, const struct snapshot *part, const struct findings *findings,
		      const struct plans *plans, struct error **error)
{
	struct table_look look = table_look_of(print->output);

	print->context.snapshot = part;
	print->context.findings = findings;
	print->context.plans = plans;
	if (print->format == FORMAT_TABLE ? plan_table_print(plans, &look, print->output, error)
					  : print_plan_records(print, error))
		return -1;
	if (output_commit(print->output, error))
		return -1;
	if (print->format == FORMAT_TABLE)
		coverage_report(part);
	return 0;
}

void audit_print_close(struct audit_print *print)
{
	record_context_free(&print->context);
	error_free(print->error);
	output_free(print->output);
}
