#include "agent/sinks/named_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int named_file_open(const char *key, const char *path, struct error **error)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat facts;

	if (fd < 0 || fstat(fd, &facts)) {
		error_set(error, errno, "reading %s %s", key, path);
		error_remedy(error, "the agent's user has to be able to read it");
	} else if (!S_ISREG(facts.st_mode)) {
		error_set(error, 0, "%s %s is no regular file", key, path);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}
