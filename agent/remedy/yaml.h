/* JSON values as YAML 1.2, in blocks. */
#ifndef AGENT_REMEDY_YAML_H
#define AGENT_REMEDY_YAML_H

#include <jansson.h>

/* The object as YAML text that ends in a newline; owned by the caller. Strings stand as in JSON, which YAML
 * accepts; names of members too, unless they are plain words. NULL when memory is exhausted. */
char *yaml_dump(const json_t *object);

#endif
