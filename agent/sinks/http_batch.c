#include "agent/sinks/http_batch.h"

enum {
	RECORDS_MOST = 1 << 20,
	BYTES_MOST = 1 << 30,
	BYTES_GROW = 64,     /* a 64th with each request */
	SET_ASIDE_MOST = 16, /* at once */
	WAIT_MOST = 900,     /* seconds */
};

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
	batch->set_aside = batch->wait = 0;
	if (batch->records < RECORDS_MOST)
		batch->records *= 2;
	if (batch->bytes < BYTES_MOST)
		batch->bytes += batch->bytes / BYTES_GROW + 1;
}

void http_batch_refused(struct http_batch *batch, size_t count)
{
	batch->records = count > 1 ? count / 2 : 1;
}

/* A proxy, or a receiver that was set up wrongly, refuses whatever it is asked. There is no telling that from
 * records that are wrong, but time tells: else a whole queue would be dead letters within minutes, and more
 * than are kept. */
unsigned http_batch_set_aside(struct http_batch *batch)
{
	if (batch->set_aside < SET_ASIDE_MOST) {
		batch->set_aside++;
		return 0;
	}
	batch->wait = batch->wait ? 2 * batch->wait : 1;
	if (batch->wait > WAIT_MOST)
		batch->wait = WAIT_MOST;
	return batch->wait;
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
