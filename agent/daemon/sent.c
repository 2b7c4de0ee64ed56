#include "agent/daemon/sent.h"

#include <stdlib.h>
#include <string.h>

struct sent_finding {
	char id[FINDING_ID_SIZE];
	uint64_t digest;
};

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct sent_finding *)a)->id, ((const struct sent_finding *)b)->id);
}

static bool was_sent(const struct sent *sent, const struct observed *observed)
{
	struct sent_finding wanted;
	const struct sent_finding *found;

	if (!sent->count)
		return false;
	memcpy(wanted.id, observed->id, sizeof(wanted.id));
	found = bsearch(&wanted, sent->list, sent->count, sizeof(wanted), compare_ids);
	return found && found->digest == observed->digest;
}

void sent_shorten(const struct sent *sent, struct observed *observed, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (was_sent(sent, &observed[i])) {
			observed[i].json = NULL;
			observed[i].json_length = 0;
		}
}

int sent_keep(struct sent *sent, const struct pass *pass)
{
	struct sent_finding *list = reallocarray(NULL, pass->observed_count + 1, sizeof(*list));

	sent_clear(sent);
	if (!list)
		return -1;
	for (size_t i = 0; i < pass->observed_count; i++) {
		memcpy(list[i].id, pass->observed[i].id, sizeof(list[i].id));
		list[i].digest = pass->observed[i].digest;
	}
	qsort(list, pass->observed_count, sizeof(*list), compare_ids);
	sent->list = list;
	sent->count = pass->observed_count;
	return 0;
}

void sent_clear(struct sent *sent)
{
	free(sent->list);
	*sent = (struct sent){0};
}
