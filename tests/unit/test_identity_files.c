/* What runtimes and the ECS agent keep in files, beneath a root made by the test. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/identity/identity.h"
#include "tests/unit/build.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define WEB HEX32 HEX32

static struct identification identification;
static struct coverage coverage;
static struct request request;
static char root[] = "/tmp/proctor-identity-XXXXXX";

static int setup(void **state)
{
	struct build *build;

	assert_int_equal(build_setup(state), 0);
	build = *state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	assert_non_null(mkdtemp(root));
	build_process(build, 10, build_container(build, WEB), "/bin/web");
	build->snapshot->containers[0]->name = NULL;
	coverage = (struct coverage){.collector = "identity"};
	identification = (struct identification){.snapshot = build->snapshot,
						 .request = &request,
						 .coverage = &coverage,
						 .proc = -1,
						 .root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC)};
	identification.merged = arena_array(build->snapshot->arena, 1, sizeof(*identification.merged));
	assert_true(identification.root >= 0 && identification.merged);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	close(identification.root);
	buffer_free(&identification.buffer);
	snprintf(command, sizeof(command), "rm -rf -- %s", root);
	assert_int_equal(system(command), 0); /* NOLINT: the test's own directory */
	return build_teardown(state);
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* The path of a file to be made; its directories are made. */
static const char *place(const char *path)
{
	static char whole[512];

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	return whole;
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(place(path), "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void tell(const struct source *source)
{
	identification.source = source;
	source->read(&identification);
	assert_false(identification.failed);
}

static const struct claim *claimed(void)
{
	return &identification.merged[0].claim;
}

static uint64_t noted(const char *part)
{
	uint64_t count = 0;

	for (const struct coverage_reason *reason = coverage.reasons; reason; reason = reason->next)
		if (strstr(reason->reason, part))
			count += reason->count;
	return count;
}

/* ---- bundles ----------------------------------------------------------------------------------- */

#define SPEC                                                                                                 \
	"{\"process\": {\"user\": {\"uid\": 7, \"gid\": 8}}, \"annotations\": {\"nerdctl/name\": \"web\"}}"

static void test_places_of_bundles(void **state)
{
	static const struct {
		const char *path, *runtime;
	} rows[] = {
		{"run/containerd/io.containerd.runtime.v2.task/moby/" WEB "/config.json", "docker"},
		{"run/containerd/io.containerd.runtime.v2.task/k8s.io/" WEB "/config.json", "containerd"},
		{"run/containers/storage/overlay-containers/" WEB "/userdata/config.json", NULL},
		{"var/lib/containers/storage/overlay-containers/" WEB "/userdata/config.json", NULL},
		{"run/crun/" WEB "/config.json", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		identification.merged[0] = (struct merged){0};
		put(rows[i].path, SPEC);
		tell(&source_bundle);
		unlink(place(rows[i].path));
		assert_int_equal(identification.merged[0].source_count, 1);
		assert_string_equal(claimed()->declared.user, "7:8");
		assert_string_equal(claimed()->runtime_name, "web");
		if (rows[i].runtime)
			assert_string_equal(claimed()->runtime, rows[i].runtime);
		else
			assert_null(claimed()->runtime);
	}
	assert_null(coverage.reasons);
}

static void test_state_of_runc(void **state)
{
	(void)state;
	put("run/runc/" WEB "/state.json", "{\"config\": {\"readonlyfs\": true}}");
	tell(&source_bundle);
	assert_true(claimed()->declared.read_only);
}

static void test_nothing_there(void **state)
{
	(void)state;
	tell(&source_bundle);
	tell(&source_storage);
	assert_int_equal(identification.merged[0].source_count, 0);
	assert_null(coverage.reasons);
}

static void test_a_pipe_is_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(place("run/crun/" WEB "/config.json"), 0600), 0);
	tell(&source_bundle);
	assert_int_equal(identification.merged[0].source_count, 0);
	assert_int_equal(noted("is no file"), 1);
}

static void test_links_do_not_lead_out(void **state)
{
	(void)state;
	put("elsewhere/config.json", SPEC);
	assert_int_equal(symlink("/elsewhere", place("run/crun/" WEB)), 0); /* in the root that we gave */
	tell(&source_bundle);
	assert_int_equal(identification.merged[0].source_count, 1);
	unlink(place("run/crun/" WEB));
	identification.merged[0] = (struct merged){0};
	assert_int_equal(symlink("/proc/self/cwd", place("run/crun/" WEB)), 0);
	tell(&source_bundle);
	assert_int_equal(identification.merged[0].source_count, 0);
}

static void test_a_file_without_end(void **state)
{
	(void)state;
	put("run/crun/" WEB "/config.json", "{");
	assert_int_equal(truncate(place("run/crun/" WEB "/config.json"), (off_t)1 << 32), 0);
	tell(&source_bundle);
	assert_int_equal(noted("longer than 4 MiB"), 1);
	put("run/crun/" WEB "/config.json", "<html>");
	tell(&source_bundle);
	assert_int_equal(noted("something else than JSON"), 1);
	assert_int_equal(identification.merged[0].source_count, 0);
}

/* A name that the kernel tells may be any bytes but `/`. */
static void test_ids_that_lead_elsewhere(void **state)
{
	static const char *const ids[] = {"..", ".", ".hidden"};
	struct build *build = *state;

	put("run/crun/config.json", SPEC);
	put("run/config.json", SPEC);
	put("run/crun/.hidden/config.json", SPEC);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		build->snapshot->containers[0]->id = ids[i];
		tell(&source_bundle);
		assert_int_equal(identification.merged[0].source_count, 0);
	}
}

/* ---- containers/storage ------------------------------------------------------------------------ */

static void test_storage(void **state)
{
	(void)state;
	put("var/lib/containers/storage/overlay-containers/containers.json",
	    "[{\"id\": \"gone\", \"metadata\": \"{\"}, {\"id\": \"" WEB "\", \"image\": \"" HEX32
	    "\", \"metadata\":"
	    " \"{\\\"image-name\\\": \\\"quay.io/shop/web:1\\\", \\\"name\\\": \\\"web\\\"}\"}]");
	tell(&source_storage);
	assert_string_equal(claimed()->image, "quay.io/shop/web:1");
	assert_string_equal(claimed()->image_id, "sha256:" HEX32);
	assert_string_equal(claimed()->runtime_name, "web");
	assert_null(coverage.reasons);
}

static void test_storage_of_nonsense(void **state)
{
	static const char *const texts[] = {"",
					    "{}",
					    "[7]",
					    "[{\"id\": 7}]",
					    "[{\"id\": \"" WEB "\"",
					    "[{\"id\": \"" WEB "\", \"metadata\": \"x\", \"image\": 7}]"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put("run/containers/storage/overlay-containers/containers.json", texts[i]);
		tell(&source_storage);
	}
	assert_null(claimed()->image);
	assert_null(claimed()->image_id);
	assert_int_equal(noted("something else than JSON"), 3);
}

/* ---- Docker's files ---------------------------------------------------------------------------- */

#define DATA "var/lib/docker"
#define DIGEST "sha256:" WEB
#define CONFIG                                                                                               \
	"{\"ID\": \"" WEB "\", \"Name\": \"/web\", \"Image\": \"" DIGEST                                     \
	"\", \"Driver\": \"overlay2\", \"Config\": {\"Image\": \"shop/web:42\", \"User\": \"web\","          \
	" \"Labels\": {\"com.amazonaws.ecs.container-name\": \"checkout\", \"nerdctl/name\": \"image's\"}}}"
#define IMAGE "{\"config\": {\"Labels\": {\"nerdctl/name\": \"image's\"}}}"
#define CONFIG_FILE "containers/" WEB "/config.v2.json"

static void test_files_of_docker(void **state)
{
	(void)state;
	put(DATA "/" CONFIG_FILE, CONFIG);
	put(DATA "/containers/" WEB "/hostconfig.json",
	    "{\"Privileged\": true, \"ReadonlyRootfs\": true, \"Memory\": 67108864}");
	put(DATA "/image/overlay2/imagedb/content/sha256/" WEB, IMAGE);
	tell(&source_docker_files);
	assert_string_equal(claimed()->runtime, "docker");
	assert_string_equal(claimed()->runtime_name, "web");
	assert_string_equal(claimed()->task_name, "checkout");
	assert_string_equal(claimed()->image, "shop/web:42");
	assert_string_equal(claimed()->image_id, DIGEST);
	assert_int_equal(claimed()->label_count, 2);
	assert_int_equal(claimed()->declared.known, DECLARED_PRIVILEGED | DECLARED_READ_ONLY);
	assert_true(claimed()->declared.privileged && claimed()->declared.read_only);
	assert_int_equal(claimed()->declared.memory.state, LIMIT_UNKNOWN);
	assert_string_equal(identification.merged[0].sources[0], "docker-files");
	assert_null(coverage.reasons);
}

/* Whoever is not privileged may have been given as much. */
static void test_not_privileged_says_nothing(void **state)
{
	(void)state;
	put(DATA "/" CONFIG_FILE, CONFIG);
	put(DATA "/containers/" WEB "/hostconfig.json", "{\"Privileged\": false}");
	tell(&source_docker_files);
	assert_string_equal(claimed()->runtime_name, "web");
	assert_int_equal(claimed()->declared.known, 0);
}

/* Labels of an image that is not kept there may all be the image's. */
static void test_an_image_elsewhere(void **state)
{
	(void)state;
	put(DATA "/" CONFIG_FILE, CONFIG);
	tell(&source_docker_files);
	assert_null(claimed()->task_name);
	assert_string_equal(claimed()->runtime_name, "web");
	assert_int_equal(claimed()->label_count, 2);
	assert_true(claimed()->labels[0].of_image && claimed()->labels[1].of_image);
	assert_null(coverage.reasons);
}

static void test_whom_the_files_are_not_asked_of(void **state)
{
	struct build *build = *state;

	put(DATA "/" CONFIG_FILE, CONFIG);
	build->snapshot->containers[0]->runtime = "podman";
	tell(&source_docker_files);
	assert_int_equal(identification.merged[0].source_count, 0);
	build->snapshot->containers[0]->runtime = "docker";
	identification.merged[0].sources[identification.merged[0].source_count++] = source_docker.name;
	tell(&source_docker_files);
	assert_int_equal(identification.merged[0].source_count, 1); /* its API has told */
	assert_null(claimed()->runtime_name);
}

static const char dockerd_arguments[] = "/usr/bin/dockerd\0--data-root\0/srv/argument\0"
					"--config-file=/srv/other.json\0--graph\0relative\0-g";

/* By configuration, by the arguments of dockerd, and in either for users of its own. */
static void test_data_roots(void **state)
{
	static const char *const files[] = {
		"srv/configured/" CONFIG_FILE, "srv/argument/" CONFIG_FILE,
		"srv/other/" CONFIG_FILE,      "srv/argument/100000.100001/" CONFIG_FILE,
		DATA "/7.8/" CONFIG_FILE,
	};
	struct build *build = *state;
	struct process *dockerd = build_process(build, 20, NULL, "/usr/bin/dockerd");

	dockerd->command_line = (struct bytes){dockerd_arguments, sizeof(dockerd_arguments)};
	put("etc/docker/daemon.json", "{\"data-root\": \"/srv/configured\"}");
	put("srv/other.json", "{\"graph\": \"/srv/other\"}");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		identification.merged[0] = (struct merged){0};
		put(files[i], CONFIG);
		tell(&source_docker_files);
		assert_int_equal(identification.merged[0].source_count, 1);
		assert_int_equal(unlink(place(files[i])), 0);
	}
	assert_null(coverage.reasons);
}

/* A process of that name says nothing when it is no daemon of the host's root. */
static void test_a_dockerd_that_is_none(void **state)
{
	struct build *build = *state;
	struct process *dockerd = build_process(build, 20, NULL, "/usr/bin/dockerd");

	put("srv/argument/" CONFIG_FILE, CONFIG);
	dockerd->command_line = (struct bytes){dockerd_arguments, sizeof(dockerd_arguments)};
	dockerd->credentials.uid[ID_REAL] = 1000;
	tell(&source_docker_files);
	dockerd->credentials.uid[ID_REAL] = 0;
	dockerd->container = build->snapshot->containers[0];
	tell(&source_docker_files);
	dockerd->container = NULL;
	build_user_namespace(build, dockerd, 0);
	tell(&source_docker_files);
	assert_int_equal(identification.merged[0].source_count, 0);
	assert_null(coverage.reasons);
}

static void test_many_data_roots(void **state)
{
	char path[64];

	(void)state;
	for (unsigned i = 0; i < 70; i++) {
		snprintf(path, sizeof(path), DATA "/1.%u/x", i);
		put(path, "");
	}
	tell(&source_docker_files);
	assert_int_equal(noted("cannot all be listed"), 1);
	assert_true(noted("more than 16 data roots") > 0);
}

static void test_files_that_others_write(void **state)
{
	(void)state;
	put(DATA "/" CONFIG_FILE, CONFIG);
	assert_int_equal(chmod(place(DATA "/containers/" WEB), 0775), 0);
	tell(&source_docker_files);
	assert_int_equal(noted("not believed"), 1);
	if (geteuid() == 0) {
		assert_int_equal(chmod(place(DATA "/containers/" WEB), 0755), 0);
		assert_int_equal(chown(place(DATA "/containers/" WEB), 1000, 0), 0);
		tell(&source_docker_files);
		assert_int_equal(noted("not believed"), 2);
	}
	assert_int_equal(identification.merged[0].source_count, 0);
}

static void test_files_of_docker_lead_nowhere(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(place(DATA "/" CONFIG_FILE), 0600), 0);
	tell(&source_docker_files);
	assert_int_equal(noted("is no file"), 1);
	unlink(place(DATA "/" CONFIG_FILE));
	assert_int_equal(symlink("/proc/self/root/etc/passwd", place(DATA "/" CONFIG_FILE)), 0);
	tell(&source_docker_files);
	unlink(place(DATA "/" CONFIG_FILE));
	put(DATA "/" CONFIG_FILE, "{");
	assert_int_equal(truncate(place(DATA "/" CONFIG_FILE), (off_t)1 << 32), 0);
	tell(&source_docker_files);
	assert_int_equal(noted("longer than 4 MiB"), 1);
	assert_int_equal(identification.merged[0].source_count, 0);
}

static void test_files_of_docker_tell_nonsense(void **state)
{
	static const char *const unbelieved[] = {
		"",      "[]", "{}", "null", "{\"ID\": 7}", "{\"ID\": \"" HEX32 "\"}", "{\"ID\": \"" WEB "\"",
		"<html>"};
	static const char *const taken[] = {
		"{\"ID\": \"" WEB "\"}",
		"{\"ID\": \"" WEB "\", \"Name\": 7, \"Config\": [], \"Image\": {}, \"Driver\": []}",
		"{\"ID\": \"" WEB "\", \"Name\": \"web\", \"Config\": {\"Labels\": {\"a\": \"b\"}, \"Image\":"
		" 7}, \"Image\": \"sha256:../../../../../srv/x\", \"Driver\": \"overlay2\"}",
		"{\"ID\": \"" WEB "\", \"Name\": \"/proxy/web\", \"Config\": {\"Labels\": {\"a\": \"b\"},"
		" \"Image\": \"sha256:1\"}, \"Image\": \"" DIGEST "\", \"Driver\": \"../../srv\"}",
	};

	(void)state;
	put("srv/imagedb/content/sha256/" WEB, "{\"config\": {}}");
	put("srv/x", "{\"config\": {}}");
	put(DATA "/containers/" WEB "/hostconfig.json", "{\"Privileged\": 1, \"ReadonlyRootfs\": \"yes\"}");
	for (size_t i = 0; i < sizeof(unbelieved) / sizeof(unbelieved[0]); i++) {
		uint64_t before = noted("");
		put(DATA "/" CONFIG_FILE, unbelieved[i]);
		tell(&source_docker_files);
		assert_int_equal(noted(""), before + 1);
		assert_int_equal(identification.merged[0].source_count, 0);
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		put(DATA "/" CONFIG_FILE, taken[i]);
		identification.merged[0] = (struct merged){0};
		tell(&source_docker_files);
		assert_int_equal(identification.merged[0].source_count, 1);
		assert_null(claimed()->runtime_name);
		assert_null(claimed()->image);
		assert_int_equal(claimed()->declared.known, 0);
		for (size_t k = 0; k < claimed()->label_count; k++)
			assert_true(claimed()->labels[k].of_image);
	}
}

/* ---- ecs.config -------------------------------------------------------------------------------- */

static void test_ecs_config_file(void **state)
{
	struct build *build = *state;
	const struct ecs_agent *agent = &build->snapshot->host.ecs;

	ecs_config_read(&identification);
	assert_false(agent->present || agent->configuration_known);
	put("etc/ecs/ecs.config", "ECS_DISABLE_PRIVILEGED=true\n");
	ecs_config_read(&identification);
	assert_true(agent->present && agent->configuration_known && agent->privileged_disabled);
	assert_null(coverage.reasons);
}

static void test_an_ecs_config_that_is_a_directory(void **state)
{
	struct build *build = *state;

	place("etc/ecs/ecs.config/x");
	ecs_config_read(&identification);
	assert_false(build->snapshot->host.ecs.present);
	assert_int_equal(noted("configuration is no file"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILES_TEST(test_places_of_bundles),
		FILES_TEST(test_state_of_runc),
		FILES_TEST(test_nothing_there),
		FILES_TEST(test_a_pipe_is_not_waited_for),
		FILES_TEST(test_links_do_not_lead_out),
		FILES_TEST(test_a_file_without_end),
		FILES_TEST(test_ids_that_lead_elsewhere),
		FILES_TEST(test_storage),
		FILES_TEST(test_storage_of_nonsense),
		FILES_TEST(test_files_of_docker),
		FILES_TEST(test_not_privileged_says_nothing),
		FILES_TEST(test_an_image_elsewhere),
		FILES_TEST(test_whom_the_files_are_not_asked_of),
		FILES_TEST(test_data_roots),
		FILES_TEST(test_a_dockerd_that_is_none),
		FILES_TEST(test_many_data_roots),
		FILES_TEST(test_files_that_others_write),
		FILES_TEST(test_files_of_docker_lead_nowhere),
		FILES_TEST(test_files_of_docker_tell_nonsense),
		FILES_TEST(test_ecs_config_file),
		FILES_TEST(test_an_ecs_config_that_is_a_directory),
	};

	return cmocka_run_group_tests_name("identity_files", tests, NULL, NULL);
}
