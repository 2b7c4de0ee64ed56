#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/daemon/places.h"
#include "agent/setting_table.h"
#include "agent/sinks/url.h"
#include "proctor/cleanup.h"

/* What a child that is confined could not do. Its texts are of the memory that it has from its parent. */
struct failure {
	const struct sink_setting *sink;
	const struct setting *setting; /* NULL: what is at its URL */
	uid_t user;
	int number; /* errno; 0: confining it failed */
};

/* ---- in the child ------------------------------------------------------------------------------- */

/* 0, or errno. */
static int try_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts))
		return errno;
	return S_ISDIR(facts.st_mode) ? EISDIR : 0;
}

/* 0, or errno: connecting takes the right to write (unix(7)). Who listens there may come later. */
static int try_socket(const char *url)
{
	_cleanup_free_ char *path = strstr(url, "+unix://") ? url_path(url, NULL) : NULL;

	return path && access(path, W_OK) && errno != ENOENT ? errno : 0;
}

static int try_sink(const struct sink_setting *sink, struct failure *failure)
{
	*failure = (struct failure){.sink = sink, .user = geteuid(), .number = try_socket(sink->options.url)};
	if (failure->number)
		return -1;
	for (const struct setting *setting = sink_settings; setting->key; setting++) {
		const char *path = setting_file(setting, sink);
		failure->setting = setting;
		failure->number = path ? try_file(path) : 0;
		if (failure->number)
			return -1;
	}
	return 0;
}

/* Tells the first failure by the pipe; nothing when there is none. */
__attribute__((noreturn)) static void try_all(const struct confinement *confinement,
					      const struct settings *settings, int pipe)
{
	struct failure failure = {0};
	json_t *report = NULL;
	int result = confine(ROLE_SHIPPER, confinement, &report, NULL);

	for (size_t i = 0; !result && i < settings->sink_count; i++)
		result = try_sink(&settings->sinks[i], &failure);
	if (result && write(pipe, &failure, sizeof(failure)) != sizeof(failure))
		_exit(EXIT_FAILURE);
	_exit(EXIT_SUCCESS);
}

/* ---- in the parent ------------------------------------------------------------------------------ */

static int tell(const struct failure *failure, struct error **error)
{
	const char *what = failure->setting ? failure->setting->key : "url";
	const char *path =
		failure->setting ? setting_file(failure->setting, failure->sink) : failure->sink->options.url;

	if (!failure->number)
		return error_set(error, 0, "confining a process, to see what sinks may read, failed");
	error_set(error, failure->number, "sink '%s': %s: the user %u cannot %s %s", failure->sink->name,
		  what, failure->user, failure->setting ? "read" : "connect to", path);
	if (failure->number == EACCES)
		error_remedy(
			error,
			"let that user have it, by chown(1) or chmod(1) and the directories above it, or "
			"name another one by the setting 'user'");
	return -1;
}

static int hear(pid_t child, int pipe, struct error **error)
{
	struct failure failure;
	ssize_t length;
	int status;

	do
		length = read(pipe, &failure, sizeof(failure));
	while (length < 0 && errno == EINTR);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		continue;
	if (length == sizeof(failure))
		return tell(&failure, error);
	if (length || !WIFEXITED(status) || WEXITSTATUS(status))
		return error_set(error, 0, "the process that tries what sinks may read ended before it told");
	return 0;
}

int places_check(const struct places *places, const struct settings *settings, struct error **error)
{
	const struct confinement confinement = places_confinement(places, settings);
	struct confine_ids ids;
	const char *fallback;
	int ends[2], result;
	pid_t child;

	if (geteuid() == 0 && confine_ids(ROLE_SHIPPER, &confinement, &ids, &fallback, error))
		return -1;
	if (pipe2(ends, O_CLOEXEC))
		return error_set(error, errno, "making a pipe");
	child = fork();
	if (child == 0)
		try_all(&confinement, settings, ends[1]);
	close(ends[1]);
	result = child < 0 ? error_set(error, errno, "starting a process that tries what sinks may read")
			   : hear(child, ends[0], error);
	close(ends[0]);
	return result;
}
