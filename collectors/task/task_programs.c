#include "collectors/task/task_programs.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "collectors/task/task.skel.h"
#include "proctor/cleanup.h"

enum {
	READ_FIRST = 1 << 20, /* room for some four thousand processes */
	READ_LIMIT = 1 << 30, /* for four million, which is as many as there can be */
};

struct task_programs *task_programs_load(void)
{
	return task_programs__open_and_load();
}

void task_programs_unload(struct task_programs *programs)
{
	task_programs__destroy(programs);
}

static int call(int command, const union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

int task_programs_read(const struct task_programs *programs, pid_t only, struct buffer *buffer)
{
	union bpf_iter_link_info which = {.task.tid = (uint32_t)only};
	union bpf_attr bind = {.link_create = {.prog_fd = (uint32_t)programs->progs.tell_tasks.prog_fd,
					       .attach_type = BPF_TRACE_ITER,
					       .iter_info = only ? (uintptr_t)&which : 0,
					       .iter_info_len = only ? sizeof(which) : 0}};
	_cleanup_close_ int link = call(BPF_LINK_CREATE, &bind);
	union bpf_attr begin = {.iter_create.link_fd = (uint32_t)link};
	_cleanup_close_ int iterator = link < 0 ? -1 : call(BPF_ITER_CREATE, &begin);

	if (iterator < 0 || buffer_reserve(buffer, only ? 1 : READ_FIRST))
		return -1;
	return buffer_read_open(buffer, iterator, READ_LIMIT) ? -1 : 0;
}
