#include "collectors/host_text.h"

#include <string.h>

#include "collectors/mountinfo.h"
#include "collectors/read.h"

static bool is_text(struct bytes field, const char *text)
{
	return field.length == strlen(text) && !memcmp(field.data, text, field.length);
}

static void read_procfs(const struct mountinfo_line *line, struct kernel_mounts *mounts)
{
	struct bytes value;

	mounts->hidepid = (struct bytes){0};
	if (mountinfo_option(line->super_options, "hidepid", &value) && !is_text(value, "0") &&
	    !is_text(value, "off"))
		mounts->hidepid = value;
	mounts->group = 0;
	if (mountinfo_option(line->super_options, "gid", &value)) {
		uint64_t group;
		if (text_read_number(&value.data, value.data + value.length, 10, &group) &&
		    group <= UINT32_MAX)
			mounts->group = (uint32_t)group;
	}
}

void host_mounts_parse(const char *text, size_t length, uint32_t id, const char *point,
		       struct kernel_mounts *mounts)
{
	const char *cursor = text, *line;
	struct mountinfo_line fields;
	bool first = false, second = false;
	size_t size;

	*mounts = (struct kernel_mounts){0};
	while (line_next(&cursor, text + length, &line, &size)) {
		if (!mountinfo_line(line, size, &fields))
			continue;
		first |= is_text(fields.type, "cgroup");
		second |= is_text(fields.type, "cgroup2");
		if (is_text(fields.type, "proc") && (id ? fields.id == id : is_text(fields.point, point)))
			read_procfs(&fields, mounts);
	}
	mounts->cgroup_version = (first ? 1u : 0u) + (second ? 2u : 0u);
}

static int add_lsm(struct host *host, size_t most, const char *name)
{
	if (!name)
		return -1;
	if (host->lsm_count < most)
		host->lsms[host->lsm_count++] = name;
	return 0;
}

static int prepare_lsms(struct host *host, struct arena *arena, size_t most)
{
	host->lsm_count = 0;
	host->lsms = arena_array(arena, most, sizeof(*host->lsms));
	return host->lsms ? 0 : -1;
}

int host_lsms_parse(const char *text, size_t length, struct arena *arena, struct host *host)
{
	const char *at = text, *end = text + length;
	size_t most = 1;

	if (length && end[-1] == '\n')
		end--;
	for (const char *comma = at; comma < end; comma++)
		most += *comma == ',';
	if (prepare_lsms(host, arena, most))
		return -1;
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t size = (size_t)((comma ? comma : end) - at);
		if (size && add_lsm(host, most, arena_copy(arena, at, size)))
			return -1;
		at = comma ? comma + 1 : end;
	}
	host->lsms_known = true;
	return 0;
}

int host_lsms_name(const uint64_t *ids, size_t count, struct arena *arena, struct host *host)
{
	enum { FIRST_ID = 100 };
	static const char *const names[] = {"capability", "selinux", "smack",     "tomoyo",   "apparmor",
					    "yama",       "loadpin", "safesetid", "lockdown", "bpf",
					    "landlock",   "ima",     "evm",       "ipe"};

	if (prepare_lsms(host, arena, count))
		return -1;
	for (size_t i = 0; i < count; i++) {
		bool known = ids[i] >= FIRST_ID && ids[i] - FIRST_ID < sizeof(names) / sizeof(names[0]);
		if (add_lsm(host, count,
			    known ? names[ids[i] - FIRST_ID]
				  : arena_printf(arena, "lsm-%llu", (unsigned long long)ids[i])))
			return -1;
	}
	host->lsms_known = true;
	return 0;
}

time_t host_boot_parse(const char *text, size_t length)
{
	static const char name[] = "btime ";
	const char *cursor = text, *line;
	uint64_t seconds;
	size_t size;

	while (line_next(&cursor, text + length, &line, &size)) {
		const char *value = line + sizeof(name) - 1, *end = line + size;
		if (size >= sizeof(name) && !memcmp(line, name, sizeof(name) - 1) &&
		    text_read_number(&value, end, 10, &seconds) && value == end && seconds <= INT64_MAX)
			return (time_t)seconds;
	}
	return 0;
}
