#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "collectors/mountinfo.h"
#include "proctor/cleanup.h"

static int arena_make(void **state)
{
	*state = arena_new();
	return *state ? 0 : -1;
}

static int arena_drop(void **state)
{
	arena_free(*state);
	return 0;
}

static struct mount_namespace parse(struct arena *arena, const char *text, size_t malformed)
{
	struct mount_namespace namespace = {0};
	struct mountinfo_faults faults = {0};

	assert_int_equal(mountinfo_parse(text, strlen(text), arena, &namespace, &faults), 0);
	assert_int_equal(faults.malformed, malformed);
	return namespace;
}

static const struct mount *mount_by_id(const struct mount_namespace *namespace, uint32_t id)
{
	for (size_t i = 0; i < namespace->mount_count; i++)
		if (namespace->mounts[i].id == id)
			return &namespace->mounts[i];
	fail_msg("no mount %u", id);
	return NULL;
}

static void test_layers(void **state)
{
	struct mount_namespace namespace = parse(
		*state,
		"1 0 0:40 / /a rw - overlay o "
		"rw,lowerdir+=/one,x,lowerdir+=/t\\054wo,datadir+=/three,userxattr\n"
		"2 0 0:41 / /b rw - overlay o rw,upperdir=/lowerdir=/x\n"
		"3 0 0:42 / /c rw - tmpfs o rw,lowerdir=/x,index=on\n"
		"4 0 0:43 / /d rw - overlay o rw,lowerdir+=:a\\134b:,lowerdir+=/c,lowerdir+=:::\n"
		"5 0 0:44 / /e rw,idmapped - overlay o "
		"rw,lowerdir=a\\134:b::/c,index=off,redirect_dir=nofollow\n"
		"6 0 0:45 / /f rw - overlay o rw,redirect_dir=on,redirect_dir=maybe,userxattr=x,index=on\n",
		0);

	assert_string_equal(namespace.mounts[0].lower, "/one:/t,wo::/three");
	assert_int_equal(namespace.mounts[0].overlay, OVERLAY_USER_ATTRIBUTES);
	assert_null(namespace.mounts[1].lower);
	assert_null(namespace.mounts[2].lower);
	assert_int_equal(namespace.mounts[2].overlay, 0);
	assert_string_equal(namespace.mounts[3].lower, "\\:a\\\\b\\::/c:\\:\\:\\:");
	assert_string_equal(namespace.mounts[4].lower, "a\\:b::/c");
	assert_int_equal(namespace.mounts[4].overlay, OVERLAY_NO_INDEX | OVERLAY_NO_REDIRECTS);
	assert_int_equal(namespace.mounts[4].options, MOUNT_ID_MAPPED);
	assert_int_equal(namespace.mounts[5].overlay,
			 OVERLAY_REDIRECTS | OVERLAY_MAKES_REDIRECTS | OVERLAY_INDEX);
}

static bool is_covered(const struct mount_namespace *namespace, uint32_t id)
{
	return mount_by_id(namespace, id)->covered;
}

static void test_every_field(void **state)
{
	struct mount_namespace namespace = parse(
		*state,
		"82 53 0:40 / / ro,nosuid,nodev,noexec,relatime shared:7 master:2 - overlay overlay "
		"rw,lowerdir=/l/A:/l/B,upperdir=/var/lib/docker/overlay2/x/diff,workdir=/w\\0541,xino=off\n"
		"83 82 254:17 /a /data rw unbindable propagate_from:9 future:x - ext4 /dev/sda1 ro\n",
		0);
	const struct mount *root = &namespace.mounts[0], *data = &namespace.mounts[1];

	assert_int_equal(namespace.mount_count, 2);
	assert_ptr_equal(namespace.root, root);
	assert_int_equal(root->id, 82);
	assert_int_equal(root->parent, 53);
	assert_int_equal(root->major, 0);
	assert_int_equal(root->minor, 40);
	assert_int_equal(root->options, MOUNT_READ_ONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC);
	assert_int_equal(root->super_options, 0);
	assert_int_equal(root->shared, 7);
	assert_int_equal(root->master, 2);
	assert_string_equal(root->type, "overlay");
	assert_string_equal(root->upper, "/var/lib/docker/overlay2/x/diff");
	assert_string_equal(root->work, "/w,1");
	assert_string_equal(root->lower, "/l/A:/l/B");
	assert_null(data->lower);
	assert_false(root->unbindable);
	assert_string_equal(data->root, "/a");
	assert_string_equal(data->point, "/data");
	assert_string_equal(data->source, "/dev/sda1");
	assert_int_equal(data->options, 0);
	assert_int_equal(data->super_options, MOUNT_READ_ONLY);
	assert_int_equal(data->major, 254);
	assert_int_equal(data->minor, 17);
	assert_true(data->unbindable);
	assert_null(data->upper);
	assert_false(root->covered || data->covered);
}

static void test_octal_escapes(void **state)
{
	struct mount_namespace namespace = parse(
		*state,
		"1 0 0:1 /\\040\\011\\012\\134\\043 /\\303\\244\\x\\04\\999\\000\\777\\ rw - t \\040 rw", 0);

	assert_string_equal(namespace.mounts[0].root, "/ \t\n\\#");
	assert_string_equal(namespace.mounts[0].point, "/\303\244\\x\\04\\999\\000\\777\\");
	assert_string_equal(namespace.mounts[0].source, " ");
}

static void test_an_empty_source_is_a_field(void **state)
{
	struct mount_namespace namespace = parse(*state, "1 0 0:1 / / rw - tmpfs  rw,size=1k\n", 0);

	assert_string_equal(namespace.mounts[0].source, "");
	assert_string_equal(namespace.mounts[0].type, "tmpfs");
}

static void test_malformed_lines_are_counted(void **state)
{
	struct mount_namespace namespace =
		parse(*state,
		      "\n"
		      "garbage\n"
		      "1 0 0:1 / / rw - ext4 /dev/sda\n"              /* no super options */
		      "1 0 0:1 / / rw shared:1 ext4 /dev/sda rw\n"    /* no separator */
		      "1 0 0:1 / / rw shared:x - ext4 /dev/sda rw\n"  /* no number */
		      "99999999999 0 0:1 / / rw - ext4 /dev/sda rw\n" /* too large */
		      "1 99999999999999999999999 0:1 / / rw - ext4 /dev/sda rw\n"
		      "1 0 4294967296:1 / / rw - ext4 /dev/sda rw\n"
		      "1 0 0 / / rw - ext4 /dev/sda rw\n"
		      "1 0 0:1x / / rw - ext4 /dev/sda rw\n"
		      "-1 0 0:1 / / rw - ext4 /dev/sda rw\n"
		      "1 0 0:1 /  rw - ext4 /dev/sda rw\n"  /* no mount point */
		      "1 0 0:1 / r rw - ext4 /dev/sda rw\n" /* a relative one */
		      "2 1 0:1 / /last rw - ext4 /dev/sda rw",
		      13);

	assert_int_equal(namespace.mount_count, 1);
	assert_string_equal(namespace.mounts[0].point, "/last");
	assert_null(namespace.root);
	parse(*state, "", 0);
}

static void test_options(void **state)
{
	static const char text[] = "rw,rootcontext=x,ro2,hidepid=invisible,gid=,last";
	struct bytes options = {text, sizeof(text) - 1}, value;

	(void)state;
	assert_false(mountinfo_option(options, "ro", NULL));
	assert_false(mountinfo_option(options, "hide", NULL));
	assert_false(mountinfo_option((struct bytes){0}, "ro", NULL));
	assert_true(mountinfo_option(options, "last", &value));
	assert_int_equal(value.length, 0);
	assert_true(mountinfo_option(options, "gid", &value));
	assert_int_equal(value.length, 0);
	assert_true(mountinfo_option(options, "hidepid", &value));
	assert_int_equal(value.length, 9);
	assert_memory_equal(value.data, "invisible", 9);
}

static void test_a_mount_on_a_mount_covers_it(void **state)
{
	struct mount_namespace namespace = parse(*state,
						 "10 1 8:1 / / rw - ext4 d rw\n"
						 "11 10 0:1 / /a rw - tmpfs d rw\n"
						 "12 11 0:2 / /a/b rw - tmpfs d rw\n"
						 "13 11 0:3 / /a rw - tmpfs d rw\n"
						 "14 13 0:4 / /a/b rw - tmpfs d rw\n",
						 0);

	assert_false(is_covered(&namespace, 10));
	assert_true(is_covered(&namespace, 11));
	assert_true(is_covered(&namespace, 12));
	assert_false(is_covered(&namespace, 13));
	assert_false(is_covered(&namespace, 14));
	assert_int_equal(mount_of_path(&namespace, "/a/b/c")->id, 14);
	assert_int_equal(mount_of_path(&namespace, "/ab")->id, 10);
}

static void test_a_mount_further_up_covers_what_lies_beneath(void **state)
{
	struct mount_namespace namespace = parse(*state,
						 "10 1 8:1 / / rw - ext4 d rw\n"
						 "11 10 0:1 / /a/b/c rw - tmpfs d rw\n"
						 "12 10 0:2 / /a/bc rw - tmpfs d rw\n"
						 "13 10 0:3 / /a/b-c rw - tmpfs d rw\n"
						 "14 11 0:4 / /a/b/c/d rw - tmpfs d rw\n"
						 "15 10 0:5 / /a/b rw - tmpfs d rw\n",
						 0);

	assert_true(is_covered(&namespace, 11));
	assert_true(is_covered(&namespace, 14));
	assert_false(is_covered(&namespace, 12));
	assert_false(is_covered(&namespace, 13));
	assert_false(is_covered(&namespace, 15));
}

static void test_the_root_can_be_covered(void **state)
{
	struct mount_namespace namespace = parse(*state,
						 "1 1 0:2 / / rw - rootfs rootfs rw\n"
						 "27 1 8:1 / / rw - ext4 d rw\n"
						 "28 27 0:1 / /proc rw - proc d rw\n"
						 "30 27 0:9 / / rw - tmpfs d rw\n",
						 0);

	assert_true(is_covered(&namespace, 1));
	assert_true(is_covered(&namespace, 27));
	assert_true(is_covered(&namespace, 28));
	assert_false(is_covered(&namespace, 30));
	assert_int_equal(namespace.root->id, 30);
}

static void test_what_was_mounted_last_is_seen(void **state)
{
	struct mount_namespace namespace = parse(*state,
						 "11 10 0:1 / /a rw - tmpfs d rw\n"
						 "9 10 0:2 / /a rw - tmpfs d rw\n"
						 "12 9 0:3 / /a/b rw - tmpfs d rw\n"
						 "10 1 8:1 / / rw - ext4 d rw\n",
						 0);

	assert_true(is_covered(&namespace, 11));
	assert_false(is_covered(&namespace, 9));
	assert_int_equal(mount_of_path(&namespace, "/a/b")->id, 12);
	assert_int_equal(mount_of_path(&namespace, "/a/c")->id, 9);
	assert_int_equal(mount_of_path(&namespace, "/b")->id, 10);
}

static void test_parents_in_a_circle_end(void **state)
{
	struct mount_namespace namespace = parse(*state,
						 "1 2 0:1 / /a rw - tmpfs d rw\n"
						 "2 3 0:1 / /b rw - tmpfs d rw\n"
						 "3 1 0:1 / /c rw - tmpfs d rw\n"
						 "3 3 0:1 / /d rw - tmpfs d rw\n"
						 "5 2 0:1 / /b/e rw - tmpfs d rw\n",
						 0);

	assert_int_equal(namespace.mount_count, 5);
	assert_null(namespace.root);
}

/* Deep: each mount on the one before; wide: all on one. Both with more than the kernel allows by default. */
static void test_many_lines(void **state)
{
	enum { LINES = 100001 };
	_cleanup_free_ char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	assert_non_null(stream);
	fputs("1 0 8:1 / / rw - ext4 d rw\n", stream);
	for (unsigned i = 2; i <= LINES; i++)
		fprintf(stream, "%u %u 0:%u / %s%u rw,nosuid - tmpfs tmpfs rw\n", i, i % 2 ? 1 : i - 1, i,
			i % 2 ? "/wide/" : "/wide/1/", i);
	for (unsigned i = 1; i <= LINES; i++)
		fprintf(stream, "%u %u 0:1 / / rw - tmpfs tmpfs rw\n", LINES + i, i == 1 ? 1 : LINES + i - 1);
	assert_int_equal(fclose(stream), 0);
	struct mount_namespace namespace = parse(*state, text, 0);
	assert_int_equal(namespace.mount_count, 2 * LINES);
	assert_int_equal(namespace.root->id, 2 * LINES);
	for (size_t i = 0; i + 1 < namespace.mount_count; i++)
		assert_true(namespace.mounts[i].covered);
}

static void test_paths_in_order(void **state)
{
	static const char *const ordered[] = {"",       "/",    "/a",   "/a/", "/a/\1", "/a/b",
					      "/a/b/c", "/a\1", "/a-b", "/ab", "/\377"};

	(void)state;
	for (size_t i = 0; i < sizeof(ordered) / sizeof(*ordered); i++)
		for (size_t k = 0; k < sizeof(ordered) / sizeof(*ordered); k++) {
			int order = mountinfo_compare_paths(ordered[i], ordered[k]);
			if (order < 0)
				assert_true(i < k);
			else if (order > 0)
				assert_true(i > k);
			else
				assert_int_equal(i, k);
		}
}

static void test_our_own_table(void **state)
{
	_cleanup_buffer_ struct buffer buffer = {0};
	struct mount_namespace namespace = {0};
	struct mountinfo_faults faults;

	assert_int_equal(
		mountinfo_read(AT_FDCWD, "/proc/self/mountinfo", &buffer, *state, &namespace, &faults), 0);
	assert_int_equal(faults.malformed, 0);
	assert_false(faults.cut);
	assert_non_null(namespace.root);
	assert_string_equal(mount_of_path(&namespace, "/proc/self/status")->type, "proc");
	assert_int_equal(mountinfo_read(AT_FDCWD, "/nowhere", &buffer, *state, &namespace, &faults), -1);
}

#define WITH_ARENA(test) cmocka_unit_test_setup_teardown(test, arena_make, arena_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ARENA(test_every_field),
		WITH_ARENA(test_layers),
		WITH_ARENA(test_octal_escapes),
		WITH_ARENA(test_an_empty_source_is_a_field),
		WITH_ARENA(test_malformed_lines_are_counted),
		cmocka_unit_test(test_options),
		WITH_ARENA(test_a_mount_on_a_mount_covers_it),
		WITH_ARENA(test_a_mount_further_up_covers_what_lies_beneath),
		WITH_ARENA(test_the_root_can_be_covered),
		WITH_ARENA(test_what_was_mounted_last_is_seen),
		WITH_ARENA(test_parents_in_a_circle_end),
		WITH_ARENA(test_many_lines),
		cmocka_unit_test(test_paths_in_order),
		WITH_ARENA(test_our_own_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
