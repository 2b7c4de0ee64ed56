#include "tests/unit/test.h"

#include <stdalign.h>
#include <string.h>

#include "proctor/arena.h"
#include "proctor/cleanup.h"

static void test_memory_is_zeroed_and_aligned(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state;
	for (size_t size = 0; size < 300; size++) {
		unsigned char *memory = arena_alloc(arena, size);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(memory[i], 0);
		memset(memory, 0xff, size); /* what is next must not be seen in it */
	}
}

static void test_large_and_small_do_not_overlap(void **state)
{
	static const size_t sizes[] = {1, 100000, 17, 65536, 65535, 16384, 16385, 3, 1 << 20, 8};
	_cleanup_arena_ struct arena *arena = arena_new();
	unsigned char *memory[10];

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		memory[i] = arena_alloc(arena, sizes[i]);
		assert_non_null(memory[i]);
		memset(memory[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < 10; i++)
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(memory[i][k], i + 1);
}

static void test_sizes_that_overflow_are_refused(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state;
	assert_null(arena_alloc(arena, SIZE_MAX));
	assert_null(arena_alloc(arena, SIZE_MAX - 15));
	assert_null(arena_array(arena, SIZE_MAX / 8 + 2, 8));
	assert_null(arena_copy(arena, "x", SIZE_MAX));
	assert_non_null(arena_alloc(arena, 1)); /* and it still works */
}

static void test_copies(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();

	(void)state;
	assert_memory_equal(arena_copy(arena, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_copy(arena, NULL, 0), "");
	assert_string_equal(arena_string(arena, "text"), "text");
	assert_string_equal(arena_printf(arena, "%s-%d", "x", 7), "x-7");
	assert_int_equal(strlen(arena_printf(arena, "%*s", 100000, "")), 100000);
}

static void test_adopted_memory_lives_on(void **state)
{
	_cleanup_arena_ struct arena *into = arena_new();
	struct arena *from = arena_new();
	char *mine = arena_string(into, "mine"), *theirs = arena_string(from, "theirs");
	size_t total = arena_size(into) + arena_size(from);

	(void)state;
	arena_adopt(into, from);
	assert_int_equal(arena_size(into), total);
	for (size_t i = 0; i < 1000; i++)
		memset(arena_alloc(into, 100), 'x', 100);
	assert_string_equal(mine, "mine");
	assert_string_equal(theirs, "theirs");
}

static void test_an_empty_arena_adopts_and_is_adopted(void **state)
{
	_cleanup_arena_ struct arena *into = arena_new();
	struct arena *from = arena_new();
	char *text = arena_string(from, "text");

	(void)state;
	arena_adopt(into, from);
	arena_adopt(into, arena_new());
	assert_string_equal(text, "text");
	assert_non_null(arena_alloc(into, 10));
}

static void test_grow_keeps_what_was_there(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	size_t capacity = 0;
	int *array = NULL;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		array = arena_grow(arena, array, (size_t)i, &capacity, sizeof(*array));
		assert_non_null(array);
		array[i] = i;
	}
	for (int i = 0; i < 5000; i++)
		assert_int_equal(array[i], i);
	assert_int_equal(capacity, 8192);
}

static void test_grow_refuses_what_overflows(void **state)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	size_t capacity = SIZE_MAX / 2 + 1;

	(void)state;
	assert_null(arena_grow(arena, NULL, capacity, &capacity, 1));
	assert_int_equal(capacity, SIZE_MAX / 2 + 1);
}

static void test_freeing_nothing(void **state)
{
	(void)state;
	arena_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_zeroed_and_aligned),
		cmocka_unit_test(test_large_and_small_do_not_overlap),
		cmocka_unit_test(test_sizes_that_overflow_are_refused),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_adopted_memory_lives_on),
		cmocka_unit_test(test_an_empty_arena_adopts_and_is_adopted),
		cmocka_unit_test(test_grow_keeps_what_was_there),
		cmocka_unit_test(test_grow_refuses_what_overflows),
		cmocka_unit_test(test_freeing_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
