/* The sources of identities, with each of their calls failing in turn: Docker's API by a server of the test's
 * own, bundles, containers/storage and the ECS agent's configuration beneath a root of its own. Each time all
 * is told, or coverage says that something is missing, or the collector fails. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/identity/identity.h"
#include "proctor/cleanup.h"
#include "tests/fault/inject.h"
#include "tests/unit/build.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define WEB HEX32 HEX32
#define PROXY "f" HEX32 "0123456789abcdef0123456789abcde"

static char root[] = "/tmp/proctor-identity-XXXXXX";
static char socket_path[sizeof(root) + 16];

static const struct {
	const char *path, *text;
} files[] = {
	{"etc/ecs/ecs.config", "ECS_DISABLE_PRIVILEGED=true\nECS_TASK_PIDS_LIMIT=7\n"},
	{"etc/docker/daemon.json", "{\"data-root\": \"/srv/docker\"}"},
	{"srv/docker/7.8/containers/" PROXY "/config.v2.json",
	 "{\"ID\": \"" PROXY "\", \"Name\": \"/proxy\", \"Image\": \"sha256:" PROXY
	 "\", \"Driver\": \"overlay2\", \"Config\": {\"Image\": \"shop/proxy\", \"Labels\": {\"e\": "
	 "\"f\"}}}"},
	{"srv/docker/7.8/containers/" PROXY "/hostconfig.json", "{\"ReadonlyRootfs\": true}"},
	{"srv/docker/7.8/image/overlay2/imagedb/content/sha256/" PROXY, "{\"config\": {\"Labels\": {}}}"},
	{"run/crun/" WEB "/config.json",
	 "{\"process\": {\"user\": {\"uid\": 7, \"gid\": 8}, \"capabilities\":"
	 " {\"bounding\": [\"CAP_CHOWN\"]}}, \"annotations\": {\"a\": \"b\"}}"},
	{"run/containerd/io.containerd.runtime.v2.task/moby/" PROXY "/config.json",
	 "{\"annotations\": {\"nerdctl/name\": \"proxy\"}}"},
	{"var/lib/containers/storage/overlay-containers/containers.json",
	 "[{\"id\": \"" WEB "\", \"metadata\": \"{\\\"image-name\\\": \\\"shop/web\\\"}\"}]"},
};

static const char answer[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
			     "[{\"Id\": \"" WEB "\", \"Names\": [\"/web\"], \"ImageID\": \"sha256:1\","
			     " \"Labels\": {\"c\": \"d\"}}]";
static const char images[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
			     "[{\"Id\": \"sha256:1\", \"RepoDigests\": [\"shop/web@sha256:9\"]}]";

/* ---- one run ------------------------------------------------------------------------------------ */

static void run_sources(struct identification *identification)
{
	static const struct source *const sources[] = {&source_docker, &source_docker_files, &source_bundle,
						       &source_storage, NULL};

	ecs_config_read(identification);
	for (size_t i = 0; sources[i]; i++) {
		identification->source = sources[i];
		if (sources[i]->ask)
			sources[i]->ask(identification);
	}
	fetch_all(identification->fetches, identification->fetch_count);
	for (size_t i = 0; sources[i]; i++) {
		identification->source = sources[i];
		sources[i]->read(identification);
	}
}

static const char *shown(const char *text)
{
	return text ? text : "-";
}

/* All that was told, as one text; the caller frees it. */
static char *digest(const struct identification *identification)
{
	const struct ecs_agent *agent = &identification->snapshot->host.ecs;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	fprintf(file, "%d %d %ju\n", agent->configuration_known, agent->privileged_disabled,
		(uintmax_t)agent->task_pids_limit);
	for (size_t i = 0; i < 2; i++) {
		const struct claim *claim = &identification->merged[i].claim;
		fprintf(file, "%s %s %s %s %s %x %zu %zu\n", shown(claim->runtime_name), shown(claim->image),
			shown(claim->image_digest), shown(claim->runtime), shown(claim->declared.user),
			claim->declared.known, claim->label_count, identification->merged[i].source_count);
		for (size_t k = 0; k < claim->label_count; k++)
			fprintf(file, "%s=%s %d\n", claim->labels[k].name, claim->labels[k].value,
				claim->labels[k].of_image);
	}
	assert_int_equal(fclose(file), 0);
	return text;
}

struct outcome {
	char *digest;
	bool failed, told; /* in coverage */
	unsigned long calls;
};

static struct outcome play(enum call call, unsigned long nth, int error, bool lasting)
{
	struct build *build = build_new(8);
	struct request request = {.docker_socket = socket_path};
	struct coverage coverage = {.collector = "identity"};
	struct identification identification = {
		.snapshot = build->snapshot, .request = &request, .coverage = &coverage, .proc = -1};
	struct outcome outcome;

	build_process(build, 10, build_container(build, WEB), "/bin/web");
	build_process(build, 20, build_container(build, PROXY), "/bin/proxy");
	identification.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	identification.merged = arena_array(build->snapshot->arena, 2, sizeof(*identification.merged));
	assert_true(identification.root >= 0 && identification.merged);
	inject_arm(call, nth, error, lasting);
	run_sources(&identification);
	outcome.calls = inject_disarm();
	outcome.failed = identification.failed;
	outcome.told = coverage.reasons != NULL;
	outcome.digest = digest(&identification);
	close(identification.root);
	for (size_t i = 0; i < identification.fetch_count; i++)
		buffer_free(&identification.fetches[i].body);
	buffer_free(&identification.buffer);
	build_free(build);
	return outcome;
}

/* ---- rounds ------------------------------------------------------------------------------------- */

static const struct {
	enum call call;
	int error;
	bool lasting;
} faults[] = {
	{CALL_ALLOCATE, ENOMEM, false}, {CALL_ALLOCATE, ENOMEM, true}, {CALL_OPEN, EACCES, false},
	{CALL_OPEN, EMFILE, true},      {CALL_READ, EIO, false},       {CALL_READ, EIO, true},
	{CALL_LOOK, EIO, false},
};

static void test_every_failure(void **state)
{
	struct outcome whole = play(CALL_THREAD, 0, 0, false);

	(void)state;
	assert_false(whole.failed || whole.told);
	assert_non_null(strstr(whole.digest, "web shop/web sha256:9 docker 7:8"));
	assert_non_null(strstr(whole.digest, "proxy shop/proxy - docker"));
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		for (unsigned long nth = 1, calls = 1; nth <= calls + 1; nth++) {
			struct outcome outcome =
				play(faults[i].call, nth, faults[i].error, faults[i].lasting);
			bool honest = outcome.failed || outcome.told || !strcmp(outcome.digest, whole.digest);
			calls = outcome.calls;
			free(outcome.digest);
			if (!honest)
				fail_msg("%s %lu, %s: %s%s: nothing is said of it",
					 call_names[faults[i].call], nth, inject_what(),
					 strerror(faults[i].error), faults[i].lasting ? " from here on" : "");
		}
	free(whole.digest);
}

/* ---- the place ---------------------------------------------------------------------------------- */

static void put(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	snprintf(whole, sizeof(whole), "%s/%s", root, path);
	for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(whole, 0755);
		*slash = '/';
	}
	file = fopen(whole, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* Answers every request, until the test ends. */
static void serve(int listener)
{
	char request[4096];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int client = accept(listener, NULL, NULL);
		ssize_t length = client < 0 ? -1 : read(client, request, sizeof(request));
		const char *text =
			length > 0 && memmem(request, (size_t)length, "/images/", 8) ? images : answer;
		if (length <= 0 || write(client, text, strlen(text)) < 0)
			_exit(1);
		close(client);
	}
}

static pid_t start_server(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child;

	snprintf(socket_path, sizeof(socket_path), "%s/docker.sock", root);
	memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 16), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve(listener);
	close(listener);
	return child;
}

static int setup(void **state)
{
	static pid_t server;

	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(files[i].path, files[i].text);
	server = start_server();
	*state = &server;
	return 0;
}

static int teardown(void **state)
{
	const pid_t *server = *state;
	char command[128];

	kill(*server, SIGKILL);
	waitpid(*server, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf -- %s", root);
	return system(command); /* NOLINT: the test's own directory */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_failure, setup, teardown),
	};

	return cmocka_run_group_tests_name("identity, every call fails", tests, NULL, NULL);
}
