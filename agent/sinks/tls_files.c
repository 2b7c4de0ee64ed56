#include "agent/sinks/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "proctor/cleanup.h"

static int check(const char *key, const char *path, struct error **error)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts)) {
		error_set(error, errno, "reading %s %s", key, path);
		return error_remedy(error, "the agent's user has to be able to read it");
	}
	return S_ISREG(facts.st_mode) ? 0 : error_set(error, 0, "%s %s is no regular file", key, path);
}

int tls_files_check(const struct sink_options *options, struct error **error)
{
	const struct {
		const char *key, *path;
	} files[] = {
		{"ca_file", options->ca_file},
		{"certificate_file", options->certificate_file},
		{"key_file", options->key_file},
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i].path && check(files[i].key, files[i].path, error))
			return -1;
	return 0;
}
