#include "agent/daemon/changed.h"

#include <stdlib.h>

enum { ROOM_MIN = 64 };

static int compare_pids(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;

	return (left > right) - (left < right);
}

void changed_sort(struct changed *changed)
{
	size_t kept = 0;

	if (changed->count)
		qsort(changed->pids, changed->count, sizeof(*changed->pids), compare_pids);
	for (size_t i = 0; i < changed->count; i++)
		if (!i || changed->pids[i] != changed->pids[i - 1])
			changed->pids[kept++] = changed->pids[i];
	changed->count = changed->sorted = kept;
}

bool changed_add(struct changed *changed, pid_t pid)
{
	if (changed->count && changed->pids[changed->count - 1] == pid)
		return true;
	if (changed->count == changed->capacity) {
		size_t capacity = changed->capacity ? changed->capacity * 2 : ROOM_MIN;
		pid_t *grown;
		/* What is told again and again takes no room. */
		if (changed->sorted < changed->count)
			changed_sort(changed);
		if (changed->count < changed->capacity / 2) {
			changed->pids[changed->count++] = pid;
			return true;
		}
		if (capacity > CHANGED_MAX)
			return false;
		grown = reallocarray(changed->pids, capacity, sizeof(*grown));
		if (!grown)
			return false;
		changed->pids = grown;
		changed->capacity = capacity;
	}
	changed->pids[changed->count++] = pid;
	return true;
}

void changed_clear(struct changed *changed)
{
	changed->count = changed->sorted = 0;
}

void changed_free(struct changed *changed)
{
	free(changed->pids);
	*changed = (struct changed){0};
}
