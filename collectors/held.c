#include "collectors/held.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "collectors/hold.h"
#include "collectors/namespace.h"
#include "collectors/process_reader.h"
#include "collectors/silent.h"
#include "collectors/watch.h"
#include "proctor/cleanup.h"

/* What is asked, and the answer: the thread's own once it was left behind. */
struct question {
	struct watch *watch;
	atomic_int holders; /* the thread and who asks: the last one frees it */
	int (*ask)(struct question *question);
	const char *file; /* a constant: of which */
	struct process process;
	int directory;
	size_t limit;
	int flags;
	struct buffer buffer;
	uint64_t owner;
	int result, error;
};

/* ---- what is asked ------------------------------------------------------------------------------ */

static int ask_open(struct question *question)
{
	return openat(question->directory, question->file, question->flags);
}

static int ask_link(struct question *question)
{
	return buffer_readlink(&question->buffer, question->directory, question->file);
}

static int ask_read(struct question *question)
{
	return buffer_read(&question->buffer, question->directory, question->file, question->limit);
}

static int ask_same(struct question *question)
{
	if (process_is_held(question->directory, &question->process, &question->buffer))
		return 0;
	errno = ESRCH;
	return -1;
}

static int ask_owner(struct question *question)
{
	question->owner = namespace_mount_owner(question->directory);
	return ask_same(question);
}

static int ask_root(struct question *question)
{
	int root = openat(question->directory, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || !ask_same(question))
		return root;
	close(root);
	errno = ESRCH;
	return -1;
}

/* ---- how it is asked ---------------------------------------------------------------------------- */

static void release(struct question *question)
{
	if (atomic_fetch_sub(&question->holders, 1) > 1)
		return;
	buffer_free(&question->buffer);
	cleanup_close(&question->directory);
	free(question);
}

static void put(struct question *question)
{
	question->result = question->ask(question);
	question->error = errno;
}

static void *put_watched(void *argument)
{
	struct question *question = argument;
	struct watch *watch = question->watch;
	int opened = -1;

	watch_enter(watch, question->file);
	put(question);
	if (!watch_leave(watch) && (question->ask == ask_open || question->ask == ask_root))
		opened = question->result; /* nobody waits for it any more */
	cleanup_close(&opened);
	release(question);
	watch_release(watch);
	return NULL;
}

/* One that may be put by a thread, with a descriptor of its own. NULL: there is nothing to be had for it. */
static struct question *question_new(const struct held *held, const struct question *asked)
{
	struct question *question = malloc(sizeof(*question));
	struct watch *watch = watch_new();
	int directory = fcntl(held->directory, F_DUPFD_CLOEXEC, 0);

	if (!question || !watch || directory < 0) {
		free(question);
		free(watch);
		cleanup_close(&directory);
		return NULL;
	}
	*question = *asked;
	question->directory = directory;
	question->process = *held->process;
	question->watch = watch;
	question->holders = 2;
	return question;
}

/* Waits for the answer. False: the process does not answer, and is known not to from now on. */
static bool is_answered(const struct held *held, struct question *question, pthread_t thread)
{
	struct watch *watch = question->watch;

	while (watch_join(thread)) {
		if (!watch_give_up(watch))
			continue;
		silent_add(held->silent, held->proc,
			   &(struct silent_process){.pid = held->process->pid,
						    .entry = held->process->entry,
						    .facts = process_facts_read(held->process),
						    .file = question->file,
						    .watch = watch,
						    .untold = true});
		pthread_detach(thread);
		return false;
	}
	watch_release(watch);
	return true;
}

/* Takes what was answered over into *asked. Where no thread is to be had, this one asks. */
static int ask(const struct held *held, struct question *asked)
{
	struct question *question;
	pthread_t thread;
	bool answered;

	errno = ETIMEDOUT;
	if (silent_is_full(held->silent))
		return -1;
	asked->directory = held->directory;
	asked->process = *held->process;
	question = question_new(held, asked);
	if (!question || pthread_create(&thread, NULL, put_watched, question)) {
		if (question) {
			watch_release(question->watch);
			watch_release(question->watch);
			release(question);
			release(question);
		}
		put(asked);
		errno = asked->error;
		return asked->result;
	}
	answered = is_answered(held, question, thread);
	if (answered) {
		asked->buffer = question->buffer;
		question->buffer = (struct buffer){0};
		asked->owner = question->owner;
		asked->error = question->error;
		asked->result = question->result;
	}
	release(question);
	errno = answered ? asked->error : ETIMEDOUT;
	return answered ? asked->result : -1;
}

/* Of a text: into the caller's buffer, in the place of its own. */
static int ask_text(const struct held *held, struct question *asked, struct buffer *buffer)
{
	int result = ask(held, asked), number = errno;

	buffer_free(buffer);
	*buffer = asked->buffer;
	errno = number;
	return result;
}

/* ---- what others see of it ---------------------------------------------------------------------- */

int held_begin(struct held *held, const struct snapshot *snapshot, int proc, const struct process *process)
{
	*held = (struct held){.silent = snapshot->silent, .process = process, .proc = proc, .directory = -1};
	if (silent_find(held->silent, proc, process->pid, process->entry)) {
		errno = ETIMEDOUT;
		return -1;
	}
	held->directory = process_hold(proc, process);
	return held->directory < 0 ? -1 : 0;
}

void held_end(struct held *held)
{
	int number = errno;

	cleanup_close(&held->directory);
	errno = number;
}

int held_open(const struct held *held, const char *name, int flags)
{
	struct question question = {.ask = ask_open, .file = name, .flags = flags};

	return ask(held, &question);
}

int held_readlink(const struct held *held, const char *name, struct buffer *buffer)
{
	struct question question = {.ask = ask_link, .file = name};

	return ask_text(held, &question, buffer);
}

int held_read(const struct held *held, const char *name, size_t limit, struct buffer *buffer)
{
	struct question question = {.ask = ask_read, .file = name, .limit = limit};

	return ask_text(held, &question, buffer);
}

/* One that uses the buffer for itself alone. */
static int ask_only(const struct held *held, struct question *asked)
{
	int result = ask(held, asked), number = errno;

	buffer_free(&asked->buffer);
	errno = number;
	return result;
}

int held_open_root(const struct held *held)
{
	struct question question = {.ask = ask_root, .file = "root"};

	return ask_only(held, &question);
}

int held_mount_owner(const struct held *held, uint64_t *owner)
{
	struct question question = {.ask = ask_owner, .file = "ns/mnt"};
	int result = ask_only(held, &question);

	*owner = question.owner;
	return result;
}

bool held_is_same(const struct held *held)
{
	struct question question = {.ask = ask_same, .file = "stat"};

	return !ask_only(held, &question);
}
