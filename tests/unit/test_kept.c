/* What starts of an image needed before, added to what was learned of a container whose start was not seen.
 */
#include "tests/unit/test.h"

#include "agent/learn/kept.h"

static struct learned_use uses[] = {
	{.capability = CAP_CHOWN, .required = true, .at_start = true},
	{.capability = CAP_SETUID, .required = true, .at_start = true},
	{.capability = CAP_KILL, .required = true},
	{.capability = CAP_FSETID, .at_start = true},
};

/* Of a watch in which CAP_CHOWN was required. */
static struct learned_container join(const struct watched *watched, const struct watched *known, bool whole,
				     uint64_t lost)
{
	struct learned_container container = {.watched = watched, .recommended = CAPABILITY_MASK(CAP_CHOWN)},
				 before = {.watched = known, .uses = uses, .use_count = 4, .complete = whole};
	struct learned learned = {.containers = &container, .count = 1, .lost = lost};
	const struct learned kept = {.containers = &before, .count = 1};

	kept_join(&learned, &kept);
	return container;
}

static void test_what_starts_needed(void **state)
{
	const struct watched web = {.id = "1", .image = "web"}, known = {.image = "web"};
	struct learned_container container = join(&web, &known, true, 0);

	(void)state;
	assert_int_equal(container.recommended, CAPABILITY_MASK(CAP_CHOWN) | CAPABILITY_MASK(CAP_SETUID));
	assert_int_equal(container.of_starts, CAPABILITY_MASK(CAP_SETUID));
	assert_true(container.complete);
	assert_false(join(&web, &known, false, 0).complete);
	assert_false(join(&web, &known, true, 1).complete);
}

static void test_its_own_start_was_seen(void **state)
{
	const struct watched web = {.id = "1", .image = "web", .saw_start = true}, known = {.image = "web"};
	struct learned_container container = join(&web, &known, true, 0);

	(void)state;
	assert_int_equal(container.recommended, CAPABILITY_MASK(CAP_CHOWN));
	assert_int_equal(container.of_starts, 0);
}

static void test_whose_starts(void **state)
{
	static const struct {
		struct watched watched, kept;
		bool same;
	} cases[] = {
		{{.id = "1", .image = "web", .image_digest = "d"},
		 {.image = "web", .image_digest = "d"},
		 true},
		{{.id = "1", .image = "web", .image_digest = "d"},
		 {.image = "web", .image_digest = "e"},
		 false},
		{{.id = "1", .image = "web", .image_digest = "d"}, {.image = "web"}, false},
		{{.id = "1", .image = "new", .image_digest = "d"},
		 {.image = "old", .image_digest = "d"},
		 true},
		{{.id = "1", .image = "web"}, {.image = "api"}, false},
		{{.id = "1", .name = "a"}, {.name = "a"}, true},
		{{.id = "1", .name = "a"}, {.name = "b"}, false},
		{{.id = "1", .name = "a"}, {.id = "1"}, false},
		{{.id = "1"}, {.id = "1"}, true},
		{{.id = "1"}, {.id = "2"}, false},
		{{.id = "1"}, {0}, false},
		{{.id = "1", .name = "a", .image = "web", .family = "f"},
		 {.name = "a", .image = "web", .family = "f"},
		 true},
		{{.id = "1", .name = "a", .image = "web", .family = "f"},
		 {.name = "b", .image = "web", .family = "f"},
		 false},
		{{.id = "1", .name = "a", .image = "web", .family = "f"},
		 {.name = "a", .image = "web", .family = "g"},
		 false},
		{{.id = "1", .name = "a", .image = "web", .family = "f"},
		 {.name = "a", .image = "web"},
		 false},
		{{.id = "1", .name = "a", .image = "web"}, {.name = "b", .image = "web"}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(join(&cases[i].watched, &cases[i].kept, true, 0).complete, cases[i].same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_starts_needed),
		cmocka_unit_test(test_its_own_start_was_seen),
		cmocka_unit_test(test_whose_starts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
