/* Options of docker run. */
#include <string.h>

#include "agent/remedy/writer.h"

/* Options that always look the same. */
static const struct {
	enum change_kind kind;
	const char *set[5];
	const char *leave_out[3];
} options[] = {
	{CHANGE_PRIVILEGED, {NULL}, {"--privileged"}},
	{CHANGE_CAPABILITIES, {"--cap-drop", "ALL"}, {NULL}},
	{CHANGE_NEW_PRIVILEGES, {"--security-opt", "no-new-privileges"}, {NULL}},
	{CHANGE_SECCOMP, {NULL}, {"--security-opt seccomp=unconfined"}},
	{CHANGE_LSM, {NULL}, {"--security-opt apparmor=unconfined", "--security-opt label=disable"}},
	{CHANGE_KERNEL_FILES, {NULL}, {"--security-opt systempaths=unconfined"}},
	{CHANGE_PID_NAMESPACE, {NULL}, {"--pid host"}},
	{CHANGE_NETWORK_NAMESPACE, {NULL}, {"--network host"}},
	{CHANGE_IPC_NAMESPACE, {"--ipc", "private"}, {"--ipc host"}},
	{CHANGE_UTS_NAMESPACE, {NULL}, {"--uts host"}},
	{CHANGE_CGROUP_NAMESPACE, {"--cgroupns", "private"}, {"--cgroupns host"}},
	{CHANGE_MEMORY, {"--memory", "512m", "--memory-swap", "512m"}, {NULL}},
	{CHANGE_CPU, {"--cpus", "0.5"}, {NULL}},
	{CHANGE_PIDS, {"--pids-limit", "200"}, {NULL}},
};

static void put_constant(struct writer *writer, json_t *words)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!plan_has(writer->plan, options[i].kind))
			continue;
		for (const char *const *word = options[i].set; *word; word++)
			writer_append_text(writer, words, *word);
		for (const char *const *option = options[i].leave_out; *option; option++)
			writer_leave_out(writer, "%s", *option);
	}
}

static void put_kept(struct writer *writer, json_t *words)
{
	json_t *kept = json_array();
	const json_t *name;
	size_t index;

	if (plan_has(writer->plan, CHANGE_CAPABILITIES))
		writer_append_capabilities(writer, kept, writer->plan->facts.keep);
	json_array_foreach(kept, index, name)
	{
		writer_append_text(writer, words, "--cap-add");
		writer_append_text(writer, words, json_string_value(name));
	}
	json_decref(kept);
}

static void put_tmpfs(struct writer *writer, json_t *words)
{
	const struct path_list *writable = &writer->plan->facts.writable;

	writer_append_text(writer, words, "--read-only");
	for (size_t i = 0; i < writable->count; i++) {
		writer_append_text(writer, words, "--tmpfs");
		writer_append_text(writer, words, writer_tmpfs(writer, writable->paths[i]));
	}
}

/* In quotes when the shell would take it for more than one word; none has a quote in it (is_plain). */
static const char *quoted(const char *word, struct arena *arena)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@,";

	return word[strspn(word, safe)] ? arena_printf(arena, "'%s'", word) : word;
}

/* One option a line, the image last. */
static const char *shell_text(const json_t *words, const char *image, struct arena *arena)
{
	const char *text = "";
	const json_t *value;
	size_t index;

	json_array_foreach(words, index, value)
	{
		const char *word = quoted(json_string_value(value), arena);
		const char *gap = word && word[0] == '-' ? " \\\n" : " ";
		text = word ? arena_printf(arena, "%s%s%s", text, index ? gap : "", word) : NULL;
		if (!text)
			return NULL;
	}
	image = image ? quoted(image, arena) : "";
	if (!image)
		return NULL;
	if (*image)
		text = arena_printf(arena, "%s%s%s", text, *text ? " \\\n" : "", image);
	return text && *text ? arena_printf(arena, "%s\n", text) : text;
}

int write_docker(struct plan *plan, struct arena *arena)
{
	struct writer writer = writer_start(plan, arena);
	json_t *words = writer_array(&writer, writer.fragment, "options");

	put_constant(&writer, words);
	put_kept(&writer, words);
	if (plan_has(plan, CHANGE_USER)) {
		writer_append_text(&writer, words, "--user");
		writer_append_text(&writer, words, plan->facts.user);
	}
	if (plan_has(plan, CHANGE_READ_ONLY_ROOT))
		put_tmpfs(&writer, words);
	if (plan_has(plan, CHANGE_CAPABILITIES))
		writer_leave_out_capabilities(&writer, "--cap-add ");
	if (plan_has(plan, CHANGE_DEVICES))
		writer_leave_out_devices(&writer, "--device ");
	if (plan_has(plan, CHANGE_MOUNTS))
		writer_leave_out_mounts(&writer, "--volume ");
	if (plan_has(plan, CHANGE_IMAGE))
		writer_put_text(&writer, writer.fragment, "image", plan->facts.image);
	return writer_finish(
		&writer, shell_text(words, plan_has(plan, CHANGE_IMAGE) ? plan->facts.image : NULL, arena));
}
