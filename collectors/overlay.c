#include "collectors/overlay.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/read.h"
#include "proctor/cleanup.h"

static bool is_set(int directory, const char *name)
{
	_cleanup_buffer_ struct buffer buffer = {0};

	return !buffer_read(&buffer, directory, name, 16) && buffer.data[0] == 'Y';
}

struct overlay_defaults overlay_defaults_read(const char *directory)
{
	_cleanup_close_ int parameters = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (parameters < 0)
		return (struct overlay_defaults){.index = false};
	return (struct overlay_defaults){
		.index = is_set(parameters, "index") || is_set(parameters, "nfs_export"),
		.redirects =
			is_set(parameters, "redirect_dir") || is_set(parameters, "redirect_always_follow"),
		.makes_redirects = is_set(parameters, "redirect_dir"),
	};
}

const char *overlay_next_layer(const char *layers, char **room)
{
	while (*layers && *layers != ':') {
		if (*layers == '\\' && layers[1])
			layers++;
		*(*room)++ = *layers++;
	}
	*(*room)++ = '\0';
	return *layers ? layers + 1 : layers;
}

static size_t count_colons(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += *text == ':';
	return count;
}

/* The layers below, until those for data only. */
static int keep_lower(const char *lower, struct arena *arena, struct overlay *overlay)
{
	char *room = arena_alloc(arena, strlen(lower) + 1);

	if (!room)
		return -1;
	while (*lower && *lower != ':') {
		overlay->layers[overlay->count++] = room;
		lower = overlay_next_layer(lower, &room);
	}
	return 0;
}

int overlay_parse(const struct mount *mount, const struct overlay_defaults *defaults, struct arena *arena,
		  struct overlay *overlay, const char **why)
{
	uint32_t set = mount->overlay;

	*overlay = (struct overlay){
		.user_attributes = set & OVERLAY_USER_ATTRIBUTES,
		.follows_redirects =
			set & OVERLAY_REDIRECTS ||
			(!(set & (OVERLAY_NO_REDIRECTS | OVERLAY_USER_ATTRIBUTES)) && defaults->redirects),
		.makes_redirects =
			set & OVERLAY_MAKES_REDIRECTS ||
			(!(set & (OVERLAY_NO_REDIRECTS | OVERLAY_REDIRECTS)) && defaults->makes_redirects),
	};
	if (!mount->lower || mount->lower[0] == ':')
		*why = "its layers are not told";
	else if (mount->foreign)
		*why = "mounted in a user namespace";
	else if (mount->options & MOUNT_ID_MAPPED)
		*why = "it is mounted with other ids";
	else if (set & OVERLAY_INDEX || (defaults->index && !(set & OVERLAY_NO_INDEX)))
		*why = "it has an index of hard links";
	else if (strcmp(mount->root, "/") != 0)
		*why = "only a part of it is mounted";
	else
		*why = NULL;
	if (*why)
		return 1;
	overlay->layers = arena_array(arena, count_colons(mount->lower) + 2, sizeof(char *));
	if (!overlay->layers)
		return -1;
	overlay->has_upper = mount->upper;
	if (mount->upper)
		overlay->layers[overlay->count++] = mount->upper;
	return keep_lower(mount->lower, arena, overlay);
}

const struct mount *overlay_of_host(const struct mount_namespace *host, const struct mount *mount)
{
	for (size_t i = 0; i < host->mount_count; i++)
		if (host->mounts[i].major == mount->major && host->mounts[i].minor == mount->minor)
			return &host->mounts[i];
	return NULL;
}

static bool are_same_times(const struct statx_timestamp *a, const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool overlay_shows(const struct statx *merged, const struct statx *layer)
{
	return merged->stx_mode == layer->stx_mode && merged->stx_uid == layer->stx_uid &&
	       merged->stx_gid == layer->stx_gid && are_same_times(&merged->stx_ctime, &layer->stx_ctime) &&
	       are_same_times(&merged->stx_mtime, &layer->stx_mtime);
}
