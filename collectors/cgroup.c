#include "collectors/cgroup.h"

#include <ctype.h>
#include <string.h>

#include "collectors/read.h"

enum { ID_LENGTH = 64, TASK_LENGTH = 32, UUID_LENGTH = 36 };

#define PART(literal) ((struct cgroup_part){literal, sizeof(literal) - 1})

static bool part_is(struct cgroup_part part, struct cgroup_part other)
{
	return part.length == other.length && !memcmp(part.data, other.data, part.length);
}

/* Takes `prefix` off the front of `part`. */
static bool part_drop_prefix(struct cgroup_part *part, struct cgroup_part prefix)
{
	if (part->length < prefix.length || memcmp(part->data, prefix.data, prefix.length) != 0)
		return false;
	part->data += prefix.length;
	part->length -= prefix.length;
	return true;
}

static bool part_drop_suffix(struct cgroup_part *part, struct cgroup_part suffix)
{
	if (part->length < suffix.length ||
	    memcmp(part->data + part->length - suffix.length, suffix.data, suffix.length) != 0)
		return false;
	part->length -= suffix.length;
	return true;
}

static bool is_hex(const char *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isdigit((unsigned char)data[i]) && (data[i] < 'a' || data[i] > 'f'))
			return false;
	return true;
}

static bool is_container_id(struct cgroup_part part)
{
	return part.length == ID_LENGTH && is_hex(part.data, ID_LENGTH);
}

/* Fargate 1.4: the task's 32 digits, a dash and the container's number. */
static bool is_fargate_id(struct cgroup_part part)
{
	if (part.length < TASK_LENGTH + 2 || !is_hex(part.data, TASK_LENGTH) || part.data[TASK_LENGTH] != '-')
		return false;
	for (size_t i = TASK_LENGTH + 1; i < part.length; i++)
		if (!isdigit((unsigned char)part.data[i]))
			return false;
	return true;
}

static bool is_uuid(struct cgroup_part part)
{
	if (part.length != UUID_LENGTH)
		return false;
	for (size_t i = 0; i < UUID_LENGTH; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? part.data[i] != '-' : !is_hex(part.data + i, 1))
			return false;
	}
	return true;
}

/* Who puts which prefix in front of the id: systemd's scopes (`docker-<id>.scope`) and containerd's
 * untranslated `slice:cri-containerd:<id>`. */
static const struct {
	struct cgroup_part prefix;
	const char *runtime;
} id_prefixes[] = {
	{PART("docker-"), "docker"}, {PART("cri-containerd-"), "containerd"},
	{PART("crio-"), "cri-o"},    {PART("libpod-payload-"), "podman"},
	{PART("libpod-"), "podman"}, {PART("nerdctl-"), "containerd"},
};

static const struct {
	struct cgroup_part directory; /* component above a bare id */
	const char *runtime;
} id_directories[] = {
	{PART("docker"), "docker"}, {PART("default"), "containerd"},   {PART("k8s.io"), "containerd"},
	{PART("libpod"), "podman"}, {PART("libpod_parent"), "podman"},
};

static bool identify_prefixed(struct cgroup_part part, struct cgroup_identity *identity)
{
	const char *colon = memrchr(part.data, ':', part.length);

	for (size_t i = 0; i < sizeof(id_prefixes) / sizeof(id_prefixes[0]); i++) {
		struct cgroup_part rest = part;
		if (part_drop_prefix(&rest, id_prefixes[i].prefix) && is_container_id(rest)) {
			identity->id = rest;
			identity->runtime = id_prefixes[i].runtime;
			return true;
		}
	}
	if (!colon)
		return false;
	struct cgroup_part last = {colon + 1, part.length - (size_t)(colon + 1 - part.data)};
	struct cgroup_part front = {part.data, (size_t)(colon - part.data)};
	if (!is_container_id(last))
		return false;
	identity->id = last;
	if (part_drop_suffix(&front, PART("cri-containerd")))
		identity->runtime = "containerd";
	return true;
}

/* Machines that a name stands for: lxc and systemd-nspawn. */
static bool identify_machine(struct cgroup_part part, struct cgroup_part above,
			     struct cgroup_identity *identity)
{
	struct cgroup_part scope = part;

	if (part_drop_prefix(&part, PART("lxc.payload.")) ||
	    (part_is(above, PART("lxc.payload")) || part_is(above, PART("lxc")))) {
		identity->runtime = "lxc";
	} else if (part_drop_suffix(&scope, PART(".scope")) && part_drop_prefix(&scope, PART("machine-")) &&
		   part_is(above, PART("machine.slice"))) {
		identity->runtime = "systemd-nspawn";
		part = scope;
	} else {
		scope = part;
		if (!part_drop_prefix(&scope, PART("systemd-nspawn@")) ||
		    !part_drop_suffix(&scope, PART(".service")))
			return false;
		identity->runtime = "systemd-nspawn";
		part = scope;
	}
	identity->id = part;
	return part.length > 0;
}

static bool is_monitor(struct cgroup_part part)
{
	return part_drop_prefix(&part, PART("crio-conmon-")) ||
	       part_drop_prefix(&part, PART("libpod-conmon-"));
}

/* The component that ends before `end`; empty at the root. */
static struct cgroup_part component_before(const char *path, const char *end)
{
	const char *start = end;

	while (start > path && start[-1] != '/')
		start--;
	return (struct cgroup_part){start, (size_t)(end - start)};
}

static enum cgroup_proof identify_component(struct cgroup_part part, struct cgroup_part above,
					    struct cgroup_identity *identity)
{
	struct cgroup_part scope = part;

	if (identify_machine(part, above, identity))
		return CGROUP_NAME;
	part_drop_suffix(&scope, PART(".scope"));
	if (identify_prefixed(scope, identity))
		return CGROUP_ID;
	if (is_container_id(scope) || is_fargate_id(part)) {
		identity->id = scope;
		for (size_t i = 0; i < sizeof(id_directories) / sizeof(id_directories[0]); i++)
			if (part_is(above, id_directories[i].directory))
				identity->runtime = id_directories[i].runtime;
		return CGROUP_ID;
	}
	if (is_uuid(part)) {
		identity->id = part;
		return CGROUP_NAME;
	}
	return CGROUP_NOTHING;
}

/* From a cgroup namespace of its own only the innermost of these components may be seen. */
static const char *kind_of(const char *path, size_t length, struct cgroup_part id)
{
	const char *end = path + length;

	if (is_fargate_id(id))
		return "fargate";
	while (end > path) {
		struct cgroup_part part = component_before(path, end), rest = part;
		if (part_is(part, PART("ecs")) || part_is(part, PART("ecstasks.slice")) ||
		    part_drop_prefix(&rest, PART("ecstasks-")))
			return "ecs";
		if (part_is(part, PART("kubepods")) || part_drop_prefix(&rest, PART("kubepods.")) ||
		    part_drop_prefix(&rest, PART("kubepods-")))
			return "kubernetes";
		end = part.data > path ? part.data - 1 : path;
	}
	return "standalone";
}

struct cgroup_identity cgroup_identify(const char *path, size_t length)
{
	struct cgroup_identity identity = {0};
	const char *end = path + length;

	while (end > path) {
		struct cgroup_part part = component_before(path, end), above = {path, 0};
		if (part.data > path)
			above = component_before(path, part.data - 1);
		if (is_monitor(part))
			break;
		identity.proof = identify_component(part, above, &identity);
		if (identity.proof != CGROUP_NOTHING) {
			identity.kind = kind_of(path, length, identity.id);
			return identity;
		}
		end = part.data > path ? part.data - 1 : path;
	}
	return (struct cgroup_identity){0};
}

/* One line `hierarchy:controllers:path`. */
static bool line_split(const char *line, size_t length, struct cgroup_part *controllers,
		       struct cgroup_part *path)
{
	const char *first = memchr(line, ':', length), *end = line + length, *second;

	if (!first)
		return false;
	second = memchr(first + 1, ':', (size_t)(end - first - 1));
	if (!second)
		return false;
	*controllers = (struct cgroup_part){first + 1, (size_t)(second - first - 1)};
	*path = (struct cgroup_part){second + 1, (size_t)(end - second - 1)};
	return true;
}

/* How much a line tells; more is better. */
static int line_rank(struct cgroup_part controllers, struct cgroup_part path)
{
	if (path.length <= 1)
		return 1;
	if (cgroup_identify(path.data, path.length).proof == CGROUP_ID)
		return 5;
	if (controllers.length == 0)
		return 4;
	return part_is(controllers, PART("name=systemd")) ? 3 : 2;
}

bool cgroup_choose(const char *text, size_t length, struct cgroup_part *path)
{
	const char *cursor = text, *end = text + length, *line;
	struct cgroup_part controllers, candidate;
	size_t size;
	int best = 0;

	while (line_next(&cursor, end, &line, &size)) {
		if (!line_split(line, size, &controllers, &candidate))
			continue;
		int rank = line_rank(controllers, candidate);
		if (rank > best) {
			best = rank;
			*path = candidate;
		}
	}
	return best > 0;
}

bool cgroup_is_unit(const char *path)
{
	size_t length = strlen(path);
	const char *end = path + length;

	while (end > path) {
		struct cgroup_part part = component_before(path, end);
		if (part_drop_suffix(&part, PART(".service")) || part_drop_suffix(&part, PART(".scope")))
			return true;
		end = part.data > path ? part.data - 1 : path;
	}
	return false;
}
