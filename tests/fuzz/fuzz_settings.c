/* Reads what libFuzzer gives as a configuration of the agent, and, where it is text, as the URL of a sink. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/settings.h"
#include "proctor/cleanup.h"

enum { TODAY = 1800000000, LONGEST = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* Each sink that is understood has a kind and a URL; what is not understood is told in one line. */
static void read_settings(const struct settings_options *options)
{
	char *const nothing[] = {NULL};
	_cleanup_error_ struct error *error = NULL;
	struct settings *settings = settings_read(options, nothing, TODAY, &error);

	require(settings ? !error : error && *error_message(error));
	for (size_t i = 0; settings && i < settings->sink_count; i++)
		require(settings->sinks[i].kind && settings->sinks[i].options.url);
	settings_free(settings);
}

static void read_as_file(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("settings", MFD_CLOEXEC);
	char path[64];

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_settings(&(struct settings_options){.config_file = path, .state = "memory"});
}

static void read_as_url(const uint8_t *data, size_t size)
{
	char url[LONGEST + 1];
	const char *const to[] = {url};

	memcpy(url, data, size);
	url[size] = '\0';
	read_settings(&(struct settings_options){.config_file = "/dev/null", .to = to, .to_count = 1});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_as_file(data, size);
	if (size && size <= LONGEST && !memchr(data, '\0', size))
		read_as_url(data, size);
	return 0;
}
