/* Changes bytes of an agent's state as libFuzzer says, and reads what has become of it. */
#include <stdlib.h>
#include <string.h>

#include "agent/store/database.h"
#include "agent/store/read.h"
#include "proctor/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
	if (!truth)
		abort();
}

/* A state with a finding of each kind. */
static unsigned char *make_state(size_t *length)
{
	static const char rows[] =
		"UPDATE figures SET pass_time = 1800000000000, host = '{\"hostname\":\"machine\"}', status = "
		"'{}';"
		"INSERT INTO finding VALUES ('a', 'process.root-user', 4, 'open', 1, 2, 1, 1, NULL, NULL, "
		"NULL, 5, "
		"NULL, NULL, NULL, 'opened', 2, 3, 'r');"
		"INSERT INTO finding VALUES ('b', 'file.setuid', 2, 'resolved', 1, 2, 1, 1, 5, NULL, NULL, "
		"5, "
		"4, 3, 9, 'resolved', 2, 4, 's');"
		"INSERT INTO detail VALUES ('a', x'776562007700', 'web', 'image', 'task:1', "
		"'{\"id\":\"a\",\"title\":\"It runs as root\",\"evidence\":{\"uid\":0}}');"
		"INSERT INTO detail VALUES ('b', NULL, NULL, NULL, NULL, '{\"id\":\"b\",\"pids\":[1,2]}');"
		"INSERT INTO learned VALUES ('sha256:1', 'shop', 'web', 'sha256:1', 'shop/web', 'web', 9, 7, "
		"1, "
		"1, 2, "
		"3);"
		"INSERT INTO learned_use VALUES ('sha256:1', 'shop', 'web', 0, 0, 2, 1, 2, 1, NULL, "
		"x'2f6100'),"
		"('sha256:1', 'shop', 'web', 0, 1, 2, 1, 2, 0, 'why', x'2f61002f6200'),"
		"('sha256:1', 'shop', 'web', 5, 2, 2, 1, 2, 0, NULL, x'');";
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

static void read_learned(struct store_reader *reader)
{
	struct learned *learned = store_read_learned(reader, NULL, NULL);

	for (size_t i = 0; learned && i < learned->count; i++) {
		const struct learned_container *container = &learned->containers[i];
		require(container->watched && container->kept && container->use_count <= 64 &&
			container->denial_count <= 64);
		for (size_t k = 0; k < container->use_count; k++)
			require(container->uses[k].capability < 64 && container->uses[k].executables);
	}
	learned_free(learned);
}

static void read_all(struct store_reader *reader)
{
	static const struct finding_filter filter = {.rule = "*"};
	const struct remembered *remembered;

	if (store_read_findings(reader, &filter, NULL))
		return;
	while ((remembered = store_read_next(reader)))
		require(remembered->record.finding && remembered->record.id && remembered->record.status &&
			remembered->rule && remembered->severity > SEVERITY_NONE &&
			remembered->severity < SEVERITY_COUNT);
	store_read_failed(reader, NULL);
	store_read_status(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned char *state, *image;
	static size_t length;
	struct store_reader *reader;

	if (!state) {
		state = make_state(&length);
		image = malloc(length);
		require(image != NULL);
	}
	memcpy(image, state, length);
	change(image, length, data, size);
	reader = store_read_open_image(image, length, NULL);
	if (reader) {
		read_learned(reader);
		read_all(reader);
	}
	store_read_close(reader);
	return 0;
}
