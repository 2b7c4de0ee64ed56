#include "agent/sinks/syslog_window.h"

#include <stdlib.h>
#include <string.h>

int syslog_window_open(struct syslog_window *window, size_t most)
{
	*window = (struct syslog_window){.most = most, .ring = calloc(most, sizeof(*window->ring))};
	return window->ring ? 0 : -1;
}

static struct kept_record *at(const struct syslog_window *window, size_t number)
{
	return &window->ring[(window->first + number) % window->most];
}

/* The oldest, owned by the caller. */
static struct kept_record take_oldest(struct syslog_window *window)
{
	struct kept_record oldest = *at(window, 0);

	window->first = (window->first + 1) % window->most;
	window->count--;
	window->bytes -= oldest.length;
	window->sent -= window->sent > 0;
	return oldest;
}

static void drop_oldest(struct syslog_window *window)
{
	struct kept_record oldest = take_oldest(window);

	free(oldest.text);
}

static void put_newest(struct syslog_window *window, struct kept_record newest)
{
	*at(window, window->count++) = newest;
	window->bytes += newest.length;
}

void syslog_window_free(struct syslog_window *window)
{
	while (window->count)
		drop_oldest(window);
	free(window->ring);
	window->ring = NULL;
}

struct queued syslog_window_record(const struct syslog_window *window, size_t number)
{
	const struct kept_record *kept = at(window, window->sent + number);

	return (struct queued){.severity = kept->severity, .text = kept->text, .length = kept->length};
}

void syslog_window_sent(struct syslog_window *window, size_t count)
{
	window->sent += count;
}

int syslog_window_keep(struct syslog_window *window, const struct queued *record)
{
	char *text = malloc(record->length + 1);

	if (!text)
		return -1;
	memcpy(text, record->text, record->length);
	while (window->count == window->most ||
	       (window->count && window->bytes + record->length > SYSLOG_WINDOW_BYTES))
		drop_oldest(window);
	put_newest(window, (struct kept_record){
				   .text = text, .length = record->length, .severity = record->severity});
	window->sent++;
	return 0;
}

/* Each goes round once, from the front to the back. */
void syslog_window_ended(struct syslog_window *window, size_t read)
{
	size_t sent = window->sent;

	window->sent = 0;
	for (size_t i = 0, count = window->count; i < count; i++) {
		struct kept_record kept = take_oldest(window);
		if (i < read && kept.again) {
			free(kept.text);
			continue;
		}
		kept.again = kept.again || i < sent;
		put_newest(window, kept);
	}
}
