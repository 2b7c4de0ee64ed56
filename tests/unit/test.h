/* What every unit test includes first. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

/* A file for this process alone: the tests of several builds may run at once. */
static inline const char *own_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/proctor-test-%d", (int)getpid());
	return path;
}

#endif
