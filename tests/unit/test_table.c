#include "tests/unit/test.h"

#include <fcntl.h>
#include <locale.h>
#include <string.h>

#include "agent/formats/format.h"
#include "agent/formats/table.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"

static const struct table_column pid = {.header = "PID", .right = true};
static const struct table_column user = {.header = "USER"};
static const struct table_column command = {.header = "COMMAND", .weight = 1, .minimum = 4};
static const struct table_column set = {.header = "SET", .weight = 3, .minimum = 5};
static const struct table_column *const columns[] = {&pid, &user, &command, &set};
enum { COLUMNS = sizeof(columns) / sizeof(*columns) };

static struct table *make(void)
{
	struct table *table = table_new(columns, COLUMNS);

	assert_non_null(table);
	return table;
}

static void add(struct table *table, uint64_t number, const char *name, const char *comm, const char *names)
{
	table_number(table, STYLE_PLAIN, number);
	table_text(table, STYLE_PLAIN, name);
	table_text(table, STYLE_PLAIN, comm);
	table_text(table, STYLE_HIGH, names);
}

/* What the table prints, and frees the table. */
static void print(struct table *table, struct table_look look, struct buffer *buffer)
{
	const char *path = own_path();
	struct error *error = NULL;
	struct output *output = output_open(path, &error);

	assert_non_null(output);
	assert_int_equal(table_print(table, &look, output, &error), 0);
	assert_int_equal(output_commit(output, &error), 0);
	output_free(output);
	table_free(table);
	assert_int_equal(buffer_read(buffer, AT_FDCWD, path, 1 << 24), 0);
	unlink(path);
}

static void test_columns_are_as_wide_as_their_cells(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add(table, 1, "root", "init", "full");
	add(table, 18446744073709551615u, NULL, "sh", "");
	add(table, 0, "a", "", "x y");
	print(table, (struct table_look){0}, &buffer);
	assert_string_equal(buffer.data, "                 PID  USER  COMMAND  SET\n"
					 "                   1  root  init     full\n"
					 "18446744073709551615  -     sh\n"
					 "                   0  a              x y\n");
}

static void test_no_rows(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};

	(void)state;
	print(make(), (struct table_look){0}, &buffer);
	assert_string_equal(buffer.data, "PID  USER  COMMAND  SET\n");
	print(make(), (struct table_look){.headless = true}, &buffer);
	assert_string_equal(buffer.data, "");
}

static void test_a_row_that_is_not_whole_is_left_out(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add(table, 1, "u", "c", "s");
	table_number(table, STYLE_PLAIN, 2);
	print(table, (struct table_look){.headless = true}, &buffer);
	assert_string_equal(buffer.data, "  1  u     c        s\n");
}

static void test_room_is_shared_by_weight(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add(table, 1, "u", "command-of-thirty-two-characters", "set of thirty-two characters too");
	/* 13 of 40 for the others and the gaps, 4 and 5 at least; the 18 that are left: 5 and 13. */
	print(table, (struct table_look){.width = 40}, &buffer);
	assert_string_equal(buffer.data, "PID  USER  COMMAND    SET\n"
					 "  1  u     command-…  set of thirty-two…\n");
}

static void test_a_column_that_needs_less_leaves_it_to_the_others(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add(table, 1, "u", "command-of-thirty-two-characters", "short");
	print(table, (struct table_look){.width = 40}, &buffer);
	assert_string_equal(buffer.data, "PID  USER  COMMAND                 SET\n"
					 "  1  u     command-of-thirty-two…  short\n");
}

static struct table *make_kept(void)
{
	static const struct table_column pid_kept = {.header = "PID", .right = true, .keep = KEEP_LONGER};
	static const struct table_column set_kept = {
		.header = "SET", .weight = 3, .minimum = 5, .keep = KEEP_ALWAYS};
	static const struct table_column *const kept[] = {&pid_kept, &user, &command, &set_kept};
	struct table *table = table_new(kept, COLUMNS);

	assert_non_null(table);
	add(table, 1, "u", "command", "a set of many words");
	return table;
}

/* From the last to the first of those that matter least; never the one that matters most, nor all. */
static void test_columns_that_have_no_room_are_left_out(void **state)
{
	static const struct {
		size_t width, left_out;
		const char *text;
	} cases[] = {
		{22, 0, "PID  USER  COM…  SET\n  1  u     com…  a se…\n"},
		{21, 1, "PID  USER  SET\n  1  u     a set of …\n"},
		{16, 1, "PID  USER  SET\n  1  u     a se…\n"},
		{15, 2, "PID  SET\n  1  a set of …\n"},
		{10, 2, "PID  SET\n  1  a se…\n"},
		{9, 3, "SET\na set of…\n"},
		{3, 3, "SET\na …\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_cleanup_buffer_ struct buffer buffer = {0};
		struct table *table = make_kept();
		struct table_look look = {.width = cases[i].width};
		assert_int_equal(table_left_out(table, &look), cases[i].left_out);
		print(table, look, &buffer);
		assert_string_equal(buffer.data, cases[i].text);
	}
	struct table *table = make_kept();
	assert_int_equal(table_left_out(table, &(struct table_look){0}), 0);
	table_free(table);
}

static void test_a_column_that_keeps_its_ends(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	table_keep_ends(table, 2);
	add(table, 1, "u", "/usr/lib/a-long-way/to/a-file", "short");
	add(table, 2, "u", "/usr/lib/ü/a/way/to/größe", "short");
	print(table, (struct table_look){.width = 30, .headless = true}, &buffer);
	assert_string_equal(buffer.data, "  1  u     …y/to/a-file  short\n"
					 "  2  u     …ay/to/größe  short\n");
}

/* Every line, without what colours it, takes at most `width` columns. */
static void assert_fits(const struct buffer *buffer, size_t width)
{
	const char *cursor = buffer->data, *end = buffer->data + buffer->length, *line;
	size_t length, lines = 0;

	while (line_next(&cursor, end, &line, &length)) {
		_cleanup_free_ char *text = calloc(length + 1, 1);
		size_t kept = 0;
		for (size_t i = 0; i < length; i++) {
			if (line[i] == '\033')
				i += strcspn(line + i, "m");
			else
				text[kept++] = line[i];
		}
		assert_true(text_width(text) <= width);
		assert_true(kept == 0 || text[kept - 1] != ' ');
		lines++;
	}
	assert_int_equal(lines, 6);
}

static void add_hostile(struct table *table)
{
	add(table, 1, "line\nfeed", "\033[2J\033]0;title\a", "\xff\xfe\xc0\x80 invalid");
	add(table, 22, "wide 世界世界世界", "e\xcc\x81\xcc\x81 combining", "bidi \xe2\x80\xae reversed");
	add(table, 333, "tab\there", "back\\slash",
	    "c1 \xc2\x9b"
	    "31m");
	add(table, 4444, "🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳", "", "\r\r\r");
	table_number(table, STYLE_CRITICAL, 55555);
	table_cell(table, STYLE_LOW, "nul\0inside", 10);
	table_cell(table, STYLE_MEDIUM, "", 0);
	table_cell(table, STYLE_INFO, "\xf0\x9f", 2);
}

static void test_hostile_bytes(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add_hostile(table);
	print(table, (struct table_look){0}, &buffer);
	for (size_t i = 0; i < buffer.length; i++)
		assert_true(buffer.data[i] == '\n' || (unsigned char)buffer.data[i] >= ' ');
	assert_fits(&buffer, 200);
	assert_non_null(strstr(buffer.data, "line\\nfeed"));
	assert_non_null(strstr(buffer.data, "\\x1b[2J\\x1b]0;title\\x07"));
	assert_non_null(strstr(buffer.data, "\\xff\\xfe\\xc0\\x80 invalid"));
	assert_non_null(strstr(buffer.data, "bidi \\xe2\\x80\\xae reversed"));
	assert_non_null(strstr(buffer.data, "nul\\x00inside"));
	assert_non_null(strstr(buffer.data, "back\\\\slash"));
}

static void test_any_width_is_kept(void **state)
{
	(void)state;
	for (size_t width = 1; width < 120; width++) {
		_cleanup_buffer_ struct buffer buffer = {0};
		struct table *table = make();

		add_hostile(table);
		print(table, (struct table_look){.width = width, .colour = width % 2}, &buffer);
		assert_fits(&buffer, width);
	}
}

static void test_wide_characters_keep_the_columns_straight(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add(table, 1, "世界", "世界世界世界", "a");
	add(table, 2, "root", "command-name", "b");
	print(table, (struct table_look){.width = 24, .headless = true}, &buffer);
	/* Eight columns for COMMAND: three wide characters and the mark take seven. */
	assert_string_equal(buffer.data, "  1  世界  世界世…   a\n"
					 "  2  root  command…  b\n");
}

static void test_colour_is_round_the_cell_only(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	add(table, 1, "u", "c", "s");
	print(table, (struct table_look){.colour = true, .headless = true}, &buffer);
	assert_string_equal(buffer.data, "  1  u     c        \033[31ms\033[0m\n");
}

static void test_a_long_cell(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();
	size_t length = 2 << 20;
	char *text = malloc(length);

	(void)state;
	memset(text, '\033', length);
	table_number(table, STYLE_PLAIN, 1);
	table_text(table, STYLE_PLAIN, "");
	table_text(table, STYLE_PLAIN, "");
	table_cell(table, STYLE_PLAIN, text, length);
	free(text);
	print(table, (struct table_look){.width = 40, .headless = true}, &buffer);
	assert_string_equal(buffer.data, "  1                 \\x1b\\x1b\\x1b\\x1b\\x1…\n");
}

static void test_branches(void **state)
{
	static const bool last[] = {false, true, false};
	char out[TABLE_BRANCH_SIZE];
	bool deep[5000] = {false};

	(void)state;
	assert_string_equal(table_branch(out, last, 0), "");
	assert_string_equal(table_branch(out, last, 1), "├─ ");
	assert_string_equal(table_branch(out, last, 2), "│  └─ ");
	assert_string_equal(table_branch(out, last, 3), "│     ├─ ");
	table_branch(out, deep, 5000);
	assert_true(strlen(out) < TABLE_BRANCH_SIZE - 1);
	assert_int_equal(strncmp(out, "… │  ", strlen("… │  ")), 0);
	assert_string_equal(out + strlen(out) - strlen("├─ "), "├─ ");
}

static void test_a_branch_stands_in_front_of_its_cell(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct table *table = make();

	(void)state;
	table_number(table, STYLE_PLAIN, 1);
	table_text(table, STYLE_PLAIN, "u");
	table_prefix(table, "└─ ");
	table_text(table, STYLE_PLAIN, "c\n");
	table_text(table, STYLE_PLAIN, "s");
	add(table, 2, "u", "123456789", "t");
	print(table, (struct table_look){.headless = true}, &buffer);
	assert_string_equal(buffer.data, "  1  u     └─ c\\n     s\n"
					 "  2  u     123456789  t\n");
}

static void test_severities_have_a_style_each(void **state)
{
	(void)state;
	assert_int_equal(table_style_of(SEVERITY_NONE), STYLE_PLAIN);
	for (enum severity severity = SEVERITY_INFO; severity < SEVERITY_COUNT; severity++)
		assert_int_not_equal(table_style_of(severity), table_style_of(severity - 1));
}

static void test_formats_by_name(void **state)
{
	_cleanup_error_ struct error *error = NULL;
	enum format format;

	(void)state;
	for (enum format known = FORMAT_TABLE; known < FORMAT_COUNT; known++) {
		assert_int_equal(format_parse(formats[known].name, &format, &error), 0);
		assert_int_equal(format, known);
	}
	assert_int_equal(format_parse("JSON", &format, &error), -1);
	assert_non_null(strstr(error_message(error), "table, json and ndjson"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_are_as_wide_as_their_cells),
		cmocka_unit_test(test_no_rows),
		cmocka_unit_test(test_a_row_that_is_not_whole_is_left_out),
		cmocka_unit_test(test_room_is_shared_by_weight),
		cmocka_unit_test(test_columns_that_have_no_room_are_left_out),
		cmocka_unit_test(test_a_column_that_keeps_its_ends),
		cmocka_unit_test(test_a_column_that_needs_less_leaves_it_to_the_others),
		cmocka_unit_test(test_hostile_bytes),
		cmocka_unit_test(test_any_width_is_kept),
		cmocka_unit_test(test_wide_characters_keep_the_columns_straight),
		cmocka_unit_test(test_colour_is_round_the_cell_only),
		cmocka_unit_test(test_a_long_cell),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_a_branch_stands_in_front_of_its_cell),
		cmocka_unit_test(test_severities_have_a_style_each),
		cmocka_unit_test(test_formats_by_name),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
