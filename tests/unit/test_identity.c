/* What sources tell, read and joined: hostile text, from no server and no file. */
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

#include "collectors/identity/identity.h"
#include "collectors/identity/runc_state.h"
#include "tests/unit/build.h"

#define HEX32 "0123456789abcdef0123456789abcdef"
#define WEB HEX32 HEX32
#define PROXY "f" HEX32 "0123456789abcdef0123456789abcde"

static struct identification identification;
static struct coverage coverage;
static struct request request;

static void begin(struct build *build)
{
	struct snapshot *snapshot = build->snapshot;

	build_process(build, 10, build_container(build, WEB), "/bin/web");
	build_process(build, 20, build_container(build, PROXY), "/bin/proxy");
	for (size_t i = 0; i < 2; i++)
		snapshot->containers[i]->name = NULL;
	coverage = (struct coverage){.collector = "identity"};
	request = (struct request){.task_metadata = "http://169.254.170.2/v4/x"};
	identification = (struct identification){
		.snapshot = snapshot, .request = &request, .coverage = &coverage, .proc = -1, .root = -1};
	identification.merged = arena_array(snapshot->arena, 2, sizeof(*identification.merged));
	assert_non_null(identification.merged);
}

/* An answer that came whole. */
static void answer(enum endpoint endpoint, const char *text)
{
	identification.fetches[identification.fetch_count++] =
		(struct fetch){.endpoint = endpoint,
			       .url = "http://asked",
			       .body = {.data = (char *)text, .length = strlen(text)}};
}

static void tell(const struct source *source)
{
	identification.source = source;
	source->read(&identification);
	identification.fetch_count = 0;
	assert_false(identification.failed);
}

static const struct claim *claimed(size_t index)
{
	return &identification.merged[index].claim;
}

static uint64_t noted(const char *part)
{
	uint64_t count = 0;

	for (const struct coverage_reason *reason = coverage.reasons; reason; reason = reason->next)
		if (strstr(reason->reason, part))
			count += reason->count;
	return count;
}

static void docker_tells(const char *containers, const char *images)
{
	answer(ENDPOINT_DOCKER_CONTAINERS, containers);
	answer(ENDPOINT_DOCKER_IMAGES, images);
	tell(&source_docker);
}

/* ---- Docker ------------------------------------------------------------------------------------ */

static void test_docker(void **state)
{
	begin(*state);
	docker_tells(
		"[{\"Id\": \"" WEB "\", \"Names\": [\"/proxy/web\", \"/web\"], \"Image\": \"shop/web:42\","
		" \"ImageID\": \"sha256:1\", \"Labels\": {\"a\": \"b\"}, \"State\": \"running\"}]",
		"[{\"Id\": \"sha256:1\", \"RepoDigests\": [\"other@sha256:8\", \"shop/web@sha256:9\"]}]");
	assert_string_equal(claimed(0)->runtime_name, "web");
	assert_string_equal(claimed(0)->runtime, "docker");
	assert_string_equal(claimed(0)->image, "shop/web:42");
	assert_string_equal(claimed(0)->image_id, "sha256:1");
	assert_string_equal(claimed(0)->image_digest, "sha256:9");
	assert_int_equal(claimed(0)->label_count, 1);
	assert_int_equal(identification.merged[1].source_count, 0);
	assert_null(coverage.reasons);
}

static void test_docker_image_without_a_name(void **state)
{
	begin(*state);
	docker_tells("[{\"Id\": \"" WEB "\", \"Image\": \"sha256:1\", \"ImageID\": \"sha256:1\"}]",
		     "[{\"Id\": \"sha256:1\", \"RepoDigests\": [\"<none>@<none>\"]}, {\"Id\": \"sha256:1\"},"
		     " {}, 7, null]");
	assert_null(claimed(0)->image);
	assert_null(claimed(0)->image_digest);
	assert_null(claimed(0)->runtime_name);
	assert_null(coverage.reasons);
}

static void test_docker_tells_nonsense(void **state)
{
	static const char *const answers[] = {
		"",
		"null",
		"7",
		"\"x\"",
		"{}",
		"{\"message\": \"no\"}",
		"[[]]",
		"[null, 7, \"x\", {}]",
		"[{\"Id\": 7}]",
		"<html>nginx</html>",
		"[{\"Id\": \"" WEB "\"",
		"\xff\xfe",
		"[{\"Id\": \"\\u0000\"}]",
	};

	begin(*state);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		uint64_t before = noted("");
		docker_tells(answers[i], answers[i]);
		if (noted("") == before && strcmp(answers[i], "[[]]") != 0 &&
		    strcmp(answers[i], "[null, 7, \"x\", {}]") != 0)
			fail_msg("'%s' is silently taken", answers[i]);
	}
	assert_int_equal(identification.merged[0].source_count, 0);
}

static void test_wrong_types(void **state)
{
	begin(*state);
	docker_tells("[{\"Id\": \"" WEB "\", \"Names\": {\"a\": 1}, \"Image\": [\"x\"], \"ImageID\": 5,"
		     " \"Labels\": [1, 2]}, {\"Id\": \"" PROXY "\", \"Names\": [7, null, \"web\"],"
		     " \"Labels\": {\"a\": 7, \"b\": \"c\"}}]",
		     "{}");
	assert_int_equal(identification.merged[0].source_count, 1);
	assert_null(claimed(0)->image);
	assert_null(claimed(0)->image_id);
	assert_int_equal(claimed(1)->label_count, 1);
	assert_string_equal(claimed(1)->labels[0].name, "b");
	assert_int_equal(noted("another type"), 4);
}

static void test_deep_and_long(void **state)
{
	static char deep[100000], text[IDENTITY_TEXT_MAX + 300];
	struct build *build = *state;

	begin(build);
	memset(deep, '[', sizeof(deep) - 1);
	docker_tells(deep, deep);
	assert_int_equal(noted("something else than JSON"), 1);
	memset(text, 'x', sizeof(text) - 1);
	docker_tells(arena_printf(build->snapshot->arena,
				  "[{\"Id\": \"" WEB "\", \"Names\": [\"/%s\"], \"Image\": \"%s\","
				  " \"Labels\": {\"%s\": \"a\", \"b\": \"%s\"}}]",
				  text, text, text, text),
		     "[]");
	assert_null(claimed(0)->image);
	assert_null(claimed(0)->runtime_name);
	assert_int_equal(claimed(0)->label_count, 0);
	assert_int_equal(noted("more than 4096 bytes"), 3);
}

static void test_many_labels(void **state)
{
	struct build *build = *state;
	const char *labels = "\"first\": \"1\"";

	begin(build);
	for (unsigned i = 0; i < 400; i++)
		labels = arena_printf(build->snapshot->arena, "%s, \"l%u\": \"\"", labels, i);
	docker_tells(
		arena_printf(build->snapshot->arena, "[{\"Id\": \"" WEB "\", \"Labels\": {%s}}]", labels),
		"[]");
	assert_int_equal(claimed(0)->label_count, IDENTITY_LABELS_MAX);
	assert_int_equal(noted("more than 256 labels"), 1);
}

static void test_a_container_that_is_not_here(void **state)
{
	begin(*state);
	docker_tells("[{\"Id\": \"" HEX32 "\"}, {\"Id\": \"../../etc\"}]", "[]");
	assert_int_equal(noted("no process is to be seen"), 2);
	assert_int_equal(identification.snapshot->container_count, 2);
}

static void test_one_container_twice(void **state)
{
	begin(*state);
	docker_tells("[{\"Id\": \"" WEB "\", \"Names\": [\"/a\"]}, {\"Id\": \"" WEB
		     "\", \"Names\": [\"/b\"]}]",
		     "[]");
	assert_string_equal(claimed(0)->runtime_name, "a");
	assert_int_equal(identification.merged[0].source_count, 1);
	assert_int_equal(noted("twice"), 1);
}

/* ---- faults ------------------------------------------------------------------------------------ */

static void test_every_fault_is_told(void **state)
{
	begin(*state);
	for (unsigned fault = FETCH_NO_FAULT + 1; fault < FETCH_FAULTS; fault++) {
		identification.fetch_count = 1;
		identification.fetches[0] = (struct fetch){.endpoint = ENDPOINT_DOCKER_CONTAINERS,
							   .url = "http://docker/containers/json",
							   .socket = "/sock",
							   .fault = fault,
							   .number = 13};
		tell(&source_docker);
		assert_int_equal(noted("Docker's API "), fault);
	}
	assert_int_equal(noted("answered with status 13"), 1);
	assert_int_equal(noted("did not answer: Permission denied"), 1);
	for (const struct coverage_reason *reason = coverage.reasons; reason; reason = reason->next) {
		assert_non_null(reason->remedy);
		assert_string_equal(reason->example, "/sock");
	}
}

/* Whoever fetches for us may answer any number. */
static void test_a_fault_that_is_none(void **state)
{
	begin(*state);
	answer(ENDPOINT_DOCKER_CONTAINERS, "[]");
	identification.fetches[0].fault = (enum fetch_fault)4000000000u;
	tell(&source_docker);
	assert_int_equal(noted("Docker's API did not answer"), 1);
}

/* ---- who is asked ------------------------------------------------------------------------------ */

static void asks(const struct source *source, size_t count, const char *first, const char *socket)
{
	identification.fetch_count = 0;
	identification.source = source;
	source->ask(&identification);
	assert_false(identification.failed);
	assert_int_equal(identification.fetch_count, count);
	if (!count)
		return;
	assert_string_equal(identification.fetches[0].url, first);
	if (socket)
		assert_string_equal(identification.fetches[0].socket, socket);
	else
		assert_null(identification.fetches[0].socket);
}

static void fetch_nothing(void *context, struct fetch *fetches, size_t count)
{
	(void)context;
	(void)fetches;
	(void)count;
}

static void test_who_is_asked(void **state)
{
	struct build *build = *state;

	begin(build);
	build->snapshot->host.view = VIEW_HOST;
	asks(&source_ecs_task, 2, "http://169.254.170.2/v4/x", NULL);
	assert_string_equal(identification.fetches[1].url, "http://169.254.170.2/v4/x/task");
	asks(&source_ecs_agent, 0, NULL, NULL);
	build->snapshot->host.ecs.present = true;
	asks(&source_ecs_agent, 2, "http://127.0.0.1:51678/v1/metadata", NULL);
	request = (struct request){.docker_socket = "/named.sock"};
	asks(&source_ecs_task, 0, NULL, NULL);
	asks(&source_docker, 2, "http://docker/containers/json", "/named.sock");
	request.fetch = fetch_nothing; /* in the agent */
	asks(&source_docker, 2, "http://docker/containers/json", "/named.sock");
	request.docker_socket = NULL;
	asks(&source_docker, 0, NULL, NULL);
}

/* Answers Docker's containers, and nothing else. */
static void fetch_containers(void *context, struct fetch *fetches, size_t count)
{
	*(size_t *)context = count;
	for (size_t i = 0; i < count; i++) {
		struct buffer *body = &fetches[i].body;
		fetches[i].fault = FETCH_NO_ANSWER;
		if (fetches[i].endpoint != ENDPOINT_DOCKER_CONTAINERS)
			continue;
		body->data = strdup("[{\"Id\": \"" WEB "\", \"Names\": [\"/web\"]}]");
		assert_non_null(body->data);
		body->length = strlen(body->data);
		fetches[i].fault = FETCH_NO_FAULT;
	}
}

static void test_another_fetches(void **state)
{
	struct build *build = *state;
	size_t count = 0;

	begin(build);
	request = (struct request){.proc = "/proc",
				   .docker_socket = "/named.sock",
				   .fetch = fetch_containers,
				   .fetch_context = &count};
	assert_int_equal(collector_identity.collect(build->snapshot, &request, &coverage, NULL), 0);
	assert_int_equal(count, 2);
	assert_string_equal(build->snapshot->containers[0]->name, "web");
	assert_int_equal(noted("Docker's API did not answer"), 1);
	/* The other one may be known to whoever did not answer. */
	assert_true(build->snapshot->containers[0]->identified);
	assert_false(build->snapshot->containers[1]->identified);
}

static void test_nobody_is_there_to_tell(void **state)
{
	struct build *build = *state;

	begin(build);
	request = (struct request){.proc = "/proc", .fetch = fetch_nothing};
	build->snapshot->host.view = VIEW_CONTAINER;
	assert_int_equal(collector_identity.collect(build->snapshot, &request, &coverage, NULL), 0);
	assert_true(build->snapshot->containers[0]->identified);
	assert_int_equal(coverage.missed, 2);
}

/* Whoever is asked to fetch for somebody else gets numbers, of any kind. */
static void test_addresses(void **state)
{
	struct arena *arena = ((struct build *)*state)->snapshot->arena;
	const char *url, *socket;

	for (unsigned i = 0; i < ENDPOINT_COUNT; i++) {
		assert_int_equal(endpoint_address((enum endpoint)i, "http://1.2.3.4/v4", "/sock", arena, &url,
						  &socket),
				 0);
		assert_int_equal(strncmp(url, "http://", 7), 0);
		assert_int_equal(!socket, i < ENDPOINT_DOCKER_CONTAINERS);
	}
	for (unsigned i = 0; i < ENDPOINT_COUNT; i++) {
		int result = endpoint_address((enum endpoint)i, NULL, NULL, arena, &url, &socket);
		bool fixed = i == ENDPOINT_ECS_AGENT || i == ENDPOINT_ECS_TASKS;
		assert_int_equal(result, fixed ? 0 : -1);
		if (!fixed)
			assert_int_equal(errno, ENOENT);
	}
	assert_int_equal(endpoint_address((enum endpoint)ENDPOINT_COUNT, "http://1.2.3.4/v4", "/sock", arena,
					  &url, &socket),
			 -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(endpoint_address((enum endpoint) - 1, "x", "/sock", arena, &url, &socket), -1);
}

/* ---- ECS --------------------------------------------------------------------------------------- */

#define TASK                                                                                                 \
	"{\"Cluster\": \"arn:aws:ecs:eu-west-1:1:cluster/prod\", \"TaskARN\": \"arn:task\", \"Family\": "    \
	"\"shop\","                                                                                          \
	" \"Revision\": \"42\", \"LaunchType\": \"FARGATE\", \"AvailabilityZone\": \"eu-west-1a\","          \
	" \"Limits\": {\"CPU\": 0.25, \"Memory\": 512}, \"Containers\": [{\"DockerId\": \"" WEB "\","        \
	" \"Name\": \"checkout\", \"DockerName\": \"ecs-shop-42-checkout\", \"Image\": "                     \
	"\"shop/checkout:42\","                                                                              \
	" \"ImageID\": \"sha256:1\", \"Limits\": {\"CPU\": 2, \"Memory\": 128}, \"Labels\":"                 \
	" {\"com.amazonaws.ecs.container-name\": \"checkout\", \"com.amazonaws.ecs.cluster\": \"prod\"}}]}"

static void task_tells(const char *own, const char *task)
{
	answer(ENDPOINT_TASK_CONTAINER, own);
	answer(ENDPOINT_TASK, task);
	tell(&source_ecs_task);
}

static void test_task(void **state)
{
	begin(*state);
	task_tells("{\"DockerId\": \"" WEB "\"}", TASK);
	assert_string_equal(claimed(0)->task_name, "checkout");
	assert_string_equal(claimed(0)->runtime_name, "ecs-shop-42-checkout");
	assert_string_equal(claimed(0)->task.arn, "arn:task");
	assert_string_equal(claimed(0)->task.family, "shop");
	assert_string_equal(claimed(0)->task.revision, "42");
	assert_string_equal(claimed(0)->task.launch_type, "FARGATE");
	assert_string_equal(claimed(0)->task.availability_zone, "eu-west-1a");
	assert_int_equal(claimed(0)->declared.memory.value, 128 << 20);
	assert_int_equal(claimed(0)->declared.cpu.state, LIMIT_UNKNOWN); /* a share is no limit */
	assert_null(coverage.reasons);
}

/* In a cgroup namespace of its own a container does not see its id. */
static void test_task_tells_which_container_is_ours(void **state)
{
	struct build *build = *state;

	begin(build);
	build->snapshot->containers[1]->self = true;
	task_tells("{\"DockerId\": \"deadbeef\"}",
		   "{\"Containers\": [{\"DockerId\": \"deadbeef\", \"Name\": \"me\"},"
		   " {\"DockerId\": \"feedface\", \"Name\": \"other\"}]}");
	assert_string_equal(claimed(1)->task_name, "me");
	assert_int_equal(noted("no process is to be seen"), 1);
}

static const char own_answer[] = "{\"DockerId\": \"deadbeef\", \"Name\": \"me\", \"Labels\": "
				 "{\"com.amazonaws.ecs.task-definition-family\": \"shop\"}}";

/* What the endpoint tells of our own container stands also where the task's list does not have it. */
static void test_task_without_our_own(void **state)
{
	struct build *build = *state;

	begin(build);
	build->snapshot->containers[1]->self = true;
	task_tells(own_answer, "{\"Containers\": [{\"DockerId\": \"" WEB "\", \"Name\": \"checkout\"}]}");
	assert_string_equal(claimed(0)->task_name, "checkout");
	assert_string_equal(claimed(1)->task_name, "me");
	assert_string_equal(claimed(1)->task.family, "shop");
	assert_null(coverage.reasons);
}

/* The agent's labels are its word; all others of a container in a task may be the image's. */
static void test_labels_of_a_task(void **state)
{
	begin(*state);
	task_tells("{}", "{\"Containers\": [{\"DockerId\": \"" WEB "\", \"Labels\": {"
			 "\"com.amazonaws.ecs.task-definition-family\": \"shop\","
			 " \"io.kubernetes.pod.namespace\": \"prod\", \"nerdctl/name\": \"other\","
			 " \"io.kubernetes.cri.image-name\": \"x;reboot\","
			 " \"io.podman.annotations.privileged\": \"true\"}}]}");
	assert_string_equal(claimed(0)->task.family, "shop");
	assert_null(claimed(0)->pod.name_space);
	assert_null(claimed(0)->runtime_name);
	assert_null(claimed(0)->image);
	assert_int_equal(claimed(0)->declared.known, 0);
}

static void test_our_own_without_the_task(void **state)
{
	struct build *build = *state;

	begin(build);
	build->snapshot->containers[1]->self = true;
	task_tells(own_answer, "<html>");
	assert_null(claimed(0)->task_name);
	assert_string_equal(claimed(1)->task_name, "me");
	assert_int_equal(noted("something else than JSON"), 1);
}

/* The kernel's id of our own container stands, whatever the endpoint says. */
static void test_task_tells_of_another_as_ours(void **state)
{
	struct build *build = *state;

	begin(build);
	build->snapshot->containers[1]->self = true;
	build->snapshot->containers[1]->cgroup = "/ecs/" HEX32 "/" PROXY;
	task_tells("{\"DockerId\": \"deadbeef\", \"Name\": \"me\"}",
		   "{\"Containers\": [{\"DockerId\": \"deadbeef\", \"Name\": \"me\"}]}");
	assert_int_equal(identification.merged[1].source_count, 0);
	assert_int_equal(noted("no process is to be seen"), 1);
}

static void test_task_tells_nonsense(void **state)
{
	static const char *const tasks[] = {"[]",
					    "{}",
					    "{\"Containers\": 7}",
					    "{\"Containers\": [7, null, []]}",
					    "{\"Containers\": [{\"DockerId\": [], \"Name\": {}}]}",
					    "{\"Containers\": [{\"Name\": \"x\"}]}"};

	begin(*state);
	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		task_tells(tasks[i], tasks[i]);
	assert_int_equal(identification.merged[0].source_count, 0);
	assert_int_equal(noted("no list of containers"), 3);
	for (size_t i = 0; i < 2; i++) {
		const char *limits[] = {"-1", "9223372036854775807"};
		struct build *build = *state;
		task_tells("{}", arena_printf(build->snapshot->arena,
					      "{\"Containers\": [{\"DockerId\": \"" WEB
					      "\", \"Limits\": {\"Memory\": %s}}]}",
					      limits[i]));
		assert_int_equal(claimed(0)->declared.memory.state, LIMIT_UNKNOWN);
	}
}

static void test_agent(void **state)
{
	struct build *build = *state;

	begin(build);
	answer(ENDPOINT_ECS_AGENT,
	       "{\"Cluster\": \"prod\", \"ContainerInstanceArn\": \"arn:i\", \"Version\": \"Amazon ECS Agent "
	       "- v1\"}");
	answer(ENDPOINT_ECS_TASKS,
	       "{\"Tasks\": [{\"Arn\": \"arn:old\", \"KnownStatus\": \"STOPPED\", \"Containers\": "
	       "[{\"DockerId\": \"" WEB "\"}]}, {\"Arn\": \"arn:t\", \"Family\": \"shop\", \"Version\": "
	       "\"42\", \"KnownStatus\": \"RUNNING\","
	       " \"Containers\": [{\"DockerId\": \"" WEB
	       "\", \"DockerName\": \"ecs-x\", \"Name\": \"checkout\"}]}]}");
	tell(&source_ecs_agent);
	assert_string_equal(build->snapshot->host.ecs.cluster, "prod");
	assert_string_equal(build->snapshot->host.ecs.instance_arn, "arn:i");
	assert_string_equal(claimed(0)->task.arn, "arn:t");
	assert_string_equal(claimed(0)->task.revision, "42");
	assert_string_equal(claimed(0)->task_name, "checkout");
	assert_null(coverage.reasons);
}

/* ---- several sources --------------------------------------------------------------------------- */

static void test_the_first_is_believed(void **state)
{
	begin(*state);
	task_tells("{}", TASK);
	docker_tells(
		"[{\"Id\": \"" WEB
		"\", \"Names\": [\"/ecs-shop-42-checkout\"], \"Image\": \"evil/checkout:1\","
		" \"ImageID\": \"sha256:1\", \"Labels\": {\"com.amazonaws.ecs.container-name\": \"other\"}}]",
		"[{\"Id\": \"sha256:1\"}]");
	assert_string_equal(claimed(0)->task_name, "checkout");
	assert_string_equal(claimed(0)->image, "shop/checkout:42");
	assert_int_equal(identification.merged[0].source_count, 2);
	assert_int_equal(noted("two sources say different things"), 3); /* image, name, the label */
}

static void test_an_arn_and_its_name_agree(void **state)
{
	begin(*state);
	task_tells("{}", TASK); /* the cluster by its ARN, and by its name in a label */
	docker_tells("[{\"Id\": \"" WEB "\", \"ImageID\": \"sha256:1\","
		     " \"Labels\": {\"com.amazonaws.ecs.cluster\": \"prod\"}}]",
		     "[{\"Id\": \"sha256:1\"}]");
	assert_null(coverage.reasons);
	docker_tells("[{\"Id\": \"" PROXY "\", \"ImageID\": \"sha256:1\","
		     " \"Labels\": {\"com.amazonaws.ecs.cluster\": \"prod\"}}]",
		     "[{\"Id\": \"sha256:1\"}]");
	assert_string_equal(claimed(1)->task.cluster, "prod");
}

/* ---- labels ------------------------------------------------------------------------------------ */

static void test_pods(void **state)
{
	begin(*state);
	docker_tells("[{\"Id\": \"" WEB
		     "\", \"Names\": [\"/k8s_web\"], \"ImageID\": \"sha256:1\", \"Labels\":"
		     " {\"io.kubernetes.container.name\": \"web\", \"io.kubernetes.pod.name\": \"shop-1\","
		     " \"io.kubernetes.pod.namespace\": \"prod\", \"io.kubernetes.pod.uid\": \"u\"}},"
		     " {\"Id\": \"" PROXY
		     "\", \"ImageID\": \"sha256:1\", \"Labels\": {\"io.kubernetes.cri.container-type\":"
		     " \"sandbox\", \"io.kubernetes.cri.sandbox-name\": \"shop-1\"}}]",
		     "[{\"Id\": \"sha256:1\", \"Labels\": null}]");
	assert_string_equal(claimed(0)->pod.container, "web");
	assert_string_equal(claimed(0)->pod.name, "shop-1");
	assert_string_equal(claimed(0)->pod.name_space, "prod");
	assert_string_equal(claimed(0)->pod.uid, "u");
	assert_string_equal(claimed(1)->pod.container, "POD");
	assert_string_equal(claimed(1)->pod.name, "shop-1");
}

/* Whoever makes an image does not choose whose container it is taken for. */
static void test_labels_of_the_image(void **state)
{
	static const char labels[] = "{\"com.amazonaws.ecs.container-name\": \"trusted\","
				     " \"com.amazonaws.ecs.task-definition-family\": \"shop\","
				     " \"io.kubernetes.pod.namespace\": \"prod\","
				     " \"io.podman.annotations.privileged\": \"true\"}";
	struct build *build = *state;
	const char *containers, *images;

	begin(build);
	containers =
		arena_printf(build->snapshot->arena,
			     "[{\"Id\": \"" WEB "\", \"Names\": [\"/web\"], \"ImageID\": \"sha256:1\","
			     " \"Labels\": %s},"
			     " {\"Id\": \"" PROXY "\", \"ImageID\": \"sha256:unlisted\", \"Labels\": %s}]",
			     labels, labels);
	images = arena_printf(build->snapshot->arena,
			      "[{\"Id\": \"sha256:1\", \"Labels\": {\"com.amazonaws.ecs.container-name\":"
			      " \"trusted\", \"com.amazonaws.ecs.task-definition-family\": \"other\","
			      " \"io.kubernetes.pod.namespace\": \"prod\","
			      " \"io.podman.annotations.privileged\": \"true\"}}]");
	docker_tells(containers, images);
	assert_null(claimed(0)->task_name);
	assert_string_equal(claimed(0)->runtime_name, "web");
	assert_string_equal(claimed(0)->task.family, "shop"); /* set over the image's when it was started */
	assert_null(claimed(0)->pod.name_space);
	assert_int_equal(claimed(0)->declared.known, 0);
	assert_int_equal(claimed(0)->label_count, 4);
	assert_null(claimed(1)->task_name);
	assert_null(claimed(1)->task.family);
	assert_null(coverage.reasons);
}

/* As many images as an answer holds, and a container as often: each is looked at once. */
static void test_many_images(void **state)
{
	struct build *build = *state;
	struct buffer containers = {0}, images = {0};
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	begin(build);
	assert_non_null(file);
	fputs("[{}", file);
	for (unsigned i = 0; i < 30000; i++)
		fprintf(file, ", {\"Id\": \"" WEB "\", \"ImageID\": \"%u\"}", i);
	fputs("]", file);
	fclose(file);
	containers.data = text;
	file = open_memstream(&text, &size);
	assert_non_null(file);
	fputs("[{}", file);
	for (unsigned i = 0; i < 200000; i++)
		fprintf(file, ", {\"Id\": \"%u\"}", i);
	fputs("]", file);
	fclose(file);
	images.data = text;
	docker_tells(containers.data, images.data);
	assert_string_equal(claimed(0)->image_id, "0");
	assert_int_equal(noted("twice"), 29999);
	buffer_free(&containers);
	buffer_free(&images);
}

static void test_privileged_by_annotation(void **state)
{
	struct claim claim = {
		.labels = (struct label[]){{.name = "io.podman.annotations.privileged", .value = "TRUE"}},
		.label_count = 1};

	(void)state;
	claim_read_labels(&claim);
	assert_true(claim.declared.known & DECLARED_PRIVILEGED);
	assert_true(claim.declared.privileged);
	claim.labels[0].value = "false";
	claim_read_labels(&claim);
	assert_false(claim.declared.privileged);
}

/* ---- bundles ----------------------------------------------------------------------------------- */

static void spec_tells(const char *text, struct claim *claim)
{
	json_t *spec = json_loads(text, 0, NULL);

	assert_non_null(spec);
	*claim = (struct claim){0};
	identification.source = &source_bundle;
	spec_read(&identification, spec, claim);
	json_decref(spec);
	assert_false(identification.failed);
}

static void test_spec(void **state)
{
	struct claim claim;

	begin(*state);
	spec_tells("{\"process\": {\"user\": {\"uid\": 1000, \"gid\": 5}, \"capabilities\": {\"bounding\":"
		   " [\"CAP_CHOWN\", \"CAP_NO_SUCH\", 7], \"ambient\": [\"CAP_KILL\"]}}, \"root\": "
		   "{\"path\": \"r\","
		   " \"readonly\": true}, \"annotations\": {\"a\": \"b\"}, \"linux\": {\"resources\": "
		   "{\"memory\":"
		   " {\"limit\": 67108864}, \"cpu\": {\"quota\": 50000, \"period\": 100000}, \"pids\":"
		   " {\"limit\": 64}}}}",
		   &claim);
	assert_string_equal(claim.declared.user, "1000:5");
	assert_int_equal(claim.declared.known, DECLARED_READ_ONLY | DECLARED_CAPABILITIES);
	assert_true(claim.declared.read_only);
	assert_int_equal(claim.declared.capabilities, CAPABILITY_MASK(CAP_CHOWN) | CAPABILITY_MASK(CAP_KILL));
	assert_int_equal(claim.declared.memory.value, 64 << 20);
	assert_int_equal(claim.declared.cpu.value, 500);
	assert_int_equal(claim.declared.pids.value, 64);
	assert_int_equal(claim.label_count, 1);
}

static void test_spec_of_nonsense(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"process\": [], \"root\": 7, \"linux\": {\"resources\": []}, \"annotations\": null}",
		"{\"process\": {\"user\": {\"uid\": \"0\"}, \"capabilities\": []}}",
		"{\"linux\": {\"resources\": {\"memory\": {\"limit\": -1}, \"pids\": {\"limit\": 0}}}}",
		"{\"linux\": {\"resources\": {\"cpu\": {\"quota\": -1}}}}",
		"{\"linux\": {\"resources\": {\"cpu\": {\"quota\": 9223372036854775807, \"period\": -1}}}}",
		"{\"linux\": {\"resources\": {\"memory\": {\"limit\": 1.5}}}}",
	};
	struct claim claim;

	begin(*state);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		spec_tells(texts[i], &claim);
		assert_int_equal(claim.declared.known, 0);
		assert_null(claim.declared.user);
		assert_int_equal(claim.declared.memory.state, LIMIT_UNKNOWN);
		assert_int_equal(claim.declared.cpu.state, LIMIT_UNKNOWN);
		assert_int_equal(claim.declared.pids.state, LIMIT_UNKNOWN);
	}
}

static void test_runc_state(void **state)
{
	json_t *document = json_loads(
		"{\"id\": \"web\", \"config\": {\"readonlyfs\": true, \"labels\": [\"bundle=/b\", \"a=b=c\", "
		"\"x\", 7],"
		" \"capabilities\": {\"Bounding\": [\"CAP_CHOWN\"]}, \"cgroups\": {\"memory\": 1048576,"
		" \"cpu_quota\": 25000, \"cpu_period\": 50000, \"pids_limit\": 0}}}",
		0, NULL);
	struct claim claim = {0};

	begin(*state);
	identification.source = &source_bundle;
	runc_state_read(&identification, document, &claim);
	json_decref(document);
	assert_true(claim.declared.read_only);
	assert_int_equal(claim.declared.capabilities, CAPABILITY_MASK(CAP_CHOWN));
	assert_int_equal(claim.declared.memory.value, 1 << 20);
	assert_int_equal(claim.declared.cpu.value, 500);
	assert_int_equal(claim.declared.pids.state, LIMIT_UNKNOWN);
	assert_int_equal(claim.label_count, 1);
	assert_string_equal(claim.labels[0].value, "b=c");
	document = json_loads("{\"config\": []}", 0, NULL);
	claim = (struct claim){0};
	runc_state_read(&identification, document, &claim);
	json_decref(document);
	assert_int_equal(claim.declared.known & DECLARED_CAPABILITIES, 0);
}

/* ---- ecs.config -------------------------------------------------------------------------------- */

static struct ecs_agent parsed(const char *text)
{
	struct ecs_agent agent = {.task_pids_limit = 99, .privileged_disabled = true};

	ecs_config_parse(text, strlen(text), &agent);
	return agent;
}

static void test_ecs_config(void **state)
{
	struct ecs_agent agent = parsed("");

	(void)state;
	assert_false(agent.privileged_disabled);
	assert_true(agent.task_limits_enabled);
	assert_int_equal(agent.task_pids_limit, 0);
	agent = parsed(
		"# ECS_DISABLE_PRIVILEGED=true\nECS_CLUSTER=prod\n  ECS_AWSVPC_BLOCK_IMDS = true \r\n"
		"ECS_ENABLE_TASK_CPU_MEM_LIMIT=false\nECS_TASK_PIDS_LIMIT=100\n"
		"ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS=1\nECS_SELINUX_CAPABLE=T\nECS_APPARMOR_CAPABLE=TRUE");
	assert_false(agent.privileged_disabled);
	assert_true(agent.awsvpc_imds_blocked);
	assert_false(agent.task_limits_enabled);
	assert_int_equal(agent.task_pids_limit, 100);
	assert_true(agent.offhost_introspection && agent.selinux_capable && agent.apparmor_capable);
	agent = parsed("ECS_DISABLE_PRIVILEGED=true\nECS_DISABLE_PRIVILEGED=false"); /* the last counts */
	assert_false(agent.privileged_disabled);
}

/* What the agent would not take for true is not true. */
static void test_ecs_config_of_nonsense(void **state)
{
	static const char *const texts[] = {"ECS_DISABLE_PRIVILEGED",
					    "ECS_DISABLE_PRIVILEGED=",
					    "ECS_DISABLE_PRIVILEGED=yes",
					    "ECS_DISABLE_PRIVILEGED=\"true\"",
					    "ecs_disable_privileged=true",
					    "XECS_DISABLE_PRIVILEGED=true",
					    "ECS_DISABLE_PRIVILEGED=tru",
					    "ECS_DISABLE_PRIVILEGED=truee",
					    "=true",
					    "=",
					    "\n\n\n",
					    "ECS_TASK_PIDS_LIMIT=-1",
					    "ECS_TASK_PIDS_LIMIT=99999999999999999999999",
					    "ECS_TASK_PIDS_LIMIT=10x"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ecs_agent agent = parsed(texts[i]);
		if (agent.privileged_disabled || agent.task_pids_limit)
			fail_msg("'%s' is taken for more than it says", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUILD_TEST(test_docker),
		BUILD_TEST(test_docker_image_without_a_name),
		BUILD_TEST(test_docker_tells_nonsense),
		BUILD_TEST(test_wrong_types),
		BUILD_TEST(test_deep_and_long),
		BUILD_TEST(test_many_labels),
		BUILD_TEST(test_a_container_that_is_not_here),
		BUILD_TEST(test_one_container_twice),
		BUILD_TEST(test_every_fault_is_told),
		BUILD_TEST(test_a_fault_that_is_none),
		BUILD_TEST(test_who_is_asked),
		BUILD_TEST(test_another_fetches),
		BUILD_TEST(test_nobody_is_there_to_tell),
		BUILD_TEST(test_addresses),
		BUILD_TEST(test_task),
		BUILD_TEST(test_task_tells_which_container_is_ours),
		BUILD_TEST(test_task_without_our_own),
		BUILD_TEST(test_labels_of_a_task),
		BUILD_TEST(test_our_own_without_the_task),
		BUILD_TEST(test_task_tells_of_another_as_ours),
		BUILD_TEST(test_task_tells_nonsense),
		BUILD_TEST(test_agent),
		BUILD_TEST(test_the_first_is_believed),
		BUILD_TEST(test_an_arn_and_its_name_agree),
		BUILD_TEST(test_pods),
		BUILD_TEST(test_labels_of_the_image),
		BUILD_TEST(test_many_images),
		cmocka_unit_test(test_privileged_by_annotation),
		BUILD_TEST(test_spec),
		BUILD_TEST(test_spec_of_nonsense),
		BUILD_TEST(test_runc_state),
		cmocka_unit_test(test_ecs_config),
		cmocka_unit_test(test_ecs_config_of_nonsense),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
