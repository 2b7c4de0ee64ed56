/* What every source needs: questions, answers, files and the texts in them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/identity/identity.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

void identity_note(struct identification *identification, const char *reason, const char *example,
		   const char *remedy)
{
	coverage_note(identification->coverage, identification->snapshot->arena, reason, example, remedy);
}

/* Notes something about the current source, whose name begins the reason. */
static void note_source(struct identification *identification, const char *what, const char *example,
			const char *remedy)
{
	const char *reason =
		arena_printf(identification->snapshot->arena, "%s %s", identification->source->what, what);

	if (reason)
		identity_note(identification, reason, example, remedy);
	else
		identification->failed = true;
}

/* ---- questions and answers --------------------------------------------------------------------- */

void identity_ask(struct identification *identification, enum endpoint endpoint)
{
	struct fetch fetch = {.endpoint = endpoint};

	if (!endpoint_address(endpoint, identification->request->task_metadata, identification->docker_socket,
			      identification->snapshot->arena, &fetch.url, &fetch.socket))
		identification->fetches[identification->fetch_count++] = fetch;
	else
		identification->failed |= errno == ENOMEM;
}

static const struct {
	const char *text;
	const char *remedy; /* NULL: the source's own */
} faults[FETCH_FAULTS] = {
	[FETCH_NO_LIBRARY] = {"was not asked: libcurl.so.4 is not installed",
			      "install libcurl4 (Debian, Ubuntu) or libcurl (Fedora, Amazon Linux)"},
	[FETCH_NO_MEMORY] = {"was not asked: out of memory", "give Proctor more memory"},
	[FETCH_NOT_HTTP] = {"was not asked: its address is not http:// and a number", NULL},
	[FETCH_NO_ANSWER] = {"did not answer", NULL},
	[FETCH_STATUS] = {"answered with status", NULL},
	[FETCH_TOO_SLOW] = {"did not answer whole within one second", NULL},
	[FETCH_TOO_LONG] = {"answered with more than 4 MiB", NULL},
};

/* The fault is the word of whoever fetched. */
static void note_fault(struct identification *identification, const struct fetch *fetch)
{
	enum fetch_fault fault = (unsigned)fetch->fault < FETCH_FAULTS ? fetch->fault : FETCH_NO_ANSWER;
	const char *remedy = faults[fault].remedy;
	char what[128];

	if (fault == FETCH_STATUS)
		snprintf(what, sizeof(what), "%s %d", faults[fault].text, fetch->number);
	else if (fetch->number && fault == FETCH_NO_ANSWER)
		snprintf(what, sizeof(what), "%s: %s", faults[fault].text, strerror(fetch->number));
	else
		snprintf(what, sizeof(what), "%s", faults[fault].text);
	identification->unanswered = true;
	note_source(identification, what, fetch->socket ? fetch->socket : fetch->url,
		    remedy ? remedy : identification->source->remedy);
}

json_t *identity_answer(struct identification *identification, enum endpoint endpoint)
{
	for (size_t i = 0; i < identification->fetch_count; i++) {
		const struct fetch *fetch = &identification->fetches[i];
		if (fetch->endpoint != endpoint)
			continue;
		if (!fetch->fault)
			return identity_parse(identification, fetch->body.data, fetch->body.length,
					      fetch->url);
		note_fault(identification, fetch);
	}
	return NULL;
}

json_t *identity_parse(struct identification *identification, const char *text, size_t length,
		       const char *example)
{
	json_t *json = text ? json_loadb(text, length, 0, NULL) : NULL;

	if (!json) {
		identification->unanswered = true;
		note_source(identification, "tells something else than JSON", example,
			    identification->source->remedy);
	}
	return json;
}

/* ---- texts ------------------------------------------------------------------------------------- */

/* A copy of a text that may be kept; NULL, and a note, when it may not. */
static const char *keep_text(struct identification *identification, const json_t *text, const char *key)
{
	const char *copy;

	if (!json_is_string(text)) {
		note_source(identification, "tells something of another type than it should", key, NULL);
		return NULL;
	}
	if (json_string_length(text) > IDENTITY_TEXT_MAX) {
		note_source(identification, "tells a text of more than 4096 bytes: it is left out", key,
			    NULL);
		return NULL;
	}
	copy = arena_string(identification->snapshot->arena, json_string_value(text));
	identification->failed |= !copy;
	return copy;
}

const char *identity_text(struct identification *identification, const json_t *object, const char *key)
{
	const json_t *member = json_object_get(object, key);

	if (!member || json_is_null(member) || (json_is_string(member) && !json_string_length(member)))
		return NULL;
	return keep_text(identification, member, key);
}

static void add_label(struct identification *identification, struct claim *claim, const char *name,
		      const json_t *value)
{
	struct label *label = &claim->labels[claim->label_count];

	if (strlen(name) > IDENTITY_TEXT_MAX) {
		note_source(identification, "tells a text of more than 4096 bytes: it is left out", "a label",
			    NULL);
		return;
	}
	label->value = keep_text(identification, value, name);
	label->name = arena_string(identification->snapshot->arena, name);
	identification->failed |= !label->name;
	if (label->name && label->value)
		claim->label_count++;
}

void identity_labels(struct identification *identification, struct claim *claim, json_t *object)
{
	size_t count = json_object_size(object);
	const char *name;
	json_t *value;

	if (object && !json_is_object(object) && !json_is_null(object))
		note_source(identification, "tells something of another type than it should", "labels", NULL);
	if (count > IDENTITY_LABELS_MAX) {
		note_source(identification, "tells more than 256 labels of a container: the rest is left out",
			    NULL, NULL);
		count = IDENTITY_LABELS_MAX;
	}
	if (!count)
		return;
	claim->labels = arena_array(identification->snapshot->arena, count, sizeof(*claim->labels));
	if (!claim->labels) {
		identification->failed = true;
		return;
	}
	json_object_foreach(object, name, value)
	{
		if (!count--)
			break;
		add_label(identification, claim, name, value);
	}
}

/* ---- files ------------------------------------------------------------------------------------- */

bool identity_read_file(struct identification *identification, int directory, const char *path)
{
	_cleanup_close_ int fd = open_through_mounts(directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat facts;
	int result;

	if (fd < 0) {
		if (errno != ENOENT && errno != ENOTDIR) {
			identification->unanswered = true;
			note_source(identification, "cannot be read", path, "run as root");
		}
		return false;
	}
	if (fstat(fd, &facts) || !S_ISREG(facts.st_mode)) {
		note_source(identification, "is no file", path, NULL);
		return false;
	}
	result = buffer_read_open(&identification->buffer, fd, FETCH_BYTES);
	if (result)
		note_source(identification, result > 0 ? "is longer than 4 MiB" : "cannot be read", path,
			    NULL);
	return !result;
}

static void add_name(struct identification *identification, struct names *names, const char *name)
{
	const char *copy = arena_string(identification->snapshot->arena, name);

	if (copy)
		names->list[names->count++] = copy;
	else
		identification->failed = true;
}

/* errno is 0 when that is all of them. */
static void list_names(struct identification *identification, DIR *directory,
		       bool (*is_wanted)(const char *name), struct names *names)
{
	const struct dirent *entry;

	while (errno = 0, (entry = readdir(directory))) {
		if (entry->d_name[0] == '.' || !is_wanted(entry->d_name))
			continue;
		if (names->count == IDENTITY_NAMES_MAX) {
			errno = E2BIG;
			return;
		}
		add_name(identification, names, entry->d_name);
	}
}

void identity_list(struct identification *identification, const char *path,
		   bool (*is_wanted)(const char *name), struct names *names)
{
	int fd = open_through_mounts(identification->root, path, O_RDONLY | O_DIRECTORY);
	_cleanup_closedir_ DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	int number = errno;

	if (directory) {
		list_names(identification, directory, is_wanted, names);
		number = errno;
	} else if (fd >= 0) {
		close(fd);
	}
	if (number && number != ENOENT && number != ENOTDIR)
		note_source(identification, "cannot all be listed", path,
			    number == E2BIG ? NULL : "run as root");
}
