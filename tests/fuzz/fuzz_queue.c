/* Changes bytes of an agent's queue and dead letters as libFuzzer says, and delivers what has become of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/database.h"
#include "agent/store/read.h"
#include "agent/store/store.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BATCHES_MAX = 64 };

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* What waits for two sinks, and what one of them was refused. */
static unsigned char *make_state(size_t *length)
{
	static const char rows[] =
		"INSERT INTO sink (name, minimum, wants, place, waiting, waiting_bytes, sent, dropped) "
		"VALUES "
		"('a', 1, 6, 0, 5, 50, 1, 0), ('b', 4, 0, 2, 2, 20, 0, 3);"
		"INSERT INTO queue VALUES (1, 0, 1, 5, 10, '{\"type\":1}', NULL), "
		"(2, 1, 1, 5, 10, '{\"type\":2}', NULL), (3, 0, 5, 5, 10, '{\"type\":3}', NULL), "
		"(4, 2, 1, 5, 10, '{\"type\":4}', NULL), (5, 0, 4, 5, 10, '{\"type\":5}', 'b');"
		"INSERT INTO dead_letter VALUES ('a', 1, 2, 1800000000000, 10, '400', '{\"type\":6}'), "
		"('a', 2, 2, 1800000000000, 10, '413', '{\"type\":7}'), "
		"('gone', 3, 4, 1800000000000, 10, '', '{\"type\":8}');"
		"UPDATE figures SET queue_bytes = 50, sequence = 5;";
	_cleanup_database_ struct database *database = NULL;
	sqlite3_int64 size;
	unsigned char *image;

	require(database_open(NULL, &database, NULL) == DATABASE_OPEN);
	require(sqlite3_exec(database->handle, rows, NULL, NULL, NULL) == SQLITE_OK);
	image = sqlite3_serialize(database->handle, "main", &size, 0);
	require(image != NULL);
	*length = (size_t)size;
	return image;
}

/* Each three bytes: where, as a part of all, and what is there then. */
static void change(unsigned char *image, size_t length, const uint8_t *data, size_t size)
{
	for (; size >= 3; data += 3, size -= 3)
		image[((size_t)data[0] << 8 | data[1]) * length >> 16] = data[2];
}

static void read_letters(const unsigned char *image, size_t length)
{
	struct store_reader *reader = store_read_open_image(image, length, NULL);
	const struct dead_letter *letter;

	if (reader && !store_read_letters(reader, NULL))
		while ((letter = store_read_letter(reader)))
			require(letter->sink && letter->reason && letter->severity && letter->record);
	store_read_close(reader);
}

/* The half of each batch is out, the rest refused. False: nothing is there, or it cannot be read. */
static bool deliver(struct store *store, const char *sink)
{
	struct batch *batch = store_next(store, sink, 3, 100, NULL);
	size_t count = 0, out;
	const struct queued *records = batch ? batch_records(batch, &count) : NULL;
	bool done = false;

	for (size_t i = 0; i < count; i++)
		require(records[i].text && strlen(records[i].text) <= records[i].length &&
			records[i].severity > SEVERITY_NONE && records[i].severity < SEVERITY_COUNT &&
			(!i || records[i].sequence > records[i - 1].sequence));
	out = count / 2;
	if (out)
		done = !store_done(store, sink, records, out, NULL);
	if (count > out)
		done = !store_refuse(store, sink, records + out, count - out, "no", NULL);
	batch_free(batch);
	return done;
}

static void use(struct store *store)
{
	static const struct queue_options sinks[] = {
		{.sink = "a", .minimum = SEVERITY_INFO, .heartbeats = true, .max_bytes = 30, .max_age = 60},
		{.sink = "b", .minimum = SEVERITY_HIGH}};
	unsigned char *image = NULL;
	size_t length;
	uint64_t count;

	if (store_set_sinks(store, sinks, 2, NULL))
		return;
	store_state_free(store_state(store, NULL));
	for (size_t i = 0; i < BATCHES_MAX && deliver(store, sinks[i % 2].sink); i++)
		;
	store_retry(store, NULL, &count, NULL);
	if (!store_letters_image(store, "", 0, &image, &length, NULL))
		free(image);
	store_drop(store, "a", &count, NULL);
}

/* ---- a file of this process' own, in memory ---------------------------------------------------------- */

static char directory[] = "/dev/shm/fuzz-queue-XXXXXX";

static void remove_file(void)
{
	static const char *const names[] = {DATABASE_NAME, DATABASE_NAME "-wal", DATABASE_NAME "-shm"};
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		unlink(path);
	}
}

static void remove_directory(void)
{
	remove_file();
	rmdir(directory);
}

static void put_file(const unsigned char *image, size_t length)
{
	char path[64];
	FILE *file;

	remove_file();
	snprintf(path, sizeof(path), "%s/" DATABASE_NAME, directory);
	file = fopen(path, "we");
	require(file && fwrite(image, 1, length, file) == length && !fclose(file));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char *state, *image;
	static size_t length;
	const struct store_options options = {.directory = directory, .existing = true};
	struct store *store;

	if (!state) {
		state = make_state(&length);
		require(mkdtemp(directory) && !atexit(remove_directory));
		image = malloc(length);
		require(image != NULL);
	}
	memcpy(image, state, length);
	change(image, length, data, size);
	read_letters(image, length);
	put_file(image, length);
	store = store_open(&options, NULL);
	if (store)
		use(store);
	store_close(store);
	return 0;
}
