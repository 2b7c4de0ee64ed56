#include "collectors/maps_text.h"

#include <string.h>

/* What is left of a line. */
struct rest {
	const char *at, *end;
};

/* Reads a number of `base` that is followed by `after`. False when there is none, or it is too large. */
static bool take_number(struct rest *rest, unsigned base, char after, uint64_t *number)
{
	static const char digits[] = "0123456789abcdef";
	const char *start = rest->at, *digit;

	*number = 0;
	for (; rest->at < rest->end && *rest->at; rest->at++) {
		digit = memchr(digits, *rest->at, base);
		if (!digit)
			break;
		uint64_t value = (uint64_t)(digit - digits);
		if (*number > (UINT64_MAX - value) / base)
			return false;
		*number = *number * base + value;
	}
	if (rest->at == start || rest->at == rest->end || *rest->at != after)
		return false;
	rest->at++;
	return true;
}

/* `r-xp `. */
static bool take_permissions(struct rest *rest, bool *executable)
{
	if (rest->end - rest->at < 5 || rest->at[4] != ' ')
		return false;
	*executable = rest->at[2] == 'x';
	rest->at += 5;
	return true;
}

bool mapping_parse(const char *line, size_t length, struct mapping *mapping)
{
	struct rest rest = {line, line + length};
	uint64_t offset, major, minor;

	if (!take_number(&rest, 16, '-', &mapping->from) || !take_number(&rest, 16, ' ', &mapping->to) ||
	    !take_permissions(&rest, &mapping->executable) || !take_number(&rest, 16, ' ', &offset) ||
	    !take_number(&rest, 16, ':', &major) || !take_number(&rest, 16, ' ', &minor) ||
	    !take_number(&rest, 10, ' ', &mapping->inode))
		return false;
	while (rest.at < rest.end && *rest.at == ' ')
		rest.at++;
	mapping->major = (uint32_t)major;
	mapping->minor = (uint32_t)minor;
	mapping->path = rest.at;
	mapping->length = (size_t)(rest.end - rest.at);
	return mapping->length && *rest.at == '/' && mapping->inode;
}

void mapping_path(char *to, const char *path, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		bool newline = length - i >= 4 && !memcmp(path + i, "\\012", 4);
		*to++ = path[i];
		if (newline) {
			to[-1] = '\n';
			i += 3;
		}
	}
	*to = '\0';
}

size_t mapping_deleted(const char *path)
{
	static const char mark[] = " (deleted)";
	size_t length = strlen(path), mark_length = sizeof(mark) - 1;

	if (length <= mark_length || strcmp(path + length - mark_length, mark) != 0)
		return 0;
	return length - mark_length;
}
