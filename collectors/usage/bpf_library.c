#include "collectors/usage/bpf_library.h"

#include "proctor/library.h"

#define FUNCTION(name, member)                                                                               \
	{                                                                                                    \
#name, offsetof(struct bpf_library, member)                                                  \
	}

static const struct library_function functions[] = {
	FUNCTION(bpf_link__disconnect, link_disconnect),
	FUNCTION(bpf_link__fd, link_fd),
	FUNCTION(bpf_map__fd, map_fd),
	FUNCTION(bpf_map__set_max_entries, map_set_max_entries),
	FUNCTION(bpf_map_lookup_and_delete_batch, map_lookup_and_delete_batch),
	FUNCTION(bpf_map_lookup_elem, map_lookup_elem),
	FUNCTION(bpf_obj_get_info_by_fd, obj_get_info_by_fd),
	FUNCTION(bpf_object__attach_skeleton, object_attach_skeleton),
	FUNCTION(bpf_object__destroy_skeleton, object_destroy_skeleton),
	FUNCTION(bpf_object__detach_skeleton, object_detach_skeleton),
	FUNCTION(bpf_object__load_skeleton, object_load_skeleton),
	FUNCTION(bpf_object__open_skeleton, object_open_skeleton),
	FUNCTION(bpf_program__fd, program_fd),
	FUNCTION(bpf_program__set_autoload, program_set_autoload),
	FUNCTION(libbpf_num_possible_cpus, num_possible_cpus),
	FUNCTION(libbpf_set_print, set_print),
};

int bpf_library_load(struct bpf_library *library)
{
	return library_load("libbpf.so.1", functions, sizeof(functions) / sizeof(functions[0]), library);
}
