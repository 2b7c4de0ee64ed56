/* A process that confines itself as one of the agent's three, then tries something, for test_confine.py:
 *
 *     confined [OPTION VALUE…] ROLE STEP [ARGUMENT…]
 *
 * Prints what is in force as one line of JSON, then the step's result as another: `ok`, or the name of errno.
 * The step `then` forks: the child goes on as another role, and how it ended is printed. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/daemon/confine.h"
#include "agent/daemon/message.h"
#include "collectors/fetch.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"
#include "proctor/collector.h"

enum { LIST_MAX = 16, ARGUMENTS = 6 };

struct options {
	struct confinement confinement;
	const char *written[LIST_MAX], *read[LIST_MAX];
};

static struct options options;

static int say(const char *text)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "%s\n", text);

	return write(STDOUT_FILENO, line, (size_t)length) == length ? 0 : errno;
}

/* ---- steps: 0, or errno
 * ------------------------------------------------------------------------------------- */

/* A way of our own to open, in memory that may be written to. */
static struct open_how own_way = {.flags = O_RDONLY};

static long argument(const char *text)
{
	if (!strcmp(text, "own-way"))
		return (long)(uintptr_t)&own_way;
	if (!strcmp(text, "table"))
		return (long)(uintptr_t)open_ways;
	if (!strcmp(text, "table-page"))
		return (long)((uintptr_t)open_ways & ~(uintptr_t)4095);
	if (!strcmp(text, "self"))
		return getpid();
	if (!strcmp(text, "our-parent"))
		return getppid();
	if (*text == '-' || (*text >= '0' && *text <= '9'))
		return strtol(text, NULL, 0);
	return (long)(uintptr_t)text;
}

/* call NAME [ARGUMENT…]: a number, or the address of a text or of what it names. */
static int step_call(char **words)
{
	int number = seccomp_syscall_resolve_name(words[0]);
	long arguments[ARGUMENTS] = {0};

	for (int i = 0; i < ARGUMENTS && words[i + 1]; i++)
		arguments[i] = argument(words[i + 1]);
	if (number < 0)
		return ENOSYS;
	return syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
		       arguments[5]) < 0
		       ? errno
		       : 0;
}

static void *thread(void *result)
{
	*(int *)result = EIO;
	free(calloc(1, 1 << 20));
	*(int *)result = 0;
	return NULL;
}

/* threads, memory that grows and moves, time, a user's name, a message to itself */
static int step_work(char **words)
{
	const struct timespec moment = {.tv_nsec = 1000};
	pthread_t threads[4];
	int results[4], sockets[2];
	char *memory = NULL;

	(void)words;
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, thread, &results[i]))
			return EAGAIN;
	for (int i = 0; i < 4; i++)
		if (pthread_join(threads[i], NULL) || results[i])
			return EIO;
	for (size_t size = 1; size < 64 << 20; size *= 4) {
		char *grown = realloc(memory, size);
		if (!grown)
			return ENOMEM;
		memory = grown;
		memory[size - 1] = 1;
	}
	free(memory);
	nanosleep(&moment, NULL);
	if (!getpwuid(0) || isatty(STDOUT_FILENO) || time(NULL) < 0)
		return EIO;
	return options.confinement.state ? channel_pair(sockets, NULL) : 0;
}

/* Everything that the auditor collects, without asking others. */
static void fetch_nothing(void *context, struct fetch *fetches, size_t count)
{
	(void)context;
	for (size_t i = 0; i < count; i++)
		fetches[i].fault = FETCH_NO_ANSWER;
}

static int step_audit(char **words)
{
	const struct request request = {
		.proc = "/proc",
		.facts = REQUEST_AUDIT | REQUEST_COMMAND_LINE,
		.workers = 4,
		.docker_socket = "",
		.fetch = fetch_nothing,
	};
	struct error *error = NULL;
	struct snapshot *snapshot = snapshot_collect(collectors, &request, &error);

	(void)words;
	if (!snapshot) {
		say(error_message(error));
		return EIO;
	}
	for (size_t i = 0; i < snapshot->container_count; i++)
		printf("container %s\n", snapshot->containers[i]->id);
	for (size_t i = 0; i < snapshot->file_count; i++)
		if (snapshot->files[i].container)
			printf("file %s %s\n", snapshot->files[i].container->id, snapshot->files[i].path);
	for (size_t i = 0; i < snapshot->coverage_count; i++)
		for (const struct coverage_reason *reason = snapshot->coverage[i].reasons; reason;
		     reason = reason->next)
			printf("reason %s: %s\n", snapshot->coverage[i].collector, reason->reason);
	fflush(stdout);
	snapshot_free(snapshot);
	return 0;
}

/* fetch URL: as the shipper does for the auditor. */
static int step_fetch(char **words)
{
	struct fetch fetch = {.url = words[0]};

	fetch_all(&fetch, 1);
	free(fetch.body.data);
	return fetch.fault == FETCH_NO_FAULT ? 0 : fetch.number ? fetch.number : EIO;
}

/* resolve NAME */
static int step_resolve(char **words)
{
	struct addrinfo *found = NULL;
	int result = getaddrinfo(words[0], "80", NULL, &found);

	if (found)
		freeaddrinfo(found);
	return result ? EIO : 0;
}

/* keep DIRECTORY: a file is made, written, made durable, renamed and removed, as a database does. */
static int step_keep(char **words)
{
	const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	_cleanup_close_ int directory = open(words[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;

	if (directory < 0)
		return errno;
	fd = openat(directory, "new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || fcntl(fd, F_SETLK, &lock) || pwrite(fd, "x", 1, 4096) != 1 || ftruncate(fd, 100) ||
	    posix_fallocate(fd, 0, 8192) || fdatasync(fd) || fsync(directory) || fchmod(fd, 0640) ||
	    renameat(directory, "new", directory, "old") || mkdirat(directory, "sub", 0700) ||
	    unlinkat(directory, "sub", AT_REMOVEDIR) || unlinkat(directory, "old", 0))
		return errno;
	return 0;
}

/* listen PATH: a control socket. */
static int step_listen(char **words)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", words[0]);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    chmod(address.sun_path, 0600) || listen(fd, 4))
		return errno;
	return unlink(address.sun_path) ? errno : 0;
}

/* status FIELD: of /proc/self/status, to stdout. */
static int step_status(char **words)
{
	char text[8192];
	_cleanup_close_ int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	(void)words;
	if (length < 0)
		return errno;
	text[length] = '\0';
	return write(STDOUT_FILENO, text, (size_t)length) == length ? 0 : errno;
}

static int step_abort(char **words)
{
	(void)words;
	abort();
}

static int step_nothing(char **words)
{
	(void)words;
	return 0;
}

static int go(char **words);

static int print_end(int status)
{
	char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "child ended by %s%s", strsignal(WTERMSIG(status)),
			 confine_was_filtered(status) ? ", filtered" : "");
	else
		snprintf(text, sizeof(text), "child ended with %d", WEXITSTATUS(status));
	return say(text);
}

/* then ROLE STEP …: a child does. */
static int step_then(char **words)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(go(words));
	if (child < 0 || waitpid(child, &status, 0) != child)
		return errno;
	return print_end(status);
}

/* wait: until nobody writes to stdin any more. */
static int step_wait(char **words)
{
	char byte;

	(void)words;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	return 0;
}

/* end ROLE: a child of that role that waits is ended; it ends with us, too. */
static int step_end(char **words)
{
	char wait_step[] = "wait", *waiting[] = {words[0], wait_step, NULL};
	int in[2], out[2], status;
	char byte;
	pid_t child;

	if (pipe(in) || pipe(out) || (child = fork()) < 0)
		return errno;
	if (!child) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		_exit(go(waiting));
	}
	if (read(out[0], &byte, 1) != 1 || kill(child, SIGTERM) || waitpid(child, &status, 0) != child)
		return errno;
	return print_end(status);
}

static const struct step {
	const char *name;
	int (*function)(char **words);
} steps[] = {
	{"abort", step_abort},   {"audit", step_audit},     {"call", step_call},
	{"end", step_end},       {"fetch", step_fetch},     {"keep", step_keep},
	{"listen", step_listen}, {"nothing", step_nothing}, {"resolve", step_resolve},
	{"status", step_status}, {"then", step_then},       {"wait", step_wait},
	{"work", step_work},
};

/* ---- the command line
 * ------------------------------------------------------------------------------------------ */

static enum role role_of(const char *name)
{
	for (enum role role = ROLE_PARENT; role <= ROLE_SHIPPER; role++)
		if (!strcmp(role_names[role], name))
			return role;
	fprintf(stderr, "confined: %s is no role\n", name);
	_exit(2);
}

static int run_step(char **words)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (!strcmp(steps[i].name, words[0]))
			return steps[i].function(words + 1);
	fprintf(stderr, "confined: %s is no step\n", words[0]);
	_exit(2);
}

static int print_report(json_t *report)
{
	_cleanup_free_ char *text = json_dumps(report, JSON_COMPACT);

	json_decref(report);
	return !text || printf("%s\n", text) < 0 || fflush(stdout) ? -1 : 0;
}

/* ROLE STEP [ARGUMENT…] */
static int go(char **words)
{
	struct error *error = NULL;
	json_t *report;
	int number;

	if (confine(role_of(words[0]), &options.confinement, &report, &error)) {
		fprintf(stderr, "confined: %s\n", error_message(error));
		return 1;
	}
	if (print_report(report))
		return 1;
	number = run_step(words + 1);
	return say(number ? strerrorname_np(number) : "ok") ? 1 : 0;
}

static void add(const char **list, const char *path)
{
	int at = 0;

	while (at < LIST_MAX - 2 && list[at])
		at++;
	list[at] = path;
}

static int take_option(const char *name, const char *value)
{
	struct confinement *confinement = &options.confinement;

	if (!strcmp(name, "--user"))
		confinement->user = value;
	else if (!strcmp(name, "--auditor-user"))
		confinement->auditor_user = value;
	else if (!strcmp(name, "--state"))
		confinement->state = value;
	else if (!strcmp(name, "--written"))
		add(options.written, value);
	else if (!strcmp(name, "--read"))
		add(options.read, value);
	else if (!strcmp(name, "--file-events"))
		confinement->file_events = !strcmp(value, "on");
	else if (!strcmp(name, "--learns"))
		confinement->learns = !strcmp(value, "on");
	else if (!strcmp(name, "--filter"))
		confinement->no_filter = !strcmp(value, "off");
	else
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	char **words = argv + 1;

	options.confinement.written = options.written;
	options.confinement.read = options.read;
	for (; argc > 4 && words[0] && words[1] && !take_option(words[0], words[1]); words += 2)
		continue;
	if (!words[0] || !words[1]) {
		fprintf(stderr, "confined: [OPTION VALUE...] ROLE STEP [ARGUMENT...]\n");
		return 2;
	}
	_exit(go(words));
}
