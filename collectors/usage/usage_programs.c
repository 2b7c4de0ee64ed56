#include "collectors/usage/usage_programs.h"

#include <errno.h>
#include <unistd.h>

/* The generated functions call libbpf by name, and get no argument to carry a table of what was loaded. */
static struct bpf_library loaded;

#define bpf_object__attach_skeleton loaded.object_attach_skeleton
#define bpf_object__destroy_skeleton loaded.object_destroy_skeleton
#define bpf_object__detach_skeleton loaded.object_detach_skeleton
#define bpf_object__load_skeleton loaded.object_load_skeleton
#define bpf_object__open_skeleton loaded.object_open_skeleton

#include "collectors/usage/usage.skel.h"

static void choose(const struct bpf_library *library, const struct usage_programs *programs,
		   enum usage_way way)
{
	const struct {
		struct bpf_program *program;
		enum usage_way way;
	} all[] = {
		{programs->progs.on_exit, WAY_FEXIT},
		{programs->progs.on_trace, WAY_TRACEPOINT},
		{programs->progs.on_call, WAY_KPROBE},
		{programs->progs.on_return, WAY_KPROBE},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		library->program_set_autoload(all[i].program, all[i].way == way);
}

static void set_room(const struct bpf_library *library, const struct usage_programs *programs,
		     const struct usage_room *room)
{
	library->map_set_max_entries(programs->maps.usage, room->checks);
	library->map_set_max_entries(programs->maps.executables, room->executables);
}

struct usage_programs *usage_programs_start(const struct bpf_library *library, enum usage_way way,
					    const struct usage_room *room)
{
	struct usage_programs *programs;
	int number;

	loaded = *library;
	programs = usage_programs__open();
	if (!programs)
		return NULL;
	choose(library, programs, way);
	set_room(library, programs, room);
	if (!usage_programs__load(programs) && !usage_programs__attach(programs))
		return programs;
	number = errno;
	usage_programs_stop(library, programs);
	errno = number;
	return NULL;
}

void usage_programs_stop(const struct bpf_library *library, struct usage_programs *programs)
{
	loaded = *library;
	usage_programs__destroy(programs);
}

/* To detach by kprobes would switch them off for all. */
void usage_programs_leave(const struct bpf_library *library, struct usage_programs *programs)
{
	struct bpf_link *const links[] = {programs->links.on_exit, programs->links.on_trace,
					  programs->links.on_call, programs->links.on_return};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (!links[i])
			continue;
		library->link_disconnect(links[i]);
		close(library->link_fd(links[i]));
	}
	usage_programs_stop(library, programs);
}

uint64_t usage_programs_misses(const struct bpf_library *library, const struct usage_programs *programs)
{
	struct bpf_program *const all[] = {programs->progs.on_exit, programs->progs.on_trace,
					   programs->progs.on_call, programs->progs.on_return};
	uint64_t misses = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct bpf_prog_info info = {0};
		uint32_t size = sizeof(info);
		if (!library->obj_get_info_by_fd(library->program_fd(all[i]), &info, &size))
			misses += info.recursion_misses;
	}
	return misses;
}

struct usage_maps usage_programs_maps(const struct bpf_library *library,
				      const struct usage_programs *programs)
{
	return (struct usage_maps){
		.checks = library->map_fd(programs->maps.usage),
		.executables = library->map_fd(programs->maps.executables),
		.counters = library->map_fd(programs->maps.counters),
	};
}
