#include "tests/unit/test.h"

#include <string.h>

#include "collectors/mountinfo.h"
#include "collectors/overlay.h"
#include "proctor/cleanup.h"

static const struct overlay_defaults off = {false, false, false};

/* What is said of an overlay with these options. */
static int parse(struct arena *arena, const char *options, const struct overlay_defaults *defaults,
		 struct overlay *overlay, const char **why)
{
	struct mount_namespace namespace = {0};
	struct mountinfo_faults faults = {0};
	char *line = arena_printf(arena, "1 0 0:40 / / rw - overlay o rw,%s\n", options);

	assert_int_equal(mountinfo_parse(line, strlen(line), arena, &namespace, &faults), 0);
	assert_int_equal(faults.malformed, 0);
	return overlay_parse(&namespace.mounts[0], defaults, arena, overlay, why);
}

static void assert_layers(const char *options, const char *expected)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct overlay overlay;
	const char *why;
	char *found = arena_string(arena, "");

	assert_int_equal(parse(arena, options, &off, &overlay, &why), 0);
	assert_null(why);
	for (size_t i = 0; i < overlay.count; i++)
		found = arena_printf(arena, "%s[%s]", found, overlay.layers[i]);
	assert_string_equal(found, expected);
	assert_int_equal(overlay.has_upper, strstr(options, "upperdir=") != NULL);
}

static void test_layers(void **state)
{
	(void)state;
	assert_layers("lowerdir=/a:/b,upperdir=/u,workdir=/w", "[/u][/a][/b]");
	assert_layers("lowerdir=l/A:l/B", "[l/A][l/B]");
	assert_layers("lowerdir=/a\\134:b:/c\\054d\\040e", "[/a:b][/c,d e]");
	assert_layers("lowerdir=/a\\134\\134:/b\\134", "[/a\\][/b\\]");
	assert_layers("lowerdir=/a::/data::/more", "[/a]");
	assert_layers("lowerdir+=/a:b,lowerdir+=/c,datadir+=/d", "[/a:b][/c]");
	assert_layers("lowerdir=/a:", "[/a]");
}

static void test_settings(void **state)
{
	static const struct {
		const char *options;
		struct overlay_defaults defaults;
		bool follows, user, makes;
	} cases[] = {
		{"lowerdir=/a", {false, false, false}, false, false, false},
		{"lowerdir=/a", {false, true, false}, true, false, false},
		{"lowerdir=/a", {false, true, true}, true, false, true},
		{"lowerdir=/a,redirect_dir=on", {false, false, false}, true, false, true},
		{"lowerdir=/a,redirect_dir=follow", {false, true, true}, true, false, false},
		{"lowerdir=/a,redirect_dir=nofollow", {false, true, true}, false, false, false},
		{"lowerdir=/a,redirect_dir=off", {false, true, true}, false, false, false},
		{"lowerdir=/a,userxattr", {false, true, false}, false, true, false},
		{"lowerdir=/a,index=off", {true, true, false}, true, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct overlay overlay;
		const char *why;
		assert_int_equal(parse(*state, cases[i].options, &cases[i].defaults, &overlay, &why), 0);
		assert_int_equal(overlay.follows_redirects, cases[i].follows);
		assert_int_equal(overlay.makes_redirects, cases[i].makes);
		assert_int_equal(overlay.user_attributes, cases[i].user);
	}
}

static void assert_refused(const struct mount *mount, const struct overlay_defaults *defaults,
			   const char *expected)
{
	_cleanup_arena_ struct arena *arena = arena_new();
	struct overlay overlay;
	const char *why;

	assert_int_equal(overlay_parse(mount, defaults, arena, &overlay, &why), 1);
	assert_non_null(strstr(why, expected));
}

static void test_refused(void **state)
{
	const struct mount sound = {.root = "/", .lower = "/a"};
	struct mount mount = sound;

	(void)state;
	mount.lower = NULL;
	assert_refused(&mount, &off, "not told");
	mount.lower = ":/a";
	assert_refused(&mount, &off, "not told");
	mount = sound;
	mount.foreign = true;
	assert_refused(&mount, &off, "user namespace");
	mount = sound;
	mount.options = MOUNT_ID_MAPPED;
	assert_refused(&mount, &off, "other ids");
	mount = sound;
	mount.overlay = OVERLAY_INDEX;
	assert_refused(&mount, &off, "index");
	assert_refused(&sound, &(struct overlay_defaults){.index = true}, "index");
	mount = sound;
	mount.root = "/part";
	assert_refused(&mount, &off, "a part");
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
		cmocka_unit_test(test_layers),
		cmocka_unit_test_setup_teardown(test_settings, make_arena, free_arena),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
