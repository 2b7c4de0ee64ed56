#include "agent/layer_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "proctor/cleanup.h"
#include "proctor/output.h"

enum { CACHE_SIZE_MAX = 256 << 20 };

/* Why the open file is not to be believed; NULL: it is. */
static const char *refusal(const struct stat *facts)
{
	if (!S_ISREG(facts->st_mode))
		return "it is no regular file";
	if (facts->st_uid != geteuid())
		return "it belongs to another user";
	if (facts->st_mode & (S_IWGRP | S_IWOTH))
		return "others may write to it";
	if (facts->st_size > CACHE_SIZE_MAX)
		return "it is larger than 256 MiB";
	return NULL;
}

/* Reads `size` bytes, or what there is of them. -1 with errno. */
static ssize_t read_whole(int fd, char *data, size_t size)
{
	size_t length = 0;

	while (length < size) {
		ssize_t got = read(fd, data + length, size - length);
		if (got < 0 && errno != EINTR)
			return -1;
		if (!got)
			break;
		length += got > 0 ? (size_t)got : 0;
	}
	return (ssize_t)length;
}

static int load(struct layer_cache *cache, int fd, struct request *request, struct error **error)
{
	struct stat facts;
	ssize_t length;

	if (fstat(fd, &facts))
		return error_set(error, errno, "reading %s", cache->path);
	request->remembered_refusal = refusal(&facts);
	cache->refused = request->remembered_refusal;
	if (cache->refused)
		return 0;
	cache->data = malloc((size_t)facts.st_size + 1);
	if (!cache->data)
		return error_set(error, ENOMEM, "reading %s", cache->path);
	length = read_whole(fd, cache->data, (size_t)facts.st_size);
	if (length < 0)
		return error_set(error, errno, "reading %s", cache->path);
	request->remembered_layers = (struct bytes){cache->data, (size_t)length};
	return 0;
}

int layer_cache_load(struct layer_cache *cache, struct request *request, struct error **error)
{
	_cleanup_close_ int fd = -1;

	request->remember_layers = cache->path;
	if (!cache->path)
		return 0;
	fd = open(cache->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_set(error, errno, "opening %s", cache->path);
	return load(cache, fd, request, error);
}

int layer_cache_save(const struct layer_cache *cache, const struct snapshot *snapshot, struct error **error)
{
	const struct bytes *layers = &snapshot->layers_to_remember;
	struct output *output;
	int result;

	if (!cache->path || cache->refused || !layers->length || layers->length > CACHE_SIZE_MAX)
		return 0;
	output = output_open_private(cache->path, error);
	if (!output)
		return -1;
	output_write(output, layers->data, layers->length);
	result = output_commit(output, error);
	output_free(output);
	return result;
}

void layer_cache_free(struct layer_cache *cache)
{
	free(cache->data);
	cache->data = NULL;
}
