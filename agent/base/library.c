#include "proctor/library.h"

#include <dlfcn.h>
#include <string.h>

int library_load(const char *file, const struct library_function *functions, size_t count, void *into)
{
	void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return -1;
	for (size_t i = 0; i < count; i++) {
		void *function = dlsym(handle, functions[i].name);
		if (!function)
			return -1;
		memcpy((char *)into + functions[i].offset, &function, sizeof(function));
	}
	return 0;
}
