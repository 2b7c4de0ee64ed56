#include "agent/rules/image_reference.h"

#include <string.h>

static bool part_is(struct image_part part, const char *text)
{
	return part.length == strlen(text) && !memcmp(part.data, text, part.length);
}

static bool is_hexadecimal(const char *text)
{
	size_t length = strlen(text);

	return length >= 12 && strspn(text, "0123456789abcdef") == length;
}

bool image_reference_parse(const char *text, struct image_reference *reference)
{
	const char *at = strchr(text, '@'), *slash = strchr(text, '/'), *colon, *start = text;
	const char *end = at ? at : text + strlen(text);

	*reference = (struct image_reference){0};
	if (!*text || !strncmp(text, "sha256:", strlen("sha256:")) || is_hexadecimal(text))
		return false;
	if (slash && slash < end) {
		struct image_part first = {text, (size_t)(slash - text)};
		if (memchr(first.data, '.', first.length) || memchr(first.data, ':', first.length) ||
		    part_is(first, "localhost")) {
			reference->registry = first;
			start = slash + 1;
		}
	}
	if (at)
		reference->digest = (struct image_part){at + 1, strlen(at + 1)};
	colon = memrchr(start, ':', (size_t)(end - start));
	if (colon) {
		reference->tag = (struct image_part){colon + 1, (size_t)(end - colon - 1)};
		end = colon;
	}
	reference->repository = (struct image_part){start, (size_t)(end - start)};
	return reference->repository.length > 0;
}

bool image_is_of_docker_hub(const struct image_reference *reference)
{
	return !reference->registry.length || part_is(reference->registry, "docker.io") ||
	       part_is(reference->registry, "index.docker.io") ||
	       part_is(reference->registry, "registry-1.docker.io");
}
