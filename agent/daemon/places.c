#include "agent/daemon/places.h"

#include <cap-ng.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/setting_table.h"
#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

/* ---- which they are ----------------------------------------------------------------------------- */

/* Adds a path to a list, which then owns it. NULL: memory is exhausted. */
static int add(char ***list, char *path, struct error **error)
{
	size_t count = 0;
	char **grown;

	while (*list && (*list)[count])
		count++;
	grown = path ? reallocarray(*list, count + 2, sizeof(*grown)) : NULL;
	if (!grown) {
		free(path);
		return error_set(error, 0, "out of memory");
	}
	grown[count] = path;
	grown[count + 1] = NULL;
	*list = grown;
	return 0;
}

/* The directory of a file; of what lies in the root, the file itself. */
static char *directory_of(const char *path)
{
	const char *name = strrchr(path, '/');

	return name > path ? strndup(path, (size_t)(name - path)) : strdup(path);
}

/* Where the file is named, and where it lies: secrets are links into directories that are replaced. */
static int add_read(struct places *places, const char *path, struct error **error)
{
	_cleanup_free_ char *real = realpath(path, NULL);

	if (add(&places->read, directory_of(path), error))
		return -1;
	return real ? add(&places->read, directory_of(real), error) : 0;
}

static int add_sink(struct places *places, const struct sink_setting *sink, struct error **error)
{
	if (url_has_scheme(sink->options.url, "file")) {
		char *path = url_path(sink->options.url, error);
		if (!path || add(&places->written, path, error))
			return -1;
	}
	for (const struct setting *setting = sink_settings; setting->key; setting++) {
		const char *path = setting_file(setting, sink);
		if (path && add_read(places, path, error))
			return -1;
	}
	return 0;
}

int places_of(struct places *places, const struct settings *settings, struct error **error)
{
	*places = (struct places){0};
	if (add(&places->written, strdup(settings->control), error))
		return -1;
	for (size_t i = 0; i < settings->sink_count; i++)
		if (add_sink(places, &settings->sinks[i], error))
			return -1;
	return 0;
}

static void free_list(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

void places_free(struct places *places)
{
	free_list(places->written);
	free_list(places->read);
	*places = (struct places){0};
}

struct confinement places_confinement(const struct places *places, const struct settings *settings)
{
	return (struct confinement){.user = settings->user,
				    .auditor_user = settings->auditor_user,
				    .state = settings->state,
				    .written = (const char *const *)places->written,
				    .read = (const char *const *)places->read,
				    .file_events = settings->file_events};
}

/* ---- making them -------------------------------------------------------------------------------- */

/* From now on files are made as that user's (setfsuid(2)), who takes no right of root's along but the one to
 * write to any directory, where that is to be had. False: it is not allowed. */
static bool become(const struct confine_ids *ids)
{
	setfsgid(ids->gid);
	setfsuid(ids->uid);
	capng_get_caps_process();
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE);
	capng_apply(CAPNG_SELECT_CAPS);
	return (uid_t)setfsuid((uid_t)-1) == ids->uid && (gid_t)setfsgid((gid_t)-1) == ids->gid;
}

/* Root's rights come back with its id: capabilities(7), "Effect of user ID changes on capabilities". */
static void become_root(void)
{
	setfsuid(0);
	setfsgid(getegid());
}

/* Makes the directory, where there is none, as the user's from the start: what was given to it afterwards
 * could be another one by then, put there by who may write to the directory above. */
static int make_directory(const char *path, const struct confine_ids *ids, struct error **error)
{
	int number = EPERM;

	if (become(ids))
		number = mkdir(path, S_IRWXU | S_IRGRP | S_IXGRP) ? errno : 0;
	become_root();
	if (!number || number == EEXIST)
		return 0;
	return error_set(error, number, "making the directory %s for the user %u", path, ids->uid);
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
	for (char *const *path = places->written; *path; path++) {
		const char *name = strrchr(*path, '/');
		_cleanup_free_ char *directory = name > *path ? directory_of(*path) : NULL;
		if (directory && make_directory(directory, &ids, error))
			return -1;
	}
	return 0;
}
