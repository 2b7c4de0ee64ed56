/* Names of users and groups of the host, looked up once each. */
#ifndef AGENT_NAMES_H
#define AGENT_NAMES_H

#include <stdint.h>

struct names;

/* Owned by the caller; NULL when memory is exhausted. */
struct names *names_new(void);
void names_free(struct names *names);

/* The name of a user or a group; "" when it has none, or is the last of very many. Lives until the next call.
 */
const char *names_of_user(struct names *names, uint32_t uid);
const char *names_of_group(struct names *names, uint32_t gid);

#endif
