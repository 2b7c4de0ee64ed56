#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/file_memory.h"

static struct found_file own[] = {
	{.file = {.path = "/bin/su", .mode = 0104755, .device_minor = 5, .inode = 7}},
	{.file = {.path = "/bin/nc", .mode = 0120777, .device_minor = 5},
	 .link = "busybox",
	 .tools = TOOL_NETWORK},
	{.file = {.path = "/volume/file", .origin = ORIGIN_MOUNT, .device_minor = 9}},
};
static struct found_file *const files[] = {&own[0], &own[1], &own[2]};

static const struct file_memory_key image = {"image"}, other_image = {"other"};

static struct remembered_root *add(struct file_memory *memory, const struct file_memory_key *key,
				   uint32_t minor, struct found_file *const *list, size_t count)
{
	const struct mount mount = {.minor = minor};
	struct remembered_root *root = remembered_root_new(&mount, list, count);

	assert_non_null(root);
	root->key = *key;
	file_memory_add(memory, root);
	return root;
}

static const struct remembered_root *find(const struct file_memory *memory, const struct file_memory_key *key,
					  uint32_t minor)
{
	return file_memory_next(memory, key, &(struct mount){.minor = minor}, NULL);
}

static int make(void **state)
{
	*state = file_memory_new();
	return *state ? 0 : -1;
}

static int end(void **state)
{
	file_memory_free(*state);
	return 0;
}

static void test_what_is_kept(void **state)
{
	const struct remembered_root *root = add(*state, &image, 5, files, 3);

	assert_int_equal(root->file_count, 2); /* not what is mounted in it */
	assert_string_equal(root->files[0].file.path, "/bin/su");
	assert_ptr_not_equal(root->files[0].file.path, own[0].file.path);
	assert_int_equal(root->files[0].file.inode, 7);
	assert_string_equal(root->files[1].link, "busybox");
	assert_int_equal(root->files[1].tools, TOOL_NETWORK);
	assert_string_equal(root->paths[0], "/bin/nc");
	assert_string_equal(root->paths[1], "/bin/su");
	assert_false(root->elsewhere);
}

static void test_whose_it_is(void **state)
{
	const struct remembered_root *root = add(*state, &image, 5, files, 2), *same;

	assert_ptr_equal(find(*state, &image, 5), root);
	assert_ptr_equal(find(*state, &image, 6), root); /* another container of the image */
	assert_null(find(*state, &other_image, 5));
	same = add(*state, &image, 6, NULL, 0);
	assert_ptr_equal(find(*state, &image, 6), same); /* its own first */
	assert_ptr_equal(file_memory_next(*state, &image, &(struct mount){.minor = 6}, same), root);
	assert_null(file_memory_next(*state, &image, &(struct mount){.minor = 6}, root));
	assert_ptr_equal(find(*state, &image, 5), root);
}

/* Where layers lie on several file systems the devices of files are those of one overlay. */
static void test_of_one_overlay(void **state)
{
	const struct remembered_root *root;

	own[0].file.device_minor = 8;
	root = add(*state, &image, 5, files, 2);
	own[0].file.device_minor = 5;
	assert_true(root->elsewhere);
	assert_ptr_equal(find(*state, &image, 5), root);
	assert_null(find(*state, &image, 6));
}

static void test_one_for_each_overlay(void **state)
{
	add(*state, &image, 5, files, 3);
	const struct remembered_root *root = add(*state, &other_image, 5, files, 1);

	assert_null(find(*state, &image, 5));
	assert_ptr_equal(find(*state, &other_image, 5), root);
}

static void test_forgotten(void **state)
{
	struct remembered_root *stays = add(*state, &image, 5, files, 1);

	add(*state, &other_image, 6, files, 1);
	for (unsigned pass = 0; pass < 4; pass++) {
		stays->unmet = 0;
		file_memory_age(*state);
	}
	assert_ptr_equal(find(*state, &image, 5), stays);
	assert_null(find(*state, &other_image, 6));
}

/* Who makes files without end fills no memory. */
static void test_bounded(void **state)
{
	enum { MANY = 20000, LENGTH = 4000 };
	struct found_file *many = calloc(MANY, sizeof(*many));
	struct found_file **pointers = calloc(MANY, sizeof(*pointers));
	char *path = malloc(LENGTH + 1);

	assert_true(many && pointers && path);
	memset(path, 'a', LENGTH);
	path[LENGTH] = '\0';
	for (size_t i = 0; i < MANY; i++) {
		many[i].file.path = path;
		pointers[i] = &many[i];
	}
	const struct remembered_root *small = add(*state, &image, 5, files, 1);
	add(*state, &other_image, 6, pointers, MANY);
	assert_null(find(*state, &other_image, 6));
	assert_ptr_equal(find(*state, &image, 5), small);
	free(many);
	free(pointers);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_kept, make, end),
		cmocka_unit_test_setup_teardown(test_whose_it_is, make, end),
		cmocka_unit_test_setup_teardown(test_of_one_overlay, make, end),
		cmocka_unit_test_setup_teardown(test_one_for_each_overlay, make, end),
		cmocka_unit_test_setup_teardown(test_forgotten, make, end),
		cmocka_unit_test_setup_teardown(test_bounded, make, end),
	};

	return cmocka_run_group_tests_name("file_memory", tests, NULL, NULL);
}
