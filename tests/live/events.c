/* Opens an event source with the privilege there is, drops it, and prints the events as lines.
 *
 *     events [--nobody] [--keep CAPABILITY] [--patient] [--quiet] SOURCE
 *
 * Says `ready`, or `refused: WHY` with exit status 3. --nobody: opened by root, read by another user, who
 * keeps but one capability. --patient: nothing is read before the line `read` comes on stdin. --quiet:
 * events are counted, not printed. The line `renew` has the source look anew at what there is, `unseen` and
 * `cost` print what they say. At the end of stdin it ends. */
#include <cap-ng.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proctor/cleanup.h"
#include "proctor/event.h"
#include "proctor/text.h"

enum { NOBODY = 65534, REFUSED = 3, LINE_SIZE = 64, PATH_SIZE = 65536 };

/* What was read so far. */
struct tally {
	bool quiet;
	unsigned long events, overruns;
	double seconds; /* of processor time in read */
};

static const struct event_source *find(const char *name)
{
	for (const struct event_source *const *source = event_sources; *source; source++)
		if (!strcmp((*source)->name, name))
			return *source;
	fprintf(stderr, "events: no source %s\n", name);
	exit(2);
}

static void refuse(const struct error *error)
{
	printf("refused: %s\n", error_message(error));
	fflush(stdout);
	_exit(REFUSED);
}

static void drop(int capability)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capability >= 0)
		capng_update(CAPNG_ADD, CAPNG_PERMITTED | CAPNG_EFFECTIVE, (unsigned)capability);
	if (capng_change_id(NOBODY, NOBODY, CAPNG_DROP_SUPP_GRP)) {
		perror("events: drop privilege");
		exit(2);
	}
}

/* ---- printing ---------------------------------------------------------------------------------- */

static void print_path(const char *word, const char *path)
{
	static char text[PATH_SIZE];

	text_escape(text, sizeof(text), path ? path : "?", strlen(path ? path : "?"));
	printf("%s %s\n", word, text);
}

static void print_event(void *context, const struct event *event)
{
	struct tally *tally = context;

	tally->events++;
	tally->overruns += event->kind == EVENT_OVERRUN;
	if (tally->quiet)
		return;
	switch (event->kind) {
	case EVENT_FORK:
		printf("fork %d %d\n", event->pid, event->parent);
		break;
	case EVENT_EXEC:
		printf("exec %d\n", event->pid);
		break;
	case EVENT_IDS:
		printf("ids %d %s %u %u\n", event->pid, event->groups ? "gid" : "uid", event->real_id,
		       event->effective_id);
		break;
	case EVENT_EXIT:
		printf("exit %d\n", event->pid);
		break;
	case EVENT_MOUNTS:
		puts("mounts");
		break;
	case EVENT_CGROUP:
		print_path(event->gone ? "gone" : "came", event->path);
		break;
	case EVENT_FILE:
		print_path("file", event->path);
		break;
	case EVENT_OVERRUN:
		puts("overrun");
		break;
	}
}

/* ---- reading ----------------------------------------------------------------------------------- */

static double processor_seconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void read_events(const struct event_source *source, int fd, void *state, struct tally *tally)
{
	_cleanup_error_ struct error *error = NULL;
	double start = processor_seconds();

	if (source->read(fd, state, print_event, tally, &error))
		refuse(error);
	tally->seconds += processor_seconds() - start;
}

static void obey(const char *line, const struct event_source *source, int fd, void *state,
		 const struct tally *tally)
{
	_cleanup_error_ struct error *error = NULL;
	const char *unseen;

	if (!strcmp(line, "renew\n")) {
		if (source->renew && source->renew(fd, state, &error))
			refuse(error);
		puts("renewed");
	} else if (!strcmp(line, "unseen\n")) {
		unseen = source->unseen ? source->unseen(state) : NULL;
		print_path("unseen", unseen ? unseen : "nothing");
	} else if (!strcmp(line, "cost\n")) {
		printf("cost %lu events %lu overruns %.0f ns\n", tally->events, tally->overruns,
		       tally->seconds * 1e9);
	}
}

static void watch(const struct event_source *source, int fd, void *state, bool patient, bool quiet)
{
	struct tally tally = {.quiet = quiet};
	char line[LINE_SIZE];

	for (;;) {
		struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN},
					{.fd = patient ? -1 : fd, .events = source->poll}};
		fflush(stdout);
		if (poll(wait, 2, -1) < 0)
			exit(2);
		if (wait[0].revents) {
			if (!fgets(line, sizeof(line), stdin))
				return;
			patient &= strcmp(line, "read\n") != 0;
			obey(line, source, fd, state, &tally);
		}
		if (wait[1].revents)
			read_events(source, fd, state, &tally);
	}
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *error = NULL;
	bool nobody = false, patient = false, quiet = false;
	int capability = -1, at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		nobody |= !strcmp(argv[at], "--nobody");
		patient |= !strcmp(argv[at], "--patient");
		quiet |= !strcmp(argv[at], "--quiet");
		if (!strcmp(argv[at], "--keep") && at + 1 < argc)
			capability = capng_name_to_capability(argv[++at]);
	}
	const struct event_source *source = find(at < argc ? argv[at] : "");
	setvbuf(stdin, NULL, _IONBF, 0);
	int fd = source->open(&error);
	if (fd < 0)
		refuse(error);
	if (nobody)
		drop(capability);
	void *state = source->begin ? source->begin(fd, &error) : NULL;
	if (source->begin && !state)
		refuse(error);
	puts("ready");
	watch(source, fd, state, patient, quiet);
	if (source->end)
		source->end(state);
	close(fd);
	return 0;
}
