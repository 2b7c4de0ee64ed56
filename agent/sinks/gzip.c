#include "agent/sinks/gzip.h"

#include <limits.h>
#include <zlib.h>

#include "proctor/library.h"

enum { WINDOW = 15, GZIP = 16, MEMORY = 8 }; /* deflateInit2 in zlib.h: 15 + 16 writes gzip */

struct zlib {
	typeof(deflateInit2_) *init;
	typeof(deflateBound) *bound;
	typeof(deflate) *deflate;
	typeof(deflateEnd) *end;
};

static const struct library_function functions[] = {
	{"deflateInit2_", offsetof(struct zlib, init)},
	{"deflateBound", offsetof(struct zlib, bound)},
	{"deflate", offsetof(struct zlib, deflate)},
	{"deflateEnd", offsetof(struct zlib, end)},
};

static int load(struct zlib *zlib, struct error **error)
{
	if (!library_load("libz.so.1", functions, sizeof(functions) / sizeof(*functions), zlib))
		return 0;
	error_set(error, 0, "libz.so.1 is not installed");
	return error_remedy(error, "install it, or set compress = off");
}

/* All of it in one call, into room that is enough. */
static int pack(const struct zlib *zlib, z_stream *stream, const struct buffer *data, struct buffer *packed,
		struct error **error)
{
	size_t room = zlib->bound(stream, data->length);

	packed->length = 0;
	if (room > UINT_MAX || buffer_reserve(packed, room))
		return error_set(error, 0, "compressing %zu bytes: out of memory", data->length);
	stream->next_in = (Bytef *)data->data;
	stream->avail_in = (uInt)data->length;
	stream->next_out = (Bytef *)packed->data;
	stream->avail_out = (uInt)room;
	if (zlib->deflate(stream, Z_FINISH) != Z_STREAM_END)
		return error_set(error, 0, "compressing %zu bytes: zlib failed", data->length);
	packed->length = stream->total_out;
	return 0;
}

int gzip_pack(const struct buffer *data, struct buffer *packed, struct error **error)
{
	struct zlib zlib;
	z_stream stream = {0};
	int result;

	if (load(&zlib, error))
		return -1;
	if (zlib.init(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW + GZIP, MEMORY, Z_DEFAULT_STRATEGY,
		      ZLIB_VERSION, (int)sizeof(stream)) != Z_OK)
		return error_set(error, 0, "compressing: out of memory");
	result = pack(&zlib, &stream, data, packed, error);
	zlib.end(&stream);
	return result;
}
