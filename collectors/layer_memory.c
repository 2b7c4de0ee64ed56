#include "collectors/layer_memory.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/carry.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"
#include "proctor/version.h"

enum {
	FORMAT = 1, /* of all that is below, and of what is kept of a layer */
	IDLE_MAX = 100,
};

static const char magic[] = "proctor layers\n";

/* ---- bytes ------------------------------------------------------------------------------------- */

struct writer {
	char *data; /* from malloc */
	size_t length, capacity;
	bool failed;
};

static void put(struct writer *writer, const void *data, size_t length)
{
	if (writer->failed)
		return;
	if (writer->capacity - writer->length < length) {
		size_t capacity = 2 * (writer->capacity + length);
		char *larger = realloc(writer->data, capacity);
		writer->failed = !larger;
		if (!larger)
			return;
		writer->data = larger;
		writer->capacity = capacity;
	}
	memcpy(writer->data + writer->length, data, length);
	writer->length += length;
}

static void put_number(struct writer *writer, uint64_t number)
{
	put(writer, &number, sizeof(number));
}

static void put_text(struct writer *writer, const char *text)
{
	put(writer, text, strlen(text) + 1);
}

struct reader {
	const char *at, *end;
	bool broken;
};

static uint64_t get_number(struct reader *reader)
{
	uint64_t number = 0;

	reader->broken |= (size_t)(reader->end - reader->at) < sizeof(number);
	if (reader->broken)
		return 0;
	memcpy(&number, reader->at, sizeof(number));
	reader->at += sizeof(number);
	return number;
}

/* A number of things of which each takes at least `size` bytes. */
static size_t get_count(struct reader *reader, size_t size)
{
	uint64_t count = get_number(reader);

	reader->broken |= count > (uint64_t)(reader->end - reader->at) / size;
	return reader->broken ? 0 : (size_t)count;
}

/* It stays where it stands. */
static const char *get_text(struct reader *reader)
{
	const char *text = reader->at;
	const char *end = reader->broken ? NULL : memchr(text, '\0', (size_t)(reader->end - text));

	reader->broken |= !end;
	if (!end)
		return "";
	reader->at = end + 1;
	return text;
}

static const char *get_path(struct reader *reader)
{
	const char *path = get_text(reader);

	reader->broken |= path[0] != '/';
	return path;
}

/* ---- files, redirects, witnesses --------------------------------------------------------------- */

static void put_file(struct writer *writer, const struct found_file *found)
{
	const struct file *file = &found->file;

	put_text(writer, file->path);
	put_text(writer, found->link ? found->link : "");
	put_number(writer, (uint64_t)file->mode << 32 | found->tools);
	put_number(writer, (uint64_t)file->uid << 32 | file->gid);
	put_number(writer, file->inode);
	put_number(writer, file->links);
	put_number(writer, file->capability.permitted);
	put_number(writer, file->capability.inheritable);
	put_number(writer, (uint64_t)file->capability.root_id << 32 |
				   (uint64_t)file->capability.version << 8 |
				   (uint64_t)file->capability.effective << 1 | found->elsewhere);
}

static void get_file(struct reader *reader, struct found_file *found)
{
	struct file *file = &found->file;
	uint64_t number;

	file->path = get_path(reader);
	found->link = get_text(reader);
	found->link = *found->link ? found->link : NULL;
	number = get_number(reader);
	file->mode = (uint32_t)(number >> 32);
	found->tools = (uint32_t)number;
	number = get_number(reader);
	file->uid = (uint32_t)(number >> 32);
	file->gid = (uint32_t)number;
	file->inode = get_number(reader);
	file->links = get_number(reader);
	file->capability.permitted = get_number(reader);
	file->capability.inheritable = get_number(reader);
	number = get_number(reader);
	file->capability.root_id = (uint32_t)(number >> 32);
	file->capability.version = (uint8_t)(number >> 8);
	file->capability.effective = number & 2;
	found->elsewhere = number & 1;
}

enum { FILE_SIZE_LEAST = 9 * 8, WITNESS_SIZE_LEAST = 3 * 8 };

static void put_witness(struct writer *writer, const struct witness *witness)
{
	put_text(writer, witness->path);
	put_number(writer, witness->inode);
	put_number(writer, (uint64_t)witness->seconds);
	put_number(writer, witness->nanoseconds);
}

static void get_witness(struct reader *reader, struct witness *witness)
{
	witness->path = get_path(reader);
	witness->inode = get_number(reader);
	witness->seconds = (int64_t)get_number(reader);
	witness->nanoseconds = (uint32_t)get_number(reader);
}

/* ---- layers ------------------------------------------------------------------------------------ */

static void put_layer(struct writer *writer, const struct layer *layer, unsigned idle)
{
	put_text(writer, layer->directory);
	put_number(writer, (uint64_t)layer->major << 32 | layer->minor);
	put_number(writer, layer->inode);
	put_number(writer, layer->user_attributes);
	put_number(writer, idle);
	put_number(writer, layer->file_count);
	for (size_t i = 0; i < layer->file_count; i++)
		put_file(writer, layer->files[i]);
	put_number(writer, layer->redirect_count);
	for (size_t i = 0; i < layer->redirect_count; i++)
		put_text(writer, layer->redirects[i]);
	put_number(writer, layer->witness_count);
	for (size_t i = 0; i < layer->witness_count; i++)
		put_witness(writer, &layer->witnesses[i]);
}

/* -1: no memory. */
static int get_files(struct reader *reader, struct layer *layer, struct arena *arena)
{
	struct found_file *files;

	layer->file_count = get_count(reader, FILE_SIZE_LEAST);
	files = arena_array(arena, layer->file_count, sizeof(*files));
	layer->files = arena_array(arena, layer->file_count, sizeof(*layer->files));
	if (!files || !layer->files)
		return -1;
	for (size_t i = 0; i < layer->file_count; i++) {
		get_file(reader, &files[i]);
		layer->files[i] = &files[i];
	}
	return 0;
}

static int get_rest(struct reader *reader, struct layer *layer, struct arena *arena)
{
	layer->redirect_count = get_count(reader, 1);
	layer->redirects = arena_array(arena, layer->redirect_count, sizeof(*layer->redirects));
	if (!layer->redirects)
		return -1;
	for (size_t i = 0; i < layer->redirect_count; i++)
		layer->redirects[i] = get_path(reader);
	layer->witness_count = get_count(reader, WITNESS_SIZE_LEAST);
	layer->witnesses = arena_array(arena, layer->witness_count, sizeof(*layer->witnesses));
	if (!layer->witnesses)
		return -1;
	for (size_t i = 0; i < layer->witness_count; i++)
		get_witness(reader, &layer->witnesses[i]);
	return 0;
}

static int get_layer(struct reader *reader, struct layers *layers)
{
	struct layer *layer = arena_alloc(layers->arena, sizeof(*layer));
	uint64_t device;

	if (!layer)
		return -1;
	layer->directory = get_path(reader);
	device = get_number(reader);
	layer->major = (uint32_t)(device >> 32);
	layer->minor = (uint32_t)device;
	layer->inode = get_number(reader);
	layer->user_attributes = get_number(reader);
	layer->idle = (unsigned)get_number(reader);
	if (get_files(reader, layer, layers->arena) || get_rest(reader, layer, layers->arena))
		return -1;
	layer->next = layers->remembered;
	layers->remembered = layer;
	return 0;
}

/* ---- reading ----------------------------------------------------------------------------------- */

static void digest(const char *data, size_t length, uint8_t sum[SHA256_DIGEST_SIZE])
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, length, (const uint8_t *)data);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, sum);
}

/* Sets the reader behind the magic, if all is as it was written. */
static bool is_sound(struct bytes memory, struct reader *reader)
{
	uint8_t sum[SHA256_DIGEST_SIZE];

	if (memory.length < sizeof(magic) + sizeof(sum) || memcmp(memory.data, magic, sizeof(magic)) != 0)
		return false;
	*reader = (struct reader){.at = memory.data + sizeof(magic), .end = bytes_end(memory) - sizeof(sum)};
	digest(memory.data, memory.length - sizeof(sum), sum);
	return !memcmp(sum, reader->end, sizeof(sum));
}

int layer_memory_read(struct layers *layers, struct bytes memory, const char *boot, const char **why)
{
	struct reader reader;
	size_t count;

	*why = NULL;
	if (!is_sound(memory, &reader))
		*why = "it is damaged, or is no such file";
	else if (get_number(&reader) != FORMAT || strcmp(get_text(&reader), proctor_version) != 0)
		*why = "another version of Proctor wrote it";
	else if (strcmp(get_text(&reader), boot) != 0)
		*why = "it is of another boot of the machine";
	if (*why)
		return 1;
	count = get_count(&reader, 1);
	for (size_t i = 0; i < count && !reader.broken; i++)
		if (get_layer(&reader, layers))
			return -1;
	if (!reader.broken && reader.at == reader.end)
		return 0;
	layers->remembered = NULL;
	*why = "it is damaged, or is no such file";
	return 1;
}

/* ---- recalling --------------------------------------------------------------------------------- */

static bool is_unchanged(const struct layer *layer, const struct witness *witness)
{
	const char *path = witness->path[1] ? witness->path + 1 : ".";
	_cleanup_close_ int descriptor = open_beneath(layer->descriptor, path, O_PATH | O_NOFOLLOW);
	struct statx facts;

	return descriptor >= 0 &&
	       !statx(descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &facts) &&
	       facts.stx_ino == witness->inode && facts.stx_ctime.tv_sec == witness->seconds &&
	       facts.stx_ctime.tv_nsec == witness->nanoseconds;
}

static struct layer *find(const struct layers *layers, const struct layer *layer)
{
	struct layer *one = layers->remembered;

	while (one && (one->inode != layer->inode || one->major != layer->major ||
		       one->minor != layer->minor || one->user_attributes != layer->user_attributes ||
		       strcmp(one->directory, layer->directory) != 0))
		one = one->next;
	return one;
}

bool layer_recall(struct layers *layers, struct layer *layer)
{
	struct layer *one = find(layers, layer);

	if (!one || !one->witness_count)
		return false;
	one->recalled = true; /* it was met */
	for (size_t i = 0; i < one->witness_count; i++)
		if (!is_unchanged(layer, &one->witnesses[i]))
			return false;
	layer->files = one->files;
	layer->file_count = one->file_count;
	layer->redirects = one->redirects;
	layer->redirect_count = one->redirect_count;
	layer->witnesses = one->witnesses;
	layer->witness_count = one->witness_count;
	layer->whole = true;
	layer->recalled = true;
	return true;
}

/* ---- writing ----------------------------------------------------------------------------------- */

/* Whether one that was met is not remembered as it is. */
static bool is_anything_new(const struct layers *layers)
{
	for (const struct layer *layer = layers->first; layer; layer = layer->next)
		if (layer->witnesses && !layer->recalled)
			return true;
	return false;
}

static bool is_forgotten(const struct layer *one)
{
	return one->recalled || one->idle >= IDLE_MAX;
}

static size_t count_layers(const struct layers *layers)
{
	size_t count = 0;

	for (const struct layer *layer = layers->first; layer; layer = layer->next)
		count += layer->witnesses != NULL;
	for (const struct layer *one = layers->remembered; one; one = one->next)
		count += !is_forgotten(one);
	return count;
}

static void put_all(struct writer *writer, const struct layers *layers, const char *boot)
{
	bool quick = carry_is_quick(&layers->request); /* such a pass meets few of those that there are */
	uint8_t sum[SHA256_DIGEST_SIZE];

	put(writer, magic, sizeof(magic));
	put_number(writer, FORMAT);
	put_text(writer, proctor_version);
	put_text(writer, boot);
	put_number(writer, count_layers(layers));
	for (const struct layer *layer = layers->first; layer; layer = layer->next)
		if (layer->witnesses)
			put_layer(writer, layer, 0);
	for (const struct layer *one = layers->remembered; one; one = one->next)
		if (!is_forgotten(one))
			put_layer(writer, one, one->idle + !quick);
	if (writer->failed)
		return;
	digest(writer->data, writer->length, sum);
	put(writer, sum, sizeof(sum));
}

int layer_memory_write(const struct layers *layers, const char *boot, struct bytes *memory)
{
	struct writer writer = {0};

	*memory = (struct bytes){0};
	if (!is_anything_new(layers))
		return 0;
	put_all(&writer, layers, boot);
	if (!writer.failed) {
		memory->data = arena_copy(layers->arena, writer.data, writer.length);
		memory->length = writer.length;
	}
	free(writer.data);
	return memory->data ? 0 : -1;
}
