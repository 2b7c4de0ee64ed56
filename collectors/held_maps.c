#include "collectors/held_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "collectors/hold.h"
#include "collectors/process_reader.h"
#include "collectors/silent.h"
#include "collectors/watch.h"
#include "proctor/cleanup.h"

enum {
	BATCH_MAX = 64,                      /* processes that are read for one thread's start */
	BATCH_TEXT_LIMIT = 16 * 1024 * 1024, /* behind which a batch takes no more of them */
};

/* The thread's own once it was left behind, and who watches it touches it no more. */
struct held_maps_batch {
	struct watch *watch;
	atomic_int holders; /* the thread and who watches it: the last one frees it */
	int proc;
	struct buffer buffer;
	size_t count, done; /* `done` is also the one at hand */
	size_t text;
	struct held_maps maps[BATCH_MAX];
};

static void release(struct held_maps_batch *batch)
{
	if (!batch || atomic_fetch_sub(&batch->holders, 1) > 1)
		return;
	for (size_t i = 0; i < batch->count; i++) {
		cleanup_close(&batch->maps[i].directory);
		buffer_free(&batch->maps[i].text);
	}
	buffer_free(&batch->buffer);
	cleanup_close(&batch->proc);
	free(batch);
}

/* ---- in the thread ----------------------------------------------------------------------------- */

static int read_one(struct held_maps_batch *batch, struct held_maps *maps)
{
	int cut;

	maps->directory = process_hold(batch->proc, &maps->process);
	cut = maps->directory < 0 ? -1 : buffer_read(&maps->text, maps->directory, "maps", HELD_MAPS_LIMIT);
	if (cut < 0)
		return errno;
	maps->cut = cut;
	return process_is_held(maps->directory, &maps->process, &batch->buffer) ? 0 : ESRCH;
}

static void *read_batch(void *argument)
{
	struct held_maps_batch *batch = argument;
	struct watch *watch = batch->watch;
	bool left = false;

	while (!left && batch->done < batch->count && batch->text < BATCH_TEXT_LIMIT) {
		struct held_maps *maps = &batch->maps[batch->done];
		watch_enter(batch->watch, "maps");
		maps->number = read_one(batch, maps);
		left = !watch_leave(batch->watch);
		batch->text += maps->text.length;
		batch->done += !left;
	}
	release(batch);
	watch_release(watch);
	return NULL;
}

/* ---- who watches it ---------------------------------------------------------------------------- */

static bool is_unanswered(const struct held_maps_reader *reader, const struct process *process)
{
	return process->silent || silent_is_full(reader->silent) ||
	       silent_find(reader->silent, reader->proc, process->pid, process->entry);
}

/* A batch of those from `first` on. NULL: no memory. */
static struct held_maps_batch *batch_new(const struct held_maps_reader *reader, size_t first)
{
	struct held_maps_batch *batch = calloc(1, sizeof(*batch));
	struct watch *watch = watch_new();

	if (!batch || !watch) {
		free(batch);
		free(watch);
		return NULL;
	}
	batch->watch = watch;
	batch->holders = 2;
	batch->proc = fcntl(reader->proc, F_DUPFD_CLOEXEC, 0);
	for (size_t i = first; i < reader->count && batch->count < BATCH_MAX; i++) {
		struct held_maps *maps = &batch->maps[batch->count++];
		maps->process = *reader->processes[i];
		maps->process.silent = is_unanswered(reader, &maps->process);
		maps->directory = -1;
	}
	return batch;
}

/* Tells which process does not answer, and leaves the batch to its thread. */
static void leave_behind(struct held_maps_reader *reader, pthread_t thread)
{
	const struct process *process = &reader->batch->maps[reader->batch->done].process;

	silent_add(reader->silent, reader->proc,
		   &(struct silent_process){.pid = process->pid,
					    .entry = process->entry,
					    .facts = process_facts_read(process),
					    .file = atomic_load(&reader->batch->watch->file),
					    .watch = reader->batch->watch});
	pthread_detach(thread);
	release(reader->batch);
	reader->batch = NULL;
}

/* Reads a batch. Where no thread is to be had, this one does it. -1: no memory. */
static int read_from(struct held_maps_reader *reader, size_t first)
{
	struct watch *watch;
	pthread_t thread;

	reader->first = first;
	reader->batch = batch_new(reader, first);
	if (!reader->batch)
		return -1;
	watch = reader->batch->watch;
	if (pthread_create(&thread, NULL, read_batch, reader->batch))
		read_batch(reader->batch);
	else
		while (reader->batch && watch_join(thread))
			if (watch_give_up(watch))
				leave_behind(reader, thread);
	if (reader->batch)
		watch_release(watch);
	return 0;
}

struct held_maps *held_maps_of(struct held_maps_reader *reader, size_t index)
{
	while (!reader->batch || index >= reader->first + reader->batch->done) {
		held_maps_free(reader);
		if (read_from(reader, index))
			return NULL;
	}
	return &reader->batch->maps[index - reader->first];
}

void held_maps_free(struct held_maps_reader *reader)
{
	release(reader->batch);
	reader->batch = NULL;
}
