#include "agent/sinks/http_batch.h"

enum { RECORDS_MOST = 1 << 20, BYTES_MOST = 1 << 30, BYTES_GROW = 64 /* a 64th with each request */ };

void http_batch_start(struct http_batch *batch)
{
	*batch = (struct http_batch){.records = RECORDS_MOST, .bytes = BYTES_MOST};
}

size_t http_batch_choose(const struct http_batch *batch, const struct queued *records, size_t count)
{
	size_t bytes = records[0].length, chosen = 1;

	while (chosen < count && chosen < batch->records && bytes + records[chosen].length <= batch->bytes)
		bytes += records[chosen++].length;
	return chosen;
}

void http_batch_accepted(struct http_batch *batch)
{
	if (batch->records < RECORDS_MOST)
		batch->records *= 2;
	if (batch->bytes < BYTES_MOST)
		batch->bytes += batch->bytes / BYTES_GROW + 1;
}

void http_batch_refused(struct http_batch *batch, size_t count)
{
	batch->records = count > 1 ? count / 2 : 1;
}

/* What one record alone has says nothing of others. */
void http_batch_too_large(struct http_batch *batch, const struct queued *records, size_t count)
{
	size_t bytes = 0;

	for (size_t i = 0; i < count; i++)
		bytes += records[i].length;
	if (count > 1)
		batch->bytes = bytes / 2;
}
