#include "tests/unit/test.h"

#include <string.h>

#include "collectors/filesystem_type.h"
#include "collectors/mountinfo.h"
#include "collectors/walk_plan.h"

/* A plan made from the text of mount tables, one after the other. */
struct planning {
	struct arena *arena;
	struct request request;
	struct walked_parts parts;
	struct coverage coverage;
	struct mount_namespace *mounts;
	const struct mount_index *host;
	struct walk_plan plan;
};

static int set_up(void **state)
{
	struct planning *planning = calloc(1, sizeof(*planning));

	planning->arena = arena_new();
	*state = planning;
	return 0;
}

static int tear_down(void **state)
{
	struct planning *planning = *state;

	walk_plan_free(&planning->plan);
	walked_parts_free(&planning->parts);
	arena_free(planning->arena);
	free(planning);
	return 0;
}

static void read_table(struct planning *planning, const char *table)
{
	struct mountinfo_faults faults = {0};

	planning->mounts = arena_alloc(planning->arena, sizeof(*planning->mounts));
	assert_int_equal(mountinfo_parse(table, strlen(table), planning->arena, planning->mounts, &faults),
			 0);
	assert_int_equal(faults.malformed, 0);
}

static struct walk_plan_setting setting_of(struct planning *planning, const char *path)
{
	return (struct walk_plan_setting){&planning->request, planning->mounts, path,
					  &planning->parts,   planning->arena,  &planning->coverage,
					  planning->host};
}

static void plan(struct planning *planning, const char *table, const char *path)
{
	struct walk_plan_setting setting;

	walk_plan_free(&planning->plan);
	read_table(planning, table);
	setting = setting_of(planning, path);
	assert_int_equal(walk_plan_make(&planning->plan, &setting), 0);
}

static enum walk_treatment treatment(const struct planning *planning, const char *point)
{
	const struct walk_mount *found = walk_plan_find(&planning->plan, point);

	assert_non_null(found);
	assert_string_equal(found->mount->point, point);
	return found->treatment;
}

static const struct coverage_reason *reason(const struct planning *planning, const char *words)
{
	const struct coverage_reason *found = planning->coverage.reasons;

	while (found && !strstr(found->reason, words))
		found = found->next;
	return found;
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(filesystem_kind("ext4"), FILESYSTEM_LOCAL);
	assert_int_equal(filesystem_kind("overlay"), FILESYSTEM_LOCAL);
	assert_int_equal(filesystem_kind("proc"), FILESYSTEM_KERNEL);
	assert_int_equal(filesystem_kind("cgroup2"), FILESYSTEM_KERNEL);
	for (const char *const *type =
		     (const char *const[]){"nfs4", "fuse", "fuse.ext4", "fuseblk", "virtiofs", "9p", "autofs",
					   "newfs", "", "ext", NULL};
	     *type; type++)
		assert_int_equal(filesystem_kind(*type), FILESYSTEM_OTHER);
}

static void test_treatments(void **state)
{
	struct planning *planning = *state;

	plan(planning,
	     "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 0:5 / /proc rw - proc proc rw\n"
	     "3 2 0:9 / /proc/fs/x rw - tmpfs x rw\n"
	     "4 1 0:6 / /net rw - nfs4 server:/ rw\n"
	     "5 4 0:7 / /net/local rw - tmpfs tmpfs rw\n"
	     "6 1 0:8 / /network rw - tmpfs tmpfs rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/"), WALK_LIST);
	assert_int_equal(treatment(planning, "/proc"), WALK_PASS);
	assert_int_equal(treatment(planning, "/proc/fs/x"), WALK_LIST);
	assert_int_equal(treatment(planning, "/net"), WALK_LEAVE);
	assert_int_equal(treatment(planning, "/net/local"), WALK_LEAVE);
	assert_int_equal(treatment(planning, "/network"), WALK_LIST);
	assert_int_equal(planning->coverage.missed, 2);
	assert_int_equal(reason(planning, "nfs4")->count, 2);
	assert_string_equal(reason(planning, "nfs4")->example, "/net");
}

static void test_told(void **state)
{
	struct planning *planning = *state;

	planning->request.cross_file_systems = true;
	plan(planning,
	     "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 0:6 / /net rw - nfs4 server:/ rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/net"), WALK_LIST);
	assert_int_equal(planning->coverage.missed, 0);
}

static void test_find(void **state)
{
	struct planning *planning = *state;
	struct walk_root root = {0};

	plan(planning,
	     "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 0:5 / /a rw - tmpfs a rw\n"
	     "3 1 0:6 / /a-b rw - tmpfs b rw\n"
	     "4 2 0:7 / /a/c rw - tmpfs c rw\n",
	     "/");
	assert_int_equal(walk_plan_find(&planning->plan, "/a/c/d")->mount->id, 4);
	assert_int_equal(walk_plan_find(&planning->plan, "/a/cd")->mount->id, 2);
	assert_int_equal(walk_plan_find(&planning->plan, "/a-b")->mount->id, 3);
	assert_int_equal(walk_plan_find(&planning->plan, "/b")->mount->id, 1);
	walk_plan_beneath(&planning->plan, "/a", &root);
	assert_int_equal(root.mount_count, 1);
	assert_int_equal(root.mounts->mount->id, 4);
	walk_plan_beneath(&planning->plan, "/", &root);
	assert_int_equal(root.mount_count, 3);
	walk_plan_beneath(&planning->plan, "/b", &root);
	assert_int_equal(root.mount_count, 0);
}

static void test_bind_is_walked_once(void **state)
{
	struct planning *planning = *state;

	plan(planning,
	     "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 8:1 /srv/data /bind rw - ext4 /dev/sda1 rw\n"
	     "3 1 8:1 / /again rw - ext4 /dev/sda1 rw\n"
	     "4 1 8:2 /srv /other rw - ext4 /dev/sda2 rw\n"
	     "5 1 8:2 /srv/x /other-x rw - ext4 /dev/sda2 rw\n"
	     "6 1 8:2 /srvx /third rw - ext4 /dev/sda2 rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/bind"), WALK_PASS);
	assert_int_equal(treatment(planning, "/again"), WALK_PASS);
	assert_int_equal(treatment(planning, "/other"), WALK_LIST);
	assert_int_equal(treatment(planning, "/other-x"), WALK_PASS);
	assert_int_equal(treatment(planning, "/third"), WALK_LIST);
	assert_int_equal(reason(planning, "several places")->count, 3);
	assert_int_equal(planning->coverage.missed, 0);
}

static void test_bind_that_is_walked_itself(void **state)
{
	struct planning *planning = *state;

	plan(planning,
	     "1 0 8:1 / / rw,nosuid - ext4 /dev/sda1 rw\n"
	     "2 1 8:1 /srv /acts rw - ext4 /dev/sda1 rw\n"
	     "3 1 8:1 /opt /covered rw,nosuid - ext4 /dev/sda1 rw\n"
	     "4 1 0:9 / /opt rw,nosuid - tmpfs tmpfs rw\n"
	     "5 1 8:1 /home/u//deleted /deleted rw,nosuid - ext4 /dev/sda1 rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/acts"), WALK_LIST);
	assert_int_equal(treatment(planning, "/covered"), WALK_LIST);
	assert_int_equal(treatment(planning, "/deleted"), WALK_LIST);
	planning->request.excluded_count = 1;
	walked_parts_free(&planning->parts);
	plan(planning,
	     "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 8:1 /srv /bind rw - ext4 /dev/sda1 rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/bind"), WALK_LIST);
}

/* What a container has in common with the host is the container's, but for the host's own root. */
static void test_namespaces(void **state)
{
	struct planning *planning = *state;
	struct mount_namespace *host;

	read_table(planning, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
			     "2 1 0:50 / /var/lib/merged rw - overlay overlay rw\n");
	host = planning->mounts;
	assert_int_equal(walked_parts_reserve(&planning->parts, host->root), 0);
	plan(planning,
	     "11 0 0:50 / / rw - overlay overlay rw\n"
	     "12 11 8:1 / /host rw - ext4 /dev/sda1 rw\n"
	     "13 11 8:1 /srv/volume /volume rw - ext4 /dev/sda1 rw\n"
	     "14 11 0:60 / /shared rw - tmpfs tmpfs rw\n"
	     "15 11 0:5 / /proc rw - proc proc rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/"), WALK_LIST);
	assert_int_equal(treatment(planning, "/host"), WALK_PASS);
	assert_int_equal(treatment(planning, "/volume"), WALK_LIST);
	assert_int_equal(treatment(planning, "/shared"), WALK_LIST);
	plan(planning,
	     "21 0 0:51 / / rw - overlay overlay rw\n"
	     "22 21 0:60 / /shared rw - tmpfs tmpfs rw\n"
	     "23 21 8:1 /srv/volume/part /part rw - ext4 /dev/sda1 rw\n",
	     "/");
	assert_int_equal(treatment(planning, "/"), WALK_LIST);
	assert_int_equal(treatment(planning, "/shared"), WALK_PASS);
	assert_int_equal(treatment(planning, "/part"), WALK_LIST);
	planning->mounts = host;
	struct walk_plan_setting setting = setting_of(planning, "/");
	walk_plan_free(&planning->plan);
	assert_int_equal(walk_plan_make(&planning->plan, &setting), 0);
	assert_int_equal(treatment(planning, "/"), WALK_LIST);
	assert_int_equal(treatment(planning, "/var/lib/merged"), WALK_PASS);
}

/* What a container has mounted over a part of a volume, or never lets the walk come to, is found by others.
 */
static void test_covered_for_others(void **state)
{
	struct planning *planning = *state;
	static const char second[] = "21 0 0:51 / / rw - overlay overlay rw\n"
				     "22 21 8:1 /srv/volume /data rw - ext4 /dev/sda1 rw\n"
				     "23 21 0:60 / /home rw - tmpfs tmpfs rw\n";

	plan(planning,
	     "11 0 0:50 / / rw - overlay overlay rw\n"
	     "12 11 8:1 /srv/volume /data rw - ext4 /dev/sda1 rw\n"
	     "13 12 0:61 / /data/bin rw - tmpfs tmpfs rw\n"
	     "14 11 0:60 / /home rw - tmpfs tmpfs rw\n",
	     "/");
	atomic_store(&walk_plan_find(&planning->plan, "/")->reached, true);
	atomic_store(&walk_plan_find(&planning->plan, "/data")->reached, true);
	atomic_store(&walk_plan_find(&planning->plan, "/home")->reached, true);
	walk_plan_release(&planning->plan, &planning->parts);
	plan(planning, second, "/");
	assert_int_equal(treatment(planning, "/data"), WALK_LIST);
	assert_int_equal(treatment(planning, "/home"), WALK_PASS);
	plan(planning, second, "/");
	assert_int_equal(treatment(planning, "/data"), WALK_PASS);
	walked_parts_free(&planning->parts);
	plan(planning, second, "/");
	walk_plan_release(&planning->plan, &planning->parts); /* it ended: nothing of it was walked */
	plan(planning, second, "/");
	assert_int_equal(treatment(planning, "/data"), WALK_LIST);
	assert_int_equal(treatment(planning, "/home"), WALK_LIST);
}

/* Images that are loaded as they are read: the layers of the container's root are FUSE on the host. */
static void test_layers(void **state)
{
	static const char container[] =
		"11 0 0:50 / / rw - overlay o rw,lowerdir=/lib/a:/snap/5/fs,upperdir=/u\n"
		"12 11 0:60 / /data rw - tmpfs t rw\n"
		"13 11 0:5 / /proc rw - proc p rw\n"
		"14 11 0:51 / /one rw - overlay o rw,lowerdir+=/lib/a,lowerdir+=/snap/5/fs\n";
	struct planning *planning = *state;
	_cleanup_mount_index_ struct mount_index host = {0};

	read_table(planning, "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
			     "2 1 0:30 / /snap/5/fs rw - fuse.rawBridge soci rw\n"
			     "3 1 0:31 / /odd:name rw - nfs s rw\n");
	assert_int_equal(mount_index_points(&host, planning->mounts), 0);
	plan(planning, container, "/");
	assert_int_equal(treatment(planning, "/"), WALK_LIST); /* the host is not known */
	planning->host = &host;
	walked_parts_free(&planning->parts);
	plan(planning, container, "/");
	assert_int_equal(treatment(planning, "/"), WALK_LEAVE);
	assert_int_equal(treatment(planning, "/data"), WALK_LEAVE);
	assert_int_equal(planning->coverage.missed, 3);
	assert_string_equal(reason(planning, "overlay: a layer")->example, "/");
	plan(planning,
	     "11 0 0:50 / / rw - overlay o rw,lowerdir=/lib/a::/snap/5:l/b,upperdir=/snap/5/fs/u\n"
	     "12 11 0:51 / /one rw - overlay o rw,lowerdir=/odd\\134:name/x\n"
	     "13 11 0:52 / /two rw - overlay o rw,lowerdir=/odd:name/x\n",
	     "/");
	assert_int_equal(treatment(planning, "/"), WALK_LIST);
	assert_int_equal(treatment(planning, "/one"), WALK_LEAVE);
	assert_int_equal(treatment(planning, "/two"), WALK_LIST);
	planning->request.cross_file_systems = true;
	walked_parts_free(&planning->parts);
	plan(planning, container, "/");
	assert_int_equal(treatment(planning, "/"), WALK_LIST);
}

/* Only what lies at or beneath the path counts. */
static void test_path(void **state)
{
	struct planning *planning = *state;
	static const char table[] = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
				    "2 1 8:1 /srv /srv/bind rw - ext4 /dev/sda1 rw\n"
				    "3 1 0:6 / /net rw - nfs4 server:/ rw\n"
				    "4 1 0:7 / /srv/fuse rw - fuse.x x rw\n";

	plan(planning, table, "/srv");
	assert_int_equal(treatment(planning, "/srv/bind"), WALK_LIST);
	assert_int_equal(planning->coverage.missed, 1);
	assert_non_null(reason(planning, "fuse"));
	assert_null(reason(planning, "nfs4"));
	plan(planning, table, NULL);
	assert_int_equal(treatment(planning, "/net"), WALK_LEAVE);
	assert_int_equal(planning->coverage.missed, 1);
}

static void test_not_met(void **state)
{
	struct planning *planning = *state;
	struct walk_plan_setting setting;

	plan(planning,
	     "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
	     "2 1 0:5 / /met rw - tmpfs a rw\n"
	     "3 1 0:6 / /hidden/b rw - tmpfs b rw\n"
	     "4 1 0:7 / /proc rw - proc proc rw\n",
	     "/");
	atomic_store(&walk_plan_find(&planning->plan, "/met")->reached, true);
	setting = setting_of(planning, "/");
	walk_plan_note_missed(&planning->plan, &setting);
	assert_int_equal(planning->coverage.missed, 1);
	assert_string_equal(reason(planning, "did not get to")->example, "/hidden/b");
}

static void test_no_root(void **state)
{
	struct planning *planning = *state;

	plan(planning, "2 1 0:5 / /a rw - tmpfs a rw\n", "/");
	assert_null(walk_plan_find(&planning->plan, "/b"));
	plan(planning, "", "/");
	assert_null(walk_plan_find(&planning->plan, "/"));
}

int main(void)
{
#define PLANNING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		PLANNING(test_treatments),
		PLANNING(test_told),
		PLANNING(test_find),
		PLANNING(test_bind_is_walked_once),
		PLANNING(test_bind_that_is_walked_itself),
		PLANNING(test_namespaces),
		PLANNING(test_covered_for_others),
		PLANNING(test_path),
		PLANNING(test_not_met),
		PLANNING(test_layers),
		PLANNING(test_no_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
