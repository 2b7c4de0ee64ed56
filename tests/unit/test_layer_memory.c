#include "tests/unit/test.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/layer_memory.h"
#include "proctor/cleanup.h"

#define BOOT "boot\n"

static struct found_file files[] = {
	{.file = {.path = "/bin/su",
		  .mode = 0104755,
		  .uid = UINT32_MAX,
		  .gid = 7,
		  .inode = UINT64_MAX,
		  .links = 3,
		  .capability = {.permitted = 1ull << 40,
				 .inheritable = 5,
				 .effective = true,
				 .version = 3,
				 .root_id = 100000}}},
	{.file = {.path = "/bin/sh", .mode = 0120777}, .tools = TOOL_SHELL, .link = "busybox"},
	{.file = {.path = "/bin/nc", .mode = 0100755}, .tools = TOOL_NETWORK, .elsewhere = true},
};

static struct witness witnesses[] = {{"/", 2, INT64_MIN, 999999999}, {"/bin", 3, 1, 0}};

/* A layer with all there can be. */
static struct layer make_layer(void)
{
	static struct found_file *pointers[] = {&files[0], &files[1], &files[2]};
	static const char *redirects[] = {"/moved"};

	return (struct layer){.directory = "/lib/layer",
			      .major = 254,
			      .minor = UINT32_MAX,
			      .inode = 77,
			      .user_attributes = true,
			      .files = pointers,
			      .file_count = 3,
			      .redirects = redirects,
			      .redirect_count = 1,
			      .witnesses = witnesses,
			      .witness_count = 2};
}

static struct bytes write_layer(struct layer *layer, struct arena *arena)
{
	struct layers layers = {.arena = arena, .first = layer};
	struct bytes memory;

	assert_int_equal(layer_memory_write(&layers, BOOT, &memory), 0);
	return memory;
}

static int read_into(struct layers *layers, struct bytes memory, const char *boot, struct arena *arena,
		     const char **why)
{
	*layers = (struct layers){.arena = arena};
	return layer_memory_read(layers, memory, boot, why);
}

static void assert_same_file(const struct found_file *a, const struct found_file *b)
{
	assert_string_equal(a->file.path, b->file.path);
	assert_int_equal(a->file.mode, b->file.mode);
	assert_int_equal(a->file.uid, b->file.uid);
	assert_int_equal(a->file.gid, b->file.gid);
	assert_true(a->file.inode == b->file.inode && a->file.links == b->file.links);
	assert_true(a->file.capability.permitted == b->file.capability.permitted);
	assert_true(a->file.capability.inheritable == b->file.capability.inheritable);
	assert_int_equal(a->file.capability.effective, b->file.capability.effective);
	assert_int_equal(a->file.capability.version, b->file.capability.version);
	assert_int_equal(a->file.capability.root_id, b->file.capability.root_id);
	assert_int_equal(a->tools, b->tools);
	assert_int_equal(a->elsewhere, b->elsewhere);
	assert_string_equal(a->link ? a->link : "", b->link ? b->link : "");
}

static void test_there_and_back(void **state)
{
	struct layer layer = make_layer();
	struct bytes memory = write_layer(&layer, *state);
	struct layers layers;
	const char *why;

	assert_int_equal(read_into(&layers, memory, BOOT, *state, &why), 0);
	assert_null(why);
	const struct layer *read = layers.remembered;
	assert_non_null(read);
	assert_null(read->next);
	assert_string_equal(read->directory, layer.directory);
	assert_true(read->major == 254 && read->minor == UINT32_MAX && read->inode == 77);
	assert_true(read->user_attributes);
	assert_int_equal(read->file_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_same_file(read->files[i], &files[i]);
	assert_int_equal(read->redirect_count, 1);
	assert_string_equal(read->redirects[0], "/moved");
	assert_int_equal(read->witness_count, 2);
	assert_string_equal(read->witnesses[0].path, "/");
	assert_true(read->witnesses[0].seconds == INT64_MIN && read->witnesses[0].nanoseconds == 999999999);
}

/* Only what is new is worth writing; what is not met for long is forgotten. */
static void test_what_is_written(void **state)
{
	struct layer layer = make_layer(), met = make_layer(), idle = make_layer(), old = make_layer();
	struct layers layers = {.arena = *state, .first = &layer, .remembered = &met};
	struct bytes memory;
	const char *why;

	layer.recalled = true;
	assert_int_equal(layer_memory_write(&layers, BOOT, &memory), 0);
	assert_int_equal(memory.length, 0);
	layer.recalled = false;
	met.recalled = true;
	met.next = &idle;
	idle.directory = "/idle";
	idle.next = &old;
	old.idle = 100;
	assert_int_equal(layer_memory_write(&layers, BOOT, &memory), 0);
	assert_int_equal(read_into(&layers, memory, BOOT, *state, &why), 0);
	assert_string_equal(layers.remembered->directory, "/idle");
	assert_int_equal(layers.remembered->idle, 1);
	assert_string_equal(layers.remembered->next->directory, "/lib/layer");
	assert_null(layers.remembered->next->next);
	layer.witnesses = NULL;
	layers = (struct layers){.arena = *state, .first = &layer};
	assert_int_equal(layer_memory_write(&layers, BOOT, &memory), 0);
	assert_int_equal(memory.length, 0);
}

static void test_of_another_boot(void **state)
{
	struct layer layer = make_layer();
	struct layers layers;
	const char *why;

	assert_int_equal(read_into(&layers, write_layer(&layer, *state), "other", *state, &why), 1);
	assert_non_null(strstr(why, "another boot"));
	assert_null(layers.remembered);
}

/* Puts a right sum behind what was changed: it has to be refused by what it says. */
static void sum(char *data, size_t length)
{
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, length - SHA256_DIGEST_SIZE, (const uint8_t *)data);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, (uint8_t *)data + length - SHA256_DIGEST_SIZE);
}

/* Each byte changed and each length, with a wrong sum and with a right one: never more than the memory is
 * read (the sanitizers look), and what is broken is not believed in part. */
static void test_hostile(void **state)
{
	struct layer layer = make_layer();
	struct bytes memory = write_layer(&layer, *state);
	size_t refused = 0;

	for (size_t i = 0; i < memory.length; i++) {
		_cleanup_arena_ struct arena *arena = arena_new();
		_cleanup_free_ char *changed = malloc(memory.length), *cut = malloc(i + 1);
		struct layers layers;
		const char *why;
		memcpy(changed, memory.data, memory.length);
		changed[i] = (char)~changed[i];
		memcpy(cut, memory.data, i);
		assert_int_equal(
			read_into(&layers, (struct bytes){changed, memory.length}, BOOT, arena, &why), 1);
		assert_null(layers.remembered);
		assert_int_equal(read_into(&layers, (struct bytes){cut, i}, BOOT, arena, &why), 1);
		sum(changed, memory.length);
		refused += read_into(&layers, (struct bytes){changed, memory.length}, BOOT, arena, &why) == 1;
		assert_true(!why == !!layers.remembered);
		if (i <= SHA256_DIGEST_SIZE)
			continue;
		sum(cut, i);
		assert_int_equal(read_into(&layers, (struct bytes){cut, i}, BOOT, arena, &why), 1);
		assert_null(layers.remembered);
	}
	assert_true(refused > 0);
}

static int make_arena(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int free_arena(void **state)
{
	arena_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_what_is_written),
		cmocka_unit_test(test_of_another_boot),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, make_arena, free_arena);
}
