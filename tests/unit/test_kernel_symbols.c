#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "collectors/usage/kernel_symbols.h"
#include "proctor/cleanup.h"

static const char *const names[] = {"first", "second", NULL};

static int read_text(struct kernel_symbols *symbols, const char *text, size_t length)
{
	_cleanup_fclose_ FILE *file = fmemopen((char *)text, length, "r");
	_cleanup_error_ struct error *error = NULL;
	int result;

	assert_non_null(file);
	result = kernel_symbols_read(symbols, file, names, &error);
	assert_true(result ? error != NULL : error == NULL);
	return result;
}

static void test_functions_end_where_the_next_begins(void **state)
{
	static const char text[] = "ffffffff81000300 t after\n"
				   "ffffffff81000100 T first\n"
				   "ffffffff81000200 t second.isra.0\n"
				   "ffffffff81000180 D first\n"
				   "ffffffffc0000000 t second\t[module]\n"
				   "ffffffffc0000010 t more\t[module]\n";
	struct kernel_symbols symbols;

	(void)state;
	assert_int_equal(read_text(&symbols, text, sizeof(text) - 1), 0);
	assert_false(symbols.hidden);
	assert_int_equal(kernel_symbols_find(&symbols, 0xffffffff810000ff), -1);
	assert_int_equal(kernel_symbols_find(&symbols, 0xffffffff81000100), 0);
	assert_int_equal(kernel_symbols_find(&symbols, 0xffffffff810001ff), 0);
	assert_int_equal(kernel_symbols_find(&symbols, 0xffffffff81000200), 1);
	assert_int_equal(kernel_symbols_find(&symbols, 0xffffffff81000300), -1);
	assert_int_equal(kernel_symbols_find(&symbols, 0xffffffffc0000008), 1);
	assert_int_equal(kernel_symbols_find(&symbols, UINT64_MAX), -1);
	assert_int_equal(kernel_symbols_find(&symbols, 0), -1);
	kernel_symbols_free(&symbols);
}

/* kernel.kptr_restrict: every address is 0. */
static void test_hidden(void **state)
{
	static const char text[] = "0000000000000000 T first\n0000000000000000 T other\n";
	struct kernel_symbols symbols;

	(void)state;
	assert_int_equal(read_text(&symbols, text, sizeof(text) - 1), 0);
	assert_true(symbols.hidden);
	assert_int_equal(kernel_symbols_find(&symbols, 0), -1);
	assert_int_equal(kernel_symbols_find(&symbols, 1), -1);
	kernel_symbols_free(&symbols);
}

static void test_what_is_no_symbol(void **state)
{
	static const char text[] = "\n"
				   " T first\n"
				   "ffffffff81000100\n"
				   "ffffffff81000100 \n"
				   "ffffffff81000100 T\n"
				   "ffffffff81000100 T \n"
				   "ffffffff81000100 T .first\n"
				   "ffffffff81000100  first\n"
				   "ffffffff81000100 T firsts\n"
				   "ffffffff81000100 T fir\n"
				   "zzzz T first\n"
				   "ffffffff81000100 T first";
	struct kernel_symbols symbols;

	(void)state;
	assert_int_equal(read_text(&symbols, text, sizeof(text) - 1), 0);
	assert_int_equal(symbols.count, 1);
	kernel_symbols_free(&symbols);
}

static void test_any_bytes(void **state)
{
	static const char letters[] = "0123456789abcdef tTwD.\n\t[]first\xff";
	static char text[4096];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct kernel_symbols symbols;
		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = letters[(seed >> 8) % (sizeof(letters) - 1)];
		}
		assert_int_equal(read_text(&symbols, text, sizeof(text)), 0);
		for (size_t i = 1; i < symbols.count; i++)
			assert_true(symbols.list[i - 1].start <= symbols.list[i].start);
		kernel_symbols_free(&symbols);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_end_where_the_next_begins),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_what_is_no_symbol),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
