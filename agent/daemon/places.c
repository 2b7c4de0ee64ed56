#include "agent/daemon/places.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/confine.h"
#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

/* ---- which they are ----------------------------------------------------------------------------- */

/* The file that a sink writes to; NULL: it writes to none, or (*error) memory is exhausted. */
static char *file_of(const char *url, struct error **error)
{
	static const char begin[] = "file://";
	const char *path = url + sizeof(begin) - 1;

	if (!url_has_scheme(url, "file") || strncmp(url, begin, sizeof(begin) - 1) != 0)
		return NULL;
	return url_decode(path, strcspn(path, "?"), error);
}

int places_of(struct places *places, const struct settings *settings, struct error **error)
{
	*places = (struct places){0};
	places->paths[places->count] = strdup(settings->control);
	if (!places->paths[places->count++])
		return error_set(error, 0, "out of memory");
	for (size_t i = 0; i < settings->sink_count; i++) {
		struct error *failed = NULL;
		char *path = file_of(settings->sinks[i].options.url, &failed);
		if (failed) {
			*error = failed;
			return -1;
		}
		if (path)
			places->paths[places->count++] = path;
	}
	return 0;
}

void places_free(struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->paths[i]);
	*places = (struct places){0};
}

/* ---- making them -------------------------------------------------------------------------------- */

/* Makes the directory for the user, where there is none. */
static int make_directory(const char *path, const struct confine_ids *ids, struct error **error)
{
	if (!mkdir(path, S_IRWXU | S_IRGRP | S_IXGRP)) {
		if (!lchown(path, ids->uid, ids->gid))
			return 0;
		error_set(error, errno, "giving %s to the user %u", path, ids->uid);
		rmdir(path);
		return -1;
	}
	if (errno == EEXIST)
		return 0;
	return error_set(error, errno, "making the directory %s", path);
}

int places_make(const struct places *places, const struct settings *settings, struct error **error)
{
	const struct confinement users = {.user = settings->user, .auditor_user = settings->auditor_user};
	const char *fallback;
	struct confine_ids ids;

	if (geteuid() != 0)
		return 0;
	if (confine_ids(ROLE_SHIPPER, &users, &ids, &fallback, error) ||
	    (settings->state && make_directory(settings->state, &ids, error)))
		return -1;
	for (size_t i = 0; i < places->count; i++) {
		const char *name = strrchr(places->paths[i], '/');
		_cleanup_free_ char *directory =
			name > places->paths[i] ? strndup(places->paths[i], (size_t)(name - places->paths[i]))
						: NULL;
		if (directory && make_directory(directory, &ids, error))
			return -1;
	}
	return 0;
}
