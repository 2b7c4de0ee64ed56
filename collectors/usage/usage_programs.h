/* The BPF programs of collectors/usage/usage.bpf.c in memory, by the functions that bpftool(8) generates. */
#ifndef COLLECTORS_USAGE_USAGE_PROGRAMS_H
#define COLLECTORS_USAGE_USAGE_PROGRAMS_H

#include "collectors/usage/bpf_library.h"
#include "proctor/usage.h"

struct usage_programs;

/* One of the ways in which the kernel can tell of a check. */
enum usage_way { WAY_FEXIT, WAY_TRACEPOINT, WAY_KPROBE, WAY_COUNT };

/* Loads and attaches it. Owned by the caller; NULL with errno. */
struct usage_programs *usage_programs_start(const struct bpf_library *library, enum usage_way way,
					    const struct usage_room *room);
void usage_programs_stop(const struct bpf_library *library, struct usage_programs *programs);

/* In a process that was forked since: closes its descriptors, and leaves the programs to the others. */
void usage_programs_leave(const struct bpf_library *library, struct usage_programs *programs);

/* How often one was called while it ran already on that processor, which the kernel does not do: checks that
 * were not counted. Told since Linux 5.12. */
uint64_t usage_programs_misses(const struct bpf_library *library, const struct usage_programs *programs);

struct usage_maps {
	int checks, executables, counters; /* descriptors; they live as long as the programs */
};

struct usage_maps usage_programs_maps(const struct bpf_library *library,
				      const struct usage_programs *programs);

#endif
