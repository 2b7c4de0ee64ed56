/* proctor files: setuid, setgid and file capabilities. */
#include <errno.h>
#include <stdlib.h>

#include "agent/command.h"
#include "agent/config.h"
#include "agent/coverage_report.h"
#include "agent/files_table.h"
#include "agent/formats/format.h"
#include "agent/formats/json.h"
#include "agent/layer_cache.h"
#include "agent/progress.h"
#include "agent/selection.h"
#include "agent/stage.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum files_option {
	FILES_CONTAINER = OPTION_OWN,
	FILES_CROSS_FILE_SYSTEMS,
	FILES_EXCLUDE,
	FILES_LAYER_CACHE,
};

struct files {
	enum format format;
	const char *output_file;
	struct request request;
	const char **excluded; /* request.excluded_paths */
	struct layer_cache layer_cache;

	struct output *output;
	const struct collector *const *enabled; /* ended by NULL */
	const struct stage *stage;              /* of ndjson: what is printed next */
	struct record_context context;
	size_t left_out;     /* columns that had no room */
	struct error *error; /* the first one while lines were printed as files were found */
};

static const struct stage stages[] = {
	{&collector_identity, {&record_header}},
	{&collector_filesystem, {&record_container}},
	{0},
};

static int handle_option(void *state, int id, const char *value, struct error **error)
{
	struct files *files = state;
	struct request *request = &files->request;

	switch (id) {
	case FILES_CONTAINER:
		request->container = value;
		return 0;
	case FILES_CROSS_FILE_SYSTEMS:
		request->cross_file_systems = true;
		return 0;
	case FILES_EXCLUDE:
		files->excluded[request->excluded_count++] = value;
		return config_check_path(value, error);
	case OPTION_DOCKER_SOCKET:
		request->docker_socket = value;
		return 0;
	case FILES_LAYER_CACHE:
		files->layer_cache.path = value;
		return 0;
	case OPTION_FORMAT:
		return format_parse(value, &files->format, error);
	case OPTION_OUTPUT_FILE:
		files->output_file = value;
		return 0;
	default:
		return error_set(error, 0, "option %d is not known", id);
	}
}

/* ---- records ----------------------------------------------------------------------------------- */

static int print_records(struct files *files, const struct snapshot *snapshot,
			 const struct record_kind *const *kinds, struct error **error)
{
	struct selection selection = {.container = files->request.container};
	struct snapshot part;
	int result;

	if (selection_make(&selection, snapshot, snapshot->arena, &part))
		return error_set(error, ENOMEM, "choosing containers");
	files->context.snapshot = &part;
	result = files->format == FORMAT_JSON ? json_document(files->output, kinds, &files->context, error)
					      : ndjson_records(files->output, kinds, &files->context, error);
	files->context.snapshot = NULL;
	return result;
}

/* Prints a line as soon as a file is found. */
static void found(void *context, const struct file *file)
{
	struct files *files = context;

	if (files->error)
		return;
	ndjson_record(files->output, &record_file, file, &files->context, &files->error);
	output_flush(files->output);
}

/* Prints what has become complete. */
static void collected(void *context, const struct snapshot *snapshot, const struct collector *collector)
{
	struct files *files = context;

	files->context.unfinished = true;
	for (; !files->error && stage_is_complete(files->stage, files->enabled, collector); files->stage++) {
		print_records(files, snapshot, files->stage->kinds, &files->error);
		output_flush(files->output);
	}
	files->context.unfinished = false;
}

static int print_rest(struct files *files, const struct snapshot *snapshot, struct error **error)
{
	static const struct record_kind *const document[] = {&record_header, &record_container, &record_file,
							     &record_coverage, NULL};
	static const struct record_kind *const behind[] = {&record_coverage, NULL};

	if (files->error) {
		*error = files->error;
		files->error = NULL;
		return -1;
	}
	if (files->format == FORMAT_TABLE)
		return files_table_print(snapshot, files->output, &files->left_out, error);
	return print_records(files, snapshot, files->format == FORMAT_JSON ? document : behind, error);
}

/* ---- the command ------------------------------------------------------------------------------- */

static struct snapshot *collect(struct files *files, struct error **error)
{
	static const struct collector *const everything[] = {&collector_host,
							     &collector_process,
							     &collector_container,
							     &collector_identity,
							     &collector_mount,
							     &collector_filesystem,
							     NULL};
	static const struct collector *const paths[] = {&collector_host, &collector_filesystem, NULL};
	struct progress progress = {0};
	struct snapshot *snapshot;

	files->enabled = files->request.paths ? paths : everything;
	files->request.proc = "/proc";
	files->request.task_metadata = getenv(TASK_METADATA_VARIABLE);
	files->request.facts =
		REQUEST_STAT | REQUEST_CGROUP | REQUEST_ROOT | REQUEST_USER_MAPS | REQUEST_NAMESPACES_ALL;
	if (files->format != FORMAT_TABLE)
		files->request.facts |= REQUEST_MACHINE;
	if (files->format == FORMAT_NDJSON) {
		files->stage = stages;
		files->request.collected = collected;
		files->request.collected_context = files;
		files->request.found = found;
		files->request.found_context = files;
	}
	if (layer_cache_load(&files->layer_cache, &files->request, error))
		return NULL;
	progress_start(&progress, &files->request);
	snapshot = snapshot_collect(files->enabled, &files->request, error);
	progress_end(&progress);
	return snapshot;
}

static int check_container(const struct files *files, const struct snapshot *snapshot, struct error **error)
{
	for (size_t i = 0; i < snapshot->container_count; i++)
		if (container_is_called(snapshot->containers[i], files->request.container))
			return 0;
	error_set(error, 0, "there is no container '%s'", files->request.container);
	return error_remedy(error, "name it by its name or by 12 or more characters of its id");
}

/* Paths of which nothing could be looked at: an empty list would look like none with privilege. */
static int check_paths(const struct files *files, const struct snapshot *snapshot, struct error **error)
{
	if (!files->request.paths || snapshot->files_walked)
		return 0;
	coverage_report(snapshot);
	return error_set(error, 0, "nothing of what was asked for could be walked");
}

static int show(struct files *files, struct error **error)
{
	struct snapshot *snapshot;
	int result = -1;

	files->output = output_open(files->output_file, error);
	if (!files->output)
		return EXIT_FAILED;
	snapshot = collect(files, error);
	if (snapshot && !(files->request.container && check_container(files, snapshot, error)) &&
	    !check_paths(files, snapshot, error))
		result = print_rest(files, snapshot, error);
	if (!result)
		result = output_commit(files->output, error);
	if (!result)
		result = layer_cache_save(&files->layer_cache, snapshot, error);
	if (!result && files->format == FORMAT_TABLE) {
		coverage_report_columns(files->left_out);
		coverage_report(snapshot);
	}
	record_context_free(&files->context);
	snapshot_free(snapshot);
	layer_cache_free(&files->layer_cache);
	output_free(files->output);
	error_free(files->error);
	return result ? EXIT_FAILED : EXIT_AUDITED;
}

static int run(const struct command *command, int argc, char **argv, struct error **error)
{
	_cleanup_free_ const char **excluded = calloc((size_t)argc + 1, sizeof(char *));
	struct files files = {.excluded = excluded, .request.excluded_paths = excluded};
	int operands, parsed;

	if (!excluded) {
		error_set(error, ENOMEM, "reading options");
		return EXIT_FAILED;
	}
	parsed = command_parse(command, argc, argv, handle_option, &files, &operands, error);
	if (parsed)
		return parsed > 0 ? EXIT_AUDITED : EXIT_USAGE;
	if (operands < argc) {
		files.request.paths = (const char *const *)argv + operands;
		files.request.path_count = (size_t)(argc - operands);
	}
	if (files.request.paths && files.request.container) {
		error_set(error, 0, "--container and PATH exclude each other");
		return EXIT_USAGE;
	}
	return show(&files, error);
}

static const struct option_entry options[] = {
	{FILES_CONTAINER, "container", "ID|NAME",
	 "only the files of this container: its name, or 12 or more characters of its id", COMPLETE_NONE},
	{FILES_EXCLUDE, "exclude", "GLOB", "do not walk directories of this path; can be given again",
	 COMPLETE_DIRECTORY},
	{FILES_CROSS_FILE_SYSTEMS, "cross-file-systems", NULL,
	 "walk network, FUSE and unknown file systems, too: they may never answer", COMPLETE_NONE},
	OPTION_ENTRY_DOCKER_SOCKET("/var/run/docker.sock where it is there"),
	OPTION_ENTRY_LAYER_CACHE(FILES_LAYER_CACHE),
	OPTION_ENTRY_FORMAT,
	OPTION_ENTRY_OUTPUT_FILE,
	{0},
};

static const char *const examples[] = {
	"proctor files",
	"of the host and of every container",
	"proctor files /usr /srv/image",
	"beneath two directories, whatever container they belong to",
	"proctor files --container web --format ndjson",
	"of one container, each as soon as it is found",
	NULL,
};

const struct command command_files = {
	.name = "files",
	.synopsis = "[PATH…]",
	.summary = "setuid, setgid and file capabilities",
	.description = "Walks the root of the host and of every container once, and shows the files that "
		       "give privilege "
		       "to whoever runs them: by the setuid or setgid bit, or by capabilities. With PATH it "
		       "walks only "
		       "beneath these; what of them cannot be walked is told, with status 3 when it is all "
		       "of it.\n\n"
		       "It stays on file systems of local disks and of memory: those of the network and "
		       "FUSE, which may "
		       "never answer, are not even looked at, and told at the end. What is mounted at "
		       "several places is "
		       "walked at one of them.\n\n"
		       "Owners are those that the host sees; where a container in a user namespace sees "
		       "another, that "
		       "stands behind. Files on a mount that is nosuid or noexec, where they give nothing, "
		       "are shown "
		       "faint.",
	.options = options,
	.examples = examples,
	.operands = COMPLETE_FILE,
	.run = run,
};
