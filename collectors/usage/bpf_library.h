/* libbpf, loaded when capabilities are watched. */
#ifndef COLLECTORS_USAGE_BPF_LIBRARY_H
#define COLLECTORS_USAGE_BPF_LIBRARY_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* The functions that are used, by the types that its headers give them. */
struct bpf_library {
	typeof(bpf_link__disconnect) *link_disconnect;
	typeof(bpf_link__fd) *link_fd;
	typeof(bpf_map__fd) *map_fd;
	typeof(bpf_map__set_max_entries) *map_set_max_entries;
	typeof(bpf_map_lookup_and_delete_batch) *map_lookup_and_delete_batch;
	typeof(bpf_map_lookup_elem) *map_lookup_elem;
	typeof(bpf_obj_get_info_by_fd) *obj_get_info_by_fd;
	typeof(bpf_object__attach_skeleton) *object_attach_skeleton;
	typeof(bpf_object__destroy_skeleton) *object_destroy_skeleton;
	typeof(bpf_object__detach_skeleton) *object_detach_skeleton;
	typeof(bpf_object__load_skeleton) *object_load_skeleton;
	typeof(bpf_object__open_skeleton) *object_open_skeleton;
	typeof(bpf_program__fd) *program_fd;
	typeof(bpf_program__set_autoload) *program_set_autoload;
	typeof(libbpf_num_possible_cpus) *num_possible_cpus;
	typeof(libbpf_set_print) *set_print;
};

/* Loads it (dlopen(3)), for as long as the process lives. -1: it is not installed, or lacks one of these. */
int bpf_library_load(struct bpf_library *library);

#endif
