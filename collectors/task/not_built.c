/* In the place of task_programs.c, where what makes programs for the kernel was not there to build it. */
#include <errno.h>

#include "collectors/task/task_programs.h"

struct task_programs *task_programs_load(void)
{
	errno = ENOSYS;
	return NULL;
}

void task_programs_unload(struct task_programs *programs)
{
	(void)programs;
}

int task_programs_read(const struct task_programs *programs, pid_t only, struct buffer *buffer)
{
	(void)programs, (void)only, (void)buffer;
	errno = ENOSYS;
	return -1;
}
