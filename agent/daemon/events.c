#include "agent/daemon/events.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proctor/cleanup.h"

static bool is_wanted(const struct event_source *source, const struct settings *settings)
{
	const struct {
		const char *name;
		bool wanted;
	} choices[] = {
		{"process-connector", settings->process_events},
		{"mounts", settings->mount_events},
		{"cgroups", settings->cgroup_events},
		{"fanotify", settings->file_events},
	};

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		if (!strcmp(choices[i].name, source->name))
			return choices[i].wanted;
	return source->by_default;
}

/* The stream is of no use: keeps the reason, and frees the error. */
static void give_up(struct event_stream *stream, struct error **error)
{
	free(stream->why_not);
	stream->why_not = strdup(error_message(*error));
	error_free(*error);
	*error = NULL;
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
}

void events_open(struct events *events, const struct settings *settings)
{
	*events = (struct events){0};
	for (size_t i = 0; event_sources[i] && i < EVENT_SOURCES_MAX; i++) {
		struct event_stream *stream = &events->streams[events->count++];
		struct error *error = NULL;
		*stream = (struct event_stream){.source = event_sources[i], .fd = -1};
		if (!is_wanted(stream->source, settings))
			continue;
		stream->fd = stream->source->open(&error);
		if (stream->fd < 0)
			give_up(stream, &error);
	}
}

void events_close(struct events *events)
{
	for (size_t i = 0; i < events->count; i++) {
		struct event_stream *stream = &events->streams[i];
		if (stream->state && stream->source->end)
			stream->source->end(stream->state);
		if (stream->fd >= 0)
			close(stream->fd);
		free(stream->why_not);
	}
	*events = (struct events){0};
}

void events_review(struct events *events, const struct settings *settings)
{
	for (size_t i = 0; i < events->count; i++) {
		struct event_stream *stream = &events->streams[i];
		bool wanted = is_wanted(stream->source, settings);
		if (wanted == (stream->fd >= 0 || stream->why_not))
			continue;
		cleanup_close(&stream->fd);
		stream->fd = -1;
		free(stream->why_not);
		stream->why_not =
			wanted ? strdup("it was switched on while the agent ran; restart the agent") : NULL;
	}
}

void events_begin(struct events *events)
{
	for (size_t i = 0; i < events->count; i++) {
		struct event_stream *stream = &events->streams[i];
		struct error *error = NULL;
		if (stream->fd < 0 || !stream->source->begin)
			continue;
		stream->state = stream->source->begin(stream->fd, &error);
		if (!stream->state)
			give_up(stream, &error);
	}
}

void events_poll(const struct events *events, struct pollfd *polled)
{
	for (size_t i = 0; i < events->count; i++)
		polled[i] = (struct pollfd){.fd = events->streams[i].fd,
					    .events = events->streams[i].source->poll};
}

void events_read(struct events *events, const struct pollfd *polled, event_handler handler, void *context)
{
	for (size_t i = 0; i < events->count; i++) {
		struct event_stream *stream = &events->streams[i];
		struct error *error = NULL;
		if (stream->fd >= 0 && polled[i].revents &&
		    stream->source->read(stream->fd, stream->state, handler, context, &error))
			give_up(stream, &error);
	}
}

void events_renew(struct events *events)
{
	for (size_t i = 0; i < events->count; i++) {
		struct event_stream *stream = &events->streams[i];
		struct error *error = NULL;
		if (stream->fd >= 0 && stream->source->renew &&
		    stream->source->renew(stream->fd, stream->state, &error))
			give_up(stream, &error);
	}
}

const char *events_unseen(const struct events *events, size_t index)
{
	const struct event_stream *stream = &events->streams[index];

	if (stream->fd >= 0 && stream->source->unseen)
		return stream->source->unseen(stream->state);
	return stream->why_not;
}

bool events_has(const struct events *events, const char *name)
{
	for (size_t i = 0; i < events->count; i++)
		if (!strcmp(events->streams[i].source->name, name))
			return events->streams[i].fd >= 0;
	return false;
}

json_t *events_json(const struct events *events)
{
	json_t *array = json_array();

	for (size_t i = 0; i < events->count; i++) {
		const struct event_stream *stream = &events->streams[i];
		json_t *entry = json_pack("{s:s, s:b, s:s*}", "source", stream->source->name, "in_force",
					  stream->fd >= 0, "reason", stream->why_not);
		if (json_array_append_new(array, entry)) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
