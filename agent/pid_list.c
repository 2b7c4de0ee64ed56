#include "agent/pid_list.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proctor/cleanup.h"
#include "proctor/text.h"

static int append(struct pid_list *list, pid_t pid, struct error **error)
{
	size_t capacity = list->capacity ? list->capacity * 2 : 16;

	if (list->count == list->capacity) {
		pid_t *grown = reallocarray(list->pids, capacity, sizeof(*grown));
		if (!grown)
			return error_set(error, ENOMEM, "reading a list of process ids");
		list->pids = grown;
		list->capacity = capacity;
	}
	list->pids[list->count++] = pid;
	return 0;
}

int pid_list_add(struct pid_list *list, const char *text, struct error **error)
{
	const char *cursor = text, *end = text + strlen(text);
	uint64_t pid;

	do {
		cursor += strspn(cursor, ", ");
		if (!text_read_number(&cursor, end, 10, &pid) || !pid || pid > INT_MAX ||
		    !memchr(", ", *cursor, 3))
			return error_set(error, 0, "'%s' is not a list of process ids, as 1,42", text);
		if (append(list, (pid_t)pid, error))
			return -1;
	} while (cursor[strspn(cursor, ", ")]);
	return 0;
}

bool pid_list_has_any(const struct pid_list *list, const struct snapshot *snapshot)
{
	for (size_t i = 0; i < list->count; i++)
		if (snapshot_process(snapshot, list->pids[i]))
			return true;
	return !list->count;
}

int pid_list_check(const struct pid_list *list, const struct snapshot *snapshot, struct error **error)
{
	_cleanup_free_ char *names = NULL;
	size_t size, missing = 0;
	FILE *stream = open_memstream(&names, &size);

	if (!stream)
		return error_set(error, ENOMEM, "looking for processes");
	for (size_t i = 0; i < list->count; i++)
		if (!snapshot_process(snapshot, list->pids[i]))
			fprintf(stream, "%s%d", missing++ ? ", " : "", (int)list->pids[i]);
	if (fclose(stream))
		return error_set(error, ENOMEM, "looking for processes");
	if (!missing)
		return 0;
	error_set(error, 0, "there is no process %s", names);
	if (snapshot->host.hidepid)
		error_remedy(error, "it may be hidden: /proc is mounted with hidepid=%s",
			     snapshot->host.hidepid);
	return -1;
}

void pid_list_free(struct pid_list *list)
{
	free(list->pids);
	*list = (struct pid_list){0};
}
