#include "tests/unit/test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/formats/json.h"
#include "collectors/read.h"
#include "proctor/cleanup.h"
#include "tests/unit/build.h"

static int setup(void **state)
{
	*state = build_new(64);
	return 0;
}

static int teardown(void **state)
{
	build_free(*state);
	return 0;
}

static json_t *json_of(struct build *build, const struct record_kind *kind, size_t index)
{
	struct record_context context = {.snapshot = build->snapshot, .findings = build->findings};
	const void *record = kind->at(&context, index);
	json_t *json;

	assert_non_null(record);
	json = record_json(kind, record, &context, false);
	assert_non_null(json);
	assert_false(context.failed);
	record_context_free(&context);
	return json;
}

/* The member of the object is the JSON text; NULL: it is not there. */
static void assert_member(const json_t *object, const char *name, const char *text)
{
	const json_t *value = json_object_get(object, name);
	_cleanup_free_ char *told = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	if (!text != !told || (text && strcmp(text, told) != 0))
		fail_msg("%s is %s, not %s", name, told ? told : "absent", text ? text : "absent");
}

/* What `print` writes; owned by the caller. */
static char *printed(int (*print)(struct output *, const struct record_kind *const *, struct record_context *,
				  struct error **),
		     struct record_context *context)
{
	const char *path = own_path();
	struct output *output = output_open(path, NULL);
	struct buffer buffer = {0};

	assert_non_null(output);
	assert_int_equal(print(output, record_kinds, context, NULL), 0);
	assert_int_equal(output_commit(output, NULL), 0);
	output_free(output);
	record_context_free(context);
	assert_int_equal(buffer_read(&buffer, AT_FDCWD, path, 1 << 28), 0);
	unlink(path);
	return buffer.data;
}

/* ---- kinds -------------------------------------------------------------------------------------- */

static void test_process(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, build_container(build, "web"), "/bin/web");
	struct thread *thread = build_thread(build, process, 11);
	_cleanup_json_ json_t *json = NULL, *none = NULL;

	process->ppid = 0;
	process->credentials.effective = CAPABILITY_MASK(CAP_NET_RAW) | CAPABILITY_MASK(63);
	process->credentials.uid[ID_SAVED] = UINT32_MAX;
	process->credentials.seccomp_filters_known = true;
	process->credentials.seccomp_filters = 2;
	process->groups = (uint32_t[]){5, 4294967294};
	process->group_count = 2;
	process->lsm = "docker-default (enforce)";
	process->privilege_used = true;
	thread->credentials.uid[ID_EFFECTIVE] = 7;
	thread->credentials.seccomp = SECCOMP_STRICT;
	thread->credentials.seccomp_filters_known = false;
	json = json_of(build, &record_process, 0);
	assert_member(json, "pid", "10");
	assert_member(json, "ppid", "0");
	assert_member(json, "start_time", "10");
	assert_member(json, "comm", "\"web\"");
	assert_member(json, "executable", "\"/bin/web\"");
	assert_member(json, "container_id", "\"web\"");
	assert_member(json, "uids",
		      "{\"real\":1000,\"effective\":1000,\"saved\":4294967295,\"filesystem\":1000}");
	assert_member(json, "groups", "[5,4294967294]");
	assert_member(json_object_get(json, "capabilities"), "effective", "[\"CAP_NET_RAW\",\"CAP_63\"]");
	assert_member(json_object_get(json, "capabilities"), "ambient", "[]");
	assert_member(json, "no_new_privs", "true");
	assert_member(json, "seccomp", "\"filter\"");
	assert_member(json, "seccomp_filters", "2");
	assert_member(json, "lsm", "\"docker-default (enforce)\"");
	assert_member(json_object_get(json, "namespaces"), "user", "4026531837");
	assert_member(json, "uid_map", "[{\"inside\":0,\"outside\":0,\"count\":4294967295}]");
	assert_member(json, "privilege_used", "true");
	assert_int_equal(json_array_size(json_object_get(json, "threads")), 1);
	assert_member(json_array_get(json_object_get(json, "threads"), 0), "tid", "11");
	assert_member(json_array_get(json_object_get(json, "threads"), 0), "seccomp", "\"strict\"");
	assert_null(json_object_get(json_array_get(json_object_get(json, "threads"), 0), "seccomp_filters"));
	process->credentials.seccomp_filters = 0;
	none = json_of(build, &record_process, 0);
	assert_member(none, "seccomp_filters", "0");
	assert_member(json_array_get(json_object_get(json, "threads"), 0), "uids",
		      "{\"real\":1000,\"effective\":7,\"saved\":1000,\"filesystem\":1000}");
}

static void test_what_is_not_known_is_left_out(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/bin/web");
	_cleanup_json_ json_t *json = NULL;

	*process = (struct process){.pid = 10};
	json = json_of(build, &record_process, 0);
	assert_int_equal(json_object_size(json), 3);
	assert_member(json, "pid", "10");
	assert_member(json, "kernel_thread", "false");
	assert_member(json, "zombie", "false");
}

static void test_namespaces_that_are_known(void **state)
{
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/bin/web");
	_cleanup_json_ json_t *json = NULL;

	memset(process->namespaces, 0, sizeof(process->namespaces));
	process->namespaces[NAMESPACE_NET] = UINT64_MAX; /* more than JSON's integers hold */
	process->namespaces[NAMESPACE_PID] = INT64_MAX;
	json = json_of(build, &record_process, 0);
	assert_member(json, "namespaces", "{\"pid\":9223372036854775807}");
}

static void test_command_lines(void **state)
{
	static const char line[] = "/bin/web --password hunter2\0-x\0\0\xff\n";
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/bin/web");
	struct record_context context = {.snapshot = build->snapshot, .with_arguments = true};
	_cleanup_json_ json_t *first = NULL, *all = NULL, *none = NULL;

	process->command_line = (struct bytes){line, sizeof(line) - 1};
	first = json_of(build, &record_process, 0);
	assert_member(first, "command_line", "[\"/bin/web\"]");
	all = record_json(&record_process, process, &context, false);
	assert_member(all, "command_line", "[\"/bin/web --password hunter2\",\"-x\",\"\",\"\\\\xff\\\\n\"]");
	process->command_line = (struct bytes){0};
	none = record_json(&record_process, process, &context, false);
	assert_member(none, "command_line", "[]");
	record_context_free(&context);
}

static void test_container(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	_cleanup_json_ json_t *json = NULL;

	build_process(build, 10, container, "/bin/web");
	container->limits.pids = (struct limit){.state = LIMIT_NONE, .source = "pids.max"};
	container->limits.cpu = (struct limit){0};
	container->devices = &(struct device){"/dev/sda", true, 8, 1, 0660};
	container->device_count = 1;
	json = json_of(build, &record_container, 0);
	assert_member(json, "id", "\"web\"");
	assert_member(json, "init_pid", "10");
	assert_member(json, "root_read_only", "true");
	assert_member(json, "image", NULL);
	assert_member(json, "limits",
		      "{\"memory\":{\"unlimited\":false,\"value\":67108864,\"source\":\"memory.max\"},"
		      "\"pids\":{\"unlimited\":true,\"source\":\"pids.max\"}}");
	assert_member(
		json, "devices",
		"[{\"path\":\"/dev/sda\",\"type\":\"block\",\"major\":8,\"minor\":1,\"mode\":\"0660\"}]");
	container->devices_known = container->all_devices_known = false;
	container->mount_namespace = NULL;
	json_decref(json);
	json = json_of(build, &record_container, 0);
	assert_member(json, "devices", NULL);
	assert_member(json, "all_devices", NULL);
	assert_member(json, "root_read_only", NULL);
}

static void test_mounts_of_several_namespaces(void **state)
{
	struct build *build = *state;
	struct record_context context = {.snapshot = build->snapshot};
	struct container *web = build_container(build, "web");
	struct mount *mount = build_mount(build, web, "ext4", "/srv", "/data");
	size_t count = web->mount_namespace->mount_count;
	_cleanup_json_ json_t *json = NULL;

	*mount = (struct mount){.id = 7,
				.parent = 6,
				.major = 8,
				.minor = 1,
				.root = "/srv",
				.point = "/da\nta",
				.type = "ext4",
				.source = "/dev/sda1",
				.options = MOUNT_READ_ONLY | MOUNT_NOEXEC,
				.super_options = MOUNT_READ_ONLY,
				.master = 3,
				.kind = MOUNT_HOST_PATH};
	build_container(build, "worker");
	json = json_of(build, &record_mount, count - 1);
	assert_member(json, "namespace", "4026531840");
	assert_member(json, "container_id", "\"web\"");
	assert_member(json, "point", "\"/da\\\\nta\"");
	assert_member(json, "device", "\"8:1\"");
	assert_member(json, "options", "[\"ro\",\"noexec\"]");
	assert_member(json, "file_system_read_only", "true");
	assert_member(json, "shared", NULL);
	assert_member(json, "master", "3");
	assert_member(json, "kind", "\"host-path\"");
	json_decref(json);
	json = json_of(build, &record_mount, count);
	assert_member(json, "container_id", "\"worker\"");
	for (size_t round = 0; round < 2; round++) {
		size_t all = 0;
		while (record_mount.at(&context, all))
			all++;
		assert_int_equal(all, 2 * count - 1);
	}
	record_context_free(&context);
}

static void test_file(void **state)
{
	struct build *build = *state;
	struct container *container = build_container(build, "web");
	struct process *process = build_process(build, 10, container, "/bin/web");
	struct file *file = build_file(build, container, "/bin/x");
	_cleanup_json_ json_t *json = NULL;

	build_user_namespace(build, process, 100000);
	file->mode = S_IFREG | S_ISUID | 0755;
	file->uid = 100000;
	file->gid = 5;
	file->capability = (struct file_capability){
		.permitted = CAPABILITY_MASK(CAP_SYS_ADMIN), .version = 3, .root_id = 100000};
	json = json_of(build, &record_file, 0);
	assert_member(json, "mode", "\"4755\"");
	assert_member(json, "setuid", "true");
	assert_member(json, "setgid", "false");
	assert_member(json, "uid", "100000");
	assert_member(json, "container_uid", "0");
	assert_member(json, "container_gid", NULL);
	assert_member(json, "capabilities",
		      "{\"understood\":true,\"permitted\":[\"CAP_SYS_ADMIN\"],\"inheritable\":[],"
		      "\"effective\":false,\"version\":3,"
		      "\"root_id\":100000}");
	json_decref(json);
	file->capability.version = 2;
	json = json_of(build, &record_file, 0);
	assert_member(json_object_get(json, "capabilities"), "root_id", NULL);
	json_decref(json);
	file->capability = (struct file_capability){.version = 255};
	json = json_of(build, &record_file, 0);
	assert_member(json, "capabilities", "{\"understood\":false}");
	json_decref(json);
	file->capability = (struct file_capability){0};
	json = json_of(build, &record_file, 0);
	assert_member(json, "capabilities", NULL);
}

static void test_finding(void **state)
{
	static const struct exception exception = {.name = "e",
						   .rule = "process.root-user",
						   .container = "web",
						   .reason = "it\tmust",
						   .expires = "2030-01-31"};
	struct build *build = *state;
	struct process *process = build_process(build, 10, build_container(build, "web"), "/bin/web");
	_cleanup_json_ json_t *json = NULL;

	build_root(process, CAPABILITY_DOCKER_DEFAULT);
	static const char *const only[] = {"process.root-user"};
	build->policy.only = only;
	build->policy.only_count = 1;
	build->policy.exceptions = &exception;
	build->policy.exception_count = 1;
	build_judge(build);
	json = json_of(build, &record_finding, 0);
	assert_int_equal(json_string_length(json_object_get(json, "id")), 32);
	assert_member(json, "rule", "\"process.root-user\"");
	assert_member(json, "severity", "\"medium\"");
	assert_member(json, "container_id", "\"web\"");
	assert_member(json, "container_ids", NULL);
	assert_member(json_object_get(json, "subject"), "kind", "\"process\"");
	assert_member(json_object_get(json, "subject"), "pids", "[10]");
	assert_member(json_object_get(json, "subject"), "count", "1");
	assert_member(json_object_get(json, "evidence"), "uid", "0");
	assert_int_equal(json_array_size(json_object_get(json_object_get(json, "evidence"), "capabilities")),
			 14);
	assert_non_null(json_object_get(json_object_get(json, "remediation"), "docker"));
	assert_true(json_array_size(json_object_get(json, "references")) > 0);
	assert_member(json, "exception",
		      "{\"name\":\"e\",\"reason\":\"it\\\\tmust\",\"expires\":\"2030-01-31\"}");
}

static void test_header_and_summary(void **state)
{
	struct build *build = *state;
	struct snapshot *snapshot = build->snapshot;
	_cleanup_json_ json_t *header = NULL, *summary = NULL;

	snapshot->started_at = (struct timespec){1709208000, 7999999};
	snapshot->duration_ns = 1500000;
	snapshot->host.boot_time = 1;
	snapshot->coverage =
		(struct coverage[]){{.collector = "a", .missed = 3}, {.collector = "b", .missed = 4}};
	snapshot->coverage_count = 2;
	build_process(build, 10, build_container(build, "web"), "/bin/web");
	build_sysctl(build, "kernel.x", "1\t\xff");
	build_judge(build);
	header = json_of(build, &record_header, 0);
	assert_member(header, "started_at", "\"2024-02-29T12:00:00.007Z\"");
	assert_member(header, "duration_ms", "2");
	assert_member(json_object_get(header, "host"), "boot_time", "\"1970-01-01T00:00:01Z\"");
	assert_member(json_object_get(header, "host"), "cgroup_version", "\"v2\"");
	assert_member(json_object_get(header, "host"), "lsms",
		      "[\"capability\",\"lockdown\",\"bpf\",\"apparmor\"]");
	assert_member(json_object_get(header, "host"), "sysctls", "{\"kernel.x\":\"1\\\\t\\\\xff\"}");
	summary = json_of(build, &record_summary, 0);
	assert_member(summary, "missed", "7");
	assert_member(json_object_get(summary, "seen"), "processes", "1");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(summary, "seen"), "mounts")),
			 snapshot->mount_namespaces[0]->mount_count);
}

static void test_coverage(void **state)
{
	struct build *build = *state;
	struct coverage coverage = {.collector = "c", .seen = 5, .missed = 2, .duration_ns = 499999};
	_cleanup_json_ json_t *json = NULL;

	coverage_note(&coverage, build->snapshot->arena, "one", "/proc/7/ns", "be root");
	coverage_note(&coverage, build->snapshot->arena, "two", NULL, NULL);
	coverage_note(&coverage, build->snapshot->arena, "one", "/proc/8/ns", "be root");
	build->snapshot->coverage = &coverage;
	build->snapshot->coverage_count = 1;
	json = json_of(build, &record_coverage, 0);
	assert_member(json, "duration_ms", "0");
	assert_member(json, "reasons",
		      "[{\"reason\":\"one\",\"count\":2,\"example\":\"/proc/7/ns\",\"remedy\":\"be root\"},"
		      "{\"reason\":\"two\",\"count\":1}]");
}

/* ---- bytes -------------------------------------------------------------------------------------- */

static void test_hostile_strings(void **state)
{
	static const char *const strings[] = {"line\nfeed",
					      "\033[2J",
					      "\xff\xfe",
					      "\xc0\xaf",
					      "\xed\xa0\x80",
					      "back\\slash \"quoted\"",
					      "\xe2\x80\xae",
					      "世界 🐳",
					      "\x7f\x01",
					      "",
					      NULL};
	static const char *const told[] = {"\"line\\\\nfeed\"",
					   "\"\\\\x1b[2J\"",
					   "\"\\\\xff\\\\xfe\"",
					   "\"\\\\xc0\\\\xaf\"",
					   "\"\\\\xed\\\\xa0\\\\x80\"",
					   "\"back\\\\\\\\slash \\\"quoted\\\"\"",
					   "\"\\\\xe2\\\\x80\\\\xae\"",
					   "\"世界 🐳\"",
					   "\"\\\\x7f\\\\x01\"",
					   "\"\"",
					   NULL};
	struct build *build = *state;
	struct process *process = build_process(build, 10, NULL, "/bin/web");

	for (size_t i = 0; strings[i]; i++) {
		_cleanup_json_ json_t *json = NULL;
		process->comm = strings[i];
		json = json_of(build, &record_process, 0);
		assert_member(json, "comm", told[i]);
	}
}

static void add_many(struct build *build)
{
	for (int i = 0; i < 8; i++) {
		struct container *container = build_container(build, (const char[]){(char)('a' + i), '\0'});
		for (int k = 0; k < 5; k++) {
			struct process *process =
				build_process(build, 10 * i + k + 1, container, "/bin/\xffx");
			build_root(process, (capability_set)1 << (i * 5 + k));
			build_thread(build, process, 1000 + 10 * i + k);
		}
		build_file(build, container, "/bin/su")->mode |= S_ISUID;
	}
	build_judge(build);
}

/* The document that is streamed is the one that would be made in memory. */
static void test_the_document_is_its_records(void **state)
{
	struct build *build = *state;
	struct record_context context = {.snapshot = build->snapshot};
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *document = NULL, *expected = NULL;
	const void *record;

	add_many(build);
	context.findings = build->findings;
	text = printed(json_document, &context);
	document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(document);
	expected = record_json(&record_header, build->snapshot, &context, false);
	for (const struct record_kind *const *kind = record_kinds + 1; *kind; kind++) {
		json_t *array = json_array();
		for (size_t i = 0; (record = (*kind)->at(&context, i)); i++)
			json_array_append_new(array, record_json(*kind, record, &context, false));
		json_object_set(expected, (*kind)->member,
				(*kind)->single ? json_array_get(array, 0) : array);
		json_decref(array);
	}
	record_context_free(&context);
	assert_true(json_equal(document, expected));
	assert_int_equal(json_array_size(json_object_get(document, "processes")), 40);
	assert_true(json_array_size(json_object_get(document, "findings")) > 8);
	assert_string_equal(text + strlen(text) - 2, "}\n");
}

static void test_an_empty_document(void **state)
{
	struct build *build = *state;
	struct record_context context = {.snapshot = build->snapshot};
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *document = NULL;

	build_judge(build);
	context.findings = build->findings;
	text = printed(json_document, &context);
	document = json_loads(text, 0, NULL);
	assert_member(document, "processes", "[]");
	assert_member(document, "findings", "[]");
	assert_member(document, "coverage", "[]");
}

static void test_lines_are_the_records(void **state)
{
	struct build *build = *state;
	struct record_context context = {.snapshot = build->snapshot};
	_cleanup_free_ char *text = NULL, *whole = NULL;
	_cleanup_json_ json_t *document = NULL;
	const char *cursor, *line;
	size_t length, index = 0;
	const struct record_kind *const *kind = record_kinds;

	add_many(build);
	context.findings = build->findings;
	whole = printed(json_document, &context);
	document = json_loads(whole, 0, NULL);
	text = printed(ndjson_records, &context);
	cursor = text;
	while (line_next(&cursor, text + strlen(text), &line, &length)) {
		_cleanup_json_ json_t *record = json_loadb(line, length, 0, NULL);
		const json_t *array;
		assert_non_null(record);
		while (strcmp(json_string_value(json_object_get(record, "type")), (*kind)->type) != 0) {
			assert_true(index == 0 || (*kind)->single ||
				    index == json_array_size(json_object_get(document, (*kind)->member)));
			index = 0;
			assert_non_null(*++kind);
		}
		assert_string_equal(json_object_iter_key(json_object_iter(record)), "type");
		json_object_del(record, "type");
		array = (*kind)->member ? json_object_get(document, (*kind)->member) : NULL;
		if (array)
			assert_true(
				json_equal(record, (*kind)->single ? array : json_array_get(array, index)));
		index++;
	}
	assert_ptr_equal(*kind, &record_summary);
}

static void test_before_the_end_no_duration_is_told(void **state)
{
	struct build *build = *state;
	struct record_context context = {.snapshot = build->snapshot, .unfinished = true};
	_cleanup_json_ json_t *json = record_json(&record_header, build->snapshot, &context, true);

	assert_member(json, "duration_ms", NULL);
	assert_member(json, "type", "\"header\"");
	record_context_free(&context);
}

/* ---- schema ------------------------------------------------------------------------------------- */

static void check_fields(const struct field *fields, const char *owner)
{
	for (; fields->name; fields++) {
		bool object = fields->type == FIELD_OBJECT || fields->type == FIELD_OBJECTS;
		if (!fields->description || object != (fields->members != NULL) ||
		    object == (fields->get != NULL) || (fields->type == FIELD_OBJECTS && !fields->item) ||
		    (fields->known && !fields->optional) ||
		    (fields->type == FIELD_RECORD || fields->type == FIELD_RECORDS) != (fields->kind != NULL))
			fail_msg("field %s of %s", fields->name, owner);
		for (const struct field *other = fields + 1; other->name; other++)
			assert_string_not_equal(fields->name, other->name);
		if (object)
			check_fields(fields->members, fields->name);
	}
}

static void check_kinds(const struct record_kind *const *kinds)
{
	for (size_t i = 0; kinds[i]; i++) {
		check_fields(kinds[i]->fields, kinds[i]->type);
		for (const struct field *field = kinds[i]->fields; field->name; field++)
			assert_string_not_equal(field->name, "type"); /* that of a line of ndjson */
	}
}

static void test_tables_of_fields_make_sense(void **state)
{
	(void)state;
	check_kinds(record_kinds);
	check_kinds(reference_kinds);
	check_kinds(agent_kinds);
}

/* `make schema` writes it anew. */
static void test_the_schema_in_the_tree_is_that_of_the_tables(void **state)
{
	_cleanup_json_ json_t *schema = record_schema(), *kept = NULL;
	const char *root = getenv("top_srcdir");
	_cleanup_free_ char *path = NULL;

	(void)state;
	assert_true(asprintf(&path, "%s/dist/schema/proctor.schema.json", root ? root : ".") > 0);
	kept = json_load_file(path, 0, NULL);
	assert_non_null(kept);
	assert_true(json_equal(schema, kept));
}

#define ON_BUILD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BUILD(test_process),
		ON_BUILD(test_what_is_not_known_is_left_out),
		ON_BUILD(test_namespaces_that_are_known),
		ON_BUILD(test_command_lines),
		ON_BUILD(test_container),
		ON_BUILD(test_mounts_of_several_namespaces),
		ON_BUILD(test_file),
		ON_BUILD(test_finding),
		ON_BUILD(test_header_and_summary),
		ON_BUILD(test_coverage),
		ON_BUILD(test_hostile_strings),
		ON_BUILD(test_the_document_is_its_records),
		ON_BUILD(test_an_empty_document),
		ON_BUILD(test_lines_are_the_records),
		ON_BUILD(test_before_the_end_no_duration_is_told),
		cmocka_unit_test(test_tables_of_fields_make_sense),
		cmocka_unit_test(test_the_schema_in_the_tree_is_that_of_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
