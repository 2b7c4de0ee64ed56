#include "proctor/text.h"

#include <fnmatch.h>
#include <string.h>
#include <wchar.h>

/* The value of a digit; 255 for any other byte. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 255;
}

bool text_read_number(const char **cursor, const char *end, unsigned base, uint64_t *value)
{
	const char *at = *cursor;
	uint64_t number = 0;

	for (; at < end && digit_value(*at) < base; at++)
		if (__builtin_mul_overflow(number, base, &number) ||
		    __builtin_add_overflow(number, digit_value(*at), &number))
			return false;
	if (at == *cursor)
		return false;
	*cursor = at;
	*value = number;
	return true;
}

/* The length of the well-formed UTF-8 sequence at `data` (Unicode table 3-7) and its code point; 0: none. */
static size_t utf8_sequence(const unsigned char *data, size_t length, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char first = data[0];
	size_t need = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t value = need == 1 ? first : first & (0x7fu >> need);

	if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || need > length)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((data[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (data[i] & 0x3f);
	}
	if (value < least[need] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return 0;
	*point = value;
	return need;
}

/* Code points that move the cursor, hide or reorder text: C0, DEL, C1, line separators, bidi controls. */
static bool point_is_unsafe(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x061c || point == 0xfeff ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || (point >= 0xe0000 && point <= 0xe007f);
}

struct sink {
	char *out;
	size_t size, length; /* length: what the whole result needs */
	size_t kept;         /* what stands in `out`: whole sequences only */
	bool full;
};

static void sink_put(struct sink *sink, const char *data, size_t length)
{
	sink->length += length;
	if (sink->full || sink->kept + length >= sink->size) {
		sink->full = true;
		return;
	}
	memcpy(sink->out + sink->kept, data, length);
	sink->kept += length;
}

static void sink_escape(struct sink *sink, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char hex[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

	if (byte == '\n')
		sink_put(sink, "\\n", 2);
	else if (byte == '\t')
		sink_put(sink, "\\t", 2);
	else if (byte == '\r')
		sink_put(sink, "\\r", 2);
	else
		sink_put(sink, hex, sizeof(hex));
}

size_t text_escape(char *out, size_t size, const char *data, size_t length)
{
	struct sink sink = {.out = out, .size = size};
	uint32_t point;

	for (size_t i = 0; i < length;) {
		size_t step = utf8_sequence((const unsigned char *)data + i, length - i, &point);
		if (step == 1 && data[i] == '\\')
			sink_put(&sink, "\\\\", 2);
		else if (step && !point_is_unsafe(point))
			sink_put(&sink, data + i, step);
		else
			for (size_t k = 0; k < (step ? step : 1); k++)
				sink_escape(&sink, (unsigned char)data[i + k]);
		i += step ? step : 1;
	}
	if (size)
		out[sink.kept] = '\0';
	return sink.length;
}

bool text_is_safe(const char *data, size_t length)
{
	uint32_t point;

	for (size_t i = 0, step; i < length; i += step) {
		step = utf8_sequence((const unsigned char *)data + i, length - i, &point);
		if (!step || point_is_unsafe(point))
			return false;
	}
	return true;
}

size_t text_width(const char *text)
{
	size_t left = strlen(text), width = 0;
	uint32_t point;

	while (left) {
		size_t step = utf8_sequence((const unsigned char *)text, left, &point);
		int columns = step ? wcwidth((wchar_t)point) : 1;
		width += columns < 0 ? 1u : (size_t)columns;
		text += step ? step : 1;
		left -= step ? step : 1;
	}
	return width;
}

bool text_glob(const char *pattern, const char *text)
{
	if (!pattern[strcspn(pattern, "*?[\\")]) /* fnmatch(3) makes wide characters of both first */
		return !strcmp(pattern, text);
	return fnmatch(pattern, text, 0) == 0;
}
