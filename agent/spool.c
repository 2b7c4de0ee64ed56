#include "agent/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

/* Why the directory is not to be believed; NULL: it is. */
static const char *refusal(const struct stat *facts)
{
	if (facts->st_uid != geteuid())
		return "it belongs to another user";
	if (facts->st_mode & (S_IWGRP | S_IWOTH))
		return "others may write to it";
	return NULL;
}

/* Makes the directory where there is none, and checks whose it is. */
static int prepare(const char *directory, struct error **error)
{
	_cleanup_close_ int fd = -1;
	struct stat facts;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return error_set(error, errno, "making %s", directory);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &facts))
		return error_set(error, errno, "opening %s", directory);
	if (!refusal(&facts))
		return 0;
	error_set(error, 0, "%s is not used: %s", directory, refusal(&facts));
	return error_remedy(error, "name a directory that is not there yet");
}

struct store *spool_open(const char *directory, uint64_t bytes,
			 void (*notice)(void *context, const char *line), struct error **error)
{
	const struct store_options options = {
		.directory = directory, .queue_bytes = bytes, .keep_sinks = true, .notice = notice};
	struct store *store = prepare(directory, error) ? NULL : store_open(&options, error);

	if (store && !store_take_apart(store, error))
		return store;
	store_close(store);
	error_context(error, "--spool");
	return NULL;
}

/* ---- names -------------------------------------------------------------------------------------- */

static bool is_named(const struct settings *settings, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(settings->sinks[i].name, name))
			return true;
	return false;
}

int spool_name_sinks(struct settings *settings, struct error **error)
{
	for (size_t i = 0; i < settings->sink_count; i++) {
		struct sink_setting *sink = &settings->sinks[i];
		_cleanup_free_ char *shown = url_shown(sink->options.url);
		const char *name = shown ? arena_string(settings->arena, shown) : NULL;
		if (!name)
			return error_set(error, 0, "--spool: out of memory");
		if (is_named(settings, i, name)) {
			error_set(error, 0, "--spool: two receivers are %s", name);
			return error_remedy(error,
					    "they have to differ in more than user, password and query");
		}
		sink->name = name;
	}
	return 0;
}
