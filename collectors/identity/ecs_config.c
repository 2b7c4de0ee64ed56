/* /etc/ecs/ecs.config: how the agent of a container instance is set. */
#include <ctype.h>
#include <string.h>

#include "collectors/identity/identity.h"

/* What the agent takes for true (Go's strconv.ParseBool); anything else is its default. */
static bool parse_boolean(struct bytes text, bool otherwise)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{"1", true},    {"t", true},      {"T", true},      {"true", true},
		{"TRUE", true}, {"True", true},   {"0", false},     {"f", false},
		{"F", false},   {"false", false}, {"FALSE", false}, {"False", false},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == text.length && !memcmp(words[i].word, text.data, text.length))
			return words[i].value;
	return otherwise;
}

static const struct {
	const char *key;
	size_t offset;
	bool otherwise;
} switches[] = {
	{"ECS_DISABLE_PRIVILEGED", offsetof(struct ecs_agent, privileged_disabled), false},
	{"ECS_ENABLE_TASK_CPU_MEM_LIMIT", offsetof(struct ecs_agent, task_limits_enabled), true},
	{"ECS_AWSVPC_BLOCK_IMDS", offsetof(struct ecs_agent, awsvpc_imds_blocked), false},
	{"ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", offsetof(struct ecs_agent, offhost_introspection), false},
	{"ECS_SELINUX_CAPABLE", offsetof(struct ecs_agent, selinux_capable), false},
	{"ECS_APPARMOR_CAPABLE", offsetof(struct ecs_agent, apparmor_capable), false},
};

static bool *switch_of(struct ecs_agent *agent, size_t index)
{
	return (bool *)((char *)agent + switches[index].offset);
}

static bool is_word(struct bytes text, const char *word)
{
	return text.length == strlen(word) && !memcmp(text.data, word, text.length);
}

static void put(struct bytes key, struct bytes value, struct ecs_agent *agent)
{
	const char *cursor = value.data;
	uint64_t number;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (is_word(key, switches[i].key))
			*switch_of(agent, i) = parse_boolean(value, switches[i].otherwise);
	if (is_word(key, "ECS_TASK_PIDS_LIMIT"))
		agent->task_pids_limit =
			text_read_number(&cursor, bytes_end(value), 10, &number) && cursor == bytes_end(value)
				? number
				: 0;
}

static struct bytes trim(const char *data, size_t length)
{
	while (length && isspace((unsigned char)*data)) {
		data++;
		length--;
	}
	while (length && isspace((unsigned char)data[length - 1]))
		length--;
	return (struct bytes){data, length};
}

void ecs_config_parse(const char *text, size_t length, struct ecs_agent *agent)
{
	const char *cursor = text, *end = text + length, *start;
	size_t size;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		*switch_of(agent, i) = switches[i].otherwise;
	agent->task_pids_limit = 0;
	while (line_next(&cursor, end, &start, &size)) {
		struct bytes line = trim(start, size);
		const char *equals =
			line.length && *line.data != '#' ? memchr(line.data, '=', line.length) : NULL;
		if (!equals)
			continue;
		put(trim(line.data, (size_t)(equals - line.data)),
		    trim(equals + 1, (size_t)(bytes_end(line) - equals - 1)), agent);
	}
}

void ecs_config_read(struct identification *identification)
{
	static const struct source file = {.name = "ecs-config", .what = "the ECS agent's configuration"};
	struct ecs_agent *agent = &identification->snapshot->host.ecs;

	identification->source = &file;
	if (identification->root < 0 ||
	    !identity_read_file(identification, identification->root, "etc/ecs/ecs.config"))
		return;
	agent->present = agent->configuration_known = true;
	ecs_config_parse(identification->buffer.data, identification->buffer.length, agent);
}
