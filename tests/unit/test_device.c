#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "collectors/beneath.h"
#include "collectors/device.h"
#include "collectors/mountinfo.h"
#include "proctor/cleanup.h"

/* Our own root and the mounts in it. */
struct sight {
	struct arena *arena;
	struct mount_namespace mounts;
	struct beneath beneath;
	int directory;
};

static int view_make(void **state)
{
	struct sight *view = calloc(1, sizeof(*view));
	_cleanup_buffer_ struct buffer buffer = {0};
	struct mountinfo_faults faults;

	view->arena = arena_new();
	view->directory = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	view->beneath.root = -1;
	*state = view;
	return mountinfo_read(view->directory, "mountinfo", &buffer, view->arena, &view->mounts, &faults);
}

static int view_drop(void **state)
{
	struct sight *view = *state;

	beneath_close(&view->beneath);
	close(view->directory);
	arena_free(view->arena);
	free(view);
	return 0;
}

static int open_root(struct sight *view)
{
	int root = openat(view->directory, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(root >= 0);
	return beneath_open_at(&view->beneath, root, &view->mounts);
}

static void view_open(struct sight *view)
{
	assert_int_equal(open_root(view), 0);
	if (view->mounts.mounts && beneath_path(&view->beneath, "/proc", NULL) < 0 && errno == EREMOTE)
		skip(); /* our own root is on a file system that is not entered, or Linux is older than 5.8 */
}

/* ---- paths ------------------------------------------------------------------------------------- */

static void test_paths(void **state)
{
	struct sight *view = *state;
	const struct mount *mount = NULL;
	struct stat expected, opened;

	view_open(view);
	_cleanup_close_ int fd = beneath_path(&view->beneath, "//proc///sys/./kernel/", &mount);
	assert_true(fd >= 0);
	assert_string_equal(mount->type, "proc");
	assert_int_equal(fstat(fd, &opened), 0);
	assert_int_equal(stat("/proc/sys/kernel", &expected), 0);
	assert_int_equal(opened.st_ino, expected.st_ino);
	_cleanup_close_ int root = beneath_path(&view->beneath, "/", &mount);
	assert_true(root >= 0);
	assert_string_equal(mount->point, "/");
}

static void assert_refused(const struct sight *view, const char *path, int number)
{
	assert_int_equal(beneath_path(&view->beneath, path, NULL), -1);
	assert_int_equal(errno, number);
}

static void test_refused_paths(void **state)
{
	struct sight *view = *state;
	char name[400];

	view_open(view);
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	assert_refused(view, "/proc/self", ELOOP);
	assert_refused(view, "/proc/self/status", ELOOP);
	assert_refused(view, "/proc/../proc", EXDEV);
	assert_refused(view, "/proc/absent", ENOENT);
	assert_refused(view, "/proc/uptime/x", ENOTDIR);
	assert_refused(view, name, ENAMETOOLONG);
}

/* What was mounted after the table was read may be anything. */
static void test_a_mount_that_is_not_in_the_table(void **state)
{
	struct sight *view = *state;
	size_t kept = 0;

	for (size_t i = 0; i < view->mounts.mount_count; i++)
		if (strcmp(view->mounts.mounts[i].point, "/proc") != 0)
			view->mounts.mounts[kept++] = view->mounts.mounts[i];
	view->mounts.mount_count = kept;
	assert_int_equal(open_root(view), 0);
	assert_refused(view, "/proc", EREMOTE);
	assert_refused(view, "/proc/uptime", EREMOTE);
}

static void test_a_mount_that_may_hang(void **state)
{
	struct sight *view = *state;

	for (size_t i = 0; i < view->mounts.mount_count; i++)
		if (!strcmp(view->mounts.mounts[i].point, "/proc"))
			view->mounts.mounts[i].type = "fuse.slow";
	assert_int_equal(open_root(view), 0);
	assert_refused(view, "/proc", EREMOTE);
}

static void test_a_root_that_may_hang(void **state)
{
	struct sight *view = *state;

	for (size_t i = 0; i < view->mounts.mount_count; i++)
		view->mounts.mounts[i].type = "fuse";
	assert_int_equal(open_root(view), -1);
	assert_int_equal(errno, EREMOTE);
	beneath_close(&view->beneath);
	view->mounts.mount_count = 0;
	assert_int_equal(open_root(view), -1);
	assert_int_equal(errno, EREMOTE);
}

/* ---- devices ----------------------------------------------------------------------------------- */

static void test_what_every_container_has(void **state)
{
	(void)state;
	assert_true(device_is_default(false, 1, 3));
	assert_true(device_is_default(false, 1, 9));
	assert_true(device_is_default(false, 5, 2));
	assert_true(device_is_default(false, 136, 70000));
	assert_true(device_is_default(false, 143, 0));
	assert_false(device_is_default(false, 1, 1)); /* mem */
	assert_false(device_is_default(false, 1, 4)); /* port */
	assert_false(device_is_default(false, 1, 6));
	assert_false(device_is_default(false, 1, 11)); /* kmsg */
	assert_false(device_is_default(false, 5, 3));
	assert_false(device_is_default(false, 10, 229)); /* fuse */
	assert_false(device_is_default(false, 144, 0));
	assert_false(device_is_default(true, 1, 3)); /* a RAM disk */
	assert_false(device_is_default(true, 8, 0));
}

/* Puts an empty /dev over ours, in a mount namespace of our own. */
static void make_dev(unsigned long flags)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("dev", "/dev", "tmpfs", flags, "mode=755") ||
	    mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)))
		skip(); /* not root */
}

static void collect(struct sight *view, struct container *container, struct device_faults *faults)
{
	*container = (struct container){0};
	assert_int_equal(open_root(view), 0);
	assert_int_equal(device_collect(container, &view->beneath, view->arena, faults), 0);
}

/* Reads the view again, as a mount was made. */
static struct sight *view_again(void **state)
{
	view_drop(state);
	assert_int_equal(view_make(state), 0);
	return *state;
}

static void test_devices(void **state)
{
	struct container container;
	struct device_faults faults;

	make_dev(0);
	assert_int_equal(mkdir("/dev/mapper", 0700), 0);
	assert_int_equal(mknod("/dev/zz\n", S_IFCHR | 0600, makedev(10, 229)), 0);
	assert_int_equal(mknod("/dev/mapper/root", S_IFBLK | 0640, makedev(8, 1)), 0);
	assert_int_equal(mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 1)), 0); /* it is mem */
	assert_int_equal(mknod("/dev/tty7", S_IFCHR | 0666, makedev(5, 0)), 0);
	assert_int_equal(mkfifo("/dev/initctl", 0600), 0);
	assert_int_equal(symlink("/", "/dev/core"), 0);
	assert_int_equal(mkdir("/dev/pts", 0700), 0);
	struct sight *view = view_again(state);
	collect(view, &container, &faults);
	assert_null(faults.reason);
	assert_true(container.devices_known);
	assert_int_equal(container.device_count, 3);
	assert_string_equal(container.devices[0].path, "/dev/mapper/root");
	assert_true(container.devices[0].block);
	assert_int_equal(container.devices[0].major, 8);
	assert_int_equal(container.devices[0].minor, 1);
	assert_int_equal(container.devices[0].mode, 0640 & ~022);
	assert_string_equal(container.devices[1].path, "/dev/urandom");
	assert_string_equal(container.devices[2].path, "/dev/zz\n");
}

static void test_nodes_that_cannot_be_opened(void **state)
{
	struct container container;
	struct device_faults faults;

	make_dev(MS_NODEV);
	assert_int_equal(mknod("/dev/sda", S_IFBLK | 0600, makedev(8, 0)), 0);
	collect(view_again(state), &container, &faults);
	assert_true(container.devices_known);
	assert_int_equal(container.device_count, 0);
}

static void test_too_deep_and_too_many(void **state)
{
	struct container container;
	struct device_faults faults;
	char path[64] = "/dev";

	make_dev(0);
	for (unsigned depth = 0; depth < 12; depth++) {
		strcat(path, "/d");
		assert_int_equal(mkdir(path, 0700), 0);
	}
	struct sight *view = view_again(state);
	collect(view, &container, &faults);
	assert_non_null(faults.reason);
	assert_false(container.devices_known);
	beneath_close(&view->beneath);
	for (unsigned i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "/dev/n%u", i);
		assert_int_equal(mknod(path, S_IFBLK | 0600, makedev(8, i % 256)), 0);
	}
	collect(view, &container, &faults);
	assert_non_null(faults.reason);
	assert_int_equal(container.device_count, 1000);
}

static void test_dev_is_a_link(void **state)
{
	struct container container;
	struct device_faults faults;

	make_dev(0);
	assert_int_equal(mkdir("/dev/root", 0700), 0);
	assert_int_equal(symlink("/dev", "/dev/root/dev"), 0);
	struct sight *view = view_again(state);
	assert_int_equal(open_root(view), 0);
	close(view->beneath.root);
	view->beneath.root = open("/dev/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	container = (struct container){0};
	assert_int_equal(device_collect(&container, &view->beneath, view->arena, &faults), 0);
	assert_non_null(faults.reason);
	assert_false(container.devices_known);
	assert_int_equal(unlink("/dev/root/dev"), 0);
	assert_int_equal(device_collect(&container, &view->beneath, view->arena, &faults), 0);
	assert_null(faults.reason);
	assert_true(container.devices_known);
}

#define IN_VIEW(test) cmocka_unit_test_setup_teardown(test, view_make, view_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_VIEW(test_paths),
		IN_VIEW(test_refused_paths),
		IN_VIEW(test_a_mount_that_is_not_in_the_table),
		IN_VIEW(test_a_mount_that_may_hang),
		IN_VIEW(test_a_root_that_may_hang),
		cmocka_unit_test(test_what_every_container_has),
		IN_VIEW(test_devices),
		IN_VIEW(test_nodes_that_cannot_be_opened),
		IN_VIEW(test_too_deep_and_too_many),
		IN_VIEW(test_dev_is_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
