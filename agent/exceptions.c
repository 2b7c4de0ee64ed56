#include "agent/exceptions.h"

#include <string.h>

static bool matches(const char *glob, const char *text)
{
	return !glob || (text && text_glob(glob, text));
}

static bool container_matches(const struct exception *exception, const struct container *container)
{
	char label[64];

	if (!container)
		return matches(exception->container, "host") && !exception->image;
	if (exception->container && !strcmp(exception->container, "self")) /* a name could be anyone's */
		return container->self && matches(exception->image, container->image);
	return (matches(exception->container, container_label(container, label, sizeof(label))) ||
		matches(exception->container, container->id)) &&
	       matches(exception->image, container->image);
}

static bool exception_matches(const struct exception *exception, const struct finding *finding)
{
	if (exception->expired || !matches(exception->rule, finding->rule->id) ||
	    !matches(exception->executable, finding->executable) || !matches(exception->path, finding->path))
		return false;
	for (size_t i = 0; i < finding->container_count; i++)
		if (!container_matches(exception, finding->containers[i]))
			return false;
	return finding->container_count || container_matches(exception, NULL);
}

const struct exception *exception_find(const struct policy *policy, const struct finding *finding)
{
	for (size_t i = 0; i < policy->exception_count; i++)
		if (exception_matches(&policy->exceptions[i], finding))
			return &policy->exceptions[i];
	return NULL;
}
